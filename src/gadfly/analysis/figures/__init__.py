"""Figures, drawn from results alone to SVG that needs no script to be seen.

Import from the defining modules.
"""

__all__ = [
    "efficacy",
    "figure1",
    "one_attack",
    "palette",
    "panels",
    "power",
    "rows",
    "scores",
    "truth",
]
