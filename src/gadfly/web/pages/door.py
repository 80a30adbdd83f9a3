"""Coming in and going out: by a personal link, by a password, or freely where a study allows it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gadfly.store.audit import SYSTEM
from gadfly.store.people import Person, Role
from gadfly.web.access import Anybody, Refused, Visitor, sign_in, sign_out
from gadfly.web.following import due_for
from gadfly.web.page import go, index, show
from gadfly.web.passwords import matches

__all__ = ["home", "often", "router"]

router = APIRouter()
Token = Annotated[str, Path(max_length=100)]
Login = Annotated[str, Form(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
Password = Annotated[str, Form(min_length=1, max_length=1000)]
_HOMES: tuple[tuple[Role, str], ...] = (
    ("member", "/task"),
    ("expert", "/task"),
    ("reviewer", "/review"),
    ("owner", "/study"),
    ("researcher", "/study"),
    ("review_lead", "/study/reviews"),
    ("care", "/care"),
)
"""Where each role begins; somebody with several begins at the first."""


def home(person: Person) -> str:
    """Where somebody begins."""
    return next(place for role, place in _HOMES if role in person.roles)


@router.get("/", response_class=HTMLResponse)
async def studies(request: Request) -> Response:
    """The studies of this server."""
    serving = request.app.state.serving
    return index({name: served.study.title for name, served in serving.studies.items()})


@router.get("/{study}", response_class=HTMLResponse)
async def door(visitor: Anybody) -> Response:
    """A person's own first page, or the door."""
    person = visitor.person
    if person is not None and await due_for(visitor.serving, visitor.served, person) is not None:
        return go(visitor, "/follow-up")
    if person is not None:
        return go(visitor, home(person))
    return show(visitor, "door.html.j2", free=visitor.served.study.arrival.open, error=None)


@router.get("/{study}/come/{token}", response_class=HTMLResponse)
async def link(visitor: Anybody, token: Token) -> Response:
    """A personal link; a button uses it, since programs that look at links press none."""
    return show(visitor, "come.html.j2", here=f"{visitor.base}/come/{token}")


@router.post("/{study}/come/{token}")
async def come(visitor: Anybody, token: Token) -> Response:
    """Come in by a personal link; tries that open nothing are counted."""
    person = await asyncio.to_thread(visitor.serving.people.redeem, visitor.served.id, token)
    if person is None:
        await often(visitor, "come", 60, 30)
        raise Refused(
            403, "This link does not open anything (any more). Ask whoever gave it to you."
        )
    return await _in(visitor, person)


@router.post("/{study}/join", response_class=HTMLResponse)
async def join(visitor: Anybody) -> Response:
    """Come in without being asked, where the study allows it; the personal link is shown once."""
    await often(visitor, "join", 3600, 300)  # a lecture hall may share one address
    if not visitor.served.study.arrival.open:
        raise Refused(403, "This study is by invitation.")
    if visitor.person is not None:
        return go(visitor)
    people = visitor.serving.people
    person = await asyncio.to_thread(people.add, visitor.served.id, ["member"])
    token = await asyncio.to_thread(people.link_for, person, by=SYSTEM)
    response = show(visitor, "joined.html.j2", link=f"{visitor.address}/come/{token}")
    await sign_in(visitor, person, response)
    return response


@router.post("/{study}/enter")
async def enter(visitor: Anybody, login: Login, password: Password) -> Response:
    """Come in with login and password."""
    await often(visitor, f"enter {login.casefold()[:80]}", 900, 10)
    await often(visitor, "enter", 900, 60)  # each try costs a hash, whoever it is for
    people, study_id = visitor.serving.people, visitor.served.id
    found = await asyncio.to_thread(people.password, study_id, login)
    good = await asyncio.to_thread(matches, found[1] if found else None, password)
    person = await asyncio.to_thread(people.get, found[0]) if found and good else None
    if person is None:
        error = "Login and password do not belong together."
        free = visitor.served.study.arrival.open
        return show(visitor, "door.html.j2", status=403, free=free, error=error)
    return await _in(visitor, person)


@router.post("/{study}/out")
async def out(visitor: Anybody) -> Response:
    """Sign out."""
    response = go(visitor)
    await sign_out(visitor, response)
    return response


async def _in(visitor: Visitor, person: Person) -> RedirectResponse:
    response = go(visitor)
    await sign_in(visitor, person, response)
    return response


async def often(
    visitor: Visitor, what: str, seconds: int, most: int, *, person: Person | None = None
) -> None:
    """Refuse who tries too often.

    :param person: whose tries are counted, from wherever; those from one address if left out.
    :raises Refused: that is the case.
    """
    client = visitor.request.client
    who = person.id if person else client.host if client else ""
    key = visitor.serving.sign("rate", f"{what} {who}")
    hit = visitor.serving.work.hit
    if not await asyncio.to_thread(hit, key, seconds=seconds, most=most):
        raise Refused(429, f"Too many tries. Wait {max(1, seconds // 60)} minutes and try again.")
