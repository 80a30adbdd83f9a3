"""Ending a visit: what is owed is reckoned from the work, kept, and told to the platform.

What somebody asks for decides nothing: without a consent the outcome is "no_consent" and pays
nothing, and "complete" needs a whole task: each of its dialogues came to its end with as many turns
as the pages state (``Dialogue.whole``), or was reported. Whoever asks for it without has left
early, and is paid for the time. The amount is that of all their work in the study
(:func:`gadfly.care.pay.owed`), never less than the floor allows.

First it is kept, then Prolific is told, by this request if it is quick and otherwise by whichever
process looks next (:func:`paying`); asking Prolific twice is harmless. A failure that may pass is
tried again, later each time; any other waits for the owner.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal

import orjson

from gadfly.care.journey import Journey, Left, read_step, travelled
from gadfly.care.limits import Piece
from gadfly.care.pay import Money, money, owed, paid_seconds
from gadfly.errors import GadflyError
from gadfly.records.values import VisitEnd
from gadfly.redteam.events import Abandoned
from gadfly.store.payments import Due, Payment
from gadfly.store.people import Person
from gadfly.store.rows import StoredAttack
from gadfly.web.platforms.arrival import PlatformProblem, new_code
from gadfly.web.platforms.prolific import NAME as PROLIFIC
from gadfly.web.serving import Served, Serving

__all__ = [
    "NO_MONEY",
    "SILENT",
    "Here",
    "end_lingering",
    "end_visit",
    "paying",
    "still_here",
    "tell_due",
    "way_of",
]

NO_MONEY = "XXX"
"""ISO 4217's currency where there is none: a study that pays nobody."""
SILENT = 7 * 24 * 3600.0
"""Seconds without a sign of life after which an owner can end somebody's visit."""
_LOG = logging.getLogger(__name__)
_PATIENCE = 6.0  # seconds that a page waits for Prolific
_HOLD = 240.0  # longer than the client ever tries; whoever held it has died
_AGAIN = 60.0  # seconds until the second try; doubles
_AGAIN_MOST = 3600.0


@dataclass(frozen=True)
class Here:
    """Somebody who has worked and not left, perhaps because they closed the page for good."""

    person: Person
    seconds: float
    """That would be paid today."""
    money: Money
    """What they would be owed today."""
    seen: float
    """When they last gave a sign of life, seconds since 1970."""
    silent: bool
    """It is longer ago than :data:`SILENT`, and nobody paused them."""


async def still_here(serving: Serving, served: Served) -> list[Here]:
    """Everybody who has worked and not left, in the order in which they came."""
    paid = await asyncio.to_thread(serving.payments.of_study, served.id)
    settled = {name for name, payment in paid if payment.outcome != "failed_check"}
    work = await asyncio.to_thread(serving.work.of_everybody, served.id)
    now, out = serving.work.now(), []
    for one in await asyncio.to_thread(serving.people.of_study, served.id):
        here = one.state in ("active", "paused") and one.name not in settled
        if not here or one.id not in work:
            continue
        outcome = await _outcome(serving, served, one, "early_exit")
        seconds, amount = await _reckoned(serving, served, one, outcome)
        seen = max(stretch.ended for stretch in work[one.id])
        silent = one.state == "active" and now - seen > SILENT
        out.append(Here(one, seconds, amount, seen, silent))
    return out


async def way_of(serving: Serving, served: Served, person: Person) -> Journey:
    """Somebody's way until they left, if they have."""
    bodies = await asyncio.to_thread(serving.people.steps, person)
    steps = [read_step(body) for body in bodies]
    if steps and isinstance(steps[-1], Left):
        steps.pop()
    return travelled(steps, survey_every=served.study.care.survey_every)


async def end_visit(
    serving: Serving,
    served: Served,
    person: Person,
    asked: VisitEnd,
    *,
    visit: int | None = None,
) -> Payment:
    """End somebody's visit with what is owed for it; asked again, the first end stands.

    :param asked: what it is to be; what was really done decides.
    :param visit: the visit; the one that counts where left out.
    """
    if visit is None:
        counting = await asyncio.to_thread(serving.arrivals.visit, person)
        visit = counting.id if counting else 0
    outcome = asked if asked == "failed_check" else await _outcome(serving, served, person, asked)
    seconds, amount = await _reckoned(serving, served, person, outcome)
    tells = served.prolific is not None and visit != 0
    by_hand = visit == 0 and amount.minor > 0
    payment, first = await asyncio.to_thread(
        serving.payments.settle,
        person,
        visit,
        outcome,
        seconds=seconds,
        amount=amount.minor,
        currency=amount.currency,
        code=new_code(),
        state="owed" if tells or by_hand else "told",
        hold=0.0,
    )
    if first and tells:
        with suppress(TimeoutError):  # whoever looks next tells
            async with asyncio.timeout(_PATIENCE):
                await tell_due(serving, served)
    return await asyncio.to_thread(serving.payments.of, person) or payment


