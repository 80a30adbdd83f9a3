"""The limiter: grows where the server takes it, shrinks where it does not, loses nobody."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from gadfly.assistants import limiter as limiting
from gadfly.assistants.limiter import Limiter


async def load(limiter: Limiter, capacity: int, calls: int, callers: int) -> tuple[int, int]:
    """Calls against a server that takes so many at once; returns overloads and the most at once."""
    left, overloads, most = calls, 0, 0

    async def caller() -> None:
        nonlocal left, overloads, most
        while left > 0:
            left -= 1
            async with limiter.slot():
                most = max(most, limiter.under_way)
                too_many = limiter.under_way > capacity
                await asyncio.sleep(0.002)
                if too_many:
                    overloads += 1
                    limiter.overloaded()
                else:
                    limiter.went_well()

    await asyncio.gather(*(caller() for _ in range(callers)))
    return overloads, most


def test_it_grows_to_what_is_asked_of_it() -> None:
    limiter = Limiter(first=2)
    overloads, most = asyncio.run(load(limiter, 10**6, calls=2_000, callers=100))
    assert overloads == 0
    assert most == 100
    assert 100 <= limiter.limit <= 200  # not beyond what binds


def test_it_settles_below_what_the_server_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "_CUT_SECONDS", 0.01)
    limiter = Limiter(first=2)
    overloads, most = asyncio.run(load(limiter, 20, calls=4_000, callers=100))
    assert most <= 100
    assert overloads < 1_000  # without it nearly all would be
    assert 5 <= limiter.limit <= 30


def test_signs_that_come_together_cut_once() -> None:
    async def work() -> float:
        limiter = Limiter(first=64)
        for _ in range(10):
            limiter.overloaded()
        return limiter.limit

    assert asyncio.run(work()) == 32


def test_it_never_starves() -> None:
    async def work() -> float:
        limiter = Limiter(first=1)
        for _ in range(5):
            limiter.overloaded()
            async with limiter.slot():
                pass
        return limiter.limit

    assert asyncio.run(work()) == 1


def test_a_closed_one_admits_nobody_until_then() -> None:
    async def work() -> float:
        limiter = Limiter()
        limiter.close_for(0.3)
        started = time.monotonic()
        async with limiter.slot():
            return time.monotonic() - started

    assert asyncio.run(work()) >= 0.3


def test_cancelled_callers_lose_no_place() -> None:
    async def work() -> tuple[int, int]:
        limiter, draw, done = Limiter(first=3, most=3), random.Random(1), 0

        async def caller() -> None:
            nonlocal done
            async with limiter.slot():
                await asyncio.sleep(0.001)
                done += 1

        tasks = [asyncio.create_task(caller()) for _ in range(300)]
        for task in draw.sample(tasks, 150):
            await asyncio.sleep(0.0005)
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
        return done, limiter.under_way

    done, under_way = asyncio.run(work())
    assert done >= 150
    assert under_way == 0


def test_a_caller_called_forward_that_leaves_calls_the_next() -> None:
    async def work() -> None:
        limiter = Limiter(first=1, most=1)

        async def caller() -> None:
            async with limiter.slot():
                pass

        async with limiter.slot():
            first, second = asyncio.create_task(caller()), asyncio.create_task(caller())
            await asyncio.sleep(0.01)
            limiter.close_for(0.2)
        await asyncio.sleep(0.01)  # the first is called forward, and waits for the server
        first.cancel()
        await asyncio.wait_for(second, 5)

    asyncio.run(work())
