"""Collecting a study: dialogues side by side, each step saved before the next, resumed at will.

Every random draw follows from the study's seed, the attack's number and the place in its dialogue:
never from a stream that lives between steps. The arm of attack k depends on the assignments before
it alone. So a study of simulated members and scripted assistants comes out the same with one
dialogue at a time or fifty, and whether or not it was interrupted.

A run takes dialogues one after another from the store, which lends each to one runner at a time
(see :mod:`gadfly.store.store`). What goes wrong with the machine, a server or the budget halts the
run: nothing new is begun, calls under way may still be answered for a while and are kept, and the
first cause is raised.

Where people attack, on the site, a run asks the study's fixed messages and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gadfly.assistants.protocol import ServerProblem, Stopped
from gadfly.errors import OperatorError, PersonError
from gadfly.records.canonical import canonical_json
from gadfly.redteam.dialogue import advance, rebuild
from gadfly.redteam.events import Event, Replied, read_event
from gadfly.redteam.members import member_of_task
from gadfly.redteam.state import Dialogue, Needed, needed
from gadfly.run.assemble import OpenStudy, Servers
from gadfly.run.budget import NO_USAGE, BudgetSpent, Purse, cost
from gadfly.run.casts import Cast, Casts
from gadfly.run.journal import Journal, TakenOver
from gadfly.run.probes import Probing, answered
from gadfly.run.tally import ArmTally, Tally
from gadfly.run.turns import ask, assigner, chance, draw_for, first_calls
from gadfly.store.rows import Held, NewEvent, StoredAttack

__all__ = ["LEASE_SECONDS", "Collected", "collect"]

Progress = Callable[[int, int], None]
LEASE_SECONDS = 15.0
"""How long a runner that is not heard of keeps its dialogues."""
_GRACE_SECONDS = 20.0  # for calls under way when a run halts
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Collected:
    """What a call of :func:`collect` found and did."""

    attacks: int
    """Attacks of the study that are over."""
    resumed: int
    """Dialogues that an earlier call, or another runner, had left open and this call drove on."""
    started: int
    """Dialogues that this call began."""
    probed: int = 0
    """Fixed messages that this call had answered."""
    stopped: bool = False
    """It was asked to stop before the quotas were full."""


@dataclass
class _Halt:
    """The run goes on no further, and why."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    cause: OperatorError | PersonError | None = None

    def because(self, cause: OperatorError | PersonError) -> None:
        self.cause = self.cause or cause
        self.event.set()


@dataclass
class _Run:
    """What every dialogue of a run shares."""

    study: OpenStudy
    runner: int
    lease: float
    journal: Journal
    servers: Servers
    purse: Purse
    tally: Tally
    halt: _Halt
    progress: Progress
    casts: Casts
    driving: dict[int, Held] = field(default_factory=dict)
    """By attack id: what a worker drives now."""
    feeding: asyncio.Lock = field(default_factory=asyncio.Lock)
    look_at: float = 0.0
    """When to look again for dialogues that nobody holds."""
    started: int = 0
    resumed: int = 0

    @property
    def human(self) -> bool:
        """Whether people attack, on the site: then only fixed messages are asked here."""
        return self.study.file.study.members.kind == "human"

    async def keep(self, held: Held, step: Sequence[NewEvent]) -> None:
        """Commit a step, unless this very runner has since taken the dialogue up anew."""
        if self.driving.get(held.attack.id) is not held:
            raise TakenOver(f"attack {held.attack.id}")
        await self.journal.keep(step)


async def collect(
    study: OpenStudy,
    *,
    concurrency: int = 16,
    progress: Progress | None = None,
    tally: Tally | None = None,
    stop: asyncio.Event | None = None,
    lease_seconds: float = LEASE_SECONDS,
) -> Collected:
    """Bring a study to its quotas; call again to go on after an interruption.

    :param concurrency: dialogues at once.
    :param progress: told (attacks over, attacks wanted), fixed messages counted with them.
    :param tally: kept up to date for whoever watches.
    :param stop: set it, and the run ends after the steps under way.
    :param lease_seconds: how long other runners leave this one's dialogues alone without a sign.
    :raises OperatorError: the database or a server refuses; everything acknowledged is kept.
    :raises BudgetSpent: the study's budget allows no further call.
    """
    if study.file.study.members.kind == "human" and not study.file.fixed:
        raise PersonError(
            f"study {study.file.study.name}: its members are people, who come to its site: gadfly "
            f"serve {study.file.path}. Write members.kind: simulated to try the study out, or give "
            "it benign requests or static prompts, which this command asks"
        )
    store, tally = study.store, tally or Tally()
    tally.currency = study.file.study.budget.currency
    runner = await asyncio.to_thread(store.enlist, study.id, lease_seconds)
    servers = Servers(tally.requests)
    run = _Run(
        study=study,
        runner=runner,
        lease=lease_seconds,
        journal=Journal(store, runner),
        servers=servers,
        purse=Purse(study.file.study.budget),
        tally=tally,
        halt=_Halt(),
        progress=progress or (lambda done, total: None),
        casts=Casts(study, servers),
    )
    try:
        await _work(run, concurrency, stop or asyncio.Event())
    except asyncio.CancelledError:
        if run.halt.cause is not None:  # that is what the user needs to hear
            raise run.halt.cause from None
        raise
    finally:
        await asyncio.shield(_leave(run))
    if run.halt.cause is not None:
        raise run.halt.cause
    if not run.human and tally.over < tally.wanted and not run.halt.event.is_set():
        raise BudgetSpent(
            f"every member's budget is spent: {tally.over:,} of {tally.wanted:,} attacks are over. "
            "Every step is kept: raise budget.member, or members.count, and go on with gadfly run "
            "--amend"
        )
    return Collected(
        attacks=tally.over,
        resumed=run.resumed,
        started=run.started,
        probed=tally.probed,
        stopped=run.halt.event.is_set(),
    )


