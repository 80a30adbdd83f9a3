"""When a study could have stopped: each contrast as it went, with intervals for every moment."""

from __future__ import annotations

from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import INK, MUTED, TYPE_COLOURS
from gadfly.analysis.figures.panels import inline, specification, svg_of, titled
from gadfly.analysis.topics.sequential import ContrastSequence, Sequential
from gadfly.analysis.words import safe

__all__ = ["sequential_svg"]

_PANEL = (230, 120)  # pixels
_ACROSS = 3  # panels side by side
_COLOUR = TYPE_COLOURS[2]


def sequential_svg(found: Sequential) -> str | None:
    """The figure as SVG text; ``None`` where no contrast has an interval."""
    shown = [contrast for contrast in found.contrasts if contrast.looks]
    if not shown:
        return None
    panels = [_panel(contrast, found) for contrast in shown]
    return svg_of(specification(alt.concat(*panels, columns=_ACROSS)))


def _panel(contrast: ContrastSequence, found: Sequential) -> Any:
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[0, found.attacks]),
        axis=alt.Axis(title="attacks of the study", tickCount=3, format=",d", grid=False),
    )
    y = alt.Y("y:Q", axis=alt.Axis(title="difference", tickCount=3), scale=alt.Scale(zero=True))
    rows = [{"x": k.attacks, "y": k.estimate, "l": k.low, "h": k.high} for k in contrast.looks]
    base = alt.Chart(inline(rows)).encode(x=x)
    layers = [
        base.mark_area(color=_COLOUR, opacity=0.25).encode(y=alt.Y("l:Q"), y2=alt.Y2("h:Q")),
        base.mark_line(color=_COLOUR, strokeWidth=1.5).encode(y=y),
        alt.Chart(inline([{"y": 0}])).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(y=y),
    ]
    if contrast.decided_at is not None:
        at = alt.Chart(inline([{"x": contrast.decided_at}]))
        layers.append(at.mark_rule(color=INK).encode(x=x))
    width, height = _PANEL
    name = safe(" ".join(contrast.second).strip(), longest=30)
    return titled(alt.layer(*layers), name).properties(width=width, height=height)
