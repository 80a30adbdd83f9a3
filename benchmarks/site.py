"""The site under 200 members at once, on two cores.

A server (``gadfly serve``: one process on SQLite, two on PostgreSQL, whose server shares the two
cores) serves a study of scripted assistants, its texts sealed. 200 members walk through their
dialogues by real requests over kept connections, from this process, which has the other cores where
there are any. They think as people do, four times as fast: 8 s for a message, 4 s for a choice on
average. While assistants work they ask every second how things stand, as the page's script does.

Measured is what a member waits for the site in one turn: every request of it, from its first byte
sent to its last byte read (message, states, page, choice, and the pages that these lead to), which
counts the site's queues, and the client's own time besides. Afterwards what the site acknowledged
is looked for in the database. Bounds: 250 ms at p95, no error, nothing lost or twice.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import aiohttp
from pydantic import SecretStr
from tests import postgres
from tests.web.crowd import Pass, Walker, kept, missing, passes
from tests.web.site import write_study

from gadfly.cli.serve import free_port
from gadfly.settings import Settings
from gadfly.store.sealing import new_key

__all__ = ["main"]

MEMBERS = 200
SECONDS = 40.0
"""How long members begin new turns."""
ARRIVAL = 10.0
"""Seconds within which all of them have come."""
THINK = {"describe": 5.0, "say": 8.0, "poll": 1.0, "compare": 4.0, "rate": 5.0}
BOUND = 250.0
CORES = sorted(os.sched_getaffinity(0))


def _seen(process: int) -> set[int]:
    """A process and those that it started; PostgreSQL's come and go."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except FileNotFoundError:
        return set()
    return {process}.union(*(_seen(int(child)) for child in children))


def _used(processes: set[int]) -> float:
    """CPU-seconds of processes."""
    ticks = 0
    for process in processes:
        with suppress(FileNotFoundError):
            stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def _wait(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(400):
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    raise RuntimeError(f"nobody answers at {url}")


async def _member(walker: Walker, draw: random.Random, until: float) -> None:
    """One member until the time is up; turns under way are ended."""
    await asyncio.sleep(draw.uniform(0, ARRIVAL))

    async def think(what: str) -> None:
        if what == "say" and time.monotonic() > until:
            raise TimeoutError
        await asyncio.sleep(1.0 if what == "poll" else THINK[what] * draw.uniform(0.5, 1.5))

    walker.think = think
    try:
        while await walker.dialogue(4):
            pass
    except (TimeoutError, aiohttp.ClientError):
        return


def _served(folder: Path, database: str, workers: int, others: set[int], what: str) -> None:
    """Serve, let everybody in, and tell what was seen."""
    study = write_study(folder, "bench", quota=5 * MEMBERS, task_size=5)
    key, secret = new_key(), "a secret of the benchmark: thirty-two characters"
    settings = Settings(secret=SecretStr(secret), keys=SecretStr(key))
    let_in = passes(study, database, settings, MEMBERS)
    port = free_port(8600)
    options = ["--port", str(port), "--workers", str(workers), "--database", database]
    server = subprocess.Popen(
        [Path(sys.executable).parent / "gadfly", "serve", study, *options],
        env={**os.environ, "GADFLY_SECRET": secret, "GADFLY_KEYS": key},
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, CORES[:2]),
    )
    try:
        used, rate, walkers = asyncio.run(_walk(f"http://127.0.0.1:{port}", let_in, server, others))
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)
    turns = sorted(1000 * seconds for walker in walkers for seconds in walker.turns)
    refused = sum((walker.refused for walker in walkers), Counter())
    wrong = missing(kept(study, database, settings), walkers)
    middle, high = (turns[int(len(turns) * share)] for share in (0.5, 0.95))
    print(
        f"site, {what}, {MEMBERS} members: a turn waits {middle:.0f} ms at p50, {high:.0f} ms at "
        f"p95 of {BOUND:.0f} allowed ({high / BOUND:.2f}), {turns[-1]:.0f} ms at most; "
        f"{len(turns):,} turns, {sum(refused.values())} errors, {len(wrong)} lost or twice; "
        f"{rate:.0f} requests a second, {used:.2f} of 2 cores"
    )
    for line, count in [*refused.most_common(5), *Counter(wrong).most_common(5)]:
        print(f"  {count} x {line}")


async def _walk(
    url: str, let_in: list[Pass], server: subprocess.Popen[bytes], others: set[int]
) -> tuple[float, float, list[Walker]]:
    """Everybody's walk; returns cores used and requests a second while it lasted."""
    await _wait(url)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
        walkers = [Walker(session, f"{url}/bench", one) for one in let_in]
        processes = _seen(server.pid).union(*map(_seen, others))
        began, used = time.monotonic(), _used(processes)
        draws = [random.Random(number) for number in range(MEMBERS)]
        until = began + SECONDS
        await asyncio.gather(
            *(_member(w, draw, until) for w, draw in zip(walkers, draws, strict=True))
        )
        seconds = time.monotonic() - began
        used = _used(_seen(server.pid).union(*map(_seen, others))) - used
    return used / seconds, sum(w.requests for w in walkers) / seconds, walkers


def main() -> None:
    """Print waiting, errors and use of the cores on either database."""
    if len(CORES) > 2:
        os.sched_setaffinity(0, CORES[2:])
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        here = Path(folder)
        (here / "one").mkdir()
        _served(here / "one", f"sqlite:///{here / 'one' / 'bench.db'}", 1, set(), "SQLite")
        (here / "two").mkdir()
        if postgres.binary("initdb") is None:
            print(f"site, PostgreSQL: not measured, {postgres.HOW}")
            return
        database = stack.enter_context(postgres.serve())
        for process in _seen(database.process.pid):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(process, CORES[:2])
        _served(here / "two", database.new(), 2, {database.process.pid}, "PostgreSQL")
    os.sched_setaffinity(0, CORES)


if __name__ == "__main__":
    main()
