"""A person's way through a study, rebuilt from the steps that they took.

A step says what somebody did; where they are follows. Nothing else is kept, so a page, a test and
another worker all find a person at the same place, whatever was restarted in between.

    consent → topics → demographics → [ before → brief → dialogues → rest → after ] → [ … ] → …

* Consent comes first; whoever says no is done, and is thanked. Attacking and reviewing each have a
  consent of their own: who agreed to one is asked for the other when they come to it, and saying no
  to that leaves the first standing.
* Topics can be opted out of at any moment after that: the newest answer holds.
* Demographics are asked once and may be left out; the answers are kept elsewhere.
* A task is what stands in brackets. Its dialogues are counted by whoever keeps them, and handed in.
* Every so many tasks a survey follows; feelings themselves are kept elsewhere.
* Leaving early ends everything from anywhere.

Pure: no clock, no store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from gadfly.errors import InvalidEvent
from gadfly.records.canonical import Record

__all__ = [
    "Consented",
    "Felt",
    "Journey",
    "Left",
    "Passed",
    "Place",
    "Step",
    "Task",
    "TopicsChosen",
    "read_step",
    "travelled",
]

Place = Literal[
    "consent",
    "topics",
    "demographics",
    "before",
    "brief",
    "dialogues",
    "rest",
    "after",
    "survey",
    "between",
    "declined",
    "left",
]
"""Where a person is; "between" is between two tasks."""
Task = Literal["attack", "review"]
"""What a person agrees to do."""
_OVER = ("declined", "left")


class Consented(Record):
    """The person read the consent and answered it."""

    type: Literal["consented"] = "consented"
    task: Task = "attack"
    """What the person was asked to do."""
    agreed: bool
    adult: bool
    """They say that they are an adult."""
    texts: tuple[str, ...]
    """Labels of the texts that they were shown."""
    follow_up: bool = False
    """They may be asked again weeks later."""


class TopicsChosen(Record):
    """The person said which topics they do not want to meet; the newest answer holds."""

    type: Literal["topics"] = "topics"
    avoid: tuple[str, ...]
    """Ids of topics."""


class Felt(Record):
    """The person was asked how they feel; what they answered is kept elsewhere."""

    type: Literal["felt"] = "felt"
    moment: Literal["before", "after", "survey"]
    answered: bool
    """They answered, rather than passing on."""


class Passed(Record):
    """The person went on from a page that asks for nothing that is kept here."""

    type: Literal["passed"] = "passed"
    place: Literal["demographics", "brief", "dialogues", "rest", "between"]


class Left(Record):
    """The person ended their part, paid for the time so far."""

    type: Literal["left"] = "left"


Step = Annotated[
    Consented | TopicsChosen | Felt | Passed | Left,
    Field(discriminator="type"),
]
_ADAPTER: TypeAdapter[Step] = TypeAdapter(Step)


def read_step(body: bytes | str) -> Step:
    """The step of a stored canonical text."""
    return _ADAPTER.validate_json(body)


@dataclass(frozen=True)
class Journey:
    """A person between two steps."""

    survey_every: int
    """After how many tasks the survey is asked."""
    place: Place = "consent"
    task: int = 1
    """Number of the task that they are in, or go into next, from 1."""
    avoid: tuple[str, ...] = ()
    """Topics that they opted out of."""
    agreed: frozenset[Task] = frozenset()
    """What they agreed to do."""
    follow_up: bool = False
    """They may be asked again weeks later."""
    taken: int = 0
    """Steps so far."""

    @property
    def over(self) -> bool:
        """Whether nothing more is asked of this person."""
        return self.place in _OVER

    @property
    def done(self) -> int:
        """Tasks that are over."""
        return self.task - 1 if self.place != "between" else self.task

    def after(self, step: Step) -> Journey:
        """Where the person is after one more step.

        :raises InvalidEvent: it does not belong here.
        """
        taken = replace(self, taken=self.taken + 1)
        if self.over:
            raise InvalidEvent(f"{step.type}: this person's part is over ({self.place})")
        if isinstance(step, Left):
            return replace(taken, place="left")
        if isinstance(step, Consented):
            return self._consented(step)
        if isinstance(step, TopicsChosen):
            return self._chose(step)
        expected = step.moment if isinstance(step, Felt) else step.place
        if expected != self.place:
            raise InvalidEvent(f"{step.type}: the person is at {self.place}, not at {expected}")
        if self.place == "between":
            return replace(taken, place="before", task=self.task + 1)
        return replace(taken, place=self._next())

    def _consented(self, step: Consented) -> Journey:
        if step.task in self.agreed:
            raise InvalidEvent("consented: that was answered already")
        if step.agreed and not step.adult:
            raise InvalidEvent("consented: only adults may take part")
        place = self.place
        if place == "consent":
            place = "topics" if step.agreed else "declined"
        if not step.agreed:
            return replace(self, place=place, taken=self.taken + 1)
        return replace(
            self,
            place=place,
            agreed=self.agreed | {step.task},
            follow_up=self.follow_up or step.follow_up,
            taken=self.taken + 1,
        )

    def _chose(self, step: TopicsChosen) -> Journey:
        if self.place == "consent":
            raise InvalidEvent("topics: the consent comes first")
        place: Place = "demographics" if self.place == "topics" else self.place
        return replace(self, place=place, avoid=step.avoid, taken=self.taken + 1)

    def _next(self) -> Place:
        follows: dict[Place, Place] = {
            "demographics": "before",
            "before": "brief",
            "brief": "dialogues",
            "dialogues": "rest",
            "rest": "after",
            "after": "survey" if self.task % self.survey_every == 0 else "between",
            "survey": "between",
        }
        return follows[self.place]


def travelled(steps: Iterable[Step], *, survey_every: int) -> Journey:
    """Where a person is after these steps."""
    journey = Journey(survey_every)
    for step in steps:
        journey = journey.after(step)
    return journey
