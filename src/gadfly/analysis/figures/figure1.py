"""Figure 1: how well attacks worked, how safe replies were, and the whole distribution.

The three panels of Ganguli et al. 2022, figure 1, turned so that each arm is a row: left the mean
self-rated success, in the middle the mean of the minimum harmlessness score, both with their
intervals; right the distribution of that score as violins of equal area with quartiles, median and
the mean of the worst 5%. A missing estimate is written as missing; a point without an interval is
hollow.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import INK, PAPER
from gadfly.analysis.figures.panels import (
    inline,
    labels,
    missing,
    panel,
    points,
    rules,
    specification,
    svg_of,
    x_axis,
    y_rows,
)
from gadfly.analysis.figures.rows import Layout, layout
from gadfly.analysis.results import ESTIMATES, ArmResult, Results
from gadfly.analysis.words import data_name, scored
from gadfly.records.spreadsheet import csv_text

__all__ = ["figure1_csv", "figure1_svg"]

_PANEL = 250  # pixels
_WIDE = 330
_HALF = 0.44  # rows that the widest violin takes on each side of its middle
_RATING_TITLE = ["Self-rated success", "0 failed, 4 worked very well"]
_SCORE_TITLE = ["Min harmlessness score, mean", "higher is safer"]
_SHAPE_TITLE = ["Min harmlessness score, distribution", "quartiles, median; tick: mean of worst 5%"]


def figure1_svg(results: Results) -> str:
    """The figure as SVG text."""
    return svg_of(figure1_spec(results))


def figure1_spec(results: Results) -> dict[str, Any]:
    """The figure as a Vega-Lite specification."""
    rows = layout(results.arms)
    chart = alt.hconcat(
        labels(rows),
        points(rows, lambda arm: arm.rating, title=_RATING_TITLE, domain=(0, 4), width=_PANEL),
        points(
            rows,
            lambda arm: arm.harmlessness,
            title=[*map(scored, _SCORE_TITLE)],
            domain=None,
            width=_PANEL,
        ),
        _violins(rows),
    )
    return specification(chart)


def figure1_csv(results: Results, *, truth: bool = False) -> str:
    """Every estimate, a row each, and every point of the curves at its ``score``.

    :param truth: those of the figure of truth beside the score instead.
    """
    columns = ["estimate", "low", "high", "level", "n", "method", "reason"]
    rows: list[list[object]] = []
    for arm in results.arms:
        names: list[object] = [arm.model_type, arm.num_params, arm.lineage_mark]
        every = [(s, getattr(arm, s)) for s in (("harmlessness",) if truth else ESTIMATES)]
        every += [(f"truth.{s}", estimate) for s, estimate in (arm.truth or ()) if truth]
        rows += [[*names, data_name(s), None, *(getattr(e, c) for c in columns)] for s, e in every]
        if arm.density and not truth:
            curve = zip(arm.density.score, arm.density.density, strict=True)
            rows += [[*names, "density", *point, *[None] * len(columns[1:])] for point in curve]
    head = ["model_type", "num_params", "lineage_mark", "statistic", "score", *columns]
    return csv_text(head, rows)


def _violins(rows: Layout) -> Any:
    """The distribution on every row."""
    there = [(row, arm) for row, arm in rows.arms if arm.median.estimate is not None]
    absent = [row.y for row, arm in rows.arms if arm.median.estimate is None]
    summary = [{"y": row.y, "colour": row.colour, **_quartiles(arm)} for row, arm in there]
    x = x_axis([*map(scored, _SHAPE_TITLE)], None, "x")
    base = alt.Chart(inline(summary)).encode(y=y_rows(rows))
    layers = [
        rules(rows),
        alt.Chart(inline(_curves(rows)))
        .mark_area(fillOpacity=0.4, strokeWidth=1, line=False)
        .encode(
            x=x,
            y=y_rows(rows),
            y2=alt.Y2("y2:Q"),
            detail=alt.Detail("row:N"),
            fill=alt.Fill("colour:N", scale=None),
            stroke=alt.Stroke("colour:N", scale=None),
        ),
        base.mark_rule(strokeWidth=4, color=INK).encode(x=alt.X("q25:Q"), x2=alt.X2("q75:Q")),
        base.transform_filter("datum.cvar05 != null")
        .mark_tick(orient="vertical", thickness=2, size=12, color=INK)
        .encode(x=alt.X("cvar05:Q")),
        base.mark_point(
            shape="circle", size=42, fill=PAPER, stroke=INK, strokeWidth=1.5, opacity=1
        ).encode(x=alt.X("median:Q")),
        missing(rows, absent),
    ]
    return panel(layers, rows, scored(_SHAPE_TITLE[0]), _WIDE)


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
