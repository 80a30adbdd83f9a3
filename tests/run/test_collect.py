"""Collecting: exact quotas, nothing lost, the same study however it was interrupted."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from gadfly.errors import OperatorError, PersonError, StudyProblem
from gadfly.preference.making import make_linear
from gadfly.records.canonical import content_hash
from gadfly.records.writing import write_pairs
from gadfly.run.assemble import OpenStudy, make_members, make_scorer, open_study
from gadfly.run.collect import Collected, collect
from gadfly.run.gather import gather
from gadfly.run.journal import Journal
from gadfly.run.report import read
from gadfly.run.scoring import score_study
from gadfly.store.rows import NewEvent
from gadfly.store.store import Store
from gadfly.study.protocol import StudyFile, load_study
from tests.command import start
from tests.preference.worlds import planted
from tests.run.conftest import MakeStudy, arm, collected
from tests.run.conftest import collected_attacks as attacks
from tests.run.conftest import kept_events as events

ASSIGNMENT = '{"policy":"test","probabilities":{"open small":1.0},"round":1}'


@pytest.fixture(autouse=True, params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here, with its studies in SQLite files and in databases of PostgreSQL."""
    if request.param == "sqlite":
        return
    server, urls = request.getfixturevalue("postgres"), dict[Path, str]()

    def url(file: StudyFile) -> str:
        if file.path not in urls:
            urls[file.path] = server.new()
        return urls[file.path]

    monkeypatch.setattr(StudyFile, "database_url", property(url))


def assign(study: OpenStudy, count: int, *, keep: bool = False) -> tuple[int, list[int]]:
    """Attacks assigned and left open by a runner that has gone; its id, and theirs."""
    runner, rows = study.store.enlist(study.id, 60), []
    protocol = study.file.study
    for _ in range(count):
        held = study.store.next_attack(
            study.id,
            runner,
            study.file.protocol_hash,
            lambda number: make_members(protocol)[0].name,
            lambda counts: (protocol.arms[0].arm.name, ASSIGNMENT),
        )
        assert held is not None
        rows.append(held.attack.id)
    if not keep:
        study.store.dismiss(runner)
    return runner, rows


def fingerprint(path: Path) -> list[str]:
    """Content hash of every attack, times left out."""
    timeless = {"started_at": None, "ended_at": None}
    return [content_hash(attack.model_copy(update=timeless)) for attack in attacks(path)]


def test_a_study_ends_with_exactly_its_quotas(make_study: MakeStudy) -> None:
    path = make_study(arms=[arm("open", 13), arm("firm", 7, caution=6.0)])
    assert collected(path) == Collected(attacks=20, resumed=0, started=20)
    found = attacks(path)
    assert Counter(a.arm.name for a in found) == {"open small": 13, "firm small": 7}
    assert [a.number for a in found] == list(range(1, 21))
    digest = load_study(path).protocol_hash
    for attack in found:
        assert attack.protocol_hash == digest
        assert attack.brief == "open@1"
        assert attack.assignment is not None
        assert sum(attack.assignment.probabilities.values()) == pytest.approx(1)
        assert attack.attacker.kind == "simulated"
        assert attack.task_description
        for turn in attack.turns:
            assert {c.shown for c in turn.comparisons} <= {(0, 1), (1, 0)}
    assert collected(path) == Collected(attacks=20, resumed=0, started=0)


def test_sides_are_random(make_study: MakeStudy) -> None:
    path = make_study()
    collected(path)
    first = Counter(c.shown[0] for a in attacks(path) for turn in a.turns for c in turn.comparisons)
    assert min(first.values()) > 0.3 * sum(first.values())


def test_one_dialogue_at_a_time_or_twenty_give_the_same_study(make_study: MakeStudy) -> None:
    one, many = make_study("one"), make_study("many")
    collected(one, concurrency=1)
    collected(many, concurrency=20)
    assert fingerprint(one) == fingerprint(many)


def test_another_seed_gives_another_study(make_study: MakeStudy) -> None:
    one, other = make_study("one"), make_study("other", seed=8)
    collected(one)
    collected(other)
    assert fingerprint(one) != fingerprint(other)


def begin(path: Path) -> subprocess.Popen[str]:
    database = load_study(path).database_url
    return start("run", path, "--concurrency", 4, "--database", database)


def wait_for_events(path: Path, process: subprocess.Popen[str]) -> None:
    """Until the first dialogue is under way."""
    while process.poll() is None:
        if any_event(path):
            return
        time.sleep(0.05)


def any_event(path: Path) -> bool:
    try:
        return bool(events(path))
    except OperatorError:
        return False


