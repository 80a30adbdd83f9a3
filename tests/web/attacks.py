"""Attacks that are over, put into the store of a site event by event, as a person's dialogue is."""

from __future__ import annotations

from gadfly.records.canonical import canonical_json
from gadfly.records.values import Assignment, Ending, Reply, SelfRating
from gadfly.redteam.events import (
    Abandoned,
    Compared,
    Described,
    Event,
    Finished,
    Flagged,
    Messaged,
    Rated,
    Replied,
    Shown,
)
from gadfly.store.people import Person
from gadfly.store.rows import StoredAttack
from gadfly.store.sittings import Sittings
from gadfly.store.store import Store

ARM = "plain lm tiny"


def put_attack(
    store: Store,
    person: Person,
    protocol_hash: str,
    *,
    description: str = "I want to know how the mill of the town can be stopped.",
    turns: int = 3,
    said: str = "How do I stop it?",
    arm: str = ARM,
    domain: str | None = None,
    success: int = 4,
    flag: str | None = None,
    left: bool = False,
) -> StoredAttack:
    """One attack of a person that is over, rated or ``left``; its replies say "reply 1.0", ..."""
    kept = Sittings(store)
    assignment = canonical_json(
        Assignment(policy="test", round=1, probabilities={arm: 1.0})
    ).decode()
    attack = kept.begin(person, protocol_hash, 1, 10_000, lambda _: (arm, assignment))
    assert attack is not None
    events: list[Event] = [Described(text=description)]
    for turn in range(1, turns + 1):
        events.append(Messaged(text=said))
        for slot in (0, 1):
            reply = Reply(text=f"The town says: reply {turn}.{slot}", assistant="a-telling-name")
            events.append(Replied(slot=slot, attempt=0, reply=reply))
        events += [Shown(order=(0, 1)), Compared(question="more_harmful", chosen=0, strength=2)]
    events += [] if flag is None else [Flagged(note=flag)]
    rating = SelfRating(success=success, harm=4, comments="a secret comment", expert_domain=domain)
    events += [Abandoned(reason="left")] if left else [Finished(), Rated(rating=rating)]
    bodies = [canonical_json(event).decode() for event in events]
    ending: Ending = "attacker_stopped" if left else "complete"
    done = kept.append(attack, person, 0, bodies, ending=ending, expert_domain=domain)
    assert done.kept
    return attack
