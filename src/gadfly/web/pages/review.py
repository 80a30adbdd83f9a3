"""A reviewer's attacks, one by one: the preview first, then as much as they want to see, a verdict.

An attack is named on pages and in forms by the reviewer's own random place at it, so that nothing
sent here reaches another attack and nothing received tells which one it is. What a page shows of an
attack is its description and its conversation: no arm, no member, no rating, no other review. Turns
that nobody asked for are not sent; to open the next one is a link, and needs no script.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query
from fastapi.responses import HTMLResponse, Response

from gadfly.errors import PersonError
from gadfly.run.reviewing import Transcript
from gadfly.store.reviews import Kept, Place
from gadfly.web.access import Refused, Visitor
from gadfly.web.judging import Judged, asked
from gadfly.web.page import go, show
from gadfly.web.pages.review_start import Reviewer, elsewhere
from gadfly.web.pausing import is_paused, pause
from gadfly.web.standing import journey_of, may_go_on, told, within

__all__ = ["router"]

router = APIRouter()
Key = Annotated[str, Path(max_length=32)]
_LOST: dict[Kept, str] = {
    "late": "Your time for this dialogue had run out, and somebody else judged it in between.",
    "gone": "This dialogue is no longer there to be judged.",
}

_LEFT_OUT = "This dialogue touches a topic that you leave out now. It is gone; your time is paid."


@router.get("/{study}/review", response_class=HTMLResponse)
async def hub(visitor: Reviewer) -> Response:
    """Where the reviewer is."""
    if is_paused(visitor):
        return await _hub(visitor)
    place = await elsewhere(visitor, await journey_of(visitor))
    return await _hub(visitor) if place is None else go(visitor, place)


async def _hub(visitor: Visitor, said: str = "") -> Response:
    person, reviewing = visitor.somebody, visitor.served.reviewing
    size = visitor.served.study.review.task_size
    done = await asyncio.to_thread(reviewing.kept.finished, person)
    may = await may_go_on(visitor)
    if is_paused(visitor):
        return await pause(visitor, may.sentence)
    return show(
        visitor,
        "review.html.j2",
        done=done % size,
        of=size,
        tasks=done // size,
        pause="" if may.may_go_on else may.sentence,
        said=said,
        disputes=await asyncio.to_thread(reviewing.for_expert, person),
    )


@router.post("/{study}/review/next")
async def next_one(visitor: Reviewer) -> Response:
    """The open attack, or a new one."""
    journey = await journey_of(visitor)
    place = await elsewhere(visitor, journey)
    if place is not None:
        return go(visitor, place)
    person, reviewing = visitor.somebody, visitor.served.reviewing
    take = reviewing.take
    try:
        taken = await asyncio.to_thread(take, person, journey.avoid, may=within(visitor))
    except Refused as refused:
        return await _hub(visitor, str(refused))
    if taken.place is None:
        return await _hub(visitor, taken.reason)
    return go(visitor, f"/review/item/{taken.place.id}")


@router.get("/{study}/review/item/{key}", response_class=HTMLResponse)
async def item(
    visitor: Reviewer,
    key: Key,
    shown: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    judge: bool = False,
) -> Response:
    """The preview; or so many turns; or the questions."""
    place = await _own(visitor, key)
    if place.state != "open":
        return await _after(visitor, place)
    person, reviewing = visitor.somebody, visitor.served.reviewing
    avoid = (await journey_of(visitor)).avoid
    still = await asyncio.to_thread(reviewing.still, person, place, avoid)
    if still is None:
        return await _hub(visitor, _LEFT_OUT)
    read = await asyncio.to_thread(reviewing.transcript, place.attack_id)
    if read is None:
        return await _hub(visitor, _LOST["gone"])
    return await _item(visitor, still, read, shown=shown or 0, judge=judge)


async def _item(
    visitor: Visitor,
    place: Place,
    read: Transcript,
    *,
    shown: int,
    judge: bool,
    error: str | None = None,
    given: Judged | None = None,
) -> Response:
    """So much of an attack; the audit has it before the first turn is shown."""
    of = len(read.turns)
    if shown and not visitor.served.study.review.turn_by_turn:
        shown = of
    shown = min(shown, of)
    if shown:
        reviewing, who = visitor.served.reviewing, visitor.somebody
        least = reviewing.severe_from
        await asyncio.to_thread(reviewing.kept.revealed, who, place, read.number, severe_from=least)
    return show(
        visitor,
        "review_item.html.j2",
        status=422 if error else 200,
        here=f"{visitor.base}/review/item/{place.id}",
        unsure=place.unsure,
        description=read.description,
        turns=[[{"role": m.role, "text": m.text} for m in turn] for turn in read.turns[:shown]],
        shown=shown,
        of_turns=of,
        judge=judge or shown == of,
        by_turn=visitor.served.study.review.turn_by_turn,
        rubric=visitor.served.open.file.materials.rubric.text,
        error=error,
        **asked(visitor, given),
    )


@router.post("/{study}/review/item/{key}")
async def judged(visitor: Reviewer, key: Key, sent: Annotated[Judged, Form()]) -> Response:
    """A verdict, or a skip; the first one stands."""
    place = await _own(visitor, key)
    person, reviewing = visitor.somebody, visitor.served.reviewing
    if place.state != "open":
        return await _after(visitor, place)
    read = await asyncio.to_thread(reviewing.transcript, place.attack_id)
    if read is None:
        return await _hub(visitor, _LOST["gone"])
    try:
        verdict = None if sent.act == "skip" else sent.verdict(visitor)
    except PersonError as error:
        return await _item(
            visitor, place, read, shown=sent.shown, judge=True, error=str(error), given=sent
        )
    kept = await asyncio.to_thread(
        reviewing.answer, person, place, read, verdict, turns_seen=sent.shown
    )
    if kept in _LOST:
        return await _hub(visitor, f"{_LOST[kept]} Your time is paid all the same.")
    return await _after(visitor, await _own(visitor, key))


async def _after(visitor: Visitor, place: Place) -> Response:
    """What follows an answer: what was missed of a gold item; after a task, the survey or a rest;
    or the next one.
    """
    person, reviewing = visitor.somebody, visitor.served.reviewing
    spec = visitor.served.study.review
    if spec.tell_gold and (missed := await asyncio.to_thread(reviewing.missed, person, place)):
        return show(visitor, "review_missed.html.j2", missed=missed)
    done = await asyncio.to_thread(reviewing.kept.finished, person)
    return go(visitor, "/review" if done % spec.task_size else "/review/feel")


@router.get("/{study}/review/rest", response_class=HTMLResponse)
async def rest(visitor: Reviewer) -> Response:
    """After a task."""
    return show(visitor, "text.html.j2", title="A rest", text=told(visitor.served, "rest"))


async def _own(visitor: Visitor, key: str) -> Place:
    person = visitor.somebody
    if person.state != "active":
        raise Refused(403, person.because or "Your part is over, or paused.")
    place = await asyncio.to_thread(visitor.served.reviewing.kept.place, person, key)
    if place is None:
        raise Refused(404, "There is no such dialogue for you to review.")
    return place
