"""Who takes part in a dialogue: the assistants, members and rules of each version of a protocol.

A dialogue ends with those it began with. Under a budget that came later, price and longest reply of
the newest version stand in where the older one states none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gadfly.assistants.protocol import Assistant
from gadfly.records.values import Sampling, Usage
from gadfly.redteam.members import SimulatedMember
from gadfly.redteam.state import Rules
from gadfly.run.assemble import OpenStudy, Servers, make_assistant, make_members
from gadfly.study.arms import Price, StudyArm

__all__ = ["Cast", "Casts"]


@dataclass(frozen=True)
class Cast:
    """Who takes part under one version of the protocol."""

    seed: int
    rules: Rules
    assistants: Mapping[str, Assistant]
    """By the arm's name, as the next two."""
    sampling: Mapping[str, Sampling]
    prices: Mapping[str, Price | None]
    members: Mapping[str, SimulatedMember]


class Casts:
    """The casts of a run, each made when it is first needed."""

    def __init__(self, study: OpenStudy, servers: Servers) -> None:
        self._study = study
        self._servers = servers
        self._newest = {arm.arm.name: arm for arm in study.file.study.arms}
        self._made: dict[str, Cast] = {}

    def of(self, protocol_hash: str) -> Cast:
        """The cast of one version."""
        if protocol_hash not in self._made:
            version = self._study.version(protocol_hash)
            arms = {arm.arm.name: arm for arm in version.study.arms}
            self._made[protocol_hash] = Cast(
                seed=version.study.seed,
                rules=version.study.rules,
                assistants={
                    name: make_assistant(arm, version, study=self._study, servers=self._servers)
                    for name, arm in arms.items()
                },
                sampling={name: self._sampling(arm) for name, arm in arms.items()},
                prices={name: self.price(arm) for name, arm in arms.items()},
                members={member.name: member for member in make_members(version.study)},
            )
        return self._made[protocol_hash]

    def price(self, arm: StudyArm) -> Price | None:
        """What an arm's tokens cost."""
        return arm.price or self._newest.get(arm.arm.name, arm).price

    def spending(self) -> list[tuple[str | None, Usage, Price | None]]:
        """What the database says was spent, by member, with the price of each arm's tokens."""
        found = []
        for row in self._study.store.spent(self._study.id):
            arms = self._study.version(row.protocol_hash).study.arms
            price = next(self.price(arm) for arm in arms if arm.arm.name == row.arm)
            found.append((row.member, row.usage, price))
        return found

    def _sampling(self, arm: StudyArm) -> Sampling:
        longest = self._newest.get(arm.arm.name, arm).sampling.max_tokens
        if not self._study.file.study.budget.limited or arm.sampling.max_tokens is not None:
            return arm.sampling
        return arm.sampling.model_copy(update={"max_tokens": longest})

    async def close(self) -> None:
        """Close every assistant."""
        for cast in self._made.values():
            for assistant in cast.assistants.values():
                await assistant.close()
