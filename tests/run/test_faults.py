"""What can go wrong around a run: each ends in a clear message or goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from gadfly.assistants import endpoint
from gadfly.assistants import server as serving
from gadfly.errors import OperatorError, StudyProblem
from gadfly.run import collect as collecting
from gadfly.run.assemble import OpenStudy, open_study
from gadfly.run.budget import BudgetSpent
from gadfly.run.collect import Collected, collect
from gadfly.run.tally import Tally
from gadfly.store import database
from gadfly.store.store import Store
from gadfly.study.protocol import load_study
from tests.command import start
from tests.postgres import serve as serve_postgres
from tests.run.conftest import MakeStudy, allowed, arm, collected, opened
from tests.run.conftest import collected_attacks as attacks
from tests.run.conftest import kept_events as bodies
from tests.stub import Stub, chat
from tests.stub import serve as serve_stub

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_BACKOFF_SECONDS", 0.01)


def served(make_study: MakeStudy, stub: Stub, quota: int = 20, **changes: Any) -> Path:
    endpoint = {"kind": "endpoint", "base_url": stub.url, "model": "m", "timeout_seconds": 1.0}
    endpoint |= changes.pop("endpoint", {})
    target = {"model_type": "m", "num_params": "t", "quota": quota, "assistant": endpoint}
    target |= changes.pop("target", {})
    return make_study(arms=[target], launch=allowed(stub.url), **changes)


def test_a_server_is_attacked_only_with_its_owners_word(make_study: MakeStudy, stub: Stub) -> None:
    path = served(make_study, stub)
    text = path.read_text().replace("my own server", "")
    path.write_text(text[: text.index("  authorisations")])
    with pytest.raises(StudyProblem, match="who allowed you"):
        collected(path)
    assert stub.asked == []


def test_what_was_found_out_about_a_server_is_not_asked_again(
    make_study: MakeStudy, stub: Stub
) -> None:
    """Two arms on one model: one call finds out for both, and for every later run."""
    stub.several = "ignores"
    path = served(make_study, stub, 4)
    study = yaml.safe_load(path.read_text())
    study["arms"].append(study["arms"][0] | {"model_type": "other"})
    path.write_text(yaml.safe_dump(study))
    collected(path)
    assert sum("n" in body for _, body, _ in stub.asked) == 1
    collected(served(make_study, stub, 8), amend=True)
    assert sum("n" in body for _, body, _ in stub.asked) == 1


BAD = {
    "hangs": "hang",
    "trickles": "trickle",
    "garbage": (200, b"<html>not json</html>"),
    "closes": "close",
    "half a body": "half",
    "busy": (503, {"error": {"message": "busy"}}),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_server_that_is_bad_for_a_while_costs_nothing(
    make_study: MakeStudy, stub: Stub, bad: Any, short_pauses: None
) -> None:
    path = served(make_study, stub, endpoint={"timeout_seconds": 2.0})
    # Long enough that on a busy machine only the planted faults take longer: those never end.
    times = 2 if bad in ("hang", "trickle") else 4  # one less than what fails a single call
    stub.answers = [chat("reply"), chat("reply"), *[bad] * times]
    tally = Tally()
    assert collected(path, tally=tally, concurrency=3).attacks == 20
    found = attacks(path)
    assert {a.ending for a in found} <= {"complete", "attacker_stopped"}
    assert sum(len(t.failed) for a in found for t in a.turns) == 0
    assert sum(n for kind, n in tally.requests.items() if kind != "answered") == times


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_server_that_stays_bad_ends_in_a_message_and_spends_no_dialogue(
    make_study: MakeStudy, stub: Stub, bad: Any, short_pauses: None
) -> None:
    path = served(make_study, stub, endpoint={"timeout_seconds": 0.3})
    stub.answers = [chat(f"reply {n}") for n in range(25)]
    stub.always = bad
    with pytest.raises(OperatorError, match=r"answers nobody.*Every step is kept"):
        collected(path)
    before = bodies(path)
    assert all(a.ending != "target_error" for a in attacks(path))
    stub.always = None
    assert collected(path).attacks == 20
    after = bodies(path)
    assert all(after[row][: len(kept)] == kept for row, kept in before.items())
    assert {a.ending for a in attacks(path)} <= {"complete", "attacker_stopped"}


def test_a_minute_of_429_is_waited_out(make_study: MakeStudy, stub: Stub) -> None:
    """With Retry-After and without, at the same time."""
    slow = {"timeout_seconds": 5.0}
    with serve_stub() as silent:
        paths = [
            served(make_study, stub, endpoint=slow),
            served(make_study, silent, endpoint=slow, folder="silent"),
        ]
        for server, header in ((stub, {"Retry-After": "20"}), (silent, {})):
            server.answers = [chat(f"reply {n}") for n in range(10)]
            server.always = (429, {"error": {"message": "slow down"}}, header)
            server.until = time.monotonic() + 60
        one, other = asyncio.run(both_collected(*paths))
    assert 0 < one.requests["rate limited"] < 60  # it is left alone meanwhile
    assert 0 < other.requests["rate limited"] < 250
    for path in paths:
        assert sum(len(t.failed) for a in attacks(path) for t in a.turns) == 0


async def both_collected(*paths: Path) -> list[Tally]:
    """Of each study what its run was like, which takes a minute."""

    async def run(study: OpenStudy) -> Tally:
        tally, started = Tally(), time.monotonic()
        assert (await collect(study, concurrency=8, tally=tally)).attacks == 20
        assert time.monotonic() - started >= 60
        return tally

    with ExitStack() as stack:
        studies = [stack.enter_context(opened(path)) for path in paths]
        return await asyncio.gather(*map(run, studies))


def test_a_server_that_takes_few_calls_at_once_gets_few(make_study: MakeStudy, stub: Stub) -> None:
    """The limit settles near what the server takes, and every dialogue comes to its end."""
    stub.capacity, stub.delay = 8, 0.02
    path, tally = served(make_study, stub, 300), Tally()
    assert collected(path, tally=tally, concurrency=60).attacks == 300
    assert sum(len(t.failed) for a in attacks(path) for t in a.turns) == 0
    limited, answered = tally.requests["rate limited"], tally.requests["answered"]
    assert 0 < limited < 0.5 * answered  # of 60 callers without a limit 52 would be turned away


def test_one_question_that_a_server_cannot_bear_spends_one_dialogue_at_most(
    make_study: MakeStudy, stub: Stub, short_pauses: None
) -> None:
    path = served(make_study, stub, 6)
    stub.answers = [(500, {"error": {"message": "boom"}})] * 5
    assert collected(path, concurrency=1).attacks == 6
    assert sum(a.ending == "target_error" for a in attacks(path)) <= 1


# The machine


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_in_a_message_and_loses_nothing(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "900k"):
        path = make_study("disk", arms=[arm("open", 200), arm("firm", 200)])
        with pytest.raises(OperatorError, match=r"the disk is full; free some space"):
            collected(path)
        try:
            before = bodies(path)
        except OperatorError:  # not even the index of the log can be made on a full disk
            before = {}
        subprocess.run(["mount", "-o", "remount,size=50m", str(tmp_path / "disk")], check=True)
        before = before or bodies(path)
        assert sum(map(len, before.values())) > 50
        assert collected(path).attacks == 400
        after = bodies(path)
        assert all(after[row][: len(kept)] == kept for row, kept in before.items())


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
from gadfly.cli.main import main
sys.argv = ["gadfly", "run", sys.argv[1]]
main()
"""


