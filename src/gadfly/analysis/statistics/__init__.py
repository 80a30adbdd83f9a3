"""One statistic per file, each with its definition, formula, reference and example.

Import from the defining modules.
"""

__all__ = [
    "agreement",
    "auc",
    "confidence_sequence",
    "correlation",
    "cvar",
    "dawid_skene",
    "effective_members",
    "exact_rate",
    "fleiss_kappa",
    "gini",
    "gwet",
    "icc",
    "jackknife",
    "joint",
    "krippendorff_alpha",
    "mean",
    "mixed_linear",
    "mixed_ordinal",
    "multiplicity",
    "ordering",
    "permutation",
    "protocol",
    "quantile",
    "rank_correlation",
    "standard_deviation",
    "success_rate",
    "turns_mean",
    "weighted_kappa",
]
