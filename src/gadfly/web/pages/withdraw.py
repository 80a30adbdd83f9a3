"""Withdrawing: what it does, a second step, and then it is done.

The pay is settled first, by the same way out as any other, and stays owed. Until the data are
released it cannot be refused.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response

from gadfly.care.journey import Left
from gadfly.care.pay import Money
from gadfly.store.erasure import Erasure
from gadfly.web.access import Visitor, allow, sign_out
from gadfly.web.leaving import leave
from gadfly.web.page import go, show
from gadfly.web.standing import journey_of, take, told

__all__ = ["router"]

router = APIRouter()
Somebody = Annotated[Visitor, Depends(allow("member", "expert", "reviewer"))]


@router.get("/{study}/withdraw", response_class=HTMLResponse)
async def withdraw(visitor: Somebody, sure: bool = False) -> Response:
    """What withdrawing does; or the last step."""
    released = Erasure(visitor.serving.store).released_at
    at = await asyncio.to_thread(released, visitor.served.id)
    refusal = (
        None
        if at is None
        else (
            f"The data of this study were released on {at[:10]}. What is published cannot be taken "
            "back; you can still stop at any time."
        )
    )
    return show(
        visitor,
        "withdraw.html.j2",
        here=f"{visitor.base}/withdraw",
        text=told(visitor.served, "withdrawal"),
        refusal=refusal,
        sure=sure,
    )


@router.post("/{study}/withdraw")
async def withdrawn(
    visitor: Somebody, sure: Annotated[Literal["1"] | None, Form()] = None
) -> Response:
    """Withdraw, where the last step was taken."""
    erasure, person = Erasure(visitor.serving.store), visitor.somebody
    at = await asyncio.to_thread(erasure.released_at, visitor.served.id)
    if sure is None or at is not None:
        return go(visitor, "/withdraw")
    journey = await journey_of(visitor)
    if journey.agreed and not journey.over:
        await take(visitor, journey, Left())
    await leave(visitor, "early_exit")
    payment = await asyncio.to_thread(visitor.serving.payments.of, person)
    await asyncio.to_thread(erasure.erase, person, by=person.name)
    paid = payment if payment is not None and payment.amount else None
    response = show(
        Visitor(visitor.request, visitor.serving, visitor.served, None, None),
        "withdrawn.html.j2",
        name=person.name,
        amount=str(Money(paid.amount, paid.currency)) if paid else None,
        code=paid.code if paid else None,
        contact=visitor.served.study.launch.contact or "the people who invited you",
    )
    await sign_out(visitor, response)
    return response