async def _work(run: _Run, concurrency: int, stop: asyncio.Event) -> None:
    run.casts.of(run.study.file.protocol_hash)
    for arm in run.study.file.study.arms:
        run.tally.arms[arm.arm.name] = ArmTally(wanted=0 if run.human else arm.quota)
        run.tally.priced |= run.casts.price(arm) is not None
    run.tally.probes_wanted = len(run.study.file.fixed) * len(run.study.file.study.arms)
    run.tally.probes = len(await asyncio.to_thread(answered, run.study))
    await _look(run)
    try:
        async with asyncio.TaskGroup() as group:
            driving = 0 if run.human else concurrency
            workers = [group.create_task(_worker(run)) for _ in range(driving)]
            helping = (_lease(run), _guard(run, workers), _heed(run, stop))
            helpers = [group.create_task(helper) for helper in helping]
            if workers:
                await asyncio.wait(workers)
            probing = await _probing(run)
            if probing is not None:
                probers = (_prober(run, probing) for _ in range(concurrency))
                workers += [group.create_task(prober) for prober in probers]
                await asyncio.wait(workers)
            for helper in helpers:
                helper.cancel()
    except ExceptionGroup as failures:  # a bug: the first one stopped the others
        raise failures.exceptions[0] from failures
    await _look(run)


async def _leave(run: _Run) -> None:
    await run.journal.settle()
    with suppress(OperatorError):  # its lease runs out by itself
        await asyncio.to_thread(run.study.store.dismiss, run.runner)
    await run.casts.close()


async def _look(run: _Run) -> None:
    """Hear from the database how the study stands, whoever else works on it."""
    store = run.study.store
    counts = await asyncio.to_thread(store.counts, run.study.id)
    booked = await asyncio.to_thread(run.casts.spending)
    run.purse.know(booked)
    total = sum((usage for _, usage, _ in booked), start=NO_USAGE)
    money = sum(cost(price, usage.tokens_in, usage.tokens_out) for _, usage, price in booked)
    run.tally.recount(counts, total.tokens_in, total.tokens_out, money)
    run.progress(*run.tally.progress)


async def _lease(run: _Run) -> None:
    """Renew the lease, and hear of the others, until cancelled."""
    try:
        while True:
            await asyncio.sleep(run.lease / 3)
            await asyncio.to_thread(run.study.store.renew, run.runner, run.lease)
            await _look(run)
    except OperatorError as error:
        run.halt.because(error)


async def _heed(run: _Run, stop: asyncio.Event) -> None:
    """Halt when the user asks for it."""
    await stop.wait()
    run.halt.event.set()


async def _guard(run: _Run, workers: Sequence[asyncio.Task[None]]) -> None:
    """Once the run halts, calls under way have a while; then they are left."""
    await run.halt.event.wait()
    run.servers.stop()
    await asyncio.sleep(_GRACE_SECONDS)
    for worker in workers:
        worker.cancel()


async def _worker(run: _Run) -> None:
    """Drive one dialogue after another until there is none, or the run halts."""
    try:
        while (held := await _next_held(run)) is not None:
            arm = run.tally.arms.setdefault(held.attack.arm, ArmTally())
            run.resumed += held.begun
            run.started += not held.begun
            arm.lasting += not held.begun
            run.driving[held.attack.id] = held
            try:
                over = await _drive(run, held)
            except TakenOver:
                run.tally.lost += 1
                continue
            except Stopped:
                continue
            finally:
                if run.driving.get(held.attack.id) is held:
                    del run.driving[held.attack.id]
            if over:
                arm.over += 1
                arm.lasting -= 1
                run.progress(*run.tally.progress)
    except (OperatorError, PersonError) as error:
        run.halt.because(error)