async def _outcome(serving: Serving, served: Served, person: Person, asked: VisitEnd) -> VisitEnd:
    """What a visit really was."""
    way = await way_of(serving, served, person)
    if not way.agreed:
        return "no_consent"
    if asked != "complete":
        return "early_exit"
    mine = await asyncio.to_thread(served.sitting.kept.of, person)
    for task in range(1, way.done + 1):
        if await _is_whole(served, [attack for attack in mine if attack.task == task]):
            return "complete"
    return "early_exit"


async def _is_whole(served: Served, task: list[StoredAttack]) -> bool:
    """Whether nothing of a task was left; it has fewer dialogues where the study needs no more."""
    ended = [one for one in task if one.quarantined_at is None]
    stands = [await served.sitting.stand(one) for one in ended]
    return bool(task) and all(stand.dialogue.whole for stand in stands)


async def _reckoned(
    serving: Serving, served: Served, person: Person, outcome: VisitEnd
) -> tuple[float, Money]:
    floor, care = served.study.launch.pay_floor, served.study.care
    if outcome in ("no_consent", "failed_check"):
        return 0.0, Money(0, floor.currency if floor else NO_MONEY)
    stretches = await asyncio.to_thread(serving.work.of, person)
    seconds = paid_seconds(care.limits, [Piece(s.began, s.ended) for s in stretches])
    if floor is None:
        return seconds, Money(0, NO_MONEY)
    return seconds, owed(care.pay, seconds, floor=floor.amount, currency=floor.currency)


async def tell_due(serving: Serving, served: Served) -> None:
    """Tell Prolific of every payment that is due."""
    payments = serving.payments
    while served.prolific is not None:
        due = await asyncio.to_thread(payments.due, served.id, PROLIFIC, hold=_HOLD)
        if due is None:
            return
        payment = due.payment
        try:
            await _tell(served, due)
        except PlatformProblem as problem:
            _LOG.warning("payment %d: %s", payment.id, problem)
            if not problem.passing:
                await asyncio.to_thread(payments.failed, payment.id, str(problem))
                continue
            wait = min(_AGAIN * 2**payment.tries, _AGAIN_MOST)
            await asyncio.to_thread(payments.put_off, payment.id, wait, str(problem))
        except asyncio.CancelledError:  # the page would wait no longer, or the site stops
            await asyncio.to_thread(payments.put_off, payment.id, _AGAIN, "told too slowly")
            raise
        else:
            await asyncio.to_thread(payments.told, payment.id)


async def _tell(served: Served, due: Due) -> None:
    client, payment = served.prolific, due.payment
    if client is None or due.body is None:
        what = "its person has withdrawn, and their id on Prolific with them"
        raise PlatformProblem(what, passing=False)
    share, reward = 1.0, client.spec.reward
    if reward is not None:
        share = payment.amount / money(Decimal(repr(reward)), payment.currency).minor
    await client.finish(orjson.loads(due.body)["submission"], payment.outcome, share=share)


async def end_lingering(serving: Serving, served: Served) -> None:
    """Abandon what people who have left still have open."""
    left = await asyncio.to_thread(serving.arrivals.lingering, served.id)
    for attack, person in left:
        stand = await served.sitting.stand(attack)
        event = Abandoned(reason="the member left the study")
        await served.sitting.act(attack, person, stand, stand.number, event)


@asynccontextmanager
async def paying(serving: Serving) -> AsyncIterator[None]:
    """See to what others left undone, while the site is up."""
    seeing = asyncio.create_task(_see_to_all(serving))
    try:
        yield
    finally:
        seeing.cancel()
        with suppress(asyncio.CancelledError):
            await seeing


async def _see_to_all(serving: Serving) -> None:
    while True:
        for served in serving.studies.values():
            for see_to in (end_lingering, tell_due):
                try:
                    await see_to(serving, served)
                except GadflyError as error:  # the next round may find it mended
                    _LOG.warning("%s: %s", served.study.name, error)
        await asyncio.sleep(serving.lease / 3)
