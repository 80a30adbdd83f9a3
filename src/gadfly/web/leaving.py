"""Leaving a study: what is owed is recorded, the platform is told, and the person is thanked.

``leave`` is what every way out calls; ``farewell`` is the page that it leads to, ``/done``, and can
be opened as often as somebody likes: it hands the browser back to the platform, with the code where
the platform takes one. Somebody whose last request was cut off between leaving and recording finds
it recorded there.
"""

from __future__ import annotations

import asyncio

import orjson
from fastapi import Response

from gadfly.care.pay import Money
from gadfly.records.values import VisitEnd
from gadfly.store.payments import Payment
from gadfly.study.arrival import ExternalQuestionSpec, ProlificSpec, RedirectSpec
from gadfly.web.access import Visitor
from gadfly.web.page import go, show
from gadfly.web.paying import end_visit
from gadfly.web.platforms import external_question, redirect
from gadfly.web.platforms.arrival import ArrivalRefused, FormPost, Leaving, Redirect
from gadfly.web.policy import policy
from gadfly.web.standing import journey_of

__all__ = ["farewell", "leave"]


async def leave(visitor: Visitor, outcome: VisitEnd) -> Response:
    """End somebody's part with an outcome; asked again, the first one stands.

    :param outcome: as asked for; what was really done decides (no consent, no work).
    """
    await end_visit(visitor.serving, visitor.served, visitor.somebody, outcome)
    return go(visitor, "/done")


async def farewell(visitor: Visitor) -> Response:
    """Thanks: what is paid for how long, by which code, and the way back."""
    serving, person = visitor.serving, visitor.somebody
    payment = await asyncio.to_thread(serving.payments.of, person)
    if payment is None:
        if not (await journey_of(visitor)).over:
            return go(visitor)
        payment = await end_visit(serving, visitor.served, person, "complete")
    back = await _back(visitor, payment)
    by_code = visitor.served.prolific is None or payment.visit == 0
    response = show(
        visitor,
        "farewell.html.j2",
        outcome=payment.outcome,
        amount=str(Money(payment.amount, payment.currency)) if payment.amount else None,
        minutes=max(round(payment.seconds / 60), visitor.served.study.care.pay.least_minutes),
        code=payment.code if payment.amount and (by_code or payment.state == "failed") else None,
        by_link=payment.visit == 0,
        state=payment.state,
        link=back.url if isinstance(back, Redirect) else None,
        form=back if isinstance(back, FormPost) else None,
        contact=visitor.served.study.launch.contact or visitor.served.study.care.support,
    )
    if isinstance(back, FormPost):
        response.headers["Content-Security-Policy"] = policy(form_action=f"'self' {back.origin}")
    return response


async def _back(visitor: Visitor, payment: Payment) -> Leaving | None:
    """How the browser goes back to where the person came from."""
    visit = await asyncio.to_thread(visitor.serving.arrivals.visit, visitor.somebody)
    spec = visitor.served.study.arrival.platform
    if visit is None or visit.id != payment.visit:
        return None
    ids, outcome = orjson.loads(visit.body), payment.outcome
    match spec:
        case RedirectSpec():
            return redirect.finish(spec, outcome, subject=ids["subject"], code=payment.code)
        case ExternalQuestionSpec():
            try:
                return external_question.finish(
                    spec,
                    outcome,
                    submission=ids["submission"],
                    submit_to=ids["submit_to"],
                    code=payment.code,
                )
            except ArrivalRefused:  # the study's list of hosts has changed since
                return None
        case ProlificSpec():
            return Redirect("https://app.prolific.com/")
    return None
