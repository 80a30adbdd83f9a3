"""Figures, drawn from results alone to SVG that needs no script to be seen.

Import from the defining modules.
"""

__all__ = [
    "contrasts",
    "efficacy",
    "figure1",
    "forest",
    "frontier",
    "judges",
    "map",
    "one_attack",
    "palette",
    "panels",
    "people",
    "power",
    "rows",
    "scores",
    "sequential",
    "surveys",
    "tags",
    "tails",
    "truth",
]
