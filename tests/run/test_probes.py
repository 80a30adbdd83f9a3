"""Harmless requests: every arm answers every one, once, however often the run is interrupted."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gadfly.errors import FileProblem, StudyProblem
from gadfly.records.values import Message, Reply, Usage
from gadfly.run.assemble import make_scorer, open_study
from gadfly.run.budget import BudgetSpent
from gadfly.run.collect import Collected, collect
from gadfly.run.probes import answered
from gadfly.run.report import read
from gadfly.store.rows import StoredProbe
from gadfly.store.store import Store
from gadfly.study.effort import estimate_effort
from gadfly.study.protocol import load_study
from tests.run.conftest import LoggedStub, MakeStudy, allowed, arm, collected, served
from tests.run.zygote import Zygote
from tests.stub import Stub, chat, fingerprint

LIST = "---\nid: mine\nversion: 1\n---\nRemarks.\n\n" + "".join(
    f"- Request {i}\n" for i in range(9)
)


def mine(path: Path, text: str = LIST) -> Path:
    (path.parent / "mine.md").write_text(text, encoding="utf-8")
    return path


def replies(path: Path, url: str) -> dict[tuple[str, int], Reply]:
    with closing(Store(url)) as store:
        if store.study_id(load_study(path).study.name) is None:  # killed before it began
            return {}
        return answered(open_study(load_study(path), store, create=False))


def test_every_arm_answers_every_request_once(make_study: MakeStudy, database_url: str) -> None:
    path = mine(make_study(benign={"requests": "mine.md", "count": 7}))
    assert collected(path, database_url, concurrency=3).probed == 14
    found = replies(path, database_url)
    assert set(found) == {(name, n) for name in ("open small", "firm small") for n in range(1, 8)}
    assert all(reply.text.startswith("(scripted)") for reply in found.values())
    assert collected(path, database_url).probed == 0
    assert replies(path, database_url) == found


def test_the_replies_follow_from_the_seed(make_study: MakeStudy, tmp_path: Path) -> None:
    one, many = (f"sqlite:///{tmp_path / name}.db" for name in ("one", "many"))
    path = mine(make_study(benign={"requests": "mine.md"}))
    collected(path, one, concurrency=1)
    collected(path, many, concurrency=20)
    assert replies(path, one) == replies(path, many)
    other = mine(make_study("other", seed=8, benign={"requests": "mine.md"}))
    collected(other, f"sqlite:///{tmp_path / 'other.db'}")
    assert replies(other, f"sqlite:///{tmp_path / 'other.db'}") != replies(path, one)


def test_a_next_version_asks_only_what_it_has_changed(
    make_study: MakeStudy, database_url: str
) -> None:
    benign = {"requests": "mine.md"}
    path = mine(make_study(benign=benign))
    collected(path, database_url)
    mine(path, LIST.replace("Request 3", "Another"))
    make_study(benign=benign, arms=[arm("open", 11), arm("firm", caution=6.0)])
    assert collected(path, database_url, amend=True).probed == 1 + 9


def test_static_prompts_are_asked_beside_requests_and_scored(
    make_study: MakeStudy, database_url: str
) -> None:
    static = {"prompts": "mine.md", "count": 4}
    path = mine(make_study(benign={"requests": "mine.md", "count": 2}, static=static))
    assert collected(path, database_url).probed == 2 * (2 + 4)
    found = replies(path, database_url)
    assert {n for _, n in found} == {1, 2, -1, -2, -3, -4}
    # A longer list of requests moves no static prompt, and asks none again.
    mine(make_study(benign={"requests": "mine.md", "count": 5}, static=static))
    assert collected(path, database_url, amend=True).probed == 2 * 3
    analysed = read(path, database=database_url)
    assert analysed.truth is not None
    assert analysed.beside is not None
    scores = analysed.beside.static
    assert scores is not None
    assert analysed.truth.probes.height == 2 * 5
    assert sorted(scores["prompt"].to_list()) == sorted("1234" * 2)
    with closing(Store(database_url)) as store:
        scorer = make_scorer(load_study(path))
        now = answered(open_study(load_study(path), store, create=False))
    for kind, size, prompt, score in scores.iter_rows():
        reply = now[f"{kind} {size}", -int(prompt)].text
        talk = (
            Message(role="human", text=f"Request {int(prompt) - 1}"),
            Message(role="assistant", text=reply),
        )
        assert score == pytest.approx(scorer.score([talk])[0][0])


def test_a_list_for_static_prompts_is_read_as_strictly(make_study: MakeStudy) -> None:
    path = mine(make_study(static={"prompts": "mine.md", "count": 10}))
    with pytest.raises(StudyProblem, match=r"static\.count: must be at most 9"):
        load_study(path)
    with pytest.raises(FileProblem, match="holds no message"):
        load_study(mine(path, "---\nid: mine\nversion: 1\n---\nNothing.\n"))


def test_a_study_without_requests_keeps_its_hash(make_study: MakeStudy) -> None:
    file = load_study(make_study())
    assert "benign" not in file.protocol["study"]
    assert load_study(mine(make_study(benign={"requests": "mine.md"}))).protocol_hash != (
        file.protocol_hash
    )
    changed = load_study(mine(make_study(benign={"requests": "mine.md"}), LIST + "- More\n"))
    assert changed.protocol["benign"]["text"].endswith("- More")


def test_two_runners_at_once_keep_one_reply_each(make_study: MakeStudy, database_url: str) -> None:
    path = mine(make_study(benign={"requests": "mine.md"}))

    async def both(stores: list[Store]) -> list[Collected]:
        studies = [open_study(load_study(path), store) for store in stores]
        return await asyncio.gather(*(collect(study, concurrency=4) for study in studies))

    with closing(Store(database_url)) as one, closing(Store(database_url)) as two:
        asyncio.run(both([one, two]))
        with closing(Store(database_url)) as store:
            study = open_study(load_study(path), store)
            kept = Counter((probe.arm, probe.number) for probe in store.probes(study.id))
    assert len(kept) == 18
    assert set(kept.values()) == {1}


def test_the_first_reply_is_kept_and_everything_is_paid(
    make_study: MakeStudy, database_url: str
) -> None:
    paid = Usage(calls=1, tokens_in=5, tokens_out=2)
    with closing(Store(database_url)) as store:
        study = store.add_study("one", "hash", "{}")
        for body in (None, "first", "second"):
            store.put_probe(study, StoredProbe("hash", "a", 1, body), paid)
        store.put_probe(study, StoredProbe("hash", "a", 2, None), paid)
        assert [(p.number, p.body) for p in store.probes(study)] == [(1, "first")]
        (spent,) = store.spent(study)
    assert spent.member is None
    assert spent.usage == Usage(calls=4, tokens_in=20, tokens_out=8)


def test_served_arms_are_asked_within_the_budget(
    make_study: MakeStudy, stub: Stub, database_url: str
) -> None:
    def study(tokens: int, **more: Any) -> Path:
        return mine(
            make_study(
                arms=[served("one", stub.url, sampling={"max_tokens": 20})],
                members={"kind": "simulated", "count": 2},
                budget={"study": {"tokens": tokens}},
                launch=allowed(stub.url),
                **more,
            )
        )

    def spent() -> int:
        with closing(Store(database_url)) as store:
            return sum(s.usage.tokens_in + s.usage.tokens_out for s in store.spent(1))

    collected(study(1_000_000), database_url)
    attacks, benign = spent(), {"requests": "mine.md"}
    with pytest.raises(BudgetSpent, match=r"raise budget\.study"):
        collected(study(attacks + 150, benign=benign), database_url, amend=True)
    kept = len(replies(study(attacks + 150, benign=benign), database_url))
    assert 0 < kept < 9
    assert spent() == attacks + kept * 14 <= attacks + 150
    assert collected(study(attacks + 1500, benign=benign), database_url, amend=True).probed == (
        9 - kept
    )
    asked = Counter(body["messages"][-1]["content"] for _, body, _ in stub.asked)
    assert {asked[f"Request {i}"] for i in range(9)} == {1}


def test_a_reply_that_fails_is_asked_for_again_and_then_counted(
    make_study: MakeStudy, stub: Stub, tmp_path: Path
) -> None:
    path = mine(
        make_study(
            arms=[served("one", stub.url, quota=1)],
            rules={"tries": 2},
            benign={"requests": "mine.md", "count": 1},
            launch=allowed(stub.url),
        )
    )
    url = f"sqlite:///{tmp_path / 'study.db'}"
    with closing(Store(url)) as store:
        study = open_study(load_study(path), store)
        stop = asyncio.Event()

        def once_it_is_full(done: int, total: int) -> None:
            if done:
                stop.set()

        asyncio.run(collect(study, progress=once_it_is_full, stop=stop))
        assert answered(study) == {}
        stub.answers += [chat(None), chat("fine")]
        asyncio.run(collect(study))
        (reply,) = answered(study).values()
    assert reply.text == "fine"
    assert reply.outcome == "complete"


def test_killed_it_asks_nothing_twice(
    make_study: MakeStudy, logged_stub: LoggedStub, runners: Zygote, database_url: str
) -> None:
    path = make_study(
        arms=[served("one", logged_stub.url, 1)],
        benign={"requests": "everyday"},
        launch=allowed(logged_stub.url),
    )
    draw, at, kills = random.Random(3), 0, 0
    before: dict[tuple[str, int], Reply] = {}
    while True:
        runner = runners.start(path, database_url, 1)
        time.sleep(draw.uniform(0.3, 0.6) * (1 + kills / 10))  # a busy machine gets on too
        if runners.ended(runner):
            assert runners.wait(runner) == 0
            break
        os.kill(runner, signal.SIGKILL)
        runners.wait(runner)
        kills += 1
        mark, now = len(logged_stub.asked()), replies(path, database_url)
        assert {place: now[place] for place in before} == before
        asked = {
            fingerprint({"messages": [{"role": "user", "content": text}], "seed": reply.seed})
            for (_, number), reply in before.items()
            for text in [load_study(path).fixed[number]]
        }
        assert not asked & set(logged_stub.asked()[at:mark]), "a kept reply was asked for again"
        before, at = now, mark
    assert kills >= 1
    assert before, "no kill fell among the harmless requests"
    assert len(replies(path, database_url)) == 40


def test_what_it_takes_is_in_the_estimate(make_study: MakeStudy) -> None:
    url = "http://127.0.0.1:1/v1"
    study = {"arms": [served("one", url)], "launch": allowed(url)}
    without = estimate_effort(load_study(make_study(**study)), concurrency=1)
    found = load_study(make_study("more", **study, benign={"requests": "everyday"}))
    with_requests = estimate_effort(found, concurrency=1)
    assert with_requests.calls == without.calls + 40
    assert with_requests.tokens_in > without.tokens_in
