"""The pages of the ``care`` role: who needs somebody, how they feel, and what is locked away.

What these pages show is shown to nobody else, and each look at a person's feelings or at a locked
transcript is in the audit before it is answered.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import HTMLResponse, Response

from gadfly.redteam.dialogue import rebuild
from gadfly.redteam.events import read_event
from gadfly.store.feelings import Feelings
from gadfly.store.letters import Letters
from gadfly.store.people import Person
from gadfly.store.quarantine import Quarantine
from gadfly.web.access import Refused, Visitor, allow
from gadfly.web.following import due_for
from gadfly.web.page import go, show

__all__ = ["router"]

router = APIRouter()
Carer = Annotated[Visitor, Depends(allow("care"))]
Name = Annotated[str, Path(max_length=64)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
_WORKERS = frozenset({"member", "expert", "reviewer"})


@router.get("/{study}/care", response_class=HTMLResponse)
async def care(visitor: Carer) -> Response:
    """Who needs somebody."""
    serving, served, by = visitor.serving, visitor.served, visitor.somebody.name
    everybody = await asyncio.to_thread(serving.people.of_study, served.id)
    people = [one for one in everybody if one.roles & _WORKERS and one.state != "erased"]
    worried = await asyncio.to_thread(Feelings(serving.store).worried, people, by=by)
    letters = await asyncio.to_thread(Letters(serving.store).unanswered, served.id, "care")
    due = {one.name: await due_for(serving, served, one) for one in people}
    locked = await asyncio.to_thread(Quarantine(serving.store).locked, served.id)
    rows = [
        (
            {"text": one.name, "href": f"{visitor.base}/care/{one.name}"},
            one.state,
            _when(worried[one.name]) if one.name in worried else "",
            letters.get(one.name, ""),
            "" if due[one.name] is None else f"week {due[one.name]}",
        )
        for one in people
        if one.state == "paused" or one.name in worried or one.name in letters or due[one.name]
    ]
    others = [one.name for one in people]
    return show(
        visitor,
        "care.html.j2",
        rows=rows,
        others=others,
        base=f"{visitor.base}/care",
        locked=[
            (
                {"text": f"Attack {a.number}", "href": f"{visitor.base}/care/locked/{a.number}"},
                a.member,
                (a.quarantined_at or "")[:16],
            )
            for a in locked
        ],
    )


@router.get("/{study}/care/{name}", response_class=HTMLResponse)
async def person(visitor: Carer, name: Name) -> Response:
    """One person: how they felt over time, and what can be done."""
    one = await _person(visitor, name)
    store, by = visitor.serving.store, visitor.somebody.name
    felt = await asyncio.to_thread(Feelings(store).read, one, by=by)
    letters = await asyncio.to_thread(Letters(store).of, one, "care")
    await asyncio.to_thread(Letters(store).opened, one, "care", by=visitor.somebody)
    return show(
        visitor,
        "care_person.html.j2",
        here=f"{visitor.base}/care/{one.name}",
        name=one.name,
        state=one.state,
        because=one.because,
        felt=[
            (
                _when(f.at),
                f.moment + (f" (task {f.task})" if f.task else ""),
                f.instrument,
                ", ".join(f"{item} {value:g}" for item, value in f.answers.items()) or "skipped",
                "yes" if f.distressed else "",
            )
            for f in felt
        ],
        letters=letters,
    )


@router.post("/{study}/care/{name}/state")
async def set_state(
    visitor: Carer,
    name: Name,
    act: Annotated[Literal["pause", "resume"], Form()],
    because: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Pause somebody's work, or let them go on."""
    one = await _person(visitor, name)
    pauses = act == "pause"
    if one.state == ("active" if pauses else "paused"):
        await asyncio.to_thread(
            visitor.serving.people.set_state,
            one,
            "paused" if pauses else "active",
            by=visitor.somebody.name,
            because=(because.strip() or "Your work is paused.") if pauses else None,
        )
    return go(visitor, f"/care/{one.name}")


@router.post("/{study}/care/{name}/letter")
async def write(
    visitor: Carer,
    name: Name,
    text: Annotated[str, Form(min_length=1, max_length=10_000)],
    expects: Annotated[int, Form(ge=0)],
) -> Response:
    """Write to somebody."""
    one = await _person(visitor, name)
    send = Letters(visitor.serving.store).send
    by = visitor.somebody
    await asyncio.to_thread(send, one, by, text, circle="care", expects=expects)
    return go(visitor, f"/care/{one.name}")


@router.get("/{study}/care/locked/{number}", response_class=HTMLResponse)
async def locked(visitor: Carer, number: Number) -> Response:
    """Ask for the reason, before anything is shown."""
    here = f"{visitor.base}/care/locked/{number}"
    return show(visitor, "locked.html.j2", here=here, number=number, messages=None)


@router.post("/{study}/care/locked/{number}")
async def unlocked(
    visitor: Carer, number: Number, why: Annotated[str, Form(min_length=3, max_length=500)]
) -> Response:
    """A locked transcript, shown once for a reason that the audit keeps."""
    served, by = visitor.served, visitor.somebody.name
    attack = await asyncio.to_thread(served.sitting.kept.attack, served.id, number)
    if attack is None:
        raise Refused(404, "There is no such attack.")
    read = Quarantine(visitor.serving.store).open
    bodies = await asyncio.to_thread(read, served.id, number, by=by, why=why)
    rules = served.open.version(attack.protocol_hash).study.rules
    dialogue = rebuild(rules, ((place, read_event(body)) for place, body in bodies))
    said = [("human", dialogue.description or "")]
    for turn in dialogue.all_turns:
        said += [("human", turn.message or ""), *(("assistant", r.text) for r in turn.replies)]
    return show(
        visitor,
        "locked.html.j2",
        here=f"{visitor.base}/care/locked/{number}",
        number=number,
        messages=[{"role": role, "text": text} for role, text in said if text],
    )


async def _person(visitor: Visitor, name: str) -> Person:
    one = await asyncio.to_thread(visitor.serving.people.named, visitor.served.id, name)
    if one is None or not one.roles & _WORKERS or one.state == "erased":
        raise Refused(404, "There is nobody of that name here.")
    return one


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
