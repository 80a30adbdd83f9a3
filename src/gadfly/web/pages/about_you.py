"""Who people say they are: optional, and kept where nobody finds whose answers they are.

The step on the person's way is kept first, the answers after it in a transaction of their own: one
of both would tie them to each other. Should the server die in between, an answer that was optional
is lost and nothing is asked twice.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response

from gadfly.care.demographics.questions import DECLINED, check_choices
from gadfly.care.journey import Passed
from gadfly.errors import PersonError
from gadfly.records.canonical import canonical_json
from gadfly.store.feelings import Feelings
from gadfly.web.access import Visitor, allow
from gadfly.web.page import go, show
from gadfly.web.pages.feelings import forms_of
from gadfly.web.standing import journey_of

__all__ = ["router"]

router = APIRouter()
Member = Annotated[Visitor, Depends(allow("member", "expert"))]


@router.get("/{study}/about-you", response_class=HTMLResponse)
async def about_you(visitor: Member) -> Response:
    """The questions, once."""
    journey = await journey_of(visitor)
    return _page(visitor) if journey.place == "demographics" else go(visitor, "/task")


def _page(visitor: Visitor, error: str | None = None) -> HTMLResponse:
    return show(
        visitor,
        "about_you.html.j2",
        status=422 if error else 200,
        here=f"{visitor.base}/about-you",
        questions=forms_of(visitor.served).about.questions,
        declined=DECLINED,
        error=error,
    )


@router.post("/{study}/about-you")
async def told(
    visitor: Member,
    act: Annotated[Literal["answer", "skip"], Form()],
    named: Annotated[Literal["1"] | None, Form()] = None,
) -> Response:
    """The answers, or none; the first ones stand."""
    journey, person = await journey_of(visitor), visitor.somebody
    if journey.place != "demographics":
        return go(visitor, "/task")
    form, about = await visitor.request.form(), forms_of(visitor.served).about
    sent = {q.id: [str(value) for value in form.getlist(q.id)] for q in about.questions}
    try:
        chosen = check_choices(about, sent) if act == "answer" else {}
    except PersonError as error:
        return _page(visitor, str(error))
    body = canonical_json(Passed(place="demographics")).decode()
    add = visitor.serving.people.add_step
    first = await asyncio.to_thread(add, person, journey.taken, body)
    if first and chosen:
        keep = Feelings(visitor.serving.store).keep_demographics
        await asyncio.to_thread(keep, person, chosen, named=named is not None)
    return go(visitor, "/task")
