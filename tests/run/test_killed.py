"""Runs that are killed, and runs beside each other: nothing lost, nothing asked twice.

The runners are processes, the server is a process, the kills are SIGKILL at random moments, on
SQLite and on PostgreSQL. The server's log says what was asked of it; the database says what was
kept; an undisturbed run of the same study says what should have come out.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gadfly.redteam.dialogue import advance
from gadfly.redteam.events import Replied, read_event
from gadfly.redteam.state import Dialogue, Rules
from tests.run.conftest import LoggedStub, MakeStudy, allowed, kept_events, served
from tests.run.conftest import collected_attacks as attacks
from tests.run.zygote import Zygote
from tests.stub import fingerprint

KILLS = 50


def study_of(make_study: MakeStudy, stub: LoggedStub, quota: int) -> Path:
    arms = [served("one", stub.url, quota), served("two", stub.url, quota // 2)]
    return make_study(arms=arms, launch=allowed(stub.url))


def completed_calls(events: dict[int, list[tuple[int, str]]]) -> set[str]:
    """What was asked for every reply that was kept, as the server's log has it."""
    found = set()
    roles = {"human": "user", "assistant": "assistant"}
    for bodies in events.values():
        dialogue = Dialogue(Rules())
        for _, body in bodies:
            event = read_event(body)
            if isinstance(event, Replied) and not event.reply.choice:
                talk = [{"role": roles[m.role], "content": m.text} for m in dialogue.conversation]
                found.add(fingerprint({"messages": talk, "seed": event.reply.seed}))
            dialogue, _ = advance(dialogue, event)
    return found


def essence(path: Path, database: str) -> list[Any]:
    """All of a study that does not depend on the clock."""
    return [
        (
            attack.number,
            attack.arm.name,
            attack.attacker.member,
            attack.task_description,
            [
                (turn.message, [r.text for r in turn.replies], turn.comparisons, turn.continued)
                for turn in attack.turns
            ],
            attack.rating,
            attack.ending,
        )
        for attack in attacks(path, database)
    ]


@pytest.mark.timeout(600)
def test_killed_fifty_times_it_loses_nothing_and_asks_nothing_twice(
    make_study: MakeStudy,
    logged_stub: LoggedStub,
    runners: Zygote,
    database_url: str,
    tmp_path: Path,
) -> None:
    path = study_of(make_study, logged_stub, 600)
    whole = f"sqlite:///{tmp_path / 'whole.db'}"
    assert runners.wait(runners.start(path, whole, 100)) == 0
    at = calls = len(logged_stub.asked())
    draw, kills = random.Random(11), 0
    before: dict[int, list[tuple[int, str]]] = {}
    done: set[str] = set()
    while kills < KILLS:
        runner = runners.start(path, database_url)
        # However fast the machine is, the kills fall within the whole run: after so many calls.
        behind = max(0.6 * calls * (kills + 1) / KILLS - len(done), 0)
        until = at + draw.uniform(0, 2) * (20 + behind)
        time.sleep(draw.uniform(0, 0.05))
        while len(logged_stub.asked()) < until and not runners.ended(runner):
            time.sleep(0.005)
        if runners.ended(runner):
            assert runners.wait(runner) == 0
            break
        os.kill(runner, signal.SIGKILL)
        assert runners.wait(runner) == -signal.SIGKILL
        kills += 1
        mark, now = len(logged_stub.asked()), kept_events(path, database_url)
        for attack, kept in before.items():
            assert now[attack][: len(kept)] == kept, "a committed event changed"
        again = done & set(logged_stub.asked()[at:mark])
        assert not again, "a completed turn was asked for again"
        before, at, done = now, mark, completed_calls(now)
    assert kills >= KILLS, f"the study was over after {kills} kills"
    assert 0.3 * calls < len(done) < 0.95 * calls, "the kills did not fall within the run"
    assert runners.wait(runners.start(path, database_url)) == 0
    assert not done & set(logged_stub.asked()[at:])
    after = kept_events(path, database_url)
    assert all(after[attack][: len(kept)] == kept for attack, kept in before.items())
    found = attacks(path, database_url)
    assert Counter(a.arm.name for a in found) == {"one t": 600, "two t": 300}
    assert [a.number for a in found] == list(range(1, 901))
    assert essence(path, database_url) == essence(path, whole)


def test_runners_side_by_side_share_the_work_and_nothing_else(
    make_study: MakeStudy, logged_stub: LoggedStub, runners: Zygote, database_url: str
) -> None:
    path = study_of(make_study, logged_stub, 120)
    began = [runners.start(path, database_url, lease=15) for _ in range(3)]
    assert [runners.wait(runner) for runner in began] == [0, 0, 0]
    asked = logged_stub.asked()
    assert len(set(asked)) == len(asked), "two runners took one dialogue"
    found = attacks(path, database_url)
    assert Counter(a.arm.name for a in found) == {"one t": 120, "two t": 60}
    assert set(asked) == completed_calls(kept_events(path, database_url))


def test_what_a_killed_runner_held_is_driven_on_by_the_other(
    make_study: MakeStudy, logged_stub: LoggedStub, runners: Zygote, database_url: str
) -> None:
    path = study_of(make_study, logged_stub, 300)
    one, two = (runners.start(path, database_url, lease=1.0) for _ in range(2))
    time.sleep(0.8)
    os.kill(one, signal.SIGKILL)
    assert runners.wait(one) == -signal.SIGKILL
    before = kept_events(path, database_url)
    assert runners.wait(two) == 0
    after = kept_events(path, database_url)
    assert all(after[attack][: len(kept)] == kept for attack, kept in before.items())
    found = attacks(path, database_url)
    assert Counter(a.arm.name for a in found) == {"one t": 300, "two t": 150}


def test_a_runner_that_was_asleep_writes_nothing_into_what_others_took(
    make_study: MakeStudy, logged_stub: LoggedStub, runners: Zygote, database_url: str
) -> None:
    path = study_of(make_study, logged_stub, 150)
    sleeper = runners.start(path, database_url, lease=0.5)
    time.sleep(0.5)
    os.kill(sleeper, signal.SIGSTOP)
    time.sleep(0.6)  # its lease is over
    try:
        other = runners.wait(runners.start(path, database_url, lease=5))
    finally:
        os.kill(sleeper, signal.SIGCONT)
    # It may have slept within a transaction: then SQLite has told the other one that somebody
    # holds the lock, and PostgreSQL has ended the sleeper's session.
    assert (other, runners.wait(sleeper)) in [(0, 0), (0, 3), (3, 0)]
    assert runners.wait(runners.start(path, database_url)) == 0
    found = attacks(path, database_url)
    assert Counter(a.arm.name for a in found) == {"one t": 150, "two t": 75}
    for kept in kept_events(path, database_url).values():
        assert [number for number, _ in kept] == list(range(len(kept)))
