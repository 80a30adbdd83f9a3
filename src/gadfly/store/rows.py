"""What goes into the store and comes out of it, as values."""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.records.values import Ending, TeamType, Usage

__all__ = [
    "Counts",
    "Held",
    "NewEvent",
    "Spent",
    "StoredAttack",
    "StoredProbe",
    "StoredProtocol",
    "StoredScores",
]


@dataclass(frozen=True)
class Counts:
    """Attacks of a study so far, for whoever assigns the next."""

    number: int
    """Number that the next attack gets, from 1."""
    by_arm: dict[str, int]
    """Attacks assigned to each arm."""
    by_arm_of_member: dict[str, int]
    """Those of the member who is to attack now."""


@dataclass(frozen=True)
class StoredAttack:
    """One attack's row."""

    id: int
    number: int
    protocol_hash: str
    member: str
    arm: str
    assignment: str
    """Canonical JSON of the assignment."""
    assigned_at: str
    ending: Ending | None
    ended_at: str | None
    person_id: str | None = None
    """Of a person's attack."""
    task: int | None = None
    """Task of that person in which it was made, from 1."""
    brief: str | None = None
    """Label of the brief that the person was shown."""
    team_type: TeamType | None = None
    """Of the person, where it is not the study's."""
    quarantined_at: str | None = None
    """Since when nobody but the named roles may see it."""
    withdrawn_at: str | None = None
    """When its person withdrew it; its text is gone."""


@dataclass(frozen=True)
class Held:
    """An attack that a runner may drive."""

    attack: StoredAttack
    begun: bool
    """It was open already; its events say how far it came."""


@dataclass(frozen=True)
class Spent:
    """What one member's attacks on one arm have cost under one version of the protocol, or what
    harmless requests have.
    """

    protocol_hash: str
    arm: str
    member: str | None
    """``None`` for harmless requests, which no member makes."""
    usage: Usage


@dataclass(frozen=True)
class NewEvent:
    """One event to keep."""

    attack_id: int
    number: int
    """Its place in the dialogue, from 0."""
    body: str
    """Its canonical JSON."""
    ending: Ending | None = None
    """Set where this event ends the dialogue."""
    usage: Usage | None = None
    """What it cost."""


@dataclass(frozen=True)
class StoredProtocol:
    """One version of a study's protocol."""

    version: int
    protocol_hash: str
    body: str


@dataclass(frozen=True)
class StoredScores:
    """Scores of one attack to keep."""

    attack_id: int
    scorer: str
    version: str
    body: str
    """Canonical JSON of the scores."""


@dataclass(frozen=True)
class StoredProbe:
    """One arm's reply to one harmless request."""

    protocol_hash: str
    """Version of the protocol under which it was asked."""
    arm: str
    number: int
    """Place of the request in its list, from 1."""
    body: str | None
    """Canonical JSON of the reply; ``None`` to book what was paid for one that never came."""
