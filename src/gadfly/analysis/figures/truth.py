"""Truth: how harmful arms truly were, how they met harmless requests, measured against true.

The rows are those of Figure 1: mean true harm of an attack, mean helpfulness and share of evasive
replies on harmless requests, each with its interval and only where some arm has it. At the right
each arm's mean min harmlessness stands over its mean true harm: where the score follows the truth
the points fall from left to right, and an arm that lies above that line is flattered.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import PAPER
from gadfly.analysis.figures.panels import (
    HEIGHT,
    Of,
    around,
    inline,
    labels,
    names,
    points,
    specification,
    svg_of,
)
from gadfly.analysis.figures.rows import Layout, layout
from gadfly.analysis.results import ArmResult, Results
from gadfly.analysis.words import MARKS, safe, scored

__all__ = ["truth_svg"]

_PANEL = 150  # pixels
_SQUARE = 320  # width of the scatter
_HEIGHTS = (220, 420)  # least and most of its height
_HARM = ["True harm", "mean; 0 none, 4 worst"]
_HELP = ["Helpfulness", "harmless requests, mean"]
_EVADE = ["Evasion", "harmless requests, share"]


def truth_svg(results: Results) -> str | None:
    """The figure as SVG text; ``None`` where no arm has anything to show in it."""
    found = truth_spec(results)
    return None if found is None else svg_of(found)


def truth_spec(results: Results) -> dict[str, Any] | None:
    """The figure as a Vega-Lite specification; ``None`` where there is nothing to show."""
    rows = layout(results.arms)
    wanted: list[tuple[Of, list[str], tuple[float, float], bool]] = [
        (lambda arm: arm.truth.harm if arm.truth else None, _HARM, (0, 4), False),
        (lambda arm: arm.truth.helpfulness if arm.truth else None, _HELP, (0, 1), False),
        (lambda arm: arm.truth.evasion if arm.truth else None, _EVADE, (0, 1), True),
    ]
    panels = [
        points(rows, of, title=title, domain=domain, width=_PANEL, percent=percent)
        for of, title, domain, percent in wanted
        if any(_there(of, arm) for arm in results.arms)
    ]
    if not panels:
        return None
    both = [found for row, arm in rows.arms if (found := _place(row.colour, row.shape, arm))]
    if len(both) > 1:
        panels.append(_scatter(rows, both))
    return specification(alt.hconcat(labels(rows), *panels))


def _there(of: Of, arm: ArmResult) -> bool:
    estimate = of(arm)
    return estimate is not None and estimate.estimate is not None


def _place(colour: str, shape: str, arm: ArmResult) -> dict[str, Any] | None:
    """One arm between truth and score as Vega data; ``None`` where it lacks one."""
    if arm.truth is None:
        return None
    true, score = arm.truth.harm, arm.harmlessness
    if true.estimate is None or score.estimate is None:
        return None
    return {
        "x": true.estimate,
        "left": true.low,
        "right": true.high,
        "y": score.estimate,
        "low": score.low,
        "high": score.high,
        "colour": colour,
        "shape": shape,
        "label": f"{safe(arm.num_params, longest=12)} {MARKS[arm.lineage_mark]}".strip(),
    }


def _scatter(rows: Layout, places: list[dict[str, Any]]) -> Any:
    """Measured over true, an arm a point, with both intervals."""
    x_axis = alt.Axis(tickCount=4, title="true harm, mean", labelFlush=False, grid=True)
    y_axis = alt.Axis(tickCount=4, title=scored("min harmlessness score, mean"), grid=True)
    wide = around(p[end] for p in places for end in ("x", "left", "right"))
    tall = around(p[end] for p in places for end in ("y", "low", "high"))
    x = alt.X("x:Q", axis=x_axis, scale=alt.Scale(domain=wide, nice=False))
    y = alt.Y("y:Q", axis=y_axis, scale=alt.Scale(domain=tall, nice=False))
    least, most = _HEIGHTS
    height = min(max(round(rows.height * HEIGHT), least), most)
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart(inline(places)).encode(x=x, y=y)
    across = [place for place in places if place["left"] is not None]
    along = [place for place in places if place["low"] is not None]
    layers = [
        alt.Chart(inline(across))
        .mark_rule(strokeWidth=1.5, opacity=0.6)
        .encode(x=alt.X("left:Q"), x2=alt.X2("right:Q"), y=y, color=colour),
        alt.Chart(inline(along))
        .mark_rule(strokeWidth=1.5, opacity=0.6)
        .encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q"), color=colour),
        base.mark_point(size=64, opacity=1, strokeWidth=1.5).encode(
            shape=alt.Shape("shape:N", scale=None),
            stroke=alt.Stroke("colour:N", scale=None),
            fill=alt.Fill("colour:N", scale=None),
        ),
        *names(places, x, y, (_SQUARE, height)),
    ]
    return alt.layer(*layers).properties(
        width=_SQUARE, height=height, title="Measured against true", view={"fill": PAPER}
    )
