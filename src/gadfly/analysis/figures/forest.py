"""Forest plots: differences with their intervals, line under line, beside a line at 0.

Rows stand in groups under headings. A filled point is one whose p-value, corrected, is below the
threshold, or where there is none, whose interval lies on one side of 0; the others are hollow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import INK, MUTED, PAPER, TYPE_COLOURS
from gadfly.analysis.figures.panels import (
    inline,
    labels,
    missing,
    panel,
    rules,
    specification,
    svg_of,
    x_axis,
    y_rows,
)
from gadfly.analysis.figures.rows import Layout, Row
from gadfly.records.estimate import Estimate

__all__ = ["Group", "Line", "Point", "forest_svg"]

_GAP = 0.35  # rows of white between two groups
_MOST = 60  # lines
_COLOUR = TYPE_COLOURS[2]


@dataclass(frozen=True)
class Point:
    """One difference as it is drawn."""

    estimate: Estimate
    """The difference."""
    filled: bool
    """Whether it stands out."""


@dataclass(frozen=True)
class Line:
    """One row."""

    label: str
    """What stands at its left."""
    points: tuple[Point, ...]
    """One for each panel."""


@dataclass(frozen=True)
class Group:
    """Rows under a heading."""

    heading: str
    """What they have in common."""
    lines: tuple[Line, ...]
    """The rows."""


def forest_svg(groups: Sequence[Group], titles: Sequence[list[str]], *, width: int = 230) -> str:
    """The figure as SVG text; beyond 60 lines it says how many more there are.

    :param titles: title and axis title of each panel.
    """
    rows, lines = _layout(_cut(groups))
    panels = [_panel(rows, lines, place, title, width) for place, title in enumerate(titles)]
    return svg_of(specification(alt.hconcat(labels(rows), *panels)))


def _cut(groups: Sequence[Group]) -> list[Group]:
    """What a page holds, and a heading that counts the rest."""
    kept: list[Group] = []
    room = _MOST
    for group in groups:
        kept += [Group(group.heading, group.lines[:room])] if room else []
        room -= min(room, len(group.lines))
    gone = sum(len(group.lines) for group in groups) - _MOST
    return [*kept, Group(f"and {gone:,} more, in the data", ())] if gone > 0 else kept


def _layout(groups: Sequence[Group]) -> tuple[Layout, list[tuple[float, Line]]]:
    """Places of all rows, and those that hold points."""
    rows: list[Row] = []
    lines: list[tuple[float, Line]] = []
    breaks: list[float] = []
    y = 0.0
    for number, group in enumerate(groups):
        if number:
            y += _GAP
            breaks.append(y - _GAP / 2)
        rows.append(Row(y + 0.5, group.heading, True, None, _COLOUR, "circle", number))
        for line in group.lines:
            y += 1
            rows.append(Row(y + 0.5, line.label, False, None, _COLOUR, "circle", number))
            lines.append((y + 0.5, line))
        y += 1
    longest = max((len(row.label) for row in rows), default=0)
    return Layout(tuple(rows), y, tuple(breaks), longest), lines


def _panel(
    rows: Layout, lines: Sequence[tuple[float, Line]], place: int, title: list[str], width: int
) -> Any:
    """One panel: a point with its interval on every row."""
    shown = [(y, line.points[place]) for y, line in lines]
    there = [
        {
            "y": y,
            "x": point.estimate.estimate,
            "low": point.estimate.low,
            "high": point.estimate.high,
            "fill": _COLOUR if point.filled else PAPER,
        }
        for y, point in shown
        if point.estimate.estimate is not None
    ]
    absent = [y for y, point in shown if point.estimate.estimate is None]
    x = x_axis(title, None, "x")
    zero = alt.Chart(inline([{"x": 0}])).mark_rule(color=MUTED, strokeDash=[3, 3])
    ranges = alt.Chart(inline([p for p in there if p["low"] is not None]))
    layers = [
        rules(rows),
        zero.encode(x=x),
        ranges.mark_rule(strokeWidth=2, color=INK).encode(
            y=y_rows(rows), x=alt.X("low:Q"), x2=alt.X2("high:Q")
        ),
        alt.Chart(inline(there))
        .mark_point(shape="circle", size=56, opacity=1, strokeWidth=1.5, stroke=_COLOUR)
        .encode(y=y_rows(rows), x=x, fill=alt.Fill("fill:N", scale=None)),
        missing(rows, absent),
    ]
    return panel(layers, rows, title[0], width)