def test_a_file_that_may_not_grow_ends_in_a_message(make_study: MakeStudy) -> None:
    path = make_study(arms=[arm("open", 200), arm("firm", 200)])
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "nothing committed is lost" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    before = bodies(path)
    assert collected(path).attacks == 400
    after = bodies(path)
    assert all(after[row][: len(kept)] == kept for row, kept in before.items())


def test_a_locked_database_is_waited_for_and_the_run_goes_on(make_study: MakeStudy) -> None:
    path = make_study(arms=[arm("open", 100), arm("firm", 100)])
    collected(make_study(arms=[arm("open", 1), arm("firm", 1)]))
    path = make_study(arms=[arm("open", 100), arm("firm", 100)])
    locked = lock_for(path, 1.5)
    started = time.monotonic()
    assert collected(path, amend=True).attacks == 200
    assert time.monotonic() - started >= 1
    locked.join()


def test_a_database_that_stays_locked_ends_in_a_message(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.3)
    path = make_study()
    collected(make_study(arms=[arm("open", 2), arm("firm", 2)]))
    path = make_study(arms=[arm("open", 2000), arm("firm", 20)])
    with closing(Store(load_study(path).database_url)) as store:
        study = open_study(load_study(path), store, amend=True)

        async def locked_midway() -> None:
            async def lock() -> None:
                await asyncio.sleep(0.3)
                lock_for(path, 3).join(0.01)

            await asyncio.gather(collect(study, concurrency=8), lock())

        with pytest.raises(OperatorError, match="another process holds it"):
            asyncio.run(locked_midway())
    monkeypatch.undo()  # from here on the lock is waited for
    before = bodies(path)
    make_study(arms=[arm("open", 200), arm("firm", 20)])
    assert collected(path, amend=True).attacks >= 220
    after = bodies(path)
    assert all(after[row][: len(kept)] == kept for row, kept in before.items())


