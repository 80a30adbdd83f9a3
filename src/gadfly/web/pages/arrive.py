"""Arriving from a crowd platform, what the platform says of visits later, and the end of a visit.

The link of a platform is checked, and opens the person's place. A signed link opens it once: the
same link again is for whoever is signed in by it already, so that a copied one is of no use. A link
that nobody signed opens a new place alone, with a personal link to come back by: whoever knows
another's id on such a platform could write it. In a platform's frame no cookie comes along, so the
frame only opens the study in a tab of its own.
"""

from __future__ import annotations

import asyncio
import os
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from gadfly.errors import OperatorError, PersonError
from gadfly.records.canonical import canonical_json
from gadfly.store.arrivals import Came
from gadfly.store.audit import SYSTEM
from gadfly.study.arrival import ExternalQuestionSpec, ProlificSpec, RedirectSpec
from gadfly.web.access import Anybody, Refused, Visitor, allow, sign_in
from gadfly.web.leaving import farewell
from gadfly.web.page import go, show
from gadfly.web.pages.door import home, often
from gadfly.web.paying import end_lingering, end_visit
from gadfly.web.platforms import external_question, redirect
from gadfly.web.platforms.arrival import Arrival, PlatformProblem, secret, values
from gadfly.web.platforms.prolific import NAME as PROLIFIC
from gadfly.web.platforms.webhooks import WebhookRefused, read_webhook
from gadfly.web.policy import policy
from gadfly.web.serving import Served, subject_of

__all__ = ["router"]

router = APIRouter()
Worker = Annotated[Visitor, Depends(allow("member", "expert", "reviewer"))]
_TAB = ("tab", "1")
"""Added to the address that a frame opens in a tab of its own."""
_NEVER = "There is no such page here."
_OVER = (
    "On the platform this visit has ended, and its place was given to somebody else. If you want "
    "to take part, please start the study there once more."
)
_ONCE = (
    "You have finished your part in this study already, and everybody takes part once. Thank you! "
    "Please return this new place on the platform."
)
_USED = (
    "This link was used before. Please open the study from the platform again; you go on where you "
    "were."
)
_OWN_LINK = (
    "You have a place in this study already. Anybody could have written this platform's link, so "
    "it does not open the place again: please come back by the personal link that you were shown "
    "when you first came. If it is lost, write to the people named below."
)
_LATER = (
    "The platform cannot be asked who you are just now. Nothing is lost: wait a minute, then open "
    "the link again."
)


@router.get("/{study}/arrive", response_class=HTMLResponse)
async def arrive(visitor: Anybody) -> Response:
    """Come in by the link of a platform."""
    if visitor.served.study.arrival.platform is None:
        raise Refused(404, _NEVER)
    await often(visitor, "arrive", 60, 30)
    query = visitor.request.query_params.multi_items()
    try:
        arrival = await _who(visitor.served, query)
        framed = isinstance(visitor.served.study.arrival.platform, ExternalQuestionSpec)
        if arrival is None or (framed and _TAB not in query):
            return _framed(visitor, query, preview=arrival is None)
        came = await _come(visitor, arrival, query)
    except PlatformProblem:
        return _sorry(visitor, 503, "Not now", _LATER)
    except PersonError as error:
        return _sorry(visitor, 403, "This link does not open the study", str(error))
    if came.state == "given back":
        return _sorry(visitor, 403, "This visit has ended", _OVER)
    if came.state == "refused":
        await end_visit(
            visitor.serving, visitor.served, came.person, "failed_check", visit=came.visit
        )
        return _sorry(visitor, 403, "You have been here", _ONCE)
    return await _let_in(visitor, came)


async def _let_in(visitor: Visitor, came: Came) -> Response:
    """Open the place of who came, where the link says enough of who that is."""
    signed = isinstance(visitor.served.study.arrival.platform, ProlificSpec)
    onward: Response = go(visitor, home(came.person))
    if (came.again or not signed) and not came.new:
        if visitor.person is not None and visitor.person.id == came.person.id:
            return onward
        if signed:
            return _sorry(visitor, 403, "This link was used", _USED)
        return _sorry(visitor, 403, "Please come by your own link", _OWN_LINK)
    if not signed:
        link = visitor.serving.people.link_for
        token = await asyncio.to_thread(link, came.person, by=SYSTEM)
        onward = show(visitor, "joined.html.j2", link=f"{visitor.address}/come/{token}")
    await sign_in(visitor, came.person, onward)
    return onward


