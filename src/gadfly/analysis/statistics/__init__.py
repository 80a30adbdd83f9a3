"""One statistic per file, each with its definition, formula, reference and example.

Import from the defining modules.
"""

__all__ = [
    "agreement",
    "auc",
    "cvar",
    "effective_members",
    "exact_rate",
    "mean",
    "ordering",
    "protocol",
    "quantile",
    "rank_correlation",
    "success_rate",
    "turns_mean",
]
