"""Fixed messages: every arm is asked each of the study's lists once, after the attacks.

All arms get the same messages, harmless requests and static prompts, so that they can be compared
message by message. The seed of a reply follows from the study's seed, the message and the try.
Each reply is kept as soon as it came; what is kept is not asked again, unless a next version of the
study has changed the message, the arm's assistant or its prompt. Two runners may ask the same at
the same moment: the first reply is kept, both are paid.

A reply that failed or broke off is asked for again as often as in a dialogue; then it is kept with
its outcome, and counted as missing.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gadfly.assistants.protocol import ServerProblem, Stopped
from gadfly.records.canonical import canonical_json
from gadfly.records.values import Message, Reply, Usage
from gadfly.run.assemble import OpenStudy
from gadfly.run.budget import NO_USAGE, Purse, together
from gadfly.run.casts import Casts
from gadfly.run.tally import Tally
from gadfly.store.rows import StoredProbe
from gadfly.study.protocol import Version

__all__ = ["Probing", "answered"]

_LOOK_SECONDS = 1.0
_AGAIN = ("error", "cut")  # outcomes after which a reply is asked for again
Place = tuple[str, int]


def answered(study: OpenStudy) -> dict[Place, Reply]:
    """The replies that count for the study as it is, by arm and number in ``Version.fixed``."""
    newest = study.file.protocol_hash
    now = study.version(newest)
    if not now.fixed:
        return {}
    found: dict[Place, Reply] = {}
    same: dict[tuple[str, str], bool] = {}  # by version and arm
    for probe in study.store.probes(study.id):
        version, place = study.version(probe.protocol_hash), (probe.arm, probe.number)
        made = (probe.protocol_hash, probe.arm)
        if made not in same:
            asked = _answers(now, probe.arm)
            same[made] = asked is not None and asked == _answers(version, probe.arm)
        if place in found or probe.body is None or not same[made]:
            continue
        if version.fixed.get(probe.number) == now.fixed.get(probe.number) is not None:
            found[place] = Reply.model_validate_json(probe.body)
    return found


def _answers(version: Version, name: str) -> tuple[object, ...] | None:
    """All that an arm's replies depend on: the arm but for its quota, its prompt, the seed."""
    arm = next((arm for arm in version.study.arms if arm.arm.name == name), None)
    if arm is None:
        return None
    prompt = version.prompts.get(arm.prompt or "")
    return arm.model_dump(mode="json", exclude={"quota"}), prompt, version.study.seed


@dataclass
class Probing:
    """What one run has still to ask."""

    study: OpenStudy
    runner: int
    casts: Casts
    purse: Purse
    tally: Tally
    halted: Callable[[], bool]
    _due: list[Place] | None = None
    _look_at: float = 0.0
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def next(self) -> bool:
        """Have one more message answered and kept; false where none is left, or the run halts.

        :raises Stopped: the run is stopping.
        :raises OperatorError: the database or a server refuses.
        :raises BudgetSpent: the study's budget does not allow it.
        """
        await self._look()
        if not self._due or self.halted():
            return False
        arm, number = self._due.pop()
        reply, usage = await self._ask(arm, number)
        await self._keep(arm, number, canonical_json(reply).decode(), usage)
        self.tally.probes += 1
        self.tally.probed += 1
        return True

    async def _look(self) -> None:
        """See now and then what other runners have kept; each runner has its own order."""
        async with self._looking:
            if time.monotonic() < self._look_at:
                return
            there = await asyncio.to_thread(answered, self.study)
            if self._due is None:
                arms = [arm.arm.name for arm in self.study.file.study.arms]
                self._due = [(arm, number) for arm in arms for number in self.study.file.fixed]
                random.Random(self.runner).shuffle(self._due)
            self._due = [place for place in self._due if place not in there]
            self.tally.probes = len(there)
            self._look_at = time.monotonic() + _LOOK_SECONDS

    async def _ask(self, arm: str, number: int) -> tuple[Reply, Usage]:
        """The reply, and what all tries cost."""
        spent = NO_USAGE
        for attempt in range(self.study.file.study.rules.tries):
            try:
                reply = await self._try(arm, number, attempt)
            except (ServerProblem, Stopped) as failure:
                paid = spent if failure.spent is None else spent + failure.spent
                if paid.calls:
                    await self._keep(arm, number, None, paid)
                raise
            spent += together([reply])
            if reply.outcome not in _AGAIN:
                break
        return reply, spent

    async def _try(self, arm: str, number: int, attempt: int) -> Reply:
        cast = self.casts.of(self.study.file.protocol_hash)
        seed = random.Random(f"benign/{cast.seed}/{number}/{attempt}").getrandbits(31)
        conversation = (Message(role="human", text=self.study.file.fixed[number]),)
        assistant, sampling, price = cast.assistants[arm], cast.sampling[arm], cast.prices[arm]
        asking = assistant.reply(conversation, seeds=[seed], sampling=sampling)
        if self.purse.budget.limited:
            most = assistant.bound(conversation, 1, sampling)
            replies = await self.purse.pay(None, most, price, asking, halted=self.halted)
        else:
            replies = await asking
        self.tally.replied(replies[0], price)
        return replies[0]

    async def _keep(self, arm: str, number: int, body: str | None, usage: Usage) -> None:
        probe = StoredProbe(self.study.file.protocol_hash, arm, number, body)
        await asyncio.to_thread(self.study.store.put_probe, self.study.id, probe, usage)
