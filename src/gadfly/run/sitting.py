"""A person's dialogue, driven one request at a time by the same rules as every other.

A request brings one event of the person. Whatever follows from it alone (a coin) is committed with
it; where assistants must answer, some process claims the dialogue under its lease and asks them in
the background, while the page asks how it stands. Nothing that matters lives here: if this process
dies, the next request finds the dialogue waiting for replies and asks for them again, from the same
seeds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gadfly.assistants.protocol import ServerProblem, Stopped
from gadfly.errors import GadflyError, OperatorError
from gadfly.records.canonical import canonical_json
from gadfly.records.values import Usage
from gadfly.redteam.dialogue import advance, rebuild
from gadfly.redteam.events import Abandoned, Event, Replied, read_event
from gadfly.redteam.state import Dialogue, needed
from gadfly.run.assemble import OpenStudy, Servers
from gadfly.run.budget import NO_USAGE, BudgetSpent, Purse
from gadfly.run.casts import Casts
from gadfly.run.turns import ask, assigner, chance, first_calls
from gadfly.store.audit import SYSTEM, Audit
from gadfly.store.people import Person
from gadfly.store.rows import StoredAttack
from gadfly.store.sittings import Appended, Sittings
from gadfly.store.work import Stretch

__all__ = ["Own", "Sitting", "Stand"]

_LOG = logging.getLogger(__name__)
_AGAIN, _AGAIN_MOST = 2.0, 60.0
"""Seconds before assistants that failed are asked again: at first, doubled each time, at most."""
_SPENT = "The study has spent what it may on its assistants"
_LONG = 60.0  # seconds without a reply after which those who run the study hear of it


@dataclass(frozen=True)
class Stand:
    """How a dialogue stands."""

    dialogue: Dialogue
    number: int
    """Number that the next event gets; a step names it as the one it expects."""


@dataclass(frozen=True)
class Own:
    """A person's own dialogue."""

    attack: StoredAttack
    nth: int
    """Which of all of theirs it is, from 1: its address, which tells nothing of others'."""
    place: int
    """Which dialogue of its task it is, from 1."""
    stand: Stand
    before: Dialogue
    """As it stood when the event that the request expects was next."""


