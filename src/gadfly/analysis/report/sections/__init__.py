"""How each topic is shown: from its result to a section of the report, one topic a file."""

__all__ = [
    "arms",
    "comparison",
    "contrasts",
    "counts",
    "coverage",
    "efficacy",
    "evasion",
    "judges",
    "map",
    "missing",
    "mixed",
    "one_attack",
    "outcomes",
    "ratings",
    "scores",
    "tags",
    "tails",
    "truth",
    "turns",
]
