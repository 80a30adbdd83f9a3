"""The parts that figures are made of: labelled rows of arms, and panels of points on them.

Altair builds its methods at run time, so its charts are Any to a type checker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
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
    "around",
    "filled",
    "inline",
    "labels",
    "legend",
    "missing",
    "names",
    "panel",
    "point",
    "points",
    "rules",
    "specification",
    "svg_of",
    "titled",
    "x_axis",
    "y_rows",
]

HEIGHT = 28
"""Pixels of a row."""
_CORNERS = ((8, -9), (-8, -9), (8, 9), (-8, 9))  # of a point, where its label may begin
_LETTER = 6.6  # pixels of a letter
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


class _Shared(alt.InlineData):
    """Data that copies of a chart share: Altair copies a chart each time it is layered or joined,
    value by value otherwise."""

    def __deepcopy__(self, memo: Any) -> _Shared:
        return self


def inline(values: list[dict[str, Any]]) -> alt.InlineData:
    """Values as data of a chart; not to be changed afterwards."""
    return _Shared(values=values)


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
        return mark.encode(y=y_rows(rows), x=x, text=alt.Text("label:N"))

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
            x=x, order=alt.Order("y:Q"), detail=alt.Detail("group:N"), color=colour
        ),
        alt.Chart(inline([p for p in there if p["low"] is not None]))
        .mark_rule(strokeWidth=2)
        .encode(y=y_rows(rows), x=alt.X("low:Q"), x2=alt.X2("high:Q"), color=colour),
        base.mark_point(size=64, opacity=1, strokeWidth=1.5).encode(
            x=x,
            shape=alt.Shape("shape:N", scale=None),
            stroke=alt.Stroke("colour:N", scale=None),
            fill=alt.Fill("fill:N", scale=None),
        ),
        missing(rows, absent),
    ]
    return panel(layers, rows, title[0], width)


def around(values: Iterable[float | None]) -> tuple[float, float]:
    """A domain that holds values with some room on both sides."""
    there = [value for value in values if value is not None]
    low, high = min(there, default=0.0), max(there, default=1.0)
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room


def names(places: list[dict[str, Any]], x: alt.X, y: alt.Y, size: tuple[int, int]) -> list[Any]:
    """Layers that write the label of each place at that of its corners where it covers no point
    and no other label; a label without such a corner stands in the tables alone.

    :param x, y: with a domain each.
    :param size: width and height of the panel in pixels.
    """
    axes: list[Any] = [axis.to_dict() for axis in (x, y)]
    (left, right), (bottom, top) = (axis["scale"]["domain"] for axis in axes)
    at = [
        (size[0] * (p["x"] - left) / (right - left), size[1] * (top - p["y"]) / (top - bottom))
        for p in places
    ]
    taken = [(a - 6, b - 6, a + 6, b + 6) for a, b in at]
    chosen: dict[tuple[int, int], list[dict[str, Any]]] = {corner: [] for corner in _CORNERS}
    for place, (a, b) in zip(places, at, strict=True):
        wide = _LETTER * len(place["label"])
        for across, down in _CORNERS:
            start = a + across - (wide if across < 0 else 0)
            box = (start, b + down - 7, start + wide, b + down + 7)
            if not any(_overlap(box, other) for other in taken) and 0 <= start < size[0] - wide:
                taken.append(box)
                chosen[across, down].append(place)
                break
    layers = []
    for (across, down), those in chosen.items():
        base = alt.Chart(inline(those)).encode(x=x, y=y, text=alt.Text("label:N"))
        style: dict[str, Any] = {
            "align": "right" if across < 0 else "left",
            "dx": across,
            "dy": down,
        }
        halo: dict[str, Any] = {"stroke": PAPER, "strokeWidth": 3}
        for kind in (halo, {"color": INK}) if those else ():
            layers.append(base.mark_text(baseline="middle", fontSize=12, **style, **kind))
    return layers


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def titled(chart: Any, title: str) -> Any:
    """A chart under a title, at one height whatever its axes; Vega's own would move with them."""
    text = alt.Chart(inline([{}])).mark_text(
        align="left", baseline="bottom", fontSize=13, fontWeight=600, color=INK
    )
    return alt.layer(chart, text.encode(x=alt.value(0), y=alt.value(-12), text=alt.value(title)))


def filled(field: str, colours: alt.Scale) -> Any:
    """The fill of points and of their kind in the legend; paper where a datum says so."""
    kind = alt.Fill(f"{field}:N", scale=colours, legend=legend())
    return alt.condition(f"datum.fill == '{PAPER}'", alt.value(PAPER), kind)


def legend() -> alt.Legend:
    """The legend of a figure whose rows do not name what colours mean."""
    return alt.Legend(
        title=None,
        orient="top",
        labelColor=INK,
        labelFontSize=12,
        columnPadding=36,
        columns=4,
    )


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
    return mark.encode(y=y_rows(rows), x=alt.value(4), text=alt.Text("label:N"))


def panel(layers: list[Any], rows: Layout, title: str, width: int) -> Any:
    """Layers on one pair of axes under a title."""
    return alt.layer(*layers).properties(
        width=width, height=round(rows.height * HEIGHT), title=title
    )