def lock_for(path: Path, seconds: float) -> threading.Thread:
    """Another program holds the study's database for a while."""
    begun = threading.Event()

    def work() -> None:
        with closing(sqlite3.connect(path.with_suffix(".db"), timeout=60)) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            begun.set()
            time.sleep(seconds)
            other.execute("ROLLBACK")

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    return thread


def test_a_postgres_that_goes_away_ends_in_a_message(
    make_study: MakeStudy, broken_connections: None
) -> None:
    path = make_study(arms=[arm("open", 3000), arm("firm", 30)])
    file = load_study(path)
    with serve_postgres() as server, closing(Store(server.new())) as store:
        study = open_study(file, store)

        async def gone_midway() -> None:
            async def end() -> None:
                await asyncio.sleep(0.5)
                server.process.send_signal(signal.SIGQUIT)  # immediate shutdown

            await asyncio.gather(collect(study, concurrency=8), end())

        with pytest.raises(OperatorError, match="is the server"):
            asyncio.run(gone_midway())


# Ctrl-C


def wait_until(stub: Stub, calls: int) -> None:
    until = time.monotonic() + 60
    while len(stub.asked) < calls:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_ctrl_c_keeps_the_replies_that_are_on_their_way(make_study: MakeStudy, stub: Stub) -> None:
    path = served(make_study, stub, 400)
    stub.delay = 0.4
    process = start("run", path, "--concurrency", "8")
    wait_until(stub, 30)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "every step is kept" in said
    assert f"run {path}" in said.replace("\n", "")
    kept = sum('"type":"replied"' in body for rows in bodies(path).values() for _, body in rows)
    asked = len(stub.asked)
    assert kept == 2 * asked  # one call, two replies, every one of them paid for
    with closing(Store(load_study(path).database_url)) as store:
        runner = store.enlist(1, 60)
        left = store.next_attack(1, runner, "no version", lambda n: None, lambda c: None)
        assert left is not None  # nothing is left under a lease


