"""A person's letters: what those who run the study wrote to them, and what they wrote back."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response

from gadfly.store.letters import Letters
from gadfly.web.access import Visitor, allow
from gadfly.web.page import go, show

__all__ = ["router"]

router = APIRouter()
Worker = Annotated[Visitor, Depends(allow("member", "reviewer", "expert"))]
Expects = Annotated[int, Form(ge=0)]
Text = Annotated[str, Form(min_length=1, max_length=10_000)]


@router.get("/{study}/letters", response_class=HTMLResponse)
async def letters(visitor: Worker) -> Response:
    """The conversation."""
    return await _letters(visitor)


async def _letters(visitor: Visitor, *, error: str | None = None, text: str = "") -> Response:
    kept, person = Letters(visitor.serving.store), visitor.somebody
    found = await asyncio.to_thread(kept.of, person)
    if any(letter.read_at is None and letter.sender != person.name for letter in found):
        await asyncio.to_thread(kept.opened, person, by=person)
    status = 409 if error else 200
    values = {"letters": found, "me": person.name, "error": error, "text": text}
    return show(visitor, "letters.html.j2", status=status, **values)


@router.post("/{study}/letters")
async def write(visitor: Worker, text: Text, expects: Expects) -> Response:
    """Write to those who run the study; a letter that is sent twice is kept once."""
    send, person = Letters(visitor.serving.store).send, visitor.somebody
    if await asyncio.to_thread(send, person, person, text, expects=expects):
        return go(visitor, "/letters")
    return await _letters(
        visitor,
        error="There are newer letters, perhaps this very one. Read them, then send it if need be",
        text=text,
    )
