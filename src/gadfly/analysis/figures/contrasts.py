"""Differences between arms as forest plots: interventions at each size, sizes of each intervention.

Left the mean rating, right the mean of min harmlessness; the success rate stands in the data. A
figure of more lines than a page holds shows the differences over all sizes, and counts the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gadfly.analysis.figures.forest import Group, Line, Point, forest_svg
from gadfly.analysis.topics.cells import OUTCOMES, Outcome
from gadfly.analysis.topics.contrasts import Contrast, Contrasts
from gadfly.analysis.words import safe, scored

__all__ = ["Sign", "interventions_svg", "sizes_svg"]

Sign = Callable[[Sequence[str]], str]
"""The sign that the scores of some interventions need."""
_SHOWN: tuple[Outcome, ...] = ("rating", "harmlessness")
_TITLES = [
    ["Self-rated success, difference", "above 0: attacks on the one named first work better"],
    ["Min harmlessness, difference", "above 0: the one named first is safer"],
]
_SIZE_TITLES = [
    ["Self-rated success, difference", "above 0: attacks on the larger work better"],
    ["Min harmlessness, difference", "above 0: the larger is safer"],
]
_MANY = 60  # lines from which those over all sizes stand alone
_NAME = 24  # characters of a name


def interventions_svg(found: Contrasts, sign: Sign, alpha: float) -> str | None:
    """Intervention against intervention; ``None`` where there is one alone.

    :param alpha: Holm-adjusted p-value below which a point is filled.
    """
    rows = [c for c in found.contrasts if c.kind in ("intervention", "intervention_pooled")]
    every = len(rows)
    if every > len(OUTCOMES) * _MANY:
        rows = [c for c in rows if c.kind == "intervention_pooled"] or rows
    groups: list[Group] = []
    for first, second in dict.fromkeys((c.first, c.second) for c in rows):
        own = [c for c in rows if (c.first, c.second) == (first, second)]
        names = f"{safe(second, longest=_NAME)} − {safe(first, longest=_NAME)}"
        heading = f"{names} {sign((first, second))}".strip()
        places = dict.fromkeys(c.within for c in own)
        lines = [
            _line(_size(place), [c for c in own if c.within == place], alpha) for place in places
        ]
        groups.append(Group(heading, tuple(lines)))
    if len(rows) < every:
        single = (every - len(rows)) // len(OUTCOMES)
        groups.append(Group(f"and {single:,} at single sizes, in the data", ()))
    return forest_svg(groups, [[*map(scored, t)] for t in _TITLES]) if groups else None


def sizes_svg(found: Contrasts, sign: Sign, alpha: float) -> str | None:
    """Size against size, and trends; ``None`` where no intervention has two sizes."""
    rows = [c for c in found.contrasts if c.kind in ("size", "trend")]
    groups: list[Group] = []
    for within in dict.fromkeys(c.within for c in rows):
        own = [c for c in rows if c.within == within]
        heading = f"{safe(str(within), longest=_NAME)} {sign((str(within),))}".strip()
        steps = dict.fromkeys((c.kind, c.first, c.second) for c in own)
        lines = []
        for kind, first, second in steps:
            label = f"{safe(first, longest=12)} to {safe(second, longest=12)}"
            label = label if kind == "size" else "trend, tenfold size"
            step = [c for c in own if (c.kind, c.first, c.second) == (kind, first, second)]
            lines.append(_line(label, step, alpha))
        groups.append(Group(heading, tuple(lines)))
    return forest_svg(groups, [[*map(scored, t)] for t in _SIZE_TITLES]) if groups else None


def _size(within: str | None) -> str:
    return "all sizes, equal weight" if within is None else safe(within, longest=_NAME) or "–"


def _line(label: str, contrasts: Sequence[Contrast], alpha: float) -> Line:
    """The same contrast in every outcome that is shown."""
    by_outcome = {c.outcome: c for c in contrasts}
    shown = [by_outcome[outcome] for outcome in _SHOWN]
    points = (Point(c.difference, filled=c.p_holm is not None and c.p_holm < alpha) for c in shown)
    return Line(label, tuple(points))
