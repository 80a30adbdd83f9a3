"""The people of a study, for those who run it: time, pay, exposure, pauses, letters, links.

Who somebody is, and how they feel, is on no page here. A pause that was made for care's sake shows
as such, without its reason, and only the care role ends it. Links made here are for members,
reviewers and experts; roles that see what people wrote or felt are given by whoever holds the
server (``gadfly invite``, ``gadfly user``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, Response

from gadfly.care.limits import WEEK, Piece, exposure
from gadfly.care.pay import owed, paid_seconds
from gadfly.store.letters import Letters
from gadfly.store.people import Invitation, Person, Role
from gadfly.store.rows import StoredAttack
from gadfly.store.work import Stretch
from gadfly.web.access import Refused, Visitor
from gadfly.web.page import go, show
from gadfly.web.pages.owner import Runs, when

__all__ = ["router"]

router = APIRouter()
Name = Annotated[str, Path(max_length=64)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Expects = Annotated[int, Form(ge=0)]
Reason = Annotated[str, Form(min_length=1, max_length=500)]
Text = Annotated[str, Form(min_length=1, max_length=10_000)]
PAUSED = "Those who run the study paused your work: "
"""A pause made here begins so, and the person reads it so."""
_WORKS = frozenset({"member", "reviewer", "expert"})


@router.get("/{study}/study/members", response_class=HTMLResponse)
async def members(visitor: Runs) -> Response:
    """Everybody, and the links that were made."""
    return await _members(visitor)


async def _members(visitor: Visitor, links: tuple[str, ...] = ()) -> Response:
    rows = await asyncio.to_thread(_rows, visitor)
    people, study = visitor.serving.people, visitor.served.id
    made = await asyncio.to_thread(people.invitations, study)
    now = datetime.now(UTC).timestamp()
    return show(
        visitor,
        "members.html.j2",
        rows=rows,
        links=links,
        invitations=[(link, _became(link, now)) for link in made],
        expects=len(made),
        domains=visitor.served.open.file.fields,
    )


def _became(link: Invitation, now: float) -> str:
    """What became of a link."""
    if link.revoked_at is not None:
        return "revoked"
    if link.person is not None:
        return f"used by {link.person}"
    if link.expires_at is not None and link.expires_at < now:
        return "ran out unused"
    return "not used yet"


def _rows(visitor: Visitor) -> list[tuple[object, ...]]:
    serving, study_id = visitor.serving, visitor.served.id
    now = serving.work.now()
    own = serving.work.of_everybody(study_id)
    everywhere = serving.work.of_everybody_everywhere(study_id, since=now - WEEK)
    letters = Letters(serving.store).unanswered(study_id, "study")
    attacks: dict[str | None, list[StoredAttack]] = {}
    for attack in serving.store.attacks(study_id):
        attacks.setdefault(attack.person_id, []).append(attack)
    return [
        (
            {"text": _called(person), "href": f"{visitor.base}/study/members/{person.name}"},
            ", ".join(sorted(person.roles)).replace("_", " "),
            person.state,
            *_work(visitor, own.get(person.id, []), attacks.get(person.id, [])),
            *_exposed(visitor, everywhere.get(person.id, []), now),
            letters.get(person.name, 0) or "",
        )
        for person in serving.people.of_study(study_id)
    ]


def _called(person: Person) -> str:
    return f"{person.login} ({person.name})" if person.login else person.name


def _work(
    visitor: Visitor, stretches: list[Stretch], attacks: list[StoredAttack]
) -> tuple[object, ...]:
    """Tasks, dialogues, hours and what is owed for them so far."""
    care, floor = visitor.served.study.care, visitor.served.study.launch.pay_floor
    seconds = paid_seconds(care.limits, [Piece(s.began, s.ended) for s in stretches])
    pay: object = "–"
    if floor is not None and stretches:
        pay = owed(care.pay, seconds, floor=floor.amount, currency=floor.currency)
    worked = sum(s.ended - s.began for s in stretches) / 3600
    return len({attack.task for attack in attacks}), len(attacks), f"{worked:.1f}", pay


def _exposed(visitor: Visitor, stretches: list[Stretch], now: float) -> tuple[object, ...]:
    """Minutes of a day and a week, and severe dialogues of a day, on all of this server."""
    pieces = [Piece(s.began, s.ended, s.dialogues, s.severe) for s in stretches]
    found = exposure(visitor.served.study.care.limits, pieces, now=now)
    return round(found.minutes_day), round(found.minutes_week), found.severe_day


@router.get("/{study}/study/members/{name}", response_class=HTMLResponse)
async def member(visitor: Runs, name: Name) -> Response:
    """One person."""
    return await _member(visitor, await _person(visitor, name))


async def _member(
    visitor: Visitor, person: Person, *, error: str | None = None, text: str = ""
) -> Response:
    found = await asyncio.to_thread(_about, visitor, person)
    ours = (person.because or "").startswith(PAUSED)
    return show(
        visitor,
        "member.html.j2",
        status=409 if error else 200,
        name=_called(person),
        here=f"{visitor.base}/study/members/{person.name}",
        works=not person.roles.isdisjoint(_WORKS),
        state=person.state,
        because=(person.because or "").removeprefix(PAUSED) if ours else None,
        me=person.name,
        error=error,
        text=text,
        **found,
    )


def _about(visitor: Visitor, person: Person) -> dict[str, Any]:
    serving = visitor.serving
    letters = Letters(serving.store)
    conversation = letters.of(person, "study")
    if any(letter.read_at is None and letter.sender == person.name for letter in conversation):
        letters.opened(person, "study", by=visitor.somebody)
    attacks = visitor.served.sitting.kept.of(person)
    now = serving.work.now()
    everywhere = serving.work.everywhere(person, since=now - WEEK)
    work = _work(visitor, serving.work.of(person), attacks)
    return {
        "letters": conversation,
        "facts": list(zip(_FACTS, [*work, *_exposed(visitor, everywhere, now)], strict=True)),
        "roles": ", ".join(sorted(person.roles)).replace("_", " "),
        "brief": person.brief,
        "attacks": [
            (
                {"text": a.number, "href": f"{visitor.base}/study/attack/{a.number}"},
                a.task,
                a.arm,
                (a.ending or "lasts").replace("_", " "),
                when(a.assigned_at),
            )
            for a in attacks
        ],
    }


_FACTS = (
    "Tasks",
    "Dialogues",
    "Hours of work",
    "Pay owed so far",
    "Minutes, last 24 h",
    "Minutes, last 7 days",
    "Severe dialogues, last 24 h",
)


async def _person(visitor: Visitor, name: str) -> Person:
    named = visitor.serving.people.named
    person = await asyncio.to_thread(named, visitor.served.id, name)
    if person is None:
        raise Refused(404, "There is nobody of that name in this study.")
    return person


@router.post("/{study}/study/members/{name}/pause")
async def pause(visitor: Runs, name: Name, reason: Reason) -> Response:
    """Pause somebody, who reads the reason.

    :raises Refused: they do not work here, or not any more.
    """
    person = await _person(visitor, name)
    if person.roles.isdisjoint(_WORKS):
        raise Refused(409, "Only members, reviewers and experts can be paused.")
    if person.state == "active":
        said = PAUSED + reason
        change, by = visitor.serving.people.set_state, visitor.somebody.name
        await asyncio.to_thread(change, person, "paused", by=by, because=said)
    elif person.state != "paused":
        raise Refused(409, "This person's part is over.")
    return go(visitor, f"/study/members/{person.name}")


@router.post("/{study}/study/members/{name}/resume")
async def resume(visitor: Runs, name: Name) -> Response:
    """Let somebody go on whom this page paused.

    :raises Refused: they were paused for care's sake.
    """
    person = await _person(visitor, name)
    if person.state == "paused":
        if not (person.because or "").startswith(PAUSED):
            raise Refused(403, "This pause was made for care's sake; the care role ends it.")
        change, by = visitor.serving.people.set_state, visitor.somebody.name
        await asyncio.to_thread(change, person, "active", by=by)
    return go(visitor, f"/study/members/{person.name}")


@router.post("/{study}/study/members/{name}/sessions")
async def sessions(visitor: Runs, name: Name) -> Response:
    """Sign somebody out everywhere; their link opens the door again until it is revoked.

    :raises Refused: they are staff, and the visitor is no owner.
    """
    person = await _person(visitor, name)
    _may_shut_out(visitor, person.roles)
    end = visitor.serving.people.end_sessions
    await asyncio.to_thread(end, person, by=visitor.somebody.name)
    return go(visitor, f"/study/members/{person.name}")


@router.post("/{study}/study/members/{name}/letter")
async def letter(visitor: Runs, name: Name, text: Text, expects: Expects) -> Response:
    """Write to somebody; a letter that is sent twice is kept once."""
    person = await _person(visitor, name)
    send = Letters(visitor.serving.store).send
    by = visitor.somebody
    if await asyncio.to_thread(send, person, by, text, circle="study", expects=expects):
        return go(visitor, f"/study/members/{person.name}")
    return await _member(
        visitor,
        person,
        error="There are newer letters, perhaps this very one. Read them, then send it if need be",
        text=text,
    )


@router.post("/{study}/study/invitations", response_class=HTMLResponse)
async def invite(
    visitor: Runs,
    role: Annotated[Literal["member", "reviewer", "expert"], Form()],
    count: Annotated[int, Form(ge=1, le=500)],
    days: Annotated[int, Form(ge=1, le=365)],
    expects: Expects,
    domain: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Make personal links and show them, this once.

    :raises Refused: links were made since the page was opened, perhaps by this very form.
    """
    serving, study = visitor.serving, visitor.served
    if role == "expert" and not domain:
        raise Refused(400, "Say what the expert is expert in.")
    tokens = await asyncio.to_thread(
        serving.people.invite_many,
        study.id,
        role,
        count,
        by=visitor.somebody.name,
        domains=[study.open.file.field(domain)] if role == "expert" else [],
        seconds=days * 24 * 3600.0,
        expects=expects,
    )
    if not tokens:
        raise Refused(
            409, "Links were made since this page was opened. Open it again to see which."
        )
    return await _members(visitor, tuple(f"{visitor.address}/come/{t}" for t in tokens))


@router.post("/{study}/study/invitations/{number}/revoke")
async def revoke(visitor: Runs, number: Number) -> Response:
    """Make a link open nothing any more; who came by it is signed out.

    :raises Refused: it is one of staff, and the visitor is no owner.
    """
    people, study = visitor.serving.people, visitor.served.id
    made = await asyncio.to_thread(people.invitations, study)
    _may_shut_out(visitor, {link.role for link in made if link.id == number})
    await asyncio.to_thread(people.revoke, study, number, by=visitor.somebody.name)
    return go(visitor, "/study/members")


def _may_shut_out(visitor: Visitor, roles: Collection[Role]) -> None:
    if not visitor.is_any("owner") and not _WORKS.issuperset(roles):
        raise Refused(403, "Only an owner shuts out those who run the study or care.")
