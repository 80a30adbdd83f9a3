"""Reading what members wrote, for those who run the study and need to: flags, and one transcript.

A transcript is opened for a reason that is asked for and noted before anything is shown. What is in
quarantine is not opened here by anybody, and what was withdrawn is gone.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, Response

from gadfly.records.values import Turn
from gadfly.run.gather import gather_flags, gather_one
from gadfly.store.flags import Flags
from gadfly.store.reviews import READ
from gadfly.store.rows import StoredAttack
from gadfly.web.access import Refused, Visitor
from gadfly.web.page import go, show
from gadfly.web.pages.owner import Runs, when

__all__ = ["router"]

router = APIRouter()
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Reason = Annotated[str, Form(min_length=3, max_length=500)]


@router.get("/{study}/study/flags", response_class=HTMLResponse)
async def flags(visitor: Runs) -> Response:
    """What members flagged, and what became of it."""
    return show(visitor, "flags.html.j2", **await asyncio.to_thread(_flags, visitor))


def _flags(visitor: Visitor) -> dict[str, Any]:
    kept, served = Flags(visitor.serving.store), visitor.served
    reported = kept.of(served.id)
    known = {(flag.attack, flag.text) for flag in reported}
    in_dialogues = [
        {"attack": row.number, "member": row.member, "notes": new}
        for row, notes in gather_flags(served.open)
        if (new := [note for note in notes if (row.number, note) not in known])
    ]
    return {
        "here": f"{visitor.base}/study",
        "reported": [flag for flag in reported if flag.settled_at is None],
        "in_dialogues": in_dialogues,
        "settled": [
            (flag.attack or "–", flag.member, flag.text, when(flag.settled_at), flag.settled_by)
            for flag in reported
            if flag.settled_at is not None
        ],
        "hidden": kept.hidden(served.id),
    }


@router.post("/{study}/study/flags/{number}/settle")
async def settle(visitor: Runs, number: Number) -> Response:
    """Say that a flag is dealt with; said twice, the first one stands."""
    done = Flags(visitor.serving.store).settle
    await asyncio.to_thread(done, visitor.served.id, number, by=visitor.somebody.name)
    return go(visitor, "/study/flags")


@router.post("/{study}/study/attack/{number}/settle")
async def settle_in(visitor: Runs, number: Number) -> Response:
    """Say that the flags of a dialogue are dealt with."""
    row = await _row(visitor, number)
    attack = await asyncio.to_thread(gather_one, visitor.served.open, row)
    done = Flags(visitor.serving.store).settle_in
    notes, by = list(attack.flags), visitor.somebody.name
    await asyncio.to_thread(done, visitor.served.id, row, notes, by=by)
    return go(visitor, "/study/flags")


@router.get("/{study}/study/attack/{number}", response_class=HTMLResponse)
async def ask(visitor: Runs, number: Number) -> Response:
    """Ask for what somebody needs a transcript."""
    row = await _row(visitor, number)
    return show(visitor, "attack.html.j2", row=row, read=None, turns=())


@router.post("/{study}/study/attack/{number}", response_class=HTMLResponse)
async def read(visitor: Runs, number: Number, reason: Reason) -> Response:
    """Note the reading, then show the transcript."""
    row, served = await _row(visitor, number), visitor.served
    add, who = visitor.serving.audit.add, visitor.somebody.name
    await asyncio.to_thread(add, served.id, who, READ, f"attack {number}", reason=reason)
    attack = await asyncio.to_thread(gather_one, served.open, row)
    return show(
        visitor, "attack.html.j2", row=row, read=attack, turns=[_turn(t) for t in attack.turns]
    )


async def _row(visitor: Visitor, number: int) -> StoredAttack:
    """An attack that may be opened here.

    :raises Refused: there is none, or it is locked away or withdrawn.
    """
    find = visitor.served.sitting.kept.attack
    row = await asyncio.to_thread(find, visitor.served.id, number)
    if row is None:
        raise Refused(404, "There is no such attack in this study.")
    if row.withdrawn_at is not None:
        raise Refused(404, "Its member has withdrawn this attack; its text is gone.")
    if row.quarantined_at is not None:
        raise Refused(403, "This attack is locked away; only the care role opens it.")
    return row


def _turn(turn: Turn) -> dict[str, Any]:
    """A turn as it is shown: the message, each reply with what became of it, what was answered."""
    return {
        "message": turn.message,
        "replies": [
            {"text": reply.text, "went_on": place == turn.continued}
            for place, reply in enumerate(turn.replies)
        ],
        "answers": [
            f"{c.question.replace('_', ' ')}: "
            + (f"neither ({c.reason})" if c.chosen is None else _chosen(c.chosen, c.strength))
            for c in turn.comparisons
        ],
        "voided": turn.voided,
        "failed": len(turn.failed),
    }


def _chosen(place: int, strength: int | None) -> str:
    return f"reply {place + 1}, strength {strength} of 4"
