"""The purse: whatever the order of calls, nothing is overspent and nobody waits for ever."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gadfly.records.values import Usage
from gadfly.run.budget import BudgetSpent, MemberSpent, Purse, cost
from gadfly.study.arms import Price
from gadfly.study.protocol import Budget, Limit

PRICE = Price(input=100.0, output=900.0)
CALLS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 400),  # tokens read at the most
        st.integers(1, 200),  # tokens written at the most
        st.floats(0, 1),  # share that it did cost
        st.integers(0, 5),  # how long it takes
    ),
    max_size=60,
)


def tokens(usage: Usage) -> int:
    return usage.tokens_in + usage.tokens_out


@given(CALLS, st.integers(1, 4_000), st.integers(1, 2_000), st.floats(0.01, 3))
def test_nothing_is_overspent(
    calls: list[tuple[str, int, int, float, int]], study: int, member: int, money: float
) -> None:
    budget = Budget(study=Limit(tokens=study, money=money), member=Limit(tokens=member))
    spent: dict[str, list[Usage]] = {name: [] for name in "abc"}

    async def call(purse: Purse, who: str, most: Usage, share: float, turns: int) -> None:
        try:
            held = await purse.hold(who, most, PRICE)
        except BudgetSpent:
            return
        except MemberSpent:
            assert sum(map(tokens, spent[who])) + tokens(most) > member
            return
        for _ in range(turns):
            await asyncio.sleep(0)
        read, wrote = int(most.tokens_in * share), int(most.tokens_out * share)
        usage = Usage(calls=1, tokens_in=read, tokens_out=wrote)
        spent[who].append(usage)
        await purse.settle(who, held, usage, PRICE)
        every = [u for usages in spent.values() for u in usages]
        assert sum(map(tokens, every)) <= study
        assert sum(map(tokens, spent[who])) <= member
        paid = sum(cost(PRICE, u.tokens_in, u.tokens_out) for u in every)
        assert paid <= money * (1 + 1e-6)

    async def work() -> None:
        purse = Purse(budget)
        asked = (
            call(purse, who, Usage(calls=1, tokens_in=read, tokens_out=wrote), share, turns)
            for who, read, wrote, share, turns in calls
        )
        await asyncio.wait_for(asyncio.gather(*asked), 30)

    asyncio.run(work())


def test_a_call_that_does_not_fit_waits_for_what_the_others_leave() -> None:
    async def work() -> list[str]:
        purse, order = Purse(Budget(study=Limit(tokens=100))), []
        most = Usage(calls=1, tokens_in=0, tokens_out=80)
        held = await purse.hold("a", most, None)

        async def second() -> None:
            await purse.hold("b", most, None)
            order.append("second")

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.01)
        order.append("first")
        await purse.settle("a", held, Usage(calls=1, tokens_in=0, tokens_out=5), None)
        await waiting
        return order

    assert asyncio.run(work()) == ["first", "second"]


def test_what_other_runners_spent_counts() -> None:
    purse = Purse(Budget(study=Limit(tokens=100), member=Limit(tokens=60)))
    purse.know([("a", Usage(calls=3, tokens_in=40, tokens_out=10), None)])
    most = [(Usage(calls=1, tokens_in=10, tokens_out=10), None)]
    assert not purse.affords("a", most)
    assert purse.affords("b", most)
    purse.know([("a", Usage(calls=1, tokens_in=1, tokens_out=1), None)])  # old news
    assert not purse.affords("a", most)
