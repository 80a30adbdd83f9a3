"""Power: how likely studies of other sizes are to find the effect.

Left, power over the number of members, a line for each number of attacks that a member makes;
right, over the number of arms that share the planned attacks. Bars are the uncertainty of the
simulation, the dashed line is the power that is wanted, the filled point is the study as planned.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import INK, MUTED, PAPER, TYPE_COLOURS, TYPE_SHAPES
from gadfly.analysis.figures.panels import inline, specification, svg_of
from gadfly.analysis.power import PowerPoint, PowerResult

__all__ = ["power_spec", "power_svg"]

_SIZE = (360, 240)
_ROOM = 0.3  # of a doubling, beside the outermost points


def power_svg(result: PowerResult) -> str:
    """The figure as SVG text."""
    return svg_of(power_spec(result))


def power_spec(result: PowerResult) -> dict[str, Any]:
    """The figure as a Vega-Lite specification."""
    planned = result.plan.members, 1.0
    lines = sorted({p.times_each for p in result.curve})
    by_members = [
        _data(p, p.members, lines.index(p.times_each), (p.members, p.times_each) == planned)
        for p in result.curve
    ]
    each = result.plan.attacks / result.plan.members
    names = [
        {"place": i, "label": f"{each * times:,.0f} attacks each"} for i, times in enumerate(lines)
    ]
    as_planned = len(result.plan.arms), result.contrasts[0].family_size
    by_arms = [
        _data(p, p.arms, lines.index(1.0), (p.arms, p.family_size) == as_planned)
        for p in result.by_arms
    ]
    panels = [_panel(by_members, names, result.target, ["Power by members", "members"])]
    if by_arms:
        panels.append(_panel(by_arms, [], result.target, ["Power by arms", "arms, equally filled"]))
    return specification(alt.hconcat(*panels))


def _data(point: PowerPoint, x: float, line: int, planned: bool) -> dict[str, Any]:
    colour = TYPE_COLOURS[line % len(TYPE_COLOURS)]
    return {
        "x": x,
        "y": point.power.estimate,
        "low": point.power.low,
        "high": point.power.high,
        "line": line,
        "colour": colour,
        "shape": TYPE_SHAPES[line % len(TYPE_SHAPES)],
        "fill": colour if planned else PAPER,
    }


def _panel(
    points: list[dict[str, Any]], names: list[dict[str, Any]], target: float, title: list[str]
) -> Any:
    """Power over one size, on a scale of doublings."""
    sizes = sorted({p["x"] for p in points})
    domain = [sizes[0] / 2**_ROOM, sizes[-1] * 2**_ROOM]
    axis = alt.Axis(title=title[1], values=sizes, format=",d", labelFlush=False, grid=False)
    x = alt.X("x:Q", scale=alt.Scale(type="log", base=2, domain=domain), axis=axis)
    share = alt.Axis(title="power", format="%", tickCount=5)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, 1]), axis=share)
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart(inline(points)).encode(x=x, color=colour)
    wanted = alt.Chart(inline([{"y": target}])).mark_rule(strokeDash=[4, 3], color=MUTED)
    layers = [
        wanted.encode(y=y),
        base.mark_line(strokeWidth=1.5).encode(
            y=y, detail=alt.Detail("line:N"), order=alt.Order("x:Q")
        ),
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q")),
        base.mark_point(size=64, opacity=1, strokeWidth=1.5).encode(
            y=y,
            shape=alt.Shape("shape:N", scale=None),
            stroke=alt.Stroke("colour:N", scale=None),
            fill=alt.Fill("fill:N", scale=None),
        ),
    ]
    return alt.layer(*layers, *_named(points, names, x, y)).properties(
        width=_SIZE[0] if names else _SIZE[0] // 2, height=_SIZE[1], title=title[0]
    )


def _named(points: list[dict[str, Any]], names: list[dict[str, Any]], x: Any, y: Any) -> list[Any]:
    """The sign and the words of each line, on the right of the panel."""
    if not names:
        return []
    look = {p["line"]: p for p in points}
    data = [
        {**look[name["place"]], "label": name["label"], "at": _SIZE[1] / 2 - 18 * name["place"]}
        for name in names
    ]
    base = alt.Chart(inline(data)).encode(y=alt.Y("at:Q", scale=None, axis=None))
    sign = base.mark_point(size=64, strokeWidth=1.5).encode(
        x=alt.value(_SIZE[0] + 12),
        shape=alt.Shape("shape:N", scale=None),
        stroke=alt.Stroke("colour:N", scale=None),
    )
    words = base.mark_text(align="left", baseline="middle", color=INK, fontSize=12)
    return [sign, words.encode(x=alt.value(_SIZE[0] + 24), text=alt.Text("label:N"))]
