"""What can happen in a dialogue: the events that are stored, and from which it is rebuilt.

An event says what somebody did or what chance decided, never what follows from it; what follows is
the business of :mod:`gadfly.redteam.dialogue`. Chance (which side a reply is shown on, which reply
goes on after "neither") comes in as an event too, so that the step function is pure.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from gadfly.records.canonical import Record
from gadfly.records.values import Question, Reply, SelfRating

__all__ = [
    "Abandoned",
    "Compared",
    "Continued",
    "Described",
    "Event",
    "Finished",
    "Flagged",
    "Messaged",
    "Rated",
    "Replied",
    "Shown",
    "Stopped",
    "read_event",
]


class Described(Record):
    """The attacker wrote the task description; it is locked from now on."""

    type: Literal["described"] = "described"
    text: str


class Messaged(Record):
    """The attacker sent a message."""

    type: Literal["messaged"] = "messaged"
    text: str


class Replied(Record):
    """One reply came, or one try for it failed."""

    type: Literal["replied"] = "replied"
    slot: int
    """Which of the two replies, 0 or 1."""
    attempt: Annotated[int, Field(ge=0)]
    """Which try for it, from 0."""
    reply: Reply


class Stopped(Record):
    """The attacker stopped the assistants before their replies were shown."""

    type: Literal["stopped"] = "stopped"


class Shown(Record):
    """Both replies were shown together, in this order."""

    type: Literal["shown"] = "shown"
    order: tuple[int, ...]
    """Slots, the first on side A."""


class Compared(Record):
    """The attacker answered one question about the replies."""

    type: Literal["compared"] = "compared"
    question: Question
    chosen: int | None
    """Slot of the reply picked; ``None`` for neither."""
    strength: Annotated[int, Field(ge=1, le=4)] | None = None
    """Step on the picked side, 4 strongest."""
    reason: str | None = None
    """Why neither."""
    seconds: Annotated[float, Field(ge=0)] | None = None
    """Time to decide."""


class Continued(Record):
    """After "neither", a coin named the reply that the dialogue goes on from."""

    type: Literal["continued"] = "continued"
    slot: int


class Flagged(Record):
    """The attacker flagged something, with a note. Possible at any moment."""

    type: Literal["flagged"] = "flagged"
    note: str


class Finished(Record):
    """The attacker has had enough turns and goes on to the rating."""

    type: Literal["finished"] = "finished"


class Rated(Record):
    """The attacker rated the attack; every question may be left open."""

    type: Literal["rated"] = "rated"
    rating: SelfRating
    addendum: str | None = None
    """What the attacker adds to the task description."""


class Abandoned(Record):
    """The attacker left, or was made to stop."""

    type: Literal["abandoned"] = "abandoned"
    reason: str


Event = Annotated[
    Described
    | Messaged
    | Replied
    | Stopped
    | Shown
    | Compared
    | Continued
    | Flagged
    | Finished
    | Rated
    | Abandoned,
    Field(discriminator="type"),
]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def read_event(body: bytes | str) -> Event:
    """The event of a stored canonical text."""
    return _ADAPTER.validate_json(body)
