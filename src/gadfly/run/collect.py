"""Collecting a study: dialogues side by side, each step saved before the next, resumed at will.

Every random draw follows from the study's seed, the attack's number and the place in its dialogue:
never from a stream that lives between steps. The arm of attack k depends on the assignments before
it alone. So a study of simulated members and scripted assistants comes out the same with one
dialogue at a time or fifty, and whether or not it was interrupted.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gadfly.assistants.protocol import Assistant
from gadfly.records.canonical import canonical_json
from gadfly.records.values import Sampling
from gadfly.redteam.assignment import ArmCount, draw_arm
from gadfly.redteam.dialogue import advance, rebuild
from gadfly.redteam.events import Continued, Event, Replied, Shown, read_event
from gadfly.redteam.members import SimulatedMember, member_of_task
from gadfly.redteam.state import REPLIES, Dialogue, Needed, Rules, needed
from gadfly.run.assemble import OpenStudy, make_assistant, make_members
from gadfly.run.journal import Journal
from gadfly.store.store import Counts, NewEvent, StoredAttack
from gadfly.study.protocol import Study

__all__ = ["Collected", "collect"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Collected:
    """What a call of :func:`collect` found and did."""

    attacks: int
    """Attacks of the study that are over."""
    resumed: int
    """Of these, dialogues that an earlier call had left open."""
    started: int
    """Of these, dialogues that this call began."""


@dataclass(frozen=True)
class _Cast:
    """Who takes part under one version of the protocol."""

    rules: Rules
    assistants: Mapping[str, Assistant]
    sampling: Mapping[str, Sampling]
    members: Mapping[str, SimulatedMember]

    @classmethod
    def of(cls, study: Study) -> _Cast:
        return cls(
            rules=study.rules,
            assistants={arm.arm.name: make_assistant(arm) for arm in study.arms},
            sampling={arm.arm.name: arm.sampling for arm in study.arms},
            members={member.name: member for member in make_members(study)},
        )


@dataclass(frozen=True)
class _Parts:
    """What every dialogue of a run shares."""

    open: OpenStudy
    journal: Journal
    casts: Mapping[str, _Cast]
    """By protocol hash: a dialogue ends with those it began with."""


async def collect(
    study: OpenStudy, *, concurrency: int = 16, progress: Progress | None = None
) -> Collected:
    """Bring a study to its quotas; call again to go on after an interruption.

    :param concurrency: dialogues at once.
    :param progress: told (attacks over, attacks wanted).
    :raises OperatorError: the database refuses; everything acknowledged before is kept.
    """
    lasting = await asyncio.to_thread(study.store.attacks, study.id, open_only=True)
    in_use = {study.file.protocol_hash, *(attack.protocol_hash for attack in lasting)}
    parts = _Parts(
        open=study,
        journal=Journal(study.store),
        casts={digest: _Cast.of(study.versions[digest].study) for digest in in_use},
    )
    try:
        return await _work(parts, concurrency, progress or (lambda done, total: None))
    finally:
        await asyncio.shield(parts.journal.settle())
        for cast in parts.casts.values():
            for assistant in cast.assistants.values():
                await assistant.close()


async def _work(parts: _Parts, concurrency: int, progress: Progress) -> Collected:
    study = parts.open
    members = list(parts.casts[study.file.protocol_hash].members.values())
    before = await asyncio.to_thread(study.store.attacks, study.id)
    bodies = await asyncio.to_thread(study.store.events, study.id, open_only=True)
    left = [attack for attack in before if attack.ending is None]
    over, wanted = len(before) - len(left), max(study.file.study.attacks, len(before))
    resumed, started = len(left), 0
    progress(over, wanted)

    async def worker() -> None:
        nonlocal over, started
        while True:
            if left:
                attack: StoredAttack | None = left.pop(0)
            else:
                attack = await asyncio.to_thread(_assign, study, members)
                started += attack is not None
            if attack is None:
                return
            await _drive(parts, attack, bodies.get(attack.id, []))
            over += 1
            progress(over, wanted)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except ExceptionGroup as failures:  # the first one stopped the others: it is the one to tell
        raise failures.exceptions[0] from failures
    return Collected(attacks=over, resumed=resumed, started=started)


def _assign(study: OpenStudy, members: Sequence[SimulatedMember]) -> StoredAttack | None:
    protocol = study.file.study

    def who(number: int) -> str:
        size = protocol.task_size
        return member_of_task(members, number, seed=protocol.seed, task_size=size).name

    def draw(counts: Counts) -> tuple[str, str] | None:
        arms = {
            arm.arm.name: ArmCount(
                quota=arm.quota,
                assigned=counts.by_arm.get(arm.arm.name, 0),
                by_member=counts.by_arm_of_member.get(arm.arm.name, 0),
            )
            for arm in protocol.arms
        }
        drawn = draw_arm(arms, random.Random(f"arm/{protocol.seed}/{counts.number}"))
        if drawn is None:
            return None
        return drawn.arm, canonical_json(drawn.assignment).decode()

    return study.store.assign(study.id, study.file.protocol_hash, who, draw)


async def _drive(parts: _Parts, attack: StoredAttack, kept: list[tuple[int, str]]) -> None:
    """Bring one dialogue to its end, from wherever it stands."""
    rules = parts.casts[attack.protocol_hash].rules
    dialogue = rebuild(rules, ((number, read_event(body)) for number, body in kept))
    number = len(kept)
    need = needed(dialogue)
    while need.what != "nothing":
        step: list[NewEvent] = []
        for event in await _next(parts, attack, dialogue, need):
            dialogue, need = advance(dialogue, event)
            body = canonical_json(event).decode()
            step.append(NewEvent(attack.id, number, body, dialogue.ending))
            number += 1
        await parts.journal.keep(step)


async def _next(
    parts: _Parts, attack: StoredAttack, dialogue: Dialogue, need: Needed
) -> Sequence[Event]:
    """What happens next: an assistant's replies, a coin, or the member's own step."""
    seed = parts.open.versions[attack.protocol_hash].study.seed
    place = f"{seed}/{attack.number}/{len(dialogue.turns)}/{need.what}"
    if need.what == "replies":
        return await _replies(parts, attack, dialogue, need, place)
    draw = random.Random(f"{place}/{'+'.join(need.questions)}")
    if need.what == "order":
        return [Shown(order=tuple(draw.sample(range(REPLIES), REPLIES)))]
    if need.what == "continuation":
        return [Continued(slot=draw.randrange(REPLIES))]
    return [parts.casts[attack.protocol_hash].members[attack.member].act(dialogue, need, draw)]


async def _replies(
    parts: _Parts, attack: StoredAttack, dialogue: Dialogue, need: Needed, place: str
) -> list[Event]:
    """One try for each reply that is missing."""
    tries = dialogue.turn.tries if dialogue.turn else ()
    due = [(slot, len(tries[slot])) for slot in need.slots]
    seeds = [random.Random(f"{place}/{slot}/{attempt}").getrandbits(31) for slot, attempt in due]
    cast = parts.casts[attack.protocol_hash]
    replies = await cast.assistants[attack.arm].reply(
        dialogue.conversation, seeds=seeds, sampling=cast.sampling[attack.arm]
    )
    return [
        Replied(slot=slot, attempt=attempt, reply=reply)
        for (slot, attempt), reply in zip(due, replies, strict=True)
    ]
