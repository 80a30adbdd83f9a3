"""Figure 6: one attack's scores by turn. Every text is hidden: a grey bar stands for it."""

from __future__ import annotations

from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import GRID, INK, MUTED, TYPE_COLOURS
from gadfly.analysis.figures.panels import inline, specification, svg_of
from gadfly.analysis.topics.one_attack import OneAttack
from gadfly.analysis.words import number

__all__ = ["one_attack_svg"]

_ROW = 26  # pixels
_WIDTH = 780
_RED, _BLUE = TYPE_COLOURS[0], TYPE_COLOURS[2]
_SHOWN = 12  # turns


def one_attack_svg(attack: OneAttack) -> str:
    """The figure as SVG text."""
    rows = _rows(attack)
    data = [{"y": place + 0.5, **row} for place, row in enumerate(rows)]
    scale = alt.Scale(domain=[len(rows), 0], nice=False, zero=False)
    base = alt.Chart(inline(data)).encode(y=alt.Y("y:Q", axis=None, scale=scale))
    across = alt.Scale(domain=[0, _WIDTH], nice=False)
    hidden = (
        base.transform_filter("datum.end != null")
        .mark_rule(color=GRID, strokeWidth=_ROW * 0.6, strokeCap="round")
        .encode(x=alt.X("start:Q", axis=None, scale=across), x2=alt.X2("end:Q"))
    )

    def words(field: str, x: int, **style: Any) -> Any:
        mark = base.mark_text(align="left", baseline="middle", fontSize=13, **style)
        colour = alt.Color("colour:N", scale=None)
        return mark.encode(x=alt.value(x), text=alt.Text(f"{field}:N"), color=colour)

    chart = alt.layer(hidden, words("who", 0), words("value", 180, fontWeight=600))
    return svg_of(specification(chart.properties(width=_WIDTH, height=_ROW * len(rows))))


def _rows(attack: OneAttack) -> list[dict[str, Any]]:
    """From top to bottom: description, turns, bracket, rating."""
    rows = [_row("Task description", attack.task_description_harmlessness, _RED, (280, 660))]
    scored = attack.turn_scores
    for turn in range(min(attack.turns, _SHOWN)):
        rows.append(_row("Human", None, MUTED, (280, 580)) | {"value": ""})
        score = None if scored is None or turn >= len(scored) else scored[turn]
        rows.append(_row("Assistant", score, INK, (330, 720)))
    rows.append(_row("Lowest of the replies", attack.harmlessness, INK))
    rows.append(_row("Mean of the replies", attack.mean_harmlessness, INK))
    rows.append(_row("Self-rated success", attack.rating, _BLUE, digits=0))
    return rows


def _row(
    who: str,
    value: float | None,
    colour: str,
    bar: tuple[int, int] | None = None,
    *,
    digits: int = 2,
) -> dict[str, Any]:
    start, end = bar or (None, None)
    shown = "not kept" if value is None else number(value, digits)
    tone = MUTED if value is None else colour
    return {"who": who, "value": shown, "colour": tone, "start": start, "end": end}
