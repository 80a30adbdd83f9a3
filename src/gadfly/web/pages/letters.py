"""A person's letters: with those who run the study, and with those who look after them.

Whoever writes chooses to whom, and the page says who reads it; neither reads the other's letters.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response

from gadfly.store.letters import Circle, Letters
from gadfly.web.access import Refused, Visitor, allow
from gadfly.web.page import go, show
from gadfly.web.pages.door import often

__all__ = ["router"]

router = APIRouter()
Worker = Annotated[Visitor, Depends(allow("member", "reviewer", "expert"))]
Expects = Annotated[int, Form(ge=0)]
_CIRCLES: tuple[tuple[Circle, str, str], ...] = (
    (
        "study",
        "The people who run the study",
        "The owners and researchers of this study read these letters.",
    ),
    (
        "care",
        "The people who look after you",
        "Only they read these letters. Those who run the study do not, nor are they told of them.",
    ),
)
"""Each circle, what the person calls it, and who reads what is written to it."""
Text = Annotated[str, Form(min_length=1, max_length=10_000)]


@router.get("/{study}/letters", response_class=HTMLResponse)
async def letters(visitor: Worker) -> Response:
    """The conversations."""
    return await _letters(visitor)


async def _letters(
    visitor: Visitor,
    *,
    status: int = 409,
    error: str | None = None,
    to: Circle | None = None,
    text: str = "",
) -> Response:
    kept, person = Letters(visitor.serving.store), visitor.somebody
    circles = []
    for circle, who, readers in _CIRCLES:
        found = await asyncio.to_thread(kept.of, person, circle)
        if any(letter.read_at is None and letter.sender != person.name for letter in found):
            await asyncio.to_thread(kept.opened, person, circle, by=person)
        circles.append((circle, who, readers, found))
    values = {"circles": circles, "me": person.name, "error": error, "to": to, "text": text}
    return show(visitor, "letters.html.j2", status=status if error else 200, **values)


@router.post("/{study}/letters")
async def write(
    visitor: Worker, text: Text, expects: Expects, circle: Annotated[Circle, Form()]
) -> Response:
    """Write to one of the circles; a letter that is sent twice is kept once."""
    send, person = Letters(visitor.serving.store).send, visitor.somebody
    try:
        await often(visitor, "letter", 600, 30, person=person)
    except Refused as refused:
        return await _letters(visitor, status=429, error=str(refused), to=circle, text=text)
    if await asyncio.to_thread(send, person, person, text, circle=circle, expects=expects):
        return go(visitor, "/letters")
    return await _letters(
        visitor,
        error="There are newer letters, perhaps this very one. Read them, then send it if need be",
        to=circle,
        text=text,
    )