async def _who(served: Served, query: list[tuple[str, str]]) -> Arrival | None:
    match served.study.arrival.platform:
        case RedirectSpec() as spec:
            return redirect.arrive(spec, query)
        case ExternalQuestionSpec() as spec:
            return external_question.arrive(spec, query)
    return None if served.prolific is None else await served.prolific.arrive(query)


async def _come(visitor: Visitor, arrival: Arrival, query: list[tuple[str, str]]) -> Came:
    serving, served = visitor.serving, visitor.served
    spec, platform = served.study.arrival.platform, arrival.platform
    link = None
    if isinstance(spec, ProlificSpec) and spec.signed:
        link = values(query, spec.signature_parameter, most=2**14)[spec.signature_parameter]
    subject = subject_of(serving.secret, platform, arrival.subject)
    # Without an id of the visit, a person has one in each study.
    submission = arrival.submission or f"{served.study.name} {subject}"
    ids = {
        "subject": arrival.subject,
        "study": arrival.study,
        "submission": arrival.submission,
        "submit_to": arrival.submit_to,
    }
    return await asyncio.to_thread(
        serving.arrivals.arrive,
        served.id,
        platform,
        subject,
        serving.sign("submission", f"{platform} {submission}"),
        canonical_json(ids).decode(),
        link=link,
    )


def _framed(visitor: Visitor, query: list[tuple[str, str]], *, preview: bool) -> Response:
    link = f"{visitor.base}/arrive?{urlencode([*query, _TAB])}"
    study = visitor.served.study
    response = show(
        visitor, "framed.html.j2", purpose=study.purpose, link=None if preview else link
    )
    if isinstance(study.arrival.platform, ExternalQuestionSpec):
        hosts = " ".join(f"https://{host}" for host in study.arrival.platform.frame_hosts)
        response.headers["Content-Security-Policy"] = policy(frame_ancestors=hosts)
    return response


def _sorry(visitor: Visitor, status: int, title: str, text: str) -> Response:
    home_ = visitor.base
    return show(visitor, "message.html.j2", status=status, title=title, text=text, home=home_)


@router.post("/{study}/hooks/prolific", status_code=204)
async def hook(visitor: Anybody) -> Response:
    """What Prolific says of a visit; signed, and taken once."""
    serving, spec = visitor.serving, visitor.served.study.arrival.platform
    if not isinstance(spec, ProlificSpec):
        raise Refused(404, _NEVER)
    try:
        key = secret(spec.webhook_secret_variable, os.environ, what="the secret of webhooks")
    except OperatorError:
        raise Refused(404, "This study takes no webhooks.") from None
    body = await visitor.request.body()
    now = serving.work.now()
    try:
        event = read_webhook(visitor.request.headers, body, secret=key, now=now)
    except WebhookRefused as error:
        raise Refused(403, str(error)) from None
    if event is not None:
        await asyncio.to_thread(
            serving.arrivals.hear,
            [one.id for one in serving.studies.values() if _same_secret(one, spec)],
            PROLIFIC,
            (event.id, event.signature),
            serving.sign("submission", f"{PROLIFIC} {event.submission}"),
            event.status,
            sent=event.sent,
            frees=event.frees,
        )
        await end_lingering(serving, visitor.served)
    return Response(status_code=204)


def _same_secret(served: Served, spec: ProlificSpec) -> bool:
    """Whether a webhook under the secret of one study may speak of another one's visits."""
    other = served.study.arrival.platform
    return (
        isinstance(other, ProlificSpec)
        and other.webhook_secret_variable == spec.webhook_secret_variable
    )


@router.get("/{study}/done", response_class=HTMLResponse)
async def done(visitor: Worker) -> Response:
    """Thanks, and the way back to the platform."""
    return await farewell(visitor)