def test_a_second_ctrl_c_does_not_wait(make_study: MakeStudy, stub: Stub) -> None:
    path = served(make_study, stub, 400, endpoint={"timeout_seconds": 600})
    stub.answers = [chat("one"), chat("two")]
    stub.always = "hang"
    process = start("run", path, "--concurrency", "2")
    wait_until(stub, 4)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=15)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    stub.always = None
    make = served(make_study, stub, 5)
    assert collected(make, amend=True).attacks >= 5


def test_the_cause_of_a_halt_is_told_though_the_user_stops_it(
    make_study: MakeStudy, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "_GRACE_SECONDS", 3.0)
    monkeypatch.setattr(endpoint, "_BESIDE_SECONDS", 0.2)
    path = served(make_study, stub, 20, endpoint={"timeout_seconds": 60})
    stub.several = "ignores"
    stub.answers = [chat("one"), chat("two"), (401, {"error": {"message": "no"}})]
    stub.always = "hang"
    file = load_study(path)

    async def stopped() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.7, stop.set)
        with closing(Store(file.database_url)) as store:
            await collect(open_study(file, store), concurrency=4, stop=stop)

    with pytest.raises(OperatorError, match="wants a key"):
        asyncio.run(stopped())


# Budgets

PRICE = {"input": 1.0, "output": 10.0}


def spent(path: Path) -> tuple[int, dict[str, int]]:
    with closing(Store(load_study(path).database_url)) as store:
        rows = store.spent(1)
    by_member: dict[str, int] = {}
    for row in rows:
        tokens = row.usage.tokens_in + row.usage.tokens_out
        member = row.member or "nobody"
        by_member[member] = by_member.get(member, 0) + tokens
    return sum(by_member.values()), by_member


def spent_of(limit: dict[str, Any], path: Path) -> float:
    """What the attacks have cost, in the unit of a limit."""
    with closing(Store(load_study(path).database_url)) as store:
        usage = [row.usage for row in store.spent(1)]
    if "tokens" in limit:
        return sum(u.tokens_in + u.tokens_out for u in usage)
    return sum(u.tokens_in * PRICE["input"] + u.tokens_out * PRICE["output"] for u in usage) / 1e6


def budgeted(make_study: MakeStudy, stub: Stub, quota: int = 60, **budget: Any) -> Path:
    return served(
        make_study,
        stub,
        quota,
        budget=budget,
        endpoint={"price": PRICE},
        target={"sampling": {"max_tokens": 20}},
    )


@pytest.mark.parametrize("limit", [{"tokens": 3_000}, {"money": 0.01}], ids=str)
def test_a_studys_budget_is_never_exceeded(make_study: MakeStudy, stub: Stub, limit: Any) -> None:
    path = budgeted(make_study, stub, study=limit)
    with pytest.raises(BudgetSpent, match=r"budget is spent: .*raise budget.study"):
        collected(path)
    most = limit.get("tokens") or limit["money"]
    assert most * 0.4 < spent_of(limit, path) <= most
    asked = len(stub.asked)
    with pytest.raises(BudgetSpent):
        collected(path)
    assert len(stub.asked) <= asked + 8  # a shorter conversation may still have fitted
    assert spent_of(limit, path) <= most
    before = bodies(path)
    path = budgeted(make_study, stub, study={"tokens": 10**7})
    assert collected(path, amend=True).attacks == 60
    after = bodies(path)
    assert all(after[row][: len(kept)] == kept for row, kept in before.items())


def test_a_members_budget_ends_the_members_part_only(make_study: MakeStudy, stub: Stub) -> None:
    path = budgeted(make_study, stub, 400, member={"tokens": 1_500})
    with pytest.raises(BudgetSpent, match="every member's budget is spent"):
        collected(path, concurrency=1)
    _, by_member = spent(path)
    assert max(by_member.values()) <= 1_500
    assert len(by_member) == 6
    found = attacks(path)
    ended = [a.ending == "attacker_stopped" and not a.turns[-1].replies for a in found if a.turns]
    assert 0 < sum(ended) <= 6  # one dialogue of each is cut short
    with pytest.raises(BudgetSpent, match="every member's budget is spent"):
        collected(path)
    assert max(spent(path)[1].values()) <= 1_500


