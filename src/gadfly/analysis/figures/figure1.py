"""Figure 1: how well attacks worked, how safe replies were, and the whole distribution.

The three panels of Ganguli et al. 2022, figure 1, turned so that each arm is a row: left the mean
self-rated success, in the middle the mean of the minimum harmlessness score, both with their
intervals; right the distribution of that score as violins of equal area with quartiles, median and
the mean of the worst 5%. A missing estimate is written as missing; a point without an interval is
hollow.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import altair as alt
import vl_convert

from gadfly.analysis.figures.palette import GRID, INK, MUTED, PAPER, chart_config
from gadfly.analysis.figures.rows import Layout, layout
from gadfly.analysis.results import ESTIMATES, ArmResult, Results

__all__ = ["figure1_csv", "figure1_spec", "figure1_svg"]

# Altair builds its methods at run time, so its charts are Any to a type checker.

_ROW = 28  # pixels
_PANEL = 250
_WIDE = 330
_HALF = 0.44  # rows that the widest violin takes on each side of its middle
_TAG = re.compile(r"<[a-zA-Z][^>]*>")
_ROLE = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')  # Vega's; the report gives one text for all
_RATING_TITLE = ["Self-rated success", "0 failed, 4 worked very well"]
_SCORE_TITLE = ["Min harmlessness score, mean", "higher is safer"]
_SHAPE_TITLE = ["Min harmlessness score, distribution", "quartiles, median; tick: mean of worst 5%"]


def figure1_svg(results: Results) -> str:
    """The figure as SVG text."""
    svg = str(vl_convert.vegalite_to_svg(figure1_spec(results)))
    return _TAG.sub(lambda tag: _ROLE.sub("", tag[0]), svg)


def figure1_spec(results: Results) -> dict[str, Any]:
    """The figure as a Vega-Lite specification."""
    rows = layout(results.arms)
    chart = alt.hconcat(
        _labels(rows),
        _points(rows, "rating", title=_RATING_TITLE, domain=(0, 4)),
        _points(rows, "min_harmlessness", title=_SCORE_TITLE, domain=None),
        _violins(rows),
    )
    return {**chart.to_dict(), "config": chart_config()}


def figure1_csv(results: Results) -> str:
    """Every number of the figure's estimates, one line per arm and statistic.

    A name that a spreadsheet would run as a formula is led by an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ["estimate", "low", "high", "level", "n", "method", "reason"]
    writer.writerow(["model_type", "num_params", "lineage_mark", "statistic", *columns])
    for arm in results.arms:
        names = [_cell(arm.model_type), _cell(arm.num_params), arm.lineage_mark]
        for statistic in ESTIMATES:
            estimate = getattr(arm, statistic)
            writer.writerow([*names, statistic, *(getattr(estimate, c) for c in columns)])
    return text.getvalue()


def _cell(name: str) -> str:
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name


def _values(values: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=values)


def _y(rows: Layout) -> alt.Y:
    """Rows from the top; the axis is not drawn, the labels are marks."""
    scale = alt.Scale(domain=[rows.height, 0], nice=False, zero=False)
    return alt.Y("y:Q", axis=None, scale=scale)


def _labels(rows: Layout) -> Any:
    """Names at the left: types bold, sizes under them."""
    width = int(min(280, max(70, 7.2 * rows.characters + 16)))
    x = alt.value(0)

    def text(heading: bool, **style: Any) -> Any:
        data = [{"y": r.y, "label": r.label} for r in rows.rows if r.heading is heading]
        mark = alt.Chart(_values(data)).mark_text(align="left", baseline="middle", **style)
        return mark.encode(y=_y(rows), x=x, text="label:N")

    sizes_under = any(row.heading for row in rows.rows)
    return alt.layer(
        text(True, fontWeight=600, fontSize=13, color=INK, limit=width),
        text(False, fontSize=13, color=INK, dx=12 if sizes_under else 0, limit=width),
        _rules(rows),
    ).properties(width=width, height=round(rows.height * _ROW))


def _rules(rows: Layout) -> Any:
    """Thin lines between types."""
    data = _values([{"y": y} for y in rows.rules])
    return alt.Chart(data).mark_rule(color=GRID).encode(y=_y(rows))


def _x(title: list[str], domain: tuple[float, float] | None, field: str) -> alt.X:
    """A number axis at the foot, with few ticks."""
    scale = alt.Scale(domain=list(domain)) if domain else alt.Scale(zero=False, nice=True)
    axis = alt.Axis(tickCount=4, title=title[1], labelFlush=False)
    return alt.X(f"{field}:Q", scale=scale, axis=axis)


