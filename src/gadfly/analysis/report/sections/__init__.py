"""How each topic is shown: from its result to a section of the report, one topic a file."""

__all__ = [
    "arms",
    "comparison",
    "counts",
    "efficacy",
    "mixed",
    "one_attack",
    "outcomes",
    "scores",
    "truth",
]
