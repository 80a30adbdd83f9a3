"""Reporting: the worst content in one click, anything else with a note.

From a dialogue or a transcript the button sends the page's own address and nothing more; that is
enough. The dialogue is locked away in the same moment (:meth:`Quarantine.lock`), and the person is
led to where help is. Only what somebody wrote or was given to judge can be reported, so nobody can
lock away what they never saw.
"""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response

from gadfly.records.canonical import canonical_json
from gadfly.redteam.events import Abandoned
from gadfly.store.quarantine import Quarantine
from gadfly.store.reviews import Reviews
from gadfly.store.rows import StoredAttack
from gadfly.web.access import Refused, Visitor, allow
from gadfly.web.page import go, show
from gadfly.web.pages.door import often
from gadfly.web.standing import told

__all__ = ["router"]

router = APIRouter()
Somebody = Annotated[Visitor, Depends(allow("member", "expert", "reviewer"))]
_ABOUT = re.compile(r"/(attack|review/item)/([\w-]{1,64})")
_LATELY, _AIM = 5, 100  # dialogues; letters of an aim
_PAUSED = (
    "A dialogue of yours was reported, and your work is paused until somebody has spoken with you. "
    "Nobody blames you, and the time that you worked is paid."
)


@router.get("/{study}/report", response_class=HTMLResponse)
async def report(visitor: Somebody) -> Response:
    """What can be reported, and how."""
    return await _page(visitor)


@router.post("/{study}/report")
async def reported(
    visitor: Somebody,
    about: Annotated[str, Form(max_length=200)] = "",
    kind: Annotated[Literal["worst", "other"], Form()] = "worst",
    note: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Lock a dialogue away; or tell the owners of something else."""
    attack_id = await _found(visitor, about)
    kept, person = Quarantine(visitor.serving.store), visitor.somebody
    if kind == "other":
        if not note.strip():
            return await _page(visitor, error="Say in a few words what it is.")
        try:  # the worst is always taken: it is kept once for each dialogue
            await often(visitor, "report", 600, 30, person=person)
        except Refused as refused:
            return await _page(visitor, status=429, error=str(refused), note=note)
        await asyncio.to_thread(kept.flag, person, note, attack_id)
        return go(visitor, "/report/thanks")
    if attack_id is None:
        return await _page(visitor, error="Choose the dialogue that it is in.", note=note)
    await asyncio.to_thread(
        kept.lock,
        attack_id,
        person,
        note,
        last=canonical_json(Abandoned(reason="reported")).decode(),
        because=_PAUSED,
        severe_from=visitor.served.study.care.limits.severe_from,
    )
    return go(visitor, "/report/done")


@router.get("/{study}/report/done", response_class=HTMLResponse)
async def done(visitor: Somebody) -> Response:
    """What happened to a reported dialogue, and where help is."""
    paused = visitor.somebody.state == "paused"
    text = (
        "The dialogue is closed and locked away: nobody sees it any more but those who must look "
        "into it, and they are told now, without its content. Your time until now is paid.\n\n"
        + ("**Your work is paused**; somebody will speak with you.\n\n" if paused else "")
        + told(visitor.served, "help")
    )
    return show(visitor, "text.html.j2", title="Thank you for reporting it", text=text)


@router.get("/{study}/report/thanks", response_class=HTMLResponse)
async def thanks(visitor: Somebody) -> Response:
    """After any other report."""
    text = "The people who run this study have your note."
    return show(visitor, "text.html.j2", title="Thank you", text=text)


async def _page(
    visitor: Visitor, *, status: int = 422, error: str | None = None, note: str = ""
) -> HTMLResponse:
    mine = await asyncio.to_thread(visitor.served.sitting.kept.of, visitor.somebody)
    latest = [(n, one) for n, one in enumerate(mine, 1) if one.quarantined_at is None][-_LATELY:]
    offered = [
        (f"{visitor.base}/attack/{nth}", await _called(visitor, one, mine))
        for nth, one in reversed(latest)
    ]
    return show(
        visitor,
        "report.html.j2",
        status=status if error else 200,
        here=f"{visitor.base}/report",
        offered=offered,
        note=note,
        error=error,
    )


async def _called(visitor: Visitor, one: StoredAttack, mine: list[StoredAttack]) -> str:
    """A dialogue as its person knows it: "Dialogue 3 of 5: “I try to make it …”"."""
    place = [attack.id for attack in mine if attack.task == one.task].index(one.id) + 1
    aim = (await visitor.served.sitting.stand(one)).dialogue.description
    words = " ".join((aim or "").split())
    said = f"“{words[:_AIM]}{' …' * (len(words) > _AIM)}”" if words else "no aim yet"
    lately = "" if one.task == mine[-1].task else f"Task {one.task}, "
    name = f"{lately}dialogue {place} of {visitor.served.study.task_size}: {said}"
    return name[:1].upper() + name[1:]


async def _found(visitor: Visitor, about: str) -> int | None:
    """The attack behind an address, if it is the person's own or was given to them to judge."""
    match = _ABOUT.fullmatch(about.removeprefix(visitor.base))
    if match is None:
        return None
    person, kind, key = visitor.somebody, match[1], match[2]
    if kind == "review/item":
        place = await asyncio.to_thread(Reviews(visitor.serving.store).place, person, key)
        return None if place is None else place.attack_id
    mine = await asyncio.to_thread(visitor.served.sitting.kept.of, person)
    return next((one.id for nth, one in enumerate(mine, 1) if str(nth) == key), None)
