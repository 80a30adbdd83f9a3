"""The purse: no call is made that could bring a study, or a member, over its budget.

Before a call the most that it can be billed is set aside; when it is answered, what it did cost is
booked and the rest is free again. A call that does not fit waits while others are under way, for
they may leave enough. So the last tokens of a budget may stay unspent, and none is overspent, with
two exceptions: a request that failed may have been billed without anybody saying so, and several
runners on one study hear of each other's spending at every renewal of their leases only.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from gadfly.assistants.protocol import Stopped
from gadfly.errors import PersonError
from gadfly.records.values import Reply, Usage
from gadfly.study.arms import Price
from gadfly.study.protocol import Budget, Limit

__all__ = ["NO_USAGE", "BudgetSpent", "MemberSpent", "Purse", "cost", "together"]

NO_USAGE = Usage(calls=0, tokens_in=0, tokens_out=0)
_MILLION = 1_000_000


class BudgetSpent(PersonError):
    """The study's budget does not allow the next call."""


class MemberSpent(Exception):
    """A member's budget does not allow the next call."""


def together(replies: Iterable[Reply]) -> Usage:
    """What some replies cost."""
    return sum((r.usage for r in replies if r.usage is not None), start=NO_USAGE)


def cost(price: Price | None, tokens_in: int, tokens_out: int) -> float:
    """Money for tokens, in the currency of the price; 0 without one."""
    if price is None:
        return 0.0
    return (price.input * tokens_in + price.output * tokens_out) / _MILLION


@dataclass(frozen=True)
class Amount:
    """Tokens and money."""

    tokens: int = 0
    money: float = 0.0

    @classmethod
    def of(cls, usage: Usage, price: Price | None) -> Amount:
        """What some usage comes to."""
        read, wrote = usage.tokens_in, usage.tokens_out
        return cls(read + wrote, cost(price, read, wrote))

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.tokens + other.tokens, self.money + other.money)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.tokens - other.tokens, self.money - other.money)

    def within(self, limit: Limit) -> bool:
        """Whether it may be spent; rounding of money is no fault."""
        if limit.tokens is not None and self.tokens > limit.tokens:
            return False
        return limit.money is None or self.money <= limit.money * (1 + 1e-9)


@dataclass
class _Account:
    limit: Limit
    spent: Amount = Amount()
    held: Amount = Amount()


@dataclass
class Purse:
    """What a study may still spend."""

    budget: Budget
    command: str = "gadfly run"
    """The command that goes on."""
    _study: _Account = field(init=False)
    _members: dict[str, _Account] = field(init=False)
    _short: set[str] = field(init=False, default_factory=set)
    _changed: asyncio.Condition = field(init=False, default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self._study = _Account(self.budget.study)
        self._members = defaultdict(lambda: _Account(self.budget.member))

    def know(self, spent: Iterable[tuple[str | None, Usage, Price | None]]) -> None:
        """Hear what the database says was spent, by member: other runners' spending is in it.
        What no member spent counts for the study alone.
        """
        total = Amount()
        members: dict[str, Amount] = defaultdict(Amount)
        for member, usage, price in spent:
            amount = Amount.of(usage, price)
            total += amount
            if member is not None:
                members[member] += amount
        _raise_to(self._study, total)
        for member, amount in members.items():
            _raise_to(self._members[member], amount)

    def affords(self, member: str, first_calls: Iterable[tuple[Usage, Price | None]]) -> bool:
        """Whether a member may begin a dialogue: its budget allows any of these calls, and has
        not yet cut one short.
        """
        account = self._members[member]
        if member in self._short:
            return False
        return not self.budget.limited or any(
            (account.spent + Amount.of(most, price)).within(account.limit)
            for most, price in first_calls
        )

    def spent(self, calls: Iterable[tuple[Usage, Price | None]]) -> bool:
        """Whether the study may make none of these calls any more."""
        account = self._study
        return self.budget.limited and not any(
            (account.spent + Amount.of(most, price)).within(account.limit) for most, price in calls
        )

    async def hold(self, member: str | None, most: Usage, price: Price | None) -> Amount:
        """Set aside the most that a call can cost; give it back with :meth:`settle`.

        :param member: whose call it is; ``None`` for one that counts for the study alone.
        :raises BudgetSpent: the study has not that much left, whatever the calls under way leave.
        :raises MemberSpent: the member has not.
        """
        amount = Amount.of(most, price)
        accounts = self._accounts(member)
        async with self._changed:
            while True:
                if not (self._study.spent + amount).within(self._study.limit):
                    if member is not None:
                        self._short.add(member)
                    raise BudgetSpent(self._message(amount))
                mine = accounts[-1]
                if member is not None and not (mine.spent + amount).within(mine.limit):
                    self._short.add(member)
                    raise MemberSpent(f"the budget of member {member} is spent")
                if all((a.spent + a.held + amount).within(a.limit) for a in accounts):
                    for account in accounts:
                        account.held += amount
                    return amount
                await self._changed.wait()

    async def settle(
        self, member: str | None, held: Amount, usage: Usage, price: Price | None
    ) -> None:
        """Book what a call did cost, in place of what was set aside for it."""
        for account in self._accounts(member):
            account.held -= held
            account.spent += Amount.of(usage, price)
        async with self._changed:
            self._changed.notify_all()

    async def pay(
        self,
        member: str | None,
        most: Usage,
        price: Price | None,
        asking: Coroutine[Any, Any, list[Reply]],
        *,
        halted: Callable[[], bool],
    ) -> list[Reply]:
        """Ask within the budget: the most that it can cost is set aside first.

        :param asking: the call, not yet begun; it never is where it is not paid for.
        :raises Stopped: the run halted while it waited.
        """
        try:
            held = await self.hold(member, most, price)
        except BaseException:
            asking.close()
            raise
        usage = NO_USAGE
        try:
            if halted():
                asking.close()
                raise Stopped
            replies = await asking
            usage = together(replies)
            return replies
        finally:
            await self.settle(member, held, usage, price)

    def _accounts(self, member: str | None) -> tuple[_Account, ...]:
        return (self._study,) if member is None else (self._study, self._members[member])

    def _message(self, amount: Amount) -> str:
        spent, limit = self._study.spent, self.budget.study
        said = []
        if limit.tokens is not None:
            said.append(f"{spent.tokens:,} of {limit.tokens:,} tokens")
        if limit.money is not None:
            currency = self.budget.currency
            said.append(f"{spent.money:,.4g} of {limit.money:,.4g} {currency}")
        return (
            f"the study's budget is spent: {' and '.join(said)}, and the next call can take "
            f"{amount.tokens:,} tokens. Every step is kept: raise budget.study and go on with "
            f"{self.command} --amend"
        )


def _raise_to(account: _Account, amount: Amount) -> None:
    account.spent = Amount(
        max(account.spent.tokens, amount.tokens), max(account.spent.money, amount.money)
    )
