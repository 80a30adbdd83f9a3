"""The parts that figures are made of: labelled rows of arms, and panels of points on them.

Altair builds its methods at run time, so its charts are Any to a type checker.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import altair as alt
import vl_convert

from gadfly.analysis.figures.palette import GRID, INK, MUTED, PAPER, chart_config
from gadfly.analysis.figures.rows import Layout
from gadfly.analysis.results import ArmResult
from gadfly.records.estimate import Estimate

__all__ = [
    "HEIGHT",
    "Of",
    "apart",
    "inline",
    "labels",
    "missing",
    "panel",
    "point",
    "points",
    "rules",
    "specification",
    "svg_of",
    "x_axis",
    "y_rows",
]

HEIGHT = 28
"""Pixels of a row."""
_NARROW = 180  # pixels of a panel that holds few ticks
Of = Callable[[ArmResult], Estimate | None]
"""An arm's estimate; ``None`` or one without a value is drawn as missing."""
_TAG = re.compile(r"<[a-zA-Z][^>]*>")
_ROLE = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')  # Vega's; the report gives one text for all


def specification(chart: Any) -> dict[str, Any]:
    """A chart as a Vega-Lite specification in the house style."""
    return {**chart.to_dict(), "config": chart_config()}


def svg_of(specified: dict[str, Any]) -> str:
    """A specification drawn as SVG text."""
    svg = str(vl_convert.vegalite_to_svg(specified))
    return _TAG.sub(lambda tag: _ROLE.sub("", tag[0]), svg)


def inline(values: list[dict[str, Any]]) -> alt.InlineData:
    """Values as data of a chart."""
    return alt.InlineData(values=values)


def y_rows(rows: Layout) -> alt.Y:
    """Rows from the top; the axis is not drawn, the labels are marks."""
    scale = alt.Scale(domain=[rows.height, 0], nice=False, zero=False)
    return alt.Y("y:Q", axis=None, scale=scale)


def labels(rows: Layout) -> Any:
    """Names at the left: types bold, sizes under them."""
    width = int(min(280, max(70, 7.2 * rows.characters + 16)))
    x = alt.value(0)

    def text(heading: bool, **style: Any) -> Any:
        data = [{"y": r.y, "label": r.label} for r in rows.rows if r.heading is heading]
        mark = alt.Chart(inline(data)).mark_text(align="left", baseline="middle", **style)
        return mark.encode(y=y_rows(rows), x=x, text="label:N")

    sizes_under = any(row.heading for row in rows.rows)
    return alt.layer(
        text(True, fontWeight=600, fontSize=13, color=INK, limit=width),
        text(False, fontSize=13, color=INK, dx=12 if sizes_under else 0, limit=width),
        rules(rows),
    ).properties(width=width, height=round(rows.height * HEIGHT))


def rules(rows: Layout) -> Any:
    """Thin lines between types."""
    data = inline([{"y": y} for y in rows.rules])
    return alt.Chart(data).mark_rule(color=GRID).encode(y=y_rows(rows))


def x_axis(
    title: list[str],
    domain: tuple[float, float] | None,
    field: str,
    *,
    percent: bool = False,
    ticks: int = 4,
) -> alt.X:
    """A number axis at the foot, with few ticks."""
    scale = alt.Scale(domain=list(domain)) if domain else alt.Scale(zero=False, nice=True)
    shown = "%" if percent else alt.Undefined
    axis = alt.Axis(tickCount=ticks, title=title[1], labelFlush=False, format=shown)
    return alt.X(f"{field}:Q", scale=scale, axis=axis)


def points(
    rows: Layout,
    of: Of,
    *,
    title: list[str],
    domain: tuple[float, float] | None,
    width: int,
    percent: bool = False,
) -> Any:
    """A point with its interval on every row; sizes of one type joined by a faint line."""
    there, absent = [], []
    for row, arm in rows.arms:
        estimate = of(arm)
        if estimate is None or estimate.estimate is None:
            absent.append(row.y)
        else:
            there.append(point(row.y, row.colour, row.shape, row.group, estimate))
    x = x_axis(title, domain, "x", percent=percent, ticks=4 if width > _NARROW else 2)
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart(inline(there)).encode(y=y_rows(rows))
    layers = [
        rules(rows),
        base.mark_line(strokeWidth=1, opacity=0.45).encode(
            x=x, order="y:Q", detail="group:N", color=colour
        ),
        alt.Chart(inline([p for p in there if p["low"] is not None]))
        .mark_rule(strokeWidth=2)
        .encode(y=y_rows(rows), x=alt.X("low:Q"), x2="high:Q", color=colour),
        base.mark_point(size=64, opacity=1, strokeWidth=1.5).encode(
            x=x,
            shape=alt.Shape("shape:N", scale=None),
            stroke=alt.Stroke("colour:N", scale=None),
            fill=alt.Fill("fill:N", scale=None),
        ),
        missing(rows, absent),
    ]
    return panel(layers, rows, title[0], width)


def apart(places: list[dict[str, Any]], label: tuple[float, float]) -> list[dict[str, Any]]:
    """Those whose labels can stand beside each other, the first of them first; tables name all.

    :param label: width and height of a label, as shares of the spans of ``x`` and ``y``.
    """
    if not places:
        return []
    spans = [
        max(place[axis] for place in places) - min(place[axis] for place in places) or 1.0
        for axis in ("x", "y")
    ]
    found: list[dict[str, Any]] = []
    for place in places:
        gaps = [
            (abs(place["x"] - other["x"]) / spans[0], abs(place["y"] - other["y"]) / spans[1])
            for other in found
        ]
        if all(across > label[0] or along > label[1] for across, along in gaps):
            found.append(place)
    return found


def point(y: float, colour: str, shape: str, group: int, estimate: Estimate) -> dict[str, Any]:
    """One point as Vega data; hollow where it has no interval."""
    hollow = estimate.low is None
    return {
        "y": y,
        "x": estimate.estimate,
        "low": estimate.low,
        "high": estimate.high,
        "colour": colour,
        "fill": PAPER if hollow else colour,
        "shape": shape,
        "group": group,
    }


def missing(rows: Layout, places: list[float]) -> Any:
    """The word that stands where an estimate is missing."""
    data = inline([{"y": y, "label": "not estimable"} for y in places])
    mark = alt.Chart(data).mark_text(align="left", fontSize=12, fontStyle="italic", color=MUTED)
    return mark.encode(y=y_rows(rows), x=alt.value(4), text="label:N")


def panel(layers: list[Any], rows: Layout, title: str, width: int) -> Any:
    """Layers on one pair of axes under a title."""
    return alt.layer(*layers).properties(
        width=width, height=round(rows.height * HEIGHT), title=title
    )
