"""People: what changes as members go on, and how groups of them differ, each beside a line at 0."""

from __future__ import annotations

from collections.abc import Iterable

from gadfly.analysis.figures.forest import Group, Line, Point, forest_svg
from gadfly.analysis.topics.people import GroupContrast, People, Trend
from gadfly.analysis.words import safe, scored
from gadfly.records.estimate import Estimate

__all__ = ["AS_THEY_GO", "COLUMNS", "people_groups", "people_svg"]

AS_THEY_GO = "As a member goes on"
"""Heading of learning and fatigue."""
COLUMNS = {"brief": "Brief", "team_type": "Team", "is_upworker": "Platform"}
"""What parts groups, in words."""
_TITLES = (
    ["Success rate", "difference"],
    ["Rating", "points, 0 to 4"],
    ["Min harmlessness", "difference; higher is safer"],
)


def people_svg(found: People) -> str | None:
    """The figure as SVG text; ``None`` where nothing in it is estimable."""
    groups = people_groups(found)
    return forest_svg(groups, [[*map(scored, t)] for t in _TITLES], width=190) if groups else None


def people_groups(found: People) -> list[Group]:
    """The rows of the figure: those groups of lines in which anything is estimable."""
    return [group for group in _groups(found) if _estimable(group)]


def _groups(found: People) -> Iterable[Group]:
    yield Group(
        AS_THEY_GO,
        (
            Line("each doubling of attacks made", _trends(found.learning)),
            Line("each attack later in a sitting", _trends(found.fatigue)),
        ),
    )
    for column, name in COLUMNS.items():
        pairs: dict[tuple[str, str], list[GroupContrast]] = {}
        for contrast in found.contrasts:
            if contrast.column == column:
                pairs.setdefault((contrast.second, contrast.first), []).append(contrast)
        if pairs:
            (design,) = {c.design for own in pairs.values() for c in own}
            lines = tuple(
                Line(
                    f"{safe(second, longest=18)} − {safe(first, longest=18)}",
                    tuple(_point(c.difference) for c in own),
                )
                for (second, first), own in pairs.items()
            )
            yield Group(f"{name} ({design})", lines)


def _trends(trends: tuple[Trend, ...]) -> tuple[Point, ...]:
    return tuple(_point(trend.slope) for trend in trends)


def _point(estimate: Estimate) -> Point:
    low, high = estimate.low, estimate.high
    return Point(estimate, filled=low is not None and high is not None and (low > 0 or high < 0))


def _estimable(group: Group) -> bool:
    return any(p.estimate.estimate is not None for line in group.lines for p in line.points)
