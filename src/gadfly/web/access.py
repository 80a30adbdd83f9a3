"""Who may do what: one declaration for each route, checked before it runs.

A route names the roles that may use it (:func:`allow`); nobody else gets past, and a route that
names none does not exist (a test lists every route with every role). Sessions are rows; the cookie
is the session's token under a signature, for one study's addresses only. A form that changes
anything carries a token made from the session, so that no other site can send it; a form of
somebody who has no session yet must come from this site's own pages.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from itsdangerous import BadSignature, URLSafeSerializer

from gadfly.errors import GadflyError
from gadfly.store.people import Person, Role
from gadfly.web.serving import Served, Serving

__all__ = ["Anybody", "Refused", "Visitor", "allow", "known", "sign_in", "sign_out"]

_COOKIE = "gadfly"
_SESSION_SECONDS = 14 * 24 * 3600.0
_SAFE = ("GET", "HEAD", "OPTIONS")


class Refused(Exception):
    """A request that is not answered; the message is for the person.

    :param status: 401 not signed in, 403 not allowed, 404 not there, 409 too late, 429 too often.
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True)
class Visitor:
    """Whoever sent a request, and what they are to be shown."""

    request: Request
    serving: Serving
    served: Served
    person: Person | None
    token: str | None

    @property
    def base(self) -> str:
        """Address of the study."""
        return f"/{self.served.study.name}"

    @property
    def address(self) -> str:
        """The same, as links elsewhere need it."""
        server = self.serving.public_url or str(self.request.base_url)
        return server.rstrip("/") + self.base

    @property
    def csrf(self) -> str:
        """What every form of theirs carries."""
        return self.serving.sign("csrf", self.token or "nobody")

    @property
    def somebody(self) -> Person:
        """The person, who is there.

        :raises Refused: nobody is.
        """
        if self.person is None:
            raise Refused(401, "You are not signed in here, or were away for long.")
        return self.person

    def is_any(self, *roles: Role) -> bool:
        """Whether they have one of these roles."""
        return self.person is not None and not self.person.roles.isdisjoint(roles)


def allow(*roles: Role, anybody: bool = False) -> Callable[[Request], Awaitable[Visitor]]:
    """A dependency that lets these roles through, or anybody.

    :raises Refused: somebody else, or a form that this site did not make.
    """

    async def visitor(request: Request) -> Visitor:
        found = await _visitor(request, request.path_params["study"])
        request.state.visitor = found
        if request.method not in _SAFE:
            await _own_form(found)
        if anybody:
            return found
        person = found.somebody
        if person.state == "erased" or person.roles.isdisjoint(roles):
            raise Refused(403, "This page is not for you.")
        return found

    return visitor


Anybody = Annotated[Visitor, Depends(allow(anybody=True))]


async def known(request: Request, *, ask: bool) -> Visitor | None:
    """Whoever sent a request that went wrong, as far as that can be told.

    :param ask: look for them, where the request did not come so far; not where that may be wrong.
    """
    found: Visitor | None = getattr(request.state, "visitor", None)
    if found is None and ask:
        with suppress(Refused, GadflyError):
            return await _visitor(request, request.url.path.split("/")[1])
    return found


async def _visitor(request: Request, study: str) -> Visitor:
    serving: Serving = request.app.state.serving
    served = serving.studies.get(study)
    if served is None:
        raise Refused(404, "There is no such study here.")
    token = _token(serving, request)
    person = None
    if token is not None:
        person = await asyncio.to_thread(serving.people.of_session, token)
        if person is not None and person.study_id != served.id:
            person = None
    return Visitor(request, serving, served, person, token if person else None)


async def _own_form(visitor: Visitor) -> None:
    """Refuse what another site made a browser send.

    :raises Refused: the token or the origin is not ours.
    """
    request = visitor.request
    refusal = Refused(403, "This form was not sent from this site's own page. Open the page again.")
    if visitor.token is None:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise refusal
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise refusal
        return
    sent = request.headers.get("x-csrf-token")
    if sent is None:
        sent = str((await request.form()).get("csrf", ""))
    if not hmac.compare_digest(sent.encode(), visitor.csrf.encode()):
        raise refusal


async def sign_in(visitor: Visitor, person: Person, response: Response) -> None:
    """Begin a session for somebody, and give its cookie along."""
    serving = visitor.serving
    token = await asyncio.to_thread(serving.people.begin_session, person.id, _SESSION_SECONDS)
    response.set_cookie(
        _COOKIE,
        _signer(serving).dumps(token),
        max_age=int(_SESSION_SECONDS),
        path=f"{visitor.base}",
        httponly=True,
        secure=visitor.request.url.scheme == "https" or _public(serving),
        samesite="lax",
    )


async def sign_out(visitor: Visitor, response: Response) -> None:
    """End the session."""
    if visitor.token is not None:
        await asyncio.to_thread(visitor.serving.people.end_session, visitor.token)
    response.delete_cookie(_COOKIE, path=visitor.base)


def _public(serving: Serving) -> bool:
    """Whether people come by https, though what is in between may speak http to this process."""
    return (serving.public_url or "").startswith("https://")


def _signer(serving: Serving) -> URLSafeSerializer:
    return URLSafeSerializer(serving.secret, salt="session")


def _token(serving: Serving, request: Request) -> str | None:
    cookie = request.cookies.get(_COOKIE)
    if cookie is None:
        return None
    try:
        token = _signer(serving).loads(cookie)
    except BadSignature:
        return None
    return token if isinstance(token, str) else None
