"""Figure 5: attacks per member, what share of the attacks the busiest made, and efficacy.

Left each member's attacks on a logarithmic axis, busiest first; in the middle the share of all
attacks that the busiest k made, with the place where it passes 80%; right the random intercepts
with their intervals, most effective first, coloured where the interval excludes 0. Of very many
members every k-th is drawn at the right, the first and the last always.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import GRID, INK, MUTED, TYPE_COLOURS
from gadfly.analysis.figures.panels import inline, specification, svg_of, titled
from gadfly.analysis.topics.efficacy import Efficacy, MemberEfficacy

__all__ = ["efficacy_svg"]

_WIDTH, _WIDE, _HEIGHT = 230, 330, 220  # pixels
_LINE, _MORE, _LESS = TYPE_COLOURS[2], TYPE_COLOURS[0], TYPE_COLOURS[3]
_DRAWN = 500  # intervals drawn at most, or twice as many by rounding


def efficacy_svg(found: Efficacy) -> str | None:
    """The figure as SVG text; ``None`` where nobody attacked."""
    if not found.attacks:
        return None
    panels = [_attacks(found.attacks), _shares(found)]
    if found.members:
        panels.append(_intercepts(found.members))
    return svg_of(specification(alt.hconcat(*panels)))


def _attacks(attacks: tuple[int, ...]) -> Any:
    rows = [{"x": rank, "y": count} for rank, count in enumerate(attacks, 1)]
    scale = alt.Scale(type="log", domain=[1, max(10, attacks[0])], nice=False)
    # Without values of its own Vega labels every tick of a logarithmic axis.
    ticks = [10**k for k in range(len(str(attacks[0])))]
    if attacks[0] > 1.5 * ticks[-1]:
        ticks.append(attacks[0])
    y = alt.Y("y:Q", scale=scale, axis=alt.Axis(values=ticks, title="attacks, log scale"))
    line = alt.Chart(inline(rows)).mark_line(interpolate="step-after", strokeWidth=2, color=_LINE)
    return _panel(line.encode(x=_ranks("members, busiest first"), y=y), "Attacks per member")


def _shares(found: Efficacy) -> Any:
    total = sum(found.attacks)
    shares = [{"x": 0, "y": 0.0}]
    shares += [{"x": k, "y": sum_ / total} for k, sum_ in enumerate(accumulate(found.attacks), 1)]
    here = inline([{"x": found.members_for_80, "y": shares[found.members_for_80]["y"]}])
    scale = alt.Scale(domain=[0, 1])
    y = alt.Y("y:Q", scale=scale, axis=alt.Axis(format="%", tickCount=5, title="share of attacks"))
    x = _ranks("busiest members")
    text = f"{found.members_for_80:,} made 80%"
    layers = alt.layer(
        alt.Chart(inline(shares)).mark_line(strokeWidth=2, color=_LINE).encode(x=x, y=y),
        alt.Chart(here).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x),
        alt.Chart(here).mark_point(size=50, filled=True, color=INK, opacity=1).encode(x=x, y=y),
        alt.Chart(here)
        .mark_text(align="left", baseline="top", dx=8, dy=8, fontSize=12, color=INK)
        .encode(x=x, y=y, text=alt.value(text)),
    )
    return _panel(layers, "Share of the busiest")


def _intercepts(members: tuple[MemberEfficacy, ...]) -> Any:
    step = max(1, len(members) // _DRAWN)
    drawn = [k for k in range(len(members)) if k % step == 0 or k == len(members) - 1]
    rows = [{"x": k + 1, "colour": _colour(members[k]), **members[k].model_dump()} for k in drawn]
    axis = alt.Axis(tickCount=5, title="intercept; lower: more effective")
    x, colour = _ranks("members, most effective first"), alt.Color("colour:N", scale=None)
    base = alt.Chart(inline(rows))
    clear = [row for row in rows if row["colour"] != MUTED]
    y = alt.Y("low:Q", axis=axis)
    layers = alt.layer(
        base.mark_rule(strokeWidth=1, opacity=0.45).encode(
            x=x, y=y, y2=alt.Y2("high:Q"), color=colour
        ),
        alt.Chart(inline(clear))
        .mark_rule(strokeWidth=1.5)
        .encode(x=x, y=y, y2=alt.Y2("high:Q"), color=colour),
        alt.Chart(inline([{"y": 0}])).mark_rule(color=INK).encode(y=alt.Y("y:Q")),
        base.mark_point(size=8, filled=True, opacity=1).encode(
            x=x, y=alt.Y("intercept:Q"), color=colour
        ),
    )
    return _panel(layers, "Efficacy", _WIDE)


def _colour(member: MemberEfficacy) -> str:
    if member.high < 0:
        return _MORE
    return _LESS if member.low > 0 else MUTED


def _ranks(title: str) -> alt.X:
    axis = alt.Axis(tickCount=4, title=title, gridColor=GRID)
    return alt.X("x:Q", axis=axis, scale=alt.Scale(nice=False, zero=False))


def _panel(chart: Any, title: str, width: int = _WIDTH) -> Any:
    return titled(chart, title).properties(width=width, height=_HEIGHT)
