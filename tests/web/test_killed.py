"""The site's processes are killed under load, and started again: nothing lost, nothing twice.

Members walk by real requests and send again what got no answer, as the page's script does; the only
process on SQLite, or one of two on PostgreSQL, is killed (SIGKILL) at random moments. Afterwards
what every member was told is held against the database.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import aiohttp
import orjson
import pytest
from pydantic import SecretStr

from gadfly.settings import Settings
from gadfly.store.rows import StoredAttack
from gadfly.store.sealing import new_key
from gadfly.store.store import Store
from gadfly.store.work import Work
from tests.run.zygote import Zygote, zygote
from tests.web.crowd import Pass, Walker, kept, missing, passes
from tests.web.site import write_study

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.usefixtures("socket_enabled", "broken_connections"),
]
KILLS = 26
MEMBERS = 24
TASK, QUOTA = 4, 40
LEASE = 2.0


class Storm:
    """Members under way, and processes that fall and rise."""

    def __init__(self, workers: Zygote, study: Path, database: str, listener: int) -> None:
        self.workers, self.listener = workers, listener
        self.study, self.database = study, database
        self.draw, self.kills = random.Random(5), 0

    def start(self) -> int:
        return self.workers.start(self.study, self.database, self.listener, LEASE)

    async def kill(self, running: list[int]) -> None:
        while self.kills < KILLS:
            await asyncio.sleep(self.draw.uniform(0.25, 0.95))
            place = self.draw.randrange(len(running))
            os.kill(running[place], signal.SIGKILL)
            self.kills += 1
            running[place] = await asyncio.to_thread(self.start)

    async def think(self, what: str) -> None:
        busy = self.kills < KILLS
        await asyncio.sleep(self.draw.uniform(0.2, 1.4) if busy else 0.05 * (what == "poll"))

    async def walk(self, url: str, let_in: list[Pass], running: list[int]) -> list[Walker]:
        connector = aiohttp.TCPConnector(limit=0)
        jar, longest = aiohttp.DummyCookieJar(), aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=jar, timeout=longest
        ) as session:
            walkers = [Walker(session, url, who, self.think, patient=True) for who in let_in]
            killing = asyncio.create_task(self.kill(running))
            await asyncio.gather(*map(to_the_end, walkers))
            assert killing.done(), f"the study was over after {self.kills} kills"
            await killing
        return walkers


async def to_the_end(walker: Walker) -> None:
    while await walker.dialogue(3):
        pass


@pytest.mark.timeout(180)
def test_killed_at_random_it_loses_nothing_and_takes_nothing_twice(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, key = "a secret of at least thirty-two characters", new_key()
    monkeypatch.setenv("GADFLY_SECRET", secret)
    monkeypatch.setenv("GADFLY_KEYS", key)
    settings = Settings(secret=SecretStr(secret), keys=SecretStr(key))
    study = write_study(tmp_path, quota=QUOTA, task_size=TASK)
    let_in = passes(study, database_url, settings, MEMBERS)
    with closing(socket.create_server(("127.0.0.1", 0), backlog=512)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/town"
        with zygote("tests.web.workers", hand=(listener.fileno(),)) as workers:
            storm = Storm(workers, study, database_url, listener.fileno())
            running = [storm.start() for _ in range(1 if "sqlite" in database_url else 2)]
            try:
                walkers = asyncio.run(storm.walk(url, let_in, running))
            finally:
                for worker in running:
                    os.kill(worker, signal.SIGTERM)
            assert {workers.wait(worker, 30) for worker in running} <= {0, -signal.SIGTERM}
    told = sum((walker.refused for walker in walkers), Counter[str]())
    assert not told, "a member was refused something"
    assert missing(kept(study, database_url, settings), walkers) == []
    with closing(Store(database_url)) as store:
        check_assignment(store, store.attacks(1))


def check_assignment(store: Store, found: list[StoredAttack]) -> None:
    """Nobody has more than the study and their task allow; nothing is held, or counted twice."""
    assert {attack.ending for attack in found} == {"complete"}
    assert Counter(a.arm for a in found) == {"plain lm tiny": QUOTA, "prompted tiny": QUOTA}
    assert [attack.number for attack in found] == list(range(1, 2 * QUOTA + 1))
    assert max(Counter((a.person_id, a.task) for a in found).values()) <= TASK
    for attack in found:
        drawn = orjson.loads(attack.assignment)["probabilities"]
        assert sum(drawn.values()) == pytest.approx(1)
    counted = {
        person: sum(stretch.dialogues for stretch in stretches)
        for person, stretches in Work(store).of_everybody(1).items()
    }
    assert counted == Counter(attack.person_id for attack in found)
    for person in counted:
        mine = [attack for attack in found if attack.person_id == person]
        for one, later in pairwise(mine):
            assert str(one.ended_at) <= later.assigned_at, "two dialogues were open at once"
