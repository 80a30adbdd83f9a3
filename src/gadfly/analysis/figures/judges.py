"""Judges drawn: rates of success by arm as the judge says, as labels say, and corrected; and the
reliability curve of a judge.

Three points stand under each other on an arm's row, told apart by shape as well as by colour: what
the judge says, what the labels say, and the corrected rate. A hollow point has no interval, or is
extrapolated.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import INK, MUTED, PAPER, TYPE_COLOURS
from gadfly.analysis.figures.panels import (
    filled,
    inline,
    labels,
    legend,
    missing,
    panel,
    specification,
    svg_of,
    x_axis,
    y_rows,
)
from gadfly.analysis.figures.rows import Layout, Row
from gadfly.analysis.topics.judge_arm import ArmJudged
from gadfly.analysis.topics.judges import Judged
from gadfly.analysis.words import arm_label
from gadfly.records.spreadsheet import csv_text

__all__ = ["calibration_csv", "calibration_svg", "rates_csv", "rates_svg"]

_WIDTH, _SQUARE = 460, 260  # pixels
_STEP = 1.3  # rows of an arm: three points under each other
_OFF = 0.32
_RATES = {
    "judged_rate": ("the judge", -_OFF, TYPE_COLOURS[0], "diamond"),
    "people_rate": ("labels", 0.0, TYPE_COLOURS[2], "circle"),
    "corrected": ("corrected", _OFF, TYPE_COLOURS[3], "square"),
}


def rates_svg(judged: Judged) -> str:
    """Rates of success of every arm, three ways."""
    rows = tuple(
        Row(
            y=(k + 0.5) * _STEP,
            label=arm_label(arm.model_type, arm.num_params, arm.mark),
            heading=False,
            arm=None,
            colour=INK,
            shape="circle",
            group=0,
        )
        for k, arm in enumerate(judged.arms)
    )
    longest = max((len(row.label) for row in rows), default=0)
    layout = Layout(rows, len(rows) * _STEP, (), longest)
    there: list[dict[str, Any]] = []
    absent: list[float] = []
    for row, arm in zip(rows, judged.arms, strict=True):
        found = _of(row.y, arm)
        there += found
        absent += [] if found else [row.y]
    x = x_axis(["", "share of attacks that succeed"], (0, 1), "x", percent=True, ticks=5)
    base = alt.Chart(inline(there)).encode(y=y_rows(layout))
    domain = [look[0] for look in _RATES.values()]
    colours = alt.Scale(domain=domain, range=[look[2] for look in _RATES.values()])
    shapes = alt.Scale(domain=domain, range=[look[3] for look in _RATES.values()])
    layers = [
        base.transform_filter("datum.low != null")
        .mark_rule(strokeWidth=1.5)
        .encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"), color=alt.Color("colour:N", scale=None)),
        base.mark_point(size=52, opacity=1, strokeWidth=1.5).encode(
            x=x,
            stroke=alt.Stroke("by:N", scale=colours, legend=legend()),
            shape=alt.Shape("by:N", scale=shapes, legend=legend()),
            fill=filled("by", colours),
        ),
        missing(layout, absent),
    ]
    return svg_of(specification(alt.hconcat(labels(layout), panel(layers, layout, "", _WIDTH))))


def calibration_svg(judged: Judged) -> str:
    """What share succeeded of the attacks to which the judge gave about one probability."""
    data = [
        {
            "x": part.predicted,
            "y": part.observed.estimate,
            "low": part.observed.low,
            "high": part.observed.high,
        }
        for part in judged.calibration.curve
    ]
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("x:Q", scale=scale, axis=alt.Axis(title="probability by the judge", format="%"))
    y = alt.Y("y:Q", scale=scale, axis=alt.Axis(title="share that succeeded", format="%"))
    base = alt.Chart(inline(data))
    diagonal = alt.Chart(inline([{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
    chart = alt.layer(
        diagonal.mark_line(color=MUTED, strokeDash=[4, 3], strokeWidth=1).encode(x=x, y=y),
        base.transform_filter("datum.low != null")
        .mark_rule(strokeWidth=1.5, color=TYPE_COLOURS[2])
        .encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q")),
        base.mark_point(size=52, opacity=1, fill=TYPE_COLOURS[2], stroke=PAPER).encode(x=x, y=y),
    ).properties(width=_SQUARE, height=_SQUARE)
    return svg_of(specification(chart))


def rates_csv(judged: Judged) -> str:
    """Every rate of every arm."""
    parts = ["estimate", "low", "high", "level", "n", "method", "reason"]
    rows = [
        [arm.model_type, arm.num_params, arm.mark, name, arm.basis]
        + [getattr(getattr(arm, name), part) for part in parts]
        for arm in judged.arms
        for name in (*_RATES, "extrapolated", "auc")
    ]
    return csv_text(["model_type", "num_params", "mark", "statistic", "basis", *parts], rows)


def calibration_csv(judged: Judged) -> str:
    """Every bin of the curve."""
    rows = [
        [part.predicted, seen.estimate, seen.low, seen.high, seen.n]
        for part in judged.calibration.curve
        for seen in (part.observed,)
    ]
    return csv_text(["predicted", "observed", "low", "high", "n"], rows)


def _of(y: float, arm: ArmJudged) -> list[dict[str, Any]]:
    """The points of one arm."""
    found = []
    for name, (words, off, colour, _) in _RATES.items():
        estimate = getattr(arm, name)
        extrapolated = name == "corrected" and arm.basis == "extrapolated"
        hollow = extrapolated or estimate.low is None
        if estimate.estimate is not None:
            found.append(
                {
                    "y": y + off,
                    "x": estimate.estimate,
                    "low": estimate.low,
                    "high": estimate.high,
                    "by": words,
                    "colour": colour,
                    "fill": PAPER if hollow else colour,
                }
            )
    return found