def test_tokens_nobody_counted_are_taken_from_the_budget(make_study: MakeStudy, stub: Stub) -> None:
    stub.counts_tokens = False
    path = budgeted(make_study, stub, study={"tokens": 20_000})
    with pytest.raises(BudgetSpent):
        collected(path)
    assert 10_000 < spent(path)[0] <= 20_000


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budget": {"study": {"tokens": 5}}}, "needs sampling.max_tokens"),
        (
            {"budget": {"study": {"money": 5}}, "target": {"sampling": {"max_tokens": 5}}},
            "needs assistant.price",
        ),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(
    make_study: MakeStudy, stub: Stub, changes: Any, said: str
) -> None:
    with pytest.raises(StudyProblem, match=said):
        load_study(served(make_study, stub, **changes))


def test_a_budget_that_comes_later_holds_for_dialogues_that_began_before(
    make_study: MakeStudy, stub: Stub
) -> None:
    """Price and longest reply of the newest version stand in where the older states none."""
    path = served(make_study, stub, 40)
    stub.answers = [chat(f"reply {n}") for n in range(12)]
    stub.always = (401, {"error": {"message": "no"}})
    with pytest.raises(OperatorError, match="wants a key"):
        collected(path)
    stub.always = None
    assert any(a.ended_at is None for a in attacks(path, over_only=False))
    before, asked = spent(path)[0], len(stub.asked)
    path = budgeted(make_study, stub, 40, study={"tokens": before + 2_000})
    with pytest.raises(BudgetSpent):
        collected(path, amend=True)
    assert len(stub.asked) > asked
    assert before < spent(path)[0] <= before + 2_000
    assert (
        collected(budgeted(make_study, stub, 40, study={"tokens": 10**6}), amend=True).attacks == 40
    )


def test_a_dialogue_that_nobody_can_bound_ends_where_a_budget_comes_later(
    make_study: MakeStudy, stub: Stub
) -> None:
    path = served(make_study, stub, 10)
    stub.always = (401, {"error": {"message": "no"}})
    with pytest.raises(OperatorError):
        collected(path)
    stub.always = None
    path = served(
        make_study,
        stub,
        10,
        target={"model_type": "another", "sampling": {"max_tokens": 20}},
        budget={"study": {"tokens": 10**6}},
    )
    assert collected(path, amend=True).attacks > 10
    old = [a for a in attacks(path) if a.arm.model_type == "m"]
    assert {a.ending for a in old} == {"attacker_stopped"}


def test_nothing_new_is_begun_after_a_stop(make_study: MakeStudy, stub: Stub) -> None:
    stub.delay = 0.3
    path = budgeted(make_study, stub, 40, study={"tokens": 1_400})  # room for one call at a time
    file = load_study(path)

    async def stopped() -> Collected:
        stop = asyncio.Event()

        async def soon() -> None:
            while not stub.asked:
                await asyncio.sleep(0.01)
            stop.set()

        with closing(Store(file.database_url)) as store:
            study = open_study(file, store)
            done, _ = await asyncio.gather(collect(study, concurrency=8, stop=stop), soon())
            return done

    assert asyncio.run(stopped()).stopped
    assert len(stub.asked) <= 2


def test_what_was_paid_beside_a_failure_is_booked(make_study: MakeStudy, stub: Stub) -> None:
    stub.several = "ignores"
    path = served(make_study, stub, 4)
    collected(path)
    booked = spent(path)[0]
    stub.answers = [chat("one"), (401, {"error": {"message": "no"}})]
    with pytest.raises(OperatorError):
        collected(served(make_study, stub, 5), amend=True, concurrency=1)
    assert spent(path)[0] == booked + 14
