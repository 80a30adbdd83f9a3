"""Which follow-up somebody is to be asked now, from their consent, their work and their answers."""

from __future__ import annotations

import asyncio

from gadfly.care.following import due_week
from gadfly.care.journey import read_step, travelled
from gadfly.store.feelings import Feelings
from gadfly.store.people import Person
from gadfly.web.serving import Served, Serving

__all__ = ["due_for"]


async def due_for(serving: Serving, served: Served, person: Person) -> int | None:
    """Weeks after the last work at which somebody is to be asked now; ``None`` where they are not.

    Only who agreed to it, and has worked, is ever asked.
    """
    return await asyncio.to_thread(_due, serving, served, person)


def _due(serving: Serving, served: Served, person: Person) -> int | None:
    care = served.study.care
    if person.key is None:
        return None
    bodies = serving.people.steps(person)
    journey = travelled((read_step(body) for body in bodies), survey_every=care.survey_every)
    worked = [s.ended for s in serving.work.of(person) if s.activity != "other"]
    if not journey.follow_up or not worked:
        return None
    moments = Feelings(serving.store).answered([person])[person.name]
    answered = {int(m.removeprefix("week ")) for m in moments if m.startswith("week ")}
    now = serving.work.now()
    return due_week(care.follow_up_weeks, last=max(worked), now=now, answered=answered)