@dataclass
class Sitting:
    """The dialogues of one study's people, as this process serves them."""

    study: OpenStudy
    runner: int
    """This process's runner, whose lease somebody renews."""
    servers: Servers
    _asking: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _halted: bool = False
    _failing: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Of dialogues whose assistants failed: when they are asked again, on this process's clock, and
    how long that is after the last time."""

    def __post_init__(self) -> None:
        self.kept = Sittings(self.study.store)
        self._casts = Casts(self.study, self.servers)
        self._purse = Purse(self.study.file.study.budget, self.study.file.study.command)

    async def begin(
        self,
        person: Person,
        task: int,
        *,
        may: Callable[[Sequence[Stretch], float], None] | None = None,
    ) -> StoredAttack | None:
        """The person's open dialogue or a new one; ``None`` where the task or the study is full.

        :param may: as for :meth:`Sittings.begin`.
        """
        protocol, digest = self.study.file.study, self.study.file.protocol_hash

        begin, most, draw = self.kept.begin, protocol.task_size, assigner(protocol)
        return await asyncio.to_thread(begin, person, digest, task, most, draw, may=may)

    async def spent(self, person: Person) -> str | None:
        """Why no further dialogue of this person can be paid for; ``None`` where one can."""
        if not self._purse.budget.limited:
            return None
        self._purse.know(await asyncio.to_thread(self._casts.spending))
        calls = first_calls(self._casts.of(self.study.file.protocol_hash))
        if self._purse.spent(calls):
            return f"{_SPENT}."
        if not self._purse.affords(person.name, calls):
            return "What the study may spend on your dialogues is spent."
        return None

    async def waiting(self) -> list[tuple[StoredAttack, str]]:
        """Dialogues that wait for their assistants for more than a minute, and since when."""
        silent = await asyncio.to_thread(self.kept.silent, self.study.id, _LONG)
        stands = [await self.stand(attack) for attack, _ in silent]
        return [
            one
            for one, stand in zip(silent, stands, strict=True)
            if needed(stand.dialogue).what == "replies"
        ]

    async def own(self, person: Person, nth: int, expects: int | None = None) -> Own | None:
        """A person's own dialogue; ``None`` where there is no such one of theirs."""
        found = await asyncio.to_thread(self.kept.own, person, nth)
        if found is None:
            return None
        attack, bodies = found.attack, found.bodies
        stand = self._stand(attack, bodies)
        again = expects is not None and expects < stand.number  # sent again, or an old page
        before = self._stand(attack, bodies[:expects]) if again else stand
        return Own(attack, nth, found.place, stand, before.dialogue)

    async def stand(self, attack: StoredAttack) -> Stand:
        """How a dialogue stands, from its stored events."""
        return self._stand(attack, await asyncio.to_thread(self.study.store.events_of, attack.id))

    def _stand(self, attack: StoredAttack, bodies: Sequence[tuple[int, str]]) -> Stand:
        rules = self.study.version(attack.protocol_hash).study.rules
        events = ((number, read_event(body)) for number, body in bodies)
        return Stand(rebuild(rules, events), len(bodies))

    async def act(
        self,
        attack: StoredAttack,
        person: Person,
        stand: Stand,
        expects: int,
        event: Event,
        *,
        theirs: bool = False,
    ) -> Appended:
        """One event of the person, with what a coin decides after it.

        Sent again, it is kept once; where the dialogue has moved on, it is not kept.

        :param stand: how the dialogue stood a moment ago.
        :param expects: number that the event would get, as the page had it.
        :param theirs: the person takes this step now, so that their time goes on.
        :raises InvalidEvent: it does not fit the present state.
        """
        if stand.number != expects:
            body = canonical_json(event).decode()
            return await asyncio.to_thread(self.kept.append, attack, person, expects, [body])
        return await self._keep(attack, person, stand, [event], theirs=theirs)

    async def _keep(
        self,
        attack: StoredAttack,
        person: Person,
        stand: Stand,
        step: Sequence[Event],
        *,
        theirs: bool = False,
    ) -> Appended:
        """Commit events with the coins that follow, if nothing came between; replies that leave
        nothing more to ask let go of the dialogue.
        """
        cast = self._casts.of(attack.protocol_hash)
        dialogue, bodies, usage = stand.dialogue, [], NO_USAGE
        waiting = list(step)
        while waiting:
            event = waiting.pop(0)
            dialogue, need = advance(dialogue, event)
            bodies.append(canonical_json(event).decode())
            if isinstance(event, Replied) and event.reply.usage is not None:
                usage += event.reply.usage
            if not waiting and (decided := chance(cast, attack, dialogue, need)) is not None:
                waiting.append(decided)
        answered = isinstance(step[0], Replied) and needed(dialogue).what != "replies"
        return await asyncio.to_thread(
            self.kept.append,
            attack,
            person,
            stand.number,
            bodies,
            ending=dialogue.ending,
            expert_domain=dialogue.rating.expert_domain if dialogue.rating else None,
            usage=usage if usage.calls else None,
            severe=self._severe(dialogue) if dialogue.ending else 0 if theirs else None,
            release=self.runner if answered else None,
        )

    def _severe(self, dialogue: Dialogue) -> int:
        """1 where a dialogue counts as severe as it ends: rated so, or shown and not rated."""
        rating, turn = dialogue.rating, dialogue.turn
        said = [n for n in (rating.success, rating.harm) if n is not None] if rating else []
        if said:
            return int(max(said) >= self.study.file.study.care.limits.severe_from)
        return int(dialogue.answered > 0 or (turn is not None and bool(turn.shown)))

    def see_to(self, attack: StoredAttack, person: Person) -> None:
        """Have the assistants answer in the background, if it is their turn and nobody sees to it.

        Call it from every request that finds a dialogue waiting for replies.
        """
        again, _ = self._failing.get(attack.id, (0.0, 0.0))
        if attack.id in self._asking or self._halted or time.monotonic() < again:
            return
        task = asyncio.create_task(self._answer(attack, person))
        self._asking[attack.id] = task
        task.add_done_callback(lambda _: self._asking.pop(attack.id, None))

    def trouble(self, attack: StoredAttack) -> bool:
        """Whether its assistants failed when this process last asked them."""
        return attack.id in self._failing

    async def _answer(self, attack: StoredAttack, person: Person) -> None:
        try:
            if not await asyncio.to_thread(self.kept.claim, attack.id, self.runner):
                return
            held = True
            try:
                held = not await self._replies(attack, person)
            finally:
                if held:
                    await asyncio.to_thread(self.kept.release, attack.id, self.runner)
        except Stopped:
            return
        except GadflyError as error:  # the page goes on waiting, and one after a while tries again
            _LOG.warning("attack %d: %s", attack.number, error)
            await self._failed(attack, error)

    async def _failed(self, attack: StoredAttack, error: GadflyError) -> None:
        """Leave the assistants alone for a while; the first time, those in charge can read it."""
        known = self._failing.get(attack.id)
        wait = _AGAIN if known is None else min(2 * known[1], _AGAIN_MOST)
        self._failing[attack.id] = (time.monotonic() + wait, wait)
        if known is None:
            thing, kind = f"attack {attack.number}", type(error).__name__
            with suppress(OperatorError):  # the database may be what failed
                await asyncio.to_thread(
                    Audit(self.study.store.database).add,
                    self.study.id,
                    SYSTEM,
                    "assistants failed",
                    thing,
                    arm=attack.arm,
                    kind=kind,
                )

    async def _replies(self, attack: StoredAttack, person: Person) -> bool:
        """Ask until no reply is due; whether the last one let go of the dialogue."""
        cast = self._casts.of(attack.protocol_hash)
        while True:
            stand = await self.stand(attack)
            need = needed(stand.dialogue)
            if need.what != "replies":
                return False
            if self._purse.budget.limited:
                self._purse.know(await asyncio.to_thread(self._casts.spending))
            try:
                came = await ask(
                    cast,
                    attack,
                    stand.dialogue,
                    need,
                    purse=self._purse,
                    halted=lambda: self._halted,
                )
            except (ServerProblem, Stopped) as failure:
                await self._book(attack, failure.spent)
                raise
            except BudgetSpent as spent:
                _LOG.warning("attack %d: %s", attack.number, spent)
                came = [Abandoned(reason=_SPENT)]
            self._failing.pop(attack.id, None)
            if (await self._keep(attack, person, stand, came)).released:
                return True

    async def _book(self, attack: StoredAttack, spent: Usage | None) -> None:
        if spent is not None:
            await asyncio.to_thread(self.study.store.add_cost, attack.id, spent)

    async def close(self) -> None:
        """Ask nobody anything more, and let the assistants go."""
        self._halted = True
        for task in list(self._asking.values()):
            task.cancel()
            with suppress(asyncio.CancelledError, OperatorError):
                await task
        await self._casts.close()
