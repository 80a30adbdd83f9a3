"""Where somebody stands: their way so far, what they may still do today, what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

from gadfly.care.journey import Journey, Step, read_step, travelled
from gadfly.care.limits import WEEK, Piece, Verdict, verdict
from gadfly.care.pay import money
from gadfly.care.settings import Limits
from gadfly.care.wording import care_facts
from gadfly.errors import ProgrammerError
from gadfly.records.canonical import canonical_json
from gadfly.store.work import Activity, May, Stretch
from gadfly.web.access import Refused, Visitor
from gadfly.web.serving import Served

__all__ = ["counts", "facts", "journey_of", "may_go_on", "stays_on", "take", "told", "within"]

_TO_FINISH, _TO_WRITE = 15, 60  # minutes
_UNCOUNTED = {"dialogues_per_day": 500, "dialogues_per_week": 2500, "severe_per_day": 500}


async def journey_of(visitor: Visitor) -> Journey:
    """A person's way, from their stored steps."""
    bodies = await asyncio.to_thread(visitor.serving.people.steps, visitor.somebody)
    every = visitor.served.study.care.survey_every
    return travelled([read_step(body) for body in bodies], survey_every=every)


async def take(visitor: Visitor, journey: Journey, step: Step) -> Journey:
    """One step further; a step that somebody sends twice is taken once.

    :raises InvalidEvent: the step does not belong here.
    """
    after = journey.after(step)
    body = canonical_json(step).decode()
    add = visitor.serving.people.add_step
    kept = await asyncio.to_thread(add, visitor.somebody, journey.taken, body)
    return after if kept else await journey_of(visitor)


async def may_go_on(visitor: Visitor, *, may_be_severe: bool = True) -> Verdict:
    """Whether the person may begin another dialogue, by all their work on this server."""
    return await _verdict(visitor, counted=True, may_be_severe=may_be_severe)


def within(visitor: Visitor) -> May:
    """The same, asked in the moment in which a dialogue begins.

    What it returns raises :class:`Refused` where one more is too much.

    :raises Refused: their work is paused.
    """
    person, limits = visitor.somebody, visitor.served.study.care.limits
    if person.state == "paused":
        raise Refused(409, person.because or "Your work is paused.")

    def may(stretches: Sequence[Stretch], now: float) -> None:
        said = verdict(limits, _pieces(stretches), now=now)
        if not said.may_go_on:
            raise Refused(409, said.sentence)

    return may


def _pieces(stretches: Sequence[Stretch]) -> list[Piece]:
    """Work, without the time for letters: to write to care in a break makes no pause longer."""
    worked = (s for s in stretches if s.activity != "other")
    return [Piece(s.began, s.ended, s.dialogues, s.severe) for s in worked]


async def stays_on(visitor: Visitor) -> None:
    """Stop somebody in the middle of a dialogue whose time is up; its rating stays possible.

    :raises Refused: it is.
    """
    said = await _verdict(visitor, counted=False, may_be_severe=False)
    if not said.may_go_on:
        raise Refused(409, f"{said.sentence} You can still finish this dialogue, or leave it.")


async def counts(visitor: Visitor, activity: Activity) -> bool:
    """Whether a sign of life makes the person's time longer: not beyond their limits, but for some
    minutes in which a dialogue can be finished, and more for letters, which are paid in a pause
    too. Signs alone would else be paid around the clock.
    """
    if activity != "other":
        said = await _verdict(visitor, counted=False, may_be_severe=False, more=_TO_FINISH)
        return said.reason not in ("day", "week")
    now, work = visitor.serving.work.now(), visitor.serving.work
    stretches = await asyncio.to_thread(work.everywhere, visitor.somebody, since=now - WEEK)
    limits = _uncounted(visitor.served.study.care.limits, _TO_WRITE)
    said = verdict(limits, [Piece(s.began, s.ended) for s in stretches], now=now)
    return said.reason not in ("day", "week")


def _uncounted(limits: Limits, more: int) -> Limits:
    """Limits of minutes alone, of so many more."""
    minutes = {
        "minutes_per_day": limits.minutes_per_day + more,
        "minutes_per_week": limits.minutes_per_week + more,
    }
    return limits.model_copy(update=_UNCOUNTED | minutes)


async def _verdict(
    visitor: Visitor, *, counted: bool, may_be_severe: bool, more: int = 0
) -> Verdict:
    """:param more: minutes beyond those of a day and a week."""
    person, limits = visitor.somebody, visitor.served.study.care.limits
    if person.state == "paused":
        return Verdict("day", None, person.because or "Your work is paused.")
    now = visitor.serving.work.now()
    everywhere = visitor.serving.work.everywhere
    stretches = await asyncio.to_thread(everywhere, person, since=now - WEEK)
    pieces = _pieces(stretches)
    if not counted:
        limits = _uncounted(limits, more)
    return verdict(limits, pieces, now=now, may_be_severe=may_be_severe)


def told(served: Served, place: str) -> str:
    """One of the study's texts with its facts, as Markdown."""
    text = served.open.file.texts.get(place)
    if text is None:
        raise ProgrammerError(f"the study {served.study.name} has no text {place}")
    return text.filled(facts(served))


def facts(served: Served) -> Mapping[str, str]:
    """What the texts of a study may name."""
    study, launch = served.study, served.study.launch
    floor = launch.pay_floor
    rate = Decimal(repr(study.care.pay.rate(floor.amount))) if floor else Decimal(0)
    return {
        "title": study.title,
        "purpose": study.purpose,
        "contact": launch.contact or "the people who invited you",
        "ethics": launch.ethics_reference or "none stated",
        "task_size": str(study.task_size),
        "review_task_size": str(study.review.task_size),
        "pay": str(money(rate, floor.currency)) if floor else "Nothing is paid",
        **care_facts(study.care),
    }