def _points(
    rows: Layout, statistic: str, *, title: list[str], domain: tuple[float, float] | None
) -> Any:
    """A point with its interval on every row; sizes of one type joined by a faint line."""
    there = [
        _point(row.y, row.colour, row.shape, row.group, getattr(arm, statistic))
        for row, arm in rows.arms
        if getattr(arm, statistic).estimate is not None
    ]
    absent = [row.y for row, arm in rows.arms if getattr(arm, statistic).estimate is None]
    x = _x(title, domain, "x")
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart(_values(there)).encode(y=_y(rows))
    layers = [
        _rules(rows),
        base.mark_line(strokeWidth=1, opacity=0.45).encode(
            x=x, order="y:Q", detail="group:N", color=colour
        ),
        alt.Chart(_values([p for p in there if p["low"] is not None]))
        .mark_rule(strokeWidth=2)
        .encode(y=_y(rows), x=alt.X("low:Q"), x2="high:Q", color=colour),
        base.mark_point(size=64, opacity=1, strokeWidth=1.5).encode(
            x=x,
            shape=alt.Shape("shape:N", scale=None),
            stroke=alt.Stroke("colour:N", scale=None),
            fill=alt.Fill("fill:N", scale=None),
        ),
        _missing(rows, absent),
    ]
    return _panel(layers, rows, title[0], _PANEL)


def _point(y: float, colour: str, shape: str, group: int, estimate: Any) -> dict[str, Any]:
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


def _missing(rows: Layout, places: list[float]) -> Any:
    """The word that stands where an estimate is missing."""
    data = _values([{"y": y, "label": "not estimable"} for y in places])
    mark = alt.Chart(data).mark_text(align="left", fontSize=12, fontStyle="italic", color=MUTED)
    return mark.encode(y=_y(rows), x=alt.value(4), text="label:N")


def _violins(rows: Layout) -> Any:
    """The distribution on every row."""
    scored = [(row, arm) for row, arm in rows.arms if arm.median.estimate is not None]
    absent = [row.y for row, arm in rows.arms if arm.median.estimate is None]
    summary = [{"y": row.y, "colour": row.colour, **_quartiles(arm)} for row, arm in scored]
    x = _x(_SHAPE_TITLE, None, "x")
    base = alt.Chart(_values(summary)).encode(y=_y(rows))
    layers = [
        _rules(rows),
        alt.Chart(_values(_curves(rows)))
        .mark_area(fillOpacity=0.4, strokeWidth=1, line=False)
        .encode(
            x=x,
            y=_y(rows),
            y2="y2:Q",
            detail="row:N",
            fill=alt.Fill("colour:N", scale=None),
            stroke=alt.Stroke("colour:N", scale=None),
        ),
        base.mark_rule(strokeWidth=4, color=INK).encode(x=alt.X("q25:Q"), x2="q75:Q"),
        base.transform_filter("datum.cvar05 != null")
        .mark_tick(orient="vertical", thickness=2, size=12, color=INK)
        .encode(x=alt.X("cvar05:Q")),
        base.mark_point(
            shape="circle", size=42, fill=PAPER, stroke=INK, strokeWidth=1.5, opacity=1
        ).encode(x=alt.X("median:Q")),
        _missing(rows, absent),
    ]
    return _panel(layers, rows, _SHAPE_TITLE[0], _WIDE)


def _quartiles(arm: ArmResult) -> dict[str, float | None]:
    names = ("q25", "median", "q75", "cvar05")
    return {name: getattr(arm, name).estimate for name in names}


def _curves(rows: Layout) -> list[dict[str, Any]]:
    """Outlines of equal area: one scale for all, so that the widest just fits its row."""
    peak = max((max(arm.density.density) for _, arm in rows.arms if arm.density), default=1.0)
    found: list[dict[str, Any]] = []
    for number, (row, arm) in enumerate(rows.arms):
        if arm.density is None:
            continue
        for x, height in zip(arm.density.score, arm.density.density, strict=True):
            half = _HALF * height / peak
            found.append(
                {"x": x, "y": row.y - half, "y2": row.y + half, "row": number, "colour": row.colour}
            )
    return found


def _panel(layers: list[Any], rows: Layout, title: str, width: int) -> Any:
    """Layers on one pair of axes under a title."""
    return alt.layer(*layers).properties(width=width, height=round(rows.height * _ROW), title=title)