def test_a_killed_run_goes_on_where_it_stopped(make_study: MakeStudy) -> None:
    arms = [arm("open", 150), arm("firm", 150, caution=5.0)]
    whole, killed = make_study("whole", arms=arms), make_study("killed", arms=arms)
    collected(whole)
    kills = 0
    draw = random.Random(1)
    for _ in range(6):
        process = begin(killed)
        wait_for_events(killed, process)
        time.sleep(draw.uniform(0, 0.4))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before = events(killed)
        for kept in before.values():
            assert [number for number, _ in kept] == list(range(len(kept)))
    assert kills >= 2
    lasting = sum(a.ended_at is None for a in attacks(killed, over_only=False))
    done = collected(killed)
    assert done.attacks == 300
    assert done.resumed == lasting
    after = events(killed)
    assert all(after[row][: len(kept)] == kept for row, kept in before.items())
    assert fingerprint(killed) == fingerprint(whole)


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(make_study: MakeStudy) -> None:
    path = make_study(arms=[arm("open", 400), arm("firm", 400)])
    process = begin(path)
    wait_for_events(path, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "every step is kept" in said
    assert f"run {path}" in said.replace("\n", "")
    assert "Traceback" not in said
    assert collected(path).attacks == 800


def test_a_changed_file_is_refused_until_it_is_amended(make_study: MakeStudy) -> None:
    path = make_study()
    collected(path)
    first = load_study(path).protocol_hash
    make_study(arms=[arm("open", 12), arm("firm", caution=5.0)])
    with pytest.raises(StudyProblem, match=r"changed since \(arms\).*--amend"):
        collected(path)
    assert collected(path, amend=True) == Collected(attacks=22, resumed=0, started=2)
    hashes = Counter(a.protocol_hash for a in attacks(path))
    assert hashes == {first: 20, load_study(path).protocol_hash: 2}


def test_a_dialogue_keeps_the_rules_it_began_with(make_study: MakeStudy) -> None:
    path = make_study(rules={"turns_asked": 4, "on_neither": "random"})
    file = load_study(path)
    with closing(Store(file.database_url)) as store:
        study = open_study(file, store)
        assign(study, 1)
    make_study(rules={"turns_asked": 1, "turns_max": 1})
    assert collected(path, amend=True).resumed == 1
    assert max(len(a.turns) for a in attacks(path) if a.number == 1) > 1
    assert {len(a.turns) for a in attacks(path) if a.number and a.number > 1} == {1}


def test_an_amended_study_keeps_and_finishes_what_began_before(make_study: MakeStudy) -> None:
    """An arm removed, members renamed, a quota lowered: old dialogues end as they began."""
    path = make_study(arms=[arm("old", 8), arm("open", 8)])
    file = load_study(path)
    with closing(Store(file.database_url)) as store:
        study = open_study(file, store)
        assign(study, 6)
    make_study(
        arms=[arm("open", 3), arm("new", 5)],
        members={"kind": "simulated", "count": 4, "prefix": "late"},
    )
    done = collected(path, amend=True)
    assert done.resumed == 6
    found = attacks(path)
    assert len(found) == done.attacks
    assert {str(a.attacker.member)[:4] for a in found[:6]} == {"sim-"}
    assert {str(a.attacker.member)[:4] for a in found[6:]} == {"late"}
    counts = Counter(a.arm.name for a in found)
    assert counts["new small"] == 5
    assert counts["open small"] >= 3
    analysed = read(path)
    assert analysed.frame.height == done.attacks
    assert analysed.marks is not None
    assert {a.name for a in analysed.marks} == {"old small", "open small", "new small"}
    # Arms that were never open together share no round, though no quota was full in between.
    rounds = analysed.frame.sort("number").select("round", "probabilities").rows()
    assert [number for number, _ in rounds] == [1] * 6 + [2] * 5 + [3] * 3
    assert {a.assignment.round for a in found[:11] if a.assignment} == {1}
    open_in = {number: {p["arm"] for p in chances} for number, chances in rounds}
    assert open_in == {1: {"open small"}, 2: {"open small", "new small"}, 3: {"new small"}}


def test_people_and_missing_facts_are_refused(make_study: MakeStudy) -> None:
    people = {"kind": "human", "count": 3}
    with pytest.raises(StudyProblem, match="ethics_reference"):
        collected(make_study(members=people))
    launch = {
        "contact": "Ada",
        "adults_only": True,
        "ethics_reference": "none needed: a test",
        "pay_floor": {"amount": 20, "currency": "EUR"},
    }
    care = {
        "support": "Ada",
        "legal_contact": {"name": "Bea", "address": "bea@example.org"},
    }
    with_people = partial(make_study, members=people, launch=launch, care=care)
    with pytest.raises(PersonError, match="gadfly serve"):
        collected(with_people("facts"))
    # What every arm is asked once needs nobody.
    done = collected(with_people("asking", static={"prompts": "town-attacks", "count": 3}))
    assert (done.attacks, done.started, done.probed, done.stopped) == (0, 0, 6, False)


def test_scores_are_kept_once(make_study: MakeStudy) -> None:
    path = make_study()
    collected(path)
    file = load_study(path)
    with closing(Store(file.database_url)) as store:
        study, scorer = open_study(file, store), make_scorer(file)
        told: list[tuple[int, int]] = []
        assert score_study(study, scorer, progress=lambda *now: told.append(now)) == 20
        assert told[-1] == (20, 20)
        assert score_study(study, scorer) == 0
        for attack in gather(study, scorer=scorer).values():
            (scores,) = attack.scores
            replies = sum(turn.continued is not None for turn in attack.turns)
            assert len(scores.turns or ()) == replies
            assert scores.minimum == (1.5 if replies else None)


def test_a_scorer_that_is_not_there_says_so(make_study: MakeStudy) -> None:
    file = load_study(make_study(scorer={"kind": "linear", "path": "nowhere"}))
    with pytest.raises(StudyProblem, match="nowhere"):
        make_scorer(file)


def test_a_study_names_the_kind_of_its_scorer(make_study: MakeStudy, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", planted(20), format="pairs")
    make_linear([tmp_path / "pairs.jsonl"], tmp_path / "model")
    for kind in ("linear", "neural"):
        scorer = {"kind": kind, "path": str(tmp_path / "model")}
        file = load_study(make_study(kind, scorer=scorer))
        if kind == "linear":
            assert make_scorer(file).name == "gadfly-linear"
            asking = load_study(make_study("asking", scorer=scorer | {"description_question": "?"}))
            assert make_scorer(asking).version.startswith(f"{make_scorer(file).version}+asking-")
            assert asking.protocol_hash != file.protocol_hash
            assert file.protocol["study"]["scorer"] == scorer  # as before there was a question
            continue
        with pytest.raises(StudyProblem, match=r"got neural; .* holds a model of kind linear"):
            make_scorer(file)


def test_nobody_is_told_before_the_commit(make_study: MakeStudy) -> None:
    """What the journal has acknowledged is in the database; what it has not may be missing."""
    file = load_study(make_study())

    async def work(store: Store, runner: int, row: int) -> None:
        journal = Journal(store, runner)

        async def one(number: int) -> None:
            await journal.keep([NewEvent(row, number, f"body {number}")])
            assert (number, f"body {number}") in store.events(1)[row]

        await asyncio.gather(*(one(number) for number in range(40)))
        with pytest.raises(OperatorError):
            await journal.keep([NewEvent(row, 3, "twice")])
        await journal.keep([NewEvent(row, 40, "after a failure it goes on")])

    with closing(Store(file.database_url)) as store:
        study = open_study(file, store)
        runner, (row,) = assign(study, 1, keep=True)
        asyncio.run(work(store, runner, row))


def test_a_failing_database_ends_in_its_message(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_study()
    left = [25]
    real = Store.append

    def failing(store: Store, new: list[NewEvent], *, runner: int) -> set[int]:
        left[0] -= 1
        if left[0] < 0:
            raise OperatorError("the disk is full")
        return real(store, new, runner=runner)

    monkeypatch.setattr(Store, "append", failing)
    with pytest.raises(OperatorError, match="the disk is full"):
        collected(path)
    monkeypatch.undo()
    assert collected(path).attacks == 20


def test_a_study_that_has_not_begun_says_so(make_study: MakeStudy) -> None:
    with pytest.raises(StudyProblem, match="nothing is collected yet"):
        attacks(make_study())


def test_a_runner_ends_what_it_can_when_another_one_amends_the_study(
    make_study: MakeStudy,
) -> None:
    path = make_study()
    old = load_study(path)
    url = old.database_url
    with closing(Store(url)) as store, closing(Store(url)) as elsewhere:
        mine = open_study(old, store)
        make_study(arms=[arm("new", 30)])
        assign(open_study(load_study(path), elsewhere, amend=True), 3)
        with pytest.raises(OperatorError, match="amended this study"):
            asyncio.run(collect(mine, concurrency=4))
        found = Counter(a.arm.name for a in gather(mine, over_only=False).values())
        assert found == {"new small": 3}
    assert collected(path).attacks == 30


def test_the_studys_rule_of_tags_holds_unless_another_is_asked_for(make_study: MakeStudy) -> None:
    path = make_study(arms=[arm("open", quota=2)], review={"tag_rule": "majority"})
    collected(path)
    found = read(path)
    for asked, used in ((None, "majority"), ("all", "all")):
        results = found.results(tag_rule=asked, resamples=100, topics=False)
        assert results.provenance.arguments_used["tag_rule"] == used
