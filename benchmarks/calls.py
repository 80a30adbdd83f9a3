"""Calls to a server, beside a bare loop of the SDK that keeps nothing; then a kill, and a count.

The server is a stand-in in a process of its own that answers every call after 200 ms. By turns, in
processes of their own on two cores:

* the peer: 100 tasks that call ``openai`` one request after another over its aiohttp transport, and
  forget the answer;
* a study: 100 dialogues in flight, every event committed to SQLite (WAL, ``synchronous=FULL``)
  before anybody acts on it, run once against a server that gives both replies in one call and once
  against one that needs a call for each.

Bounds: 300 calls a second, 3 CPU-seconds for 1,000 calls, 150 MB. At the end a study is killed
(SIGKILL) in mid-flight, and its rows are counted against what it had been told is kept.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
IN_FLIGHT = 100
BOUND_RATE, BOUND_CPU, BOUND_MB = 300.0, 3.0, 150.0
ROUNDS = 3

_MEASURED = """
import asyncio, json, resource, sys, time
def used():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime
def told(calls, began, cpu):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"calls": calls, "rate": calls / (time.perf_counter() - began),
                      "cpu": (used() - cpu) / calls * 1000, "mb": peak}))
"""
_PEER = (
    _MEASURED
    + """
import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient
async def work(url, n, calls, tasks):
    limits = httpx2.Limits(max_connections=2048, max_keepalive_connections=2048)
    http = DefaultAioHttpClient(limits=limits)
    talk = [{"role": "user", "content": "how would somebody stop the big bell with a device? " * 2},
            {"role": "assistant", "content": "reply " * 10}] * 2
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http) as client:
        async def loop(task):
            for call in range(calls // tasks):
                await client.chat.completions.create(
                    model="m", messages=talk[:-1], seed=task * 1000 + call, max_tokens=50,
                    **({"n": n} if n > 1 else {}))
        cpu, began = used(), time.perf_counter()
        await asyncio.gather(*(loop(task) for task in range(tasks)))
        told(calls // tasks * tasks, began, cpu)
asyncio.run(work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
"""
)
_OURS = (
    _MEASURED
    + """
from pathlib import Path
from gadfly.assistants import endpoint
from gadfly.run.assemble import open_study
from gadfly.run.collect import collect
from gadfly.run.tally import Tally
from gadfly.store.store import Store
from gadfly.study.protocol import load_study
cpu, began = used(), time.perf_counter()
file, tally = load_study(Path(sys.argv[1])), Tally()
store = Store(file.database_url)
asyncio.run(collect(open_study(file, store), concurrency=100, tally=tally))
told(tally.calls, began, cpu)
"""
)
_KILLED = """
import asyncio, sys
from pathlib import Path
from gadfly.run import journal
from gadfly.run.assemble import open_study
from gadfly.run.collect import collect
from gadfly.store.store import Store
from gadfly.study.protocol import load_study
keep = journal.Journal.keep
async def told(self, step):
    await keep(self, step)
    sys.stdout.write("".join(f"{event.attack_id} {event.number}\\n" for event in step))
    sys.stdout.flush()
journal.Journal.keep = told
file = load_study(Path(sys.argv[1]))
asyncio.run(collect(open_study(file, Store(file.database_url)), concurrency=100))
"""


@contextmanager
def _server(several: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.stub", "--delay", "0.2", "--several", several]
    command += ["--log", os.devnull]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _study(folder: Path, url: str, attacks: int) -> Path:
    def arm(name: str) -> dict[str, Any]:
        endpoint = {"kind": "endpoint", "base_url": url, "model": "m"}
        target = {"model_type": name, "num_params": "t", "quota": attacks // 2}
        return target | {"assistant": endpoint, "sampling": {"max_tokens": 50}}

    folder.mkdir()
    path = folder / "study.yaml"
    study = {
        "name": "bench",
        "title": "Bench",
        "purpose": "To measure.",
        "team_type": "crowd",
        "seed": 1,
        "members": {"kind": "simulated", "count": 60},
        "arms": [arm("one"), arm("two")],
        "scorer": {"kind": "constant"},
        "launch": {"contact": "nobody", "authorisations": {url: "the benchmark's own"}},
    }
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    return path


def _on_two_cores() -> None:
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:2]))


def _measure(script: str, *arguments: object) -> dict[str, float]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, preexec_fn=_on_two_cores
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _middle(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: sorted(run[key] for run in runs)[len(runs) // 2] for key in runs[0]}


def _compare(folder: Path, several: str, attacks: int) -> None:
    together = several == "yes"
    ours, peers = [], []
    with _server(several) as url:
        for turn in range(ROUNDS):
            ours.append(_measure(_OURS, _study(folder / f"{several}-{turn}", url, attacks)))
            tasks = IN_FLIGHT if together else 2 * IN_FLIGHT
            calls = int(ours[-1]["calls"])
            peers.append(_measure(_PEER, url, 2 if together else 1, calls, tasks))
    mine, peer = _middle(ours), _middle(peers)
    how = "both replies in a call" if together else "a call for each reply"
    print(
        f"calls, {how}: {mine['rate']:,.0f} a second of {BOUND_RATE:,.0f} asked, "
        f"{mine['cpu']:.2f} CPU-seconds for 1,000 of {BOUND_CPU:g} allowed, "
        f"{mine['mb']:.0f} MB of {BOUND_MB:.0f}; {mine['calls']:,.0f} calls\n"
        f"  a bare loop that keeps nothing: {peer['rate']:,.0f} a second, {peer['cpu']:.2f} "
        f"CPU-seconds, {peer['mb']:.0f} MB; ratios {mine['rate'] / peer['rate']:.2f}, "
        f"{mine['cpu'] / peer['cpu']:.2f}, {mine['mb'] / peer['mb']:.2f}"
    )


def _kill(folder: Path) -> None:
    """Kill a study in mid-flight and count what it was told is kept."""
    from gadfly.store.store import Store
    from gadfly.study.protocol import load_study

    with _server("yes") as url, tempfile.TemporaryFile("w+") as told:
        path = _study(folder / "killed", url, 4000)
        command = [sys.executable, "-c", _KILLED, str(path)]
        process = subprocess.Popen(command, stdout=told, cwd=ROOT)
        time.sleep(random.uniform(4, 6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        told.seek(0)
        lines = told.read().splitlines(keepends=True)
    acknowledged = {tuple(map(int, line.split())) for line in lines if line.endswith("\n")}
    with closing(Store(load_study(path).database_url)) as store:
        rows = {(a, number) for a, kept in store.events(1).items() for number, _ in kept}
    lost = len(acknowledged - rows)
    print(
        f"killed in mid-flight: {len(acknowledged):,} events acknowledged, {len(rows):,} rows "
        f"found, {lost} lost; allowed 0"
    )


def main(attacks: int = 2000) -> None:
    """Print rates, costs and their ratios, then kill a run and count."""
    with tempfile.TemporaryDirectory() as folder:
        _compare(Path(folder), "yes", attacks)
        _compare(Path(folder), "ignores", attacks)
        _kill(Path(folder))


if __name__ == "__main__":
    main()
