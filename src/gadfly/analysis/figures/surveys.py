"""Figure 4: how many people chose what, question by question; small counts are withheld.

The line in a bar is the interval of the share among people like them, as people of those asked.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import INK, MUTED, TYPE_COLOURS
from gadfly.analysis.figures.panels import inline, specification, svg_of
from gadfly.analysis.topics.surveys import Choice, Question, Surveys
from gadfly.analysis.words import safe

__all__ = ["demographics_svg"]

_WIDTH, _ROW = 200, 22  # pixels
_TITLE = 46  # characters


def demographics_svg(found: Surveys) -> str | None:
    """The figure as SVG text; ``None`` where nobody was asked."""
    if not found.questions:
        return None
    panels = [_panel(question, found.answered) for question in found.questions]
    room = {"left": 20, "right": 5, "top": 5, "bottom": 5}  # a page's letters may be wider
    concat = alt.concat(*panels, columns=2, padding=room).resolve_scale(y="independent")
    return svg_of(specification(concat))


def _panel(question: Question, answered: int) -> Any:
    names = [safe(choice.text) for choice in question.choices]
    rows = [
        {"choice": name, "people": choice.people, "label": f"{choice.people:,}"}
        | _ends(choice, answered)
        for name, choice in zip(names, question.choices, strict=True)
        if choice.people is not None
    ]
    hidden = [
        {"choice": name, "label": "withheld"}
        for name, choice in zip(names, question.choices, strict=True)
        if choice.people is None
    ]
    labels = alt.Axis(title=None, labelLimit=230, grid=False)
    y = alt.Y("choice:N", sort=None, scale=alt.Scale(domain=names), axis=labels)
    x = alt.X("people:Q", scale=alt.Scale(domain=[0, max(answered, 1)]), axis=None)
    base = alt.Chart(inline(rows)).encode(y=y)
    words: dict[str, Any] = {"align": "left", "baseline": "middle", "dx": 4, "fontSize": 12}
    layers = [
        base.mark_bar(color=TYPE_COLOURS[2], size=12).encode(x=x),
        base.mark_rule(color=INK).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q")),
        base.mark_text(color=INK, **words).encode(x=alt.X("high:Q"), text=alt.Text("label:N")),
        alt.Chart(inline(hidden))
        .mark_text(color=MUTED, fontStyle="italic", **words)
        .encode(y=y, x=alt.value(0), text=alt.Text("label:N")),
    ]
    return alt.layer(*layers).properties(
        width=_WIDTH, height=_ROW * len(names), title=safe(question.text, longest=_TITLE)
    )


def _ends(choice: Choice, answered: int) -> dict[str, float | None]:
    """Its interval in people; at the end of the bar where it has none."""
    share = choice.share
    if share is None or share.low is None or share.high is None:
        return {"low": choice.people, "high": choice.people}
    return {"low": share.low * answered, "high": share.high * answered}