async def _probing(run: _Run) -> Probing | None:
    """The fixed messages, once the quotas are full; where people attack, at once."""
    halted = run.halt.event.is_set
    if not run.tally.probes_wanted or halted():
        return None
    await _look(run)
    if not run.human and run.tally.over < run.tally.wanted:
        return None
    return Probing(run.study, run.runner, run.casts, run.purse, run.tally, halted)


async def _prober(run: _Run, probing: Probing) -> None:
    """Have one fixed message after another answered until there is none, or the run halts."""
    try:
        while await probing.next():
            run.progress(*run.tally.progress)
    except Stopped:
        return
    except (OperatorError, PersonError) as error:
        run.halt.because(error)


async def _next_held(run: _Run) -> Held | None:
    """A dialogue to drive; waits while other runners hold some that they may leave behind."""
    async with run.feeding:
        while not run.halt.event.is_set():
            held = await asyncio.to_thread(_take, run)
            if held is not None:
                return held
            store = run.study.store
            if not await asyncio.to_thread(store.held_elsewhere, run.study.id, run.runner):
                return None
            with suppress(TimeoutError):
                await asyncio.wait_for(run.halt.event.wait(), min(run.lease / 6, _LOOK_SECONDS))
    return None


def _take(run: _Run) -> Held | None:
    """An open dialogue that nobody holds, or the next one assigned."""
    study = run.study
    protocol, digest = study.file.study, study.file.protocol_hash
    cast = run.casts.of(digest)
    members = list(cast.members.values())
    calls = first_calls(cast) if run.purse.budget.limited else []

    def who(number: int) -> str | None:
        able = [m for m in members if run.purse.affords(m.name, calls)]
        size = protocol.task_size
        return (
            member_of_task(able, number, seed=protocol.seed, task_size=size).name if able else None
        )

    draw, look = assigner(protocol), time.monotonic() >= run.look_at
    held = study.store.next_attack(study.id, run.runner, digest, who, draw, look=look)
    if look and (held is None or not held.begun):  # what others leave is looked for now and then
        run.look_at = time.monotonic() + _LOOK_SECONDS
    return held


async def _drive(run: _Run, held: Held) -> bool:
    """Bring one dialogue to its end, from wherever it stands; false where the run halted first.

    Steps that nobody outside waits for (a coin, a simulated member's own) are kept together with
    the next one that somebody does: no assistant is called before what led to the call is kept.
    """
    attack, cast = held.attack, run.casts.of(held.attack.protocol_hash)
    kept = await asyncio.to_thread(run.study.store.events_of, attack.id) if held.begun else []
    dialogue = rebuild(cast.rules, ((number, read_event(body)) for number, body in kept))
    number, need = len(kept), needed(dialogue)
    step: list[NewEvent] = []
    while need.what != "nothing":
        if need.what == "replies":
            if step:
                await run.keep(held, step)
                step = []
            if run.halt.event.is_set():
                return False
        for event in await _next(run, cast, attack, dialogue, need):
            dialogue, need = advance(dialogue, event)
            usage = event.reply.usage if isinstance(event, Replied) else None
            body = canonical_json(event).decode()
            step.append(NewEvent(attack.id, number, body, dialogue.ending, usage))
            number += 1
    if step:
        await run.keep(held, step)
    return True


async def _next(
    run: _Run, cast: Cast, attack: StoredAttack, dialogue: Dialogue, need: Needed
) -> Sequence[Event]:
    """What happens next: an assistant's replies, a coin, or the member's own step."""
    if need.what == "replies":
        return await _replies(run, cast, attack, dialogue, need)
    decided = chance(cast, attack, dialogue, need)
    if decided is not None:
        return [decided]
    draw = draw_for(cast, attack, dialogue, need)
    return [cast.members[attack.member].act(dialogue, need, draw)]


async def _replies(
    run: _Run, cast: Cast, attack: StoredAttack, dialogue: Dialogue, need: Needed
) -> Sequence[Event]:
    """One try for each reply that is missing, counted."""
    halted = run.halt.event.is_set
    try:
        came = await ask(cast, attack, dialogue, need, purse=run.purse, halted=halted)
    except (ServerProblem, Stopped) as failure:
        if failure.spent is not None:
            await asyncio.to_thread(run.study.store.add_cost, attack.id, failure.spent)
        raise
    replies = [event.reply for event in came if isinstance(event, Replied)]
    for reply in replies:
        run.tally.replied(reply, cast.prices[attack.arm])
    run.tally.paired(replies)
    return came
