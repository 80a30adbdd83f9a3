"""Mean and tail beside each other: differences between sizes, and between interventions."""

from __future__ import annotations

from collections.abc import Callable

from gadfly.analysis.figures.forest import Group, Line, Point, forest_svg
from gadfly.analysis.statistics.joint import side
from gadfly.analysis.topics.tails import TailContrast, Tails
from gadfly.analysis.words import safe

__all__ = ["tails_svg"]

_TITLES = [
    ["Mean", "difference, above 0: safer"],
    ["5% quantile", "difference, above 0: safer"],
    ["Worst 5% (CVaR)", "difference, above 0: safer"],
]


def tails_svg(found: Tails, sign: Callable[[TailContrast], str]) -> str | None:
    """Size against size in mean and tail; ``None`` where no intervention has two sizes.

    :param sign: the sign that the scores of a contrast need.
    """
    rows = [c for c in found.contrasts if c.kind == "size"]
    groups = []
    for within in dict.fromkeys(c.within for c in rows):
        lines = tuple(_line(c, sign(c)) for c in rows if c.within == within)
        groups.append(Group(safe(within, longest=30), lines))
    return forest_svg(groups, _TITLES, width=190) if groups else None


def _line(found: TailContrast, sign: str) -> Line:
    label = f"{safe(found.first, longest=12)} to {safe(found.second, longest=12)}"
    parted = ", mean and tail differ" if found.parted else ""
    points = (found.mean, found.q05, found.cvar05)
    return Line(
        f"{label}{parted} {sign}".strip(), tuple(Point(e, filled=side(e) != 0) for e in points)
    )
