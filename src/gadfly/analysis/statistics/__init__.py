"""One statistic per file, each with its definition, formula, reference and example.

Import from the defining modules.
"""

__all__ = [
    "cvar",
    "effective_members",
    "mean",
    "protocol",
    "quantile",
    "success_rate",
    "turns_mean",
]
