"""Figures 7 and 11: how ratings and scores are distributed, and scores by rating."""

from __future__ import annotations

from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import INK, MUTED, PAPER, TYPE_COLOURS
from gadfly.analysis.figures.panels import inline, specification, svg_of, titled
from gadfly.analysis.topics.scores import Histogram, Scores
from gadfly.analysis.words import scored

__all__ = ["by_rating_svg", "distributions_svg"]

_WIDTH, _HEIGHT = 250, 200  # pixels of a panel
_BAR = TYPE_COLOURS[2]


def distributions_svg(scores: Scores) -> str:
    """Figure 7: ratings, min harmlessness and the task descriptions' harmlessness."""
    panels = (
        _histogram(scores.ratings, "Self-rated success", "0 failed, 4 worked very well"),
        _histogram(scores.harmlessness, scored("Min harmlessness score"), "higher is safer"),
        _histogram(scores.task_description, "Task description, score", "higher is safer"),
    )
    return svg_of(specification(alt.hconcat(*panels)))


def by_rating_svg(scores: Scores) -> str:
    """Figure 11: mean min harmlessness by rating; thin one standard deviation, thick interval."""
    rows = []
    for level in scores.by_rating:
        mean, spread = level.mean, level.standard_deviation.estimate or 0.0
        if mean.estimate is not None:
            ends = {"bottom": mean.estimate - spread, "top": mean.estimate + spread}
            there = {"mean": mean.estimate, "low": mean.low, "high": mean.high}
            rows.append({"rating": str(level.rating), **there, **ends})
    axis = alt.Axis(title="Self-rated success", labelAngle=0)
    x = alt.X("rating:N", axis=axis, scale=alt.Scale(domain=[*"01234"]))
    base = alt.Chart(inline(rows)).encode(x=x)
    scale = alt.Scale(zero=False)
    y = alt.Y("bottom:Q", title=scored("Min harmlessness score"), scale=scale)
    chart = alt.layer(
        base.mark_rule(strokeWidth=1, color=MUTED).encode(y=y, y2=alt.Y2("top:Q")),
        base.transform_filter("datum.low != null")
        .mark_rule(strokeWidth=28, color=_BAR, opacity=0.6)
        .encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q")),
        base.mark_point(size=40, filled=True, color=INK, opacity=1).encode(y=alt.Y("mean:Q")),
    ).properties(width=3 * _WIDTH, height=_HEIGHT + 60)
    return svg_of(specification(chart))


def _histogram(found: Histogram, title: str, under: str) -> Any:
    """One panel: a bar for each bin."""
    edges = found.edges
    rows = [
        {"from": low, "to": high, "attacks": count, "none": 0}
        for low, high, count in zip(edges, edges[1:], found.counts, strict=False)
    ]
    scale = alt.Scale(domain=[edges[0], edges[-1]], nice=False) if edges else alt.Scale()
    axis = alt.Axis(title=under, tickCount=5, grid=False)
    chart = alt.Chart(inline(rows)).mark_bar(color=_BAR, stroke=PAPER, strokeWidth=0.5)
    bars = chart.encode(
        x=alt.X("from:Q", scale=scale, axis=axis),
        x2=alt.X2("to:Q"),
        y=alt.Y("attacks:Q", title="Attacks", axis=alt.Axis(tickCount=4)),
        y2=alt.Y2("none:Q"),
    )
    return titled(bars, title).properties(width=_WIDTH, height=_HEIGHT)
