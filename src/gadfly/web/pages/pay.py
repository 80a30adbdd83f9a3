"""The owner's view of pay: who is owed what, what was told, what failed, and the pay of an hour."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import HTMLResponse, Response

from gadfly.care.pay import Money, money
from gadfly.records.spreadsheet import csv_text
from gadfly.store.payments import Payment
from gadfly.study.arrival import ProlificSpec
from gadfly.web.access import Refused, Visitor, allow
from gadfly.web.page import go, show
from gadfly.web.paying import Here, end_visit, still_here

__all__ = ["router"]

router = APIRouter()
Owner = Annotated[Visitor, Depends(allow("owner"))]
_CSV = (
    *("person", "outcome", "minutes", "amount", "currency", "bonus"),
    *("code", "state", "detail", "at"),
)
_OPEN = "not left yet"
_NAMES = {
    "complete": "complete",
    "early_exit": "left early",
    "no_consent": "no consent",
    "failed_check": "came twice",
}


@router.get("/{study}/study/pay", response_class=HTMLResponse)
async def pay(visitor: Owner) -> Response:
    """Every payment of the study."""
    rows = await asyncio.to_thread(visitor.serving.payments.of_study, visitor.served.id)
    floor = visitor.served.study.launch.pay_floor
    paid = [payment for _, payment in rows if payment.seconds]
    here = await still_here(visitor.serving, visitor.served)
    return show(
        visitor,
        "pay.html.j2",
        rows=[
            (name, _NAMES[one.outcome], _minutes(one), _amount(one), _bonus(visitor, one), one)
            for name, one in rows
        ],
        here=[
            (one.person.name, f"{one.seconds / 3600:.1f}", str(one.money), _day(one), one.silent)
            for one in here
        ],
        totals=_totals([payment for _, payment in rows]),
        hours=f"{sum(payment.seconds for payment in paid) / 3600:.1f}",
        per_hour=_per_hour(paid),
        floor=str(money(Decimal(repr(floor.amount)), floor.currency)) if floor else None,
        bonuses=visitor.served.prolific is not None,
        download=f"{visitor.base}/study/pay.csv",
    )


def _day(one: Here) -> str:
    return datetime.fromtimestamp(one.seen, UTC).strftime("%Y-%m-%d %H:%M")


def _minutes(payment: Payment) -> str:
    return f"{payment.seconds / 60:.0f}"


def _amount(payment: Payment) -> str:
    return str(Money(payment.amount, payment.currency)) if payment.amount else "nothing"


def _bonus(visitor: Visitor, payment: Payment) -> str:
    """What the time is worth beyond what Prolific pays by itself, where that is known."""
    spec = visitor.served.study.arrival.platform
    if not isinstance(spec, ProlificSpec) or payment.visit == 0 or not payment.amount:
        return ""
    share = 1.0 if payment.outcome == "complete" else 0.0
    if spec.reward is None or (share == 0.0 and not spec.early_exit_dynamic):
        return "unknown"
    reward = money(Decimal(repr(spec.reward)), payment.currency).minor
    paid = reward if share else min(payment.amount, reward * 99 // 100)
    return str(Money(max(0, payment.amount - paid), payment.currency))


def _totals(rows: list[Payment]) -> dict[str, tuple[int, str]]:
    """Payments of each state: how many, and how much in all."""
    out = {}
    for state in ("told", "owed", "failed"):
        ours = [one for one in rows if one.state == state]
        sums = [
            str(Money(sum(one.amount for one in ours if one.currency == currency), currency))
            for currency in sorted({one.currency for one in ours if one.amount})
        ]
        out[state] = (len(ours), " and ".join(sums) or "nothing")
    return out


def _per_hour(paid: list[Payment]) -> str | None:
    """What an hour was paid; of the newest currency alone, where the study has had several."""
    if not paid:
        return None
    currency = paid[-1].currency
    ours = [one for one in paid if one.currency == currency]
    hours = Decimal(repr(sum(one.seconds for one in ours))) / 3600
    return str(Money(round(sum(one.amount for one in ours) / hours), currency))


@router.post("/{study}/study/pay/{payment}")
async def change(
    visitor: Owner,
    payment: Annotated[int, Path(ge=1, le=2**31 - 1)],
    act: Annotated[Literal["again", "by hand"], Form()],
) -> Response:
    """Tell the platform again, or say that somebody was paid by hand."""
    kept = visitor.serving.payments
    how = kept.again if act == "again" else kept.by_hand
    by = visitor.somebody.login or visitor.somebody.name
    await asyncio.to_thread(how, visitor.served.id, payment, by=by)
    return go(visitor, "/study/pay")


@router.post("/{study}/study/pay/silent/{name}")
async def settle(visitor: Owner, name: Annotated[str, Path(max_length=64)]) -> Response:
    """End the visit of somebody who has been silent for long: as an early exit, paid for the time.

    :raises Refused: they have left, or were here lately.
    """
    serving, served = visitor.serving, visitor.served
    here = await still_here(serving, served)
    one = next((one for one in here if one.person.name == name and one.silent), None)
    if one is None:
        raise Refused(409, "They have left, are paused, or were here in the last seven days.")
    by = visitor.somebody.login or visitor.somebody.name
    await asyncio.to_thread(serving.audit.add, served.id, by, "ended the visit of", name)
    await end_visit(serving, served, one.person, "early_exit")
    return go(visitor, "/study/pay")


@router.get("/{study}/study/pay.csv")
async def download(visitor: Owner) -> Response:
    """The same as a table; noted in the audit before it leaves."""
    served, owner = visitor.served, visitor.somebody
    rows = await asyncio.to_thread(visitor.serving.payments.of_study, served.id)
    by = owner.login or owner.name
    note = visitor.serving.audit.add
    await asyncio.to_thread(note, served.id, by, "exported", "payments", rows=len(rows))
    table: list[tuple[object, ...]] = [
        (
            *(name, one.outcome, _minutes(one), *_plain(one), _bonus(visitor, one)),
            *(one.code, one.state, one.detail, one.at),
        )
        for name, one in rows
    ]
    table += [
        (
            *(one.person.name, _OPEN, f"{one.seconds / 60:.0f}", *str(one.money).split()),
            *("", "", _OPEN, "", _day(one)),
        )
        for one in await still_here(visitor.serving, served)
    ]
    return Response(
        csv_text(_CSV, table),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{served.study.name}-pay.csv"'},
    )


def _plain(payment: Payment) -> tuple[str, str]:
    number, currency = str(Money(payment.amount, payment.currency)).split()
    return number, currency
