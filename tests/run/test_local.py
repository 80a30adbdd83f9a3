"""Studies on models of this machine: mixed with other arms, marked by lineage, faults in words."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gadfly.assistants.local.batching import Batcher
from gadfly.assistants.local.local import local_name
from gadfly.errors import StudyProblem
from gadfly.preference.constant import untrained
from gadfly.records.canonical import canonical_json
from gadfly.records.values import Attack
from gadfly.run.assemble import Servers, open_study
from gadfly.run.collect import collect
from gadfly.run.models import checkpoint_folder
from gadfly.run.report import read
from gadfly.store.store import Store
from gadfly.study.arms import LocalSpec
from gadfly.study.protocol import load_study
from tests.run.conftest import MakeStudy, allowed, collected, collected_attacks
from tests.stub import Stub
from tests.tiny import tiny_causal

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def arm(name: str, assistant: dict[str, Any], **more: Any) -> dict[str, Any]:
    sampling = {"temperature": 0.7, "max_tokens": 12}
    target = {"model_type": name, "num_params": "t", "quota": 3, "assistant": assistant}
    return target | {"sampling": sampling} | more


def attacked(path: Path, *, concurrency: int = 9) -> list[Attack]:
    collected(path, concurrency=concurrency)
    return collected_attacks(path)


def texts(attacks: list[Attack]) -> dict[int | None, list[str]]:
    return {a.number: [r.text for t in a.turns for r in t.replies] for a in attacks}


def test_local_arms_stand_beside_any_others(
    make_study: MakeStudy, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    init = Batcher.__init__

    def noted(self: Batcher, *given: Any, **named: Any) -> None:
        made.append(self)
        init(self, *given, **named)

    monkeypatch.setattr(Batcher, "__init__", noted)
    local = {"kind": "local", "path": "model"}
    prompt = "---\nid: mine\nversion: 1\n---\n## A\n\nHuman: a\n\nAssistant: b\n"
    arms = [
        arm("scripted", {"kind": "scripted", "caution": 1.0}),
        arm("served", {"kind": "endpoint", "base_url": stub.url, "model": "m"}),
        arm("plain", local),
        arm("prompted", local, intervention={"kind": "prompted", "prompt": "mine.md"}),
    ]
    path = make_study(arms=arms, launch=allowed(stub.url), rules={"turns_asked": 2})
    folder = tiny_causal(path.parent / "model", context=2048)
    (path.parent / "mine.md").write_text(prompt)
    attacks = attacked(path)
    assert len(attacks) == 12
    by_arm = {a.arm.model_type: [r for t in a.turns for r in t.replies] for a in attacks}
    assert all(reply.outcome == "complete" for replies in by_arm.values() for reply in replies)
    name = local_name(folder)
    assert {reply.assistant for reply in by_arm["plain"]} == {name}
    assert {reply.assistant for reply in by_arm["prompted"]} == {f"{name} + mine@1"}
    assert len(made) == 1  # both arms are on one model
    assert max(made[0].batches) > 2


def test_a_study_comes_out_the_same_one_dialogue_at_a_time(make_study: MakeStudy) -> None:
    paths = []
    for folder in ("one", "many"):
        path = make_study(folder, arms=[arm("plain", {"kind": "local", "path": "model"}, quota=8)])
        tiny_causal(path.parent / "model", context=2048)
        paths.append(path)
    assert texts(attacked(paths[0], concurrency=1)) == texts(attacked(paths[1], concurrency=8))


def test_the_mark_of_a_local_arm_is_by_its_lineage(make_study: MakeStudy) -> None:
    local = [arm(name, {"kind": "local", "path": name}) for name in ("known", "unknown")]
    path = make_study(arms=local)
    for name in ("known", "unknown"):
        tiny_causal(path.parent / name)
    lineage = untrained("sandbox", {})
    (path.parent / "known" / "lineage.json").write_bytes(canonical_json(lineage))
    attacked(path)
    marks = read(path).marks
    assert marks is not None
    assert {arm.model_type: mark for arm, mark in marks.items()} == {
        "known": "independent",
        "unknown": "unverified",
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "local model nowhere: no such folder .*; give a folder beside the study"),
        ("empty", "empty is no transformers checkpoint: it needs a config.json and weights"),
        ("empty/nowhere", "local model empty/nowhere: no such folder"),
        ("sandbox:none", "local model: got 'sandbox:none'; allowed: "),
    ],
)
def test_a_checkpoint_that_is_not_there_is_a_fault(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    spec = LocalSpec(kind="local", path=name)
    with pytest.raises(StudyProblem, match=said):
        checkpoint_folder(tmp_path / "study.yaml", spec)


def test_a_name_on_the_hub_is_looked_up_when_the_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    study, spec = tmp_path / "study.yaml", LocalSpec(kind="local", path="nobody/nothing")
    assert checkpoint_folder(study, spec) is None
    with pytest.raises(StudyProblem, match="nobody/nothing: no such folder, and the hub gives"):
        Servers().models.assistant(study, spec)


def test_a_checkpoint_trained_anew_in_its_folder_is_refused(make_study: MakeStudy) -> None:
    """Its replies would stand beside those of another model under one name."""
    path = make_study(arms=[arm("one", {"kind": "local", "path": "model"})])
    tiny_causal(path.parent / "model")
    before = attacked(path)
    shutil.rmtree(path.parent / "model")
    tiny_causal(path.parent / "model", seed=1)
    with pytest.raises(StudyProblem, match="no longer what the study began with"):
        attacked(path)
    shutil.rmtree(path.parent / "model")
    tiny_causal(path.parent / "model")
    assert texts(attacked(path)) == texts(before)
    shutil.rmtree(path.parent / "model")
    tiny_causal(path.parent / "model", seed=1)
    path.write_text(path.read_text().replace("quota: 3", "quota: 4"))
    file = load_study(path)
    with closing(Store(file.database_url)) as store:
        study = open_study(file, store, amend=True)  # an amendment elsewhere does not let it in
        with pytest.raises(StudyProblem, match="no longer what the study began with"):
            asyncio.run(collect(study))
