"""Interventions of a study file, from the file to the record and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gadfly.errors import FileProblem, StudyProblem
from gadfly.preference.making import make_linear
from gadfly.records.values import Arm, Attack
from gadfly.records.writing import write_attacks
from gadfly.run.report import read
from gadfly.study.effort import estimate_effort
from gadfly.study.protocol import load_study
from tests.run.conftest import MakeStudy, allowed, arm, collected, collected_attacks
from tests.stub import Stub

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def attacked(path: Path, *, amend: bool = False) -> list[Attack]:
    collected(path, amend=amend)
    return collected_attacks(path)


@pytest.fixture
def models(make_study: MakeStudy, tmp_path: Path) -> Path:
    """A folder with a study's own preference model in it."""
    path = make_study("pilot", arms=[arm("open", 60, 0.0), arm("firm", 60, 4.0)])
    pairs = tmp_path / "pairs.jsonl"
    write_attacks(pairs, attacked(path), format="pairs")
    members = [f"sim-{n:03d}" for n in range(1, 7)]
    make_linear(
        [pairs], tmp_path / "model", sources=["harmless"], members=members, seed=1, command="test"
    )
    return tmp_path


def of(name: str, assistant: Any, intervention: Any, quota: int = 4) -> dict[str, Any]:
    target = {"model_type": name, "num_params": "t", "quota": quota, "assistant": assistant}
    return target | {"intervention": intervention}


def test_each_intervention_runs_on_a_real_socket(
    make_study: MakeStudy, stub: Stub, models: Path
) -> None:
    chat = {"kind": "endpoint", "base_url": stub.url, "model": "chat"}
    plain = {"kind": "endpoint", "base_url": stub.url, "model": "base", "api": "completions"}
    model = str(models / "model")
    arms = [
        of("plain lm", plain, {"kind": "plain_lm"}),
        of("prompted", chat, {"kind": "prompted"}),
        of("rejection sampling", chat, {"kind": "rejection_sampling", "preference_model": model}),
        of("distilled", chat | {"model": "distilled"}, {"kind": "distilled"}),
        of("rlhf", chat | {"model": "rlhf"}, {"kind": "rlhf", "preference_model": model}),
        of("other scale", plain, {"kind": "prompted"}),
    ]
    scorer = {"kind": "linear", "path": model}
    path = make_study(arms=arms, launch=allowed(stub.url), scorer=scorer)
    attacks = attacked(path)
    by_arm = {a.arm.model_type: [r for t in a.turns for r in t.replies] for a in attacks if a.turns}
    names = {arm: {reply.assistant for reply in replies} for arm, replies in by_arm.items()}
    assert names["plain lm"] == {f"base at {stub.url} + one-shot@1"}
    assert names["prompted"] == {f"chat at {stub.url} + hhh@1"}
    (filtered,) = names["rejection sampling"]
    assert filtered is not None
    assert filtered.startswith(f"chat at {stub.url} + hhh@1 + best 2 of 16 by ")
    assert names["rlhf"] == {f"rlhf at {stub.url}"}
    assert all(r.filter_score is not None and r.samples for r in by_arm["rejection sampling"])
    sent = {body["model"]: body for _, body, _ in stub.asked if len(str(body)) > 20_000}
    assert len(sent["chat"]["messages"]) > 28
    assert sent["base"]["prompt"].count("\n\nHuman:") > 14
    marks = read(path).marks
    assert marks is not None
    assert {arm.model_type: mark for arm, mark in marks.items()} == {
        "plain lm": "unverified",
        "prompted": "unverified",
        "rejection sampling": "circular",
        "distilled": "unverified",
        "rlhf": "circular",
        "other scale": "unverified",
    }


def test_rejection_sampling_shows_less_harm(make_study: MakeStudy, models: Path) -> None:
    scripted = {"kind": "scripted", "caution": 0.5}
    rejecting = {"kind": "rejection_sampling", "preference_model": str(models / "model")}
    arms = [
        of("as it is", scripted, {"kind": "none"}, 60),
        of("rejecting", scripted, rejecting, 60),
    ]
    scorer = {"kind": "linear", "path": str(models / "model")}
    path = make_study(arms=arms, scorer=scorer)
    attacked(path)
    found = read(path)
    scored = found.frame.filter(pl.col("min_harmlessness").is_not_null())
    means = dict(scored.group_by("model_type").agg(pl.mean("min_harmlessness")).iter_rows())
    assert means["rejecting"] > means["as it is"] + 0.3
    assert found.marks is not None
    assert found.marks[Arm(model_type="rejecting", num_params="t")] == "circular"


def test_a_changed_prompt_is_a_changed_protocol(make_study: MakeStudy) -> None:
    prompt = "---\nid: mine\nversion: 1\n---\n## A\n\nHuman: a\n\nAssistant: b\n"
    scripted = {"kind": "scripted", "caution": 0.5}
    arms = [of("prompted", scripted, {"kind": "prompted", "prompt": "mine.md"})]
    with pytest.raises(FileProblem, match="no such prompt"):
        load_study(make_study(arms=arms))
    path = make_study(arms=arms)
    (path.parent / "mine.md").write_text(prompt)
    first = load_study(path)
    assert {r.assistant for a in attacked(path) for t in a.turns for r in t.replies} == {
        "prompted t + mine@1"
    }
    (path.parent / "mine.md").write_text(prompt.replace("b", "c"))
    assert load_study(path).protocol_hash != first.protocol_hash
    with pytest.raises(StudyProblem, match=r"changed since \(its texts\)"):
        attacked(path)
    assert len(attacked(path, amend=True)) == 4


@pytest.mark.parametrize(
    ("intervention", "said"),
    [
        ({"kind": "rejection_sampling"}, "preference_model"),
        ({"kind": "rejection_sampling", "preference_model": "m", "samples": 1}, "samples"),
        ({"kind": "rejection_sampling", "preference_model": "m", "samples": 4, "best": 5}, "best"),
        ({"kind": "magic"}, "intervention"),
        ({"kind": "rlhf", "prompt": "hhh"}, "prompt"),
    ],
)
def test_a_broken_intervention_is_told(make_study: MakeStudy, intervention: Any, said: str) -> None:
    scripted = {"kind": "scripted", "caution": 0.5}
    with pytest.raises(StudyProblem, match=said):
        load_study(make_study(arms=[of("x", scripted, intervention)]))


def test_a_filter_that_is_not_there_is_told_before_anything_begins(make_study: MakeStudy) -> None:
    rejecting = {"kind": "rejection_sampling", "preference_model": "nowhere"}
    path = make_study(arms=[of("x", {"kind": "scripted", "caution": 0.5}, rejecting)])
    with pytest.raises(StudyProblem, match="nowhere"):
        attacked(path)


def test_effort_counts_samples_prompts_and_money(make_study: MakeStudy) -> None:
    price = {"input": 1.0, "output": 2.0}
    chat = {"kind": "endpoint", "base_url": "http://x/v1", "model": "m", "price": price}
    rejecting = {"kind": "rejection_sampling", "preference_model": "m"}
    plain, many = (
        estimate_effort(load_study(make_study(arms=[of("x", chat, how, 10)])), concurrency=1)
        for how in ({"kind": "none"}, rejecting)
    )
    assert (plain.calls, many.calls) == (80, 640)
    assert plain.cost == pytest.approx((plain.tokens_in + 2 * plain.tokens_out) / 1e6)
    assert many.tokens_in > 8 * plain.tokens_in + 640 * 3_000
