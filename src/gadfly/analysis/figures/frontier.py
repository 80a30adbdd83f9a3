"""The harmlessness-helpfulness frontier: usefulness across, mean min harmlessness up.

Intervals stand on both; a faint line joins the arms of the frontier. An arm that gives up is a
hollow point, for nothing about it is good. Sizes stand beside points where they cover nothing,
those of the frontier first; types are told by colour and shape, and the table names every arm.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import MUTED, PAPER, TYPE_COLOURS, TYPE_SHAPES
from gadfly.analysis.figures.panels import (
    around,
    filled,
    inline,
    legend,
    names,
    specification,
    svg_of,
)
from gadfly.analysis.topics.evasion import Conduct, Evasion
from gadfly.analysis.words import arm_label, data_name, safe, scored
from gadfly.records.estimate import Estimate
from gadfly.records.spreadsheet import csv_text

__all__ = ["frontier_csv", "frontier_svg", "usefulness_of"]

_WIDTH, _HEIGHT = 520, 360  # pixels
_TITLES = {
    "helpfulness": "Helpfulness on harmless requests",
    "answered": "Share of harmless requests answered",
}


def usefulness_of(arm: Conduct, result: Evasion) -> Estimate:
    """What stands across: helpfulness, or the share of harmless requests that is answered."""
    if result.usefulness == "helpfulness":
        return arm.helpfulness
    refused = arm.over_refusal
    if refused.estimate is None:
        return refused
    return refused.model_copy(
        update={
            "estimate": 1 - refused.estimate,
            "low": None if refused.high is None else 1 - refused.high,
            "high": None if refused.low is None else 1 - refused.low,
        }
    )


def frontier_svg(result: Evasion) -> str:
    """The figure as SVG text."""
    data = _points(result)
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, 1]), axis=_axis(_TITLES[result.usefulness or ""]))
    title = scored("Mean min harmlessness score, higher is safer")
    ends = around(p[end] for p in data for end in ("y", "low", "high"))
    y = alt.Y("y:Q", scale=alt.Scale(domain=ends, nice=False), axis=_axis(title))
    base = alt.Chart(inline(data))
    best = sorted((p for p in data if p["best"]), key=lambda p: float(p["x"]))
    colour = alt.Color("colour:N", scale=None)
    chart = alt.layer(
        alt.Chart(inline(best))
        .mark_line(color=MUTED, strokeDash=[4, 3])
        .encode(x=x, y=y, order=alt.Order("x:Q")),
        base.transform_filter("datum.left != null")
        .mark_rule(strokeWidth=1.5)
        .encode(x=alt.X("left:Q"), x2=alt.X2("right:Q"), y=y, color=colour),
        base.transform_filter("datum.low != null")
        .mark_rule(strokeWidth=1.5)
        .encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q"), color=colour),
        base.mark_point(size=70, opacity=1, strokeWidth=1.5).encode(
            x=x,
            y=y,
            shape=alt.Shape("kind:N", scale=_scale(data, "shape"), legend=legend()),
            stroke=alt.Stroke("kind:N", scale=_scale(data, "colour"), legend=legend()),
            fill=filled("kind", _scale(data, "colour")),
        ),
        *names(sorted(data, key=lambda p: not p["best"]), x, y, (_WIDTH, _HEIGHT)),
    ).properties(width=_WIDTH, height=_HEIGHT)
    return svg_of(specification(chart))


def _scale(data: list[dict[str, Any]], look: str) -> alt.Scale:
    """What a type looks like, its name in the legend."""
    looks = {p["kind"]: p[look] for p in data}
    return alt.Scale(domain=[*looks], range=[*looks.values()])


def frontier_csv(result: Evasion) -> str:
    """Every arm with its numbers."""
    names = ("harmlessness", "helpfulness", "over_refusal", "refused_turns")
    columns = ["model_type", "num_params", "mark", "gives_up", "on_frontier", "chance_dominated"]
    parts = ("estimate", "low", "high", "n")
    heads = [data_name(f"{name}_{part}") for name in names for part in parts]
    rows = [
        [getattr(arm, column) for column in columns]
        + [getattr(getattr(arm, name), part) for name in names for part in parts]
        for arm in result.arms
    ]
    return csv_text([*columns, *heads], rows)


def _points(result: Evasion) -> list[dict[str, Any]]:
    """Arms with a place, as Vega data."""
    kinds = list(dict.fromkeys(arm.model_type for arm in result.arms))
    found = []
    for arm in result.arms:
        if arm.on_frontier is None:
            continue
        across, up = usefulness_of(arm, result), arm.harmlessness
        colour = TYPE_COLOURS[kinds.index(arm.model_type) % len(TYPE_COLOURS)]
        found.append(
            {
                "x": across.estimate,
                "left": across.low,
                "right": across.high,
                "y": up.estimate,
                "low": up.low,
                "high": up.high,
                "colour": colour,
                "fill": PAPER if arm.gives_up else colour,
                "shape": TYPE_SHAPES[kinds.index(arm.model_type) % len(TYPE_SHAPES)],
                "best": arm.on_frontier,
                "kind": safe(arm.model_type, longest=30),
                "label": arm_label("", arm.num_params, arm.mark),
            }
        )
    return found


def _axis(title: str) -> alt.Axis:
    return alt.Axis(title=title, tickCount=5)
