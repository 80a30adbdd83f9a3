"""What people are owed for a visit, and whether whoever pays has been told.

A visit ends once, with one outcome and one amount: of two tabs, workers or clicks the first one is
kept, and the others are told what it said. A row is owed until the platform was told of it (or, for
somebody who came by no platform, until the owner has paid by hand), or until it turns out that
telling is of no use: then it has failed, and is paid by hand. Whoever tells holds the row for some
seconds (``try_at``); if they die, the next one tells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import insert, select, update

from gadfly.errors import PersonError
from gadfly.records.values import VisitEnd
from gadfly.store.audit import SYSTEM, note, timestamp
from gadfly.store.database import clock
from gadfly.store.people import Person, lock_person, set_state
from gadfly.store.site_tables import arrivals, payments, people
from gadfly.store.store import Part

__all__ = ["Due", "Payment", "PaymentState", "Payments"]

PaymentState = Literal["owed", "told", "failed"]


@dataclass(frozen=True)
class Payment:
    """What is owed for one visit."""

    id: int
    visit: int
    """Of :class:`~.arrivals.Visit`; 0 where the person came by no platform."""
    outcome: VisitEnd
    seconds: float
    """That are paid."""
    amount: int
    """In the currency's smallest unit."""
    currency: str
    """Three letters; XXX where nothing is paid in this study."""
    code: str
    """Ours, by which a person or their platform shows that this work was theirs."""
    state: PaymentState
    detail: str | None
    """Why it failed, or who paid by hand."""
    tries: int
    """How often the platform was told in vain."""
    at: str


@dataclass(frozen=True)
class Due:
    """A payment of which a platform is to be told."""

    payment: Payment
    body: str | None = field(repr=False)
    """The platform's own ids, as they were handed in; ``None`` where their person has withdrawn."""


_COLUMNS = [payments.c[name] for name in Payment.__dataclass_fields__]


class Payments(Part):
    """The payments of the studies of one database."""

    def settle(
        self,
        person: Person,
        visit: int,
        outcome: VisitEnd,
        *,
        seconds: float,
        amount: int,
        currency: str,
        code: str,
        state: PaymentState,
        hold: float,
    ) -> tuple[Payment, bool]:
        """End a visit with what is owed for it, unless it has ended; and whether it was this call.

        :param hold: seconds for which the caller alone tells the platform.
        """
        this = payments.c.person_id == person.id, payments.c.visit == visit
        with self._writing() as c:
            lock_person(c, person.id)
            there = c.execute(select(*_COLUMNS).where(*this)).first()
            if there is not None:
                return Payment(*there), False
            row = {
                "person_id": person.id,
                "visit": visit,
                "outcome": outcome,
                "seconds": seconds,
                "amount": amount,
                "currency": currency,
                "code": code,
                "state": state,
                "try_at": clock(c) + hold,
                "at": timestamp(),
            }
            made = c.execute(insert(payments).values(row).returning(*_COLUMNS)).one()
            here = arrivals.c.id == visit, arrivals.c.state == "here"
            c.execute(update(arrivals).where(*here).values(state="finished"))
            set_state(c, person, "left", by=SYSTEM, because=person.because)
            owes = {"outcome": outcome, "amount": amount, "currency": currency}
            note(c, person.study_id, SYSTEM, "owes", person.name, **owes)
            return Payment(*made), True

    def of(self, person: Person) -> Payment | None:
        """What somebody is owed for the visit that counts: their first that ended with an outcome.

        Failed checks on arrival are of visits that were not let in.
        """
        mine = payments.c.person_id == person.id, payments.c.outcome != "failed_check"
        query = select(*_COLUMNS).where(*mine).order_by(payments.c.id.desc()).limit(1)
        with self._reading() as c:
            row = c.execute(query).first()
            return None if row is None else Payment(*row)

    def due(self, study_id: int, platform: str, *, hold: float) -> Due | None:
        """One payment of which the platform is to be told, held for so many seconds."""
        columns = [*_COLUMNS, arrivals.c.body, people.c.data_key]
        with self._writing() as c:
            now = clock(c)
            query = (
                select(*columns)
                .join(arrivals, arrivals.c.id == payments.c.visit)
                .join(people, people.c.id == payments.c.person_id)
                .where(
                    people.c.study_id == study_id,
                    arrivals.c.platform == platform,
                    payments.c.state == "owed",
                    payments.c.try_at <= now,
                )
                .order_by(payments.c.try_at)
                .limit(1)
                .with_for_update(of=payments, skip_locked=True)
            )
            row = c.execute(query).first()
            if row is None:
                return None
            this = payments.c.id == row.id
            c.execute(update(payments).where(this).values(try_at=now + hold))
        body = None if row.data_key is None else self._store.vault.open(row.data_key, row.body)
        return Due(Payment(*row[:-2]), body)

    def told(self, payment_id: int) -> None:
        """The platform knows."""
        self._set(payment_id, state="told", detail=None)

    def failed(self, payment_id: int, detail: str) -> None:
        """Telling is of no use until somebody mends something."""
        self._set(payment_id, state="failed", detail=detail)

    def put_off(self, payment_id: int, seconds: float, detail: str) -> None:
        """It could not be told now."""
        with self._reading() as c:
            later = clock(c) + seconds
        self._set(payment_id, tries=payments.c.tries + 1, try_at=later, detail=detail)

    def _set(self, payment_id: int, **values: Any) -> None:
        this = payments.c.id == payment_id, payments.c.state == "owed"
        with self._writing() as c:
            c.execute(update(payments).where(*this).values(values))

    # The owner's view

    def of_study(self, study_id: int) -> list[tuple[str, Payment]]:
        """Every payment with its person's pseudonym, in the order in which they left."""
        query = (
            select(people.c.name, *_COLUMNS)
            .join(people, people.c.id == payments.c.person_id)
            .where(people.c.study_id == study_id)
            .order_by(payments.c.id)
        )
        with self._reading() as c:
            return [(row[0], Payment(*row[1:])) for row in c.execute(query)]

    def again(self, study_id: int, payment_id: int, *, by: str) -> None:
        """Tell the platform once more of one that failed.

        :raises PersonError: there is no such payment, or it has not failed.
        """
        values = {"state": "owed", "try_at": 0.0, "tries": 0, "detail": None}
        self._change(study_id, payment_id, ("failed",), values, by, "tells again")

    def by_hand(self, study_id: int, payment_id: int, *, by: str) -> None:
        """The owner has paid; nothing more is told.

        :raises PersonError: there is no such payment, or it is paid for.
        """
        values = {"state": "told", "detail": f"paid by hand ({by})"}
        self._change(study_id, payment_id, ("owed", "failed"), values, by, "paid by hand")

    def _change(
        self,
        study_id: int,
        payment_id: int,
        states: tuple[PaymentState, ...],
        values: dict[str, Any],
        by: str,
        what: str,
    ) -> None:
        ours = payments.c.person_id.in_(select(people.c.id).where(people.c.study_id == study_id))
        this = payments.c.id == payment_id, payments.c.state.in_(states), ours
        with self._writing() as c:
            if c.execute(update(payments).where(*this).values(values)).rowcount == 0:
                raise PersonError(
                    f"payment {payment_id} is not {' or '.join(states)} in this study (any more)"
                )
            note(c, study_id, by, what, f"payment {payment_id}")
