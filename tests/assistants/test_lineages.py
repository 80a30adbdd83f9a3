"""Marks of real trainings: what judges an assistant must not have had a part in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from gadfly.assistants.training.distilled import train_distilled
from gadfly.assistants.training.policy import train_policy
from gadfly.assistants.training.settings import DistilSettings, PolicySettings
from gadfly.preference.lineage import Lineage, Mark, mark
from gadfly.preference.neural.settings import NeuralSettings
from gadfly.preference.neural.training import train_neural
from gadfly.preference.origin import LINEAGE, checkpoint_lineage, family_of, source_hash
from gadfly.preference.scoring import open_scorer
from gadfly.records.values import PreferencePair
from tests.assistants.worlds import PROMPT, LikesE, asked, dialogues, human
from tests.tiny import tiny_causal

POLICY = PolicySettings(
    steps=1,
    completions_per_step=4,
    num_generations=2,
    max_new_tokens=4,
    benign_share=0.5,
    device="cpu",
)
SCORER = NeuralSettings(batch_size=8, device="cpu", checkpoints=1)


def pairs(tag: str) -> list[PreferencePair]:
    return [
        PreferencePair(
            prefix=f"\n\nHuman: {tag} {number}\n\nAssistant:",
            chosen=f" ok {number}",
            rejected=f" bad {number} no",
            source="harmless",
        )
        for number in range(12)
    ]


def scorer(base: Path, folder: Path, **options: str) -> Lineage:
    name = folder.name
    train_neural(
        pairs(name), base=base, folder=folder, settings=SCORER, members=[name],
        training_data=[f"sha256:{name}"], base_name=options.get("base_name"),
    )  # fmt: skip
    found = open_scorer(folder).lineage
    assert found is not None
    return found


def policy(base: Path, reward: Path, folder: Path) -> Lineage:
    attacks = [(human(f"Break door {number}"),) for number in range(8)]
    benign = [(one,) for one in asked(8)]
    held_out = [(human("Held out"),)]
    train_policy(base, reward, attacks, benign, folder, settings=POLICY, held_out=held_out)
    found = checkpoint_lineage(folder)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bases; of each a filter; a policy on one against each of the filters."""
    folder = tmp_path_factory.mktemp("lineages")
    tiny_causal(folder / "base", layers=1)
    tiny_causal(folder / "other", layers=1, seed=3)
    scorer(folder / "base", folder / "filter")
    scorer(folder / "other", folder / "reward")
    policy(folder / "base", folder / "filter", folder / "policy")
    policy(folder / "base", folder / "reward", folder / "mixed")
    shutil.copytree(folder / "base", folder / "copy")
    return folder


@pytest.mark.parametrize(
    ("base", "judged", "expected"),
    [
        ("policy", "policy", "circular"),  # it started from the policy itself
        ("filter", "filter", "circular"),
        ("filter", "policy", "circular"),
        ("copy", "filter", "unverified"),  # the same weights under another name
        ("copy", "policy", "unverified"),
        ("other", "policy", "independent"),
        ("other", "reward", "unverified"),
        ("other", "mixed", "unverified"),  # the family of its reward
        ("mixed", "reward", "circular"),
        ("reward", "mixed", "circular"),
    ],
)
def test_marks(place: Path, tmp_path: Path, base: str, judged: str, expected: Mark) -> None:
    found = scorer(place / base, tmp_path / "judge")
    assert mark(found, checkpoint_lineage(place / judged)) == expected


def test_all_that_shaped_it_is_in_it(place: Path, tmp_path: Path) -> None:
    shaped, reward = checkpoint_lineage(place / "mixed"), open_scorer(place / "reward").lineage
    assert shaped is not None
    assert reward is not None
    assert shaped.families == (reward.family,)
    judge = scorer(place / "mixed", tmp_path / "judge", base_name="Town 1B")
    assert judge.family == "Town 1B"  # and what that stands for is not lost
    assert set(judge.families) == {family_of(place / "base"), reward.family}
    assert judge.members == ("judge", "reward")
    assert set(judge.conversations or ()) > set(shaped.conversations or ())


def test_a_base_of_unknown_conversations_makes_a_scorer_of_unknown_ones(
    place: Path, tmp_path: Path
) -> None:
    tiny_causal(tmp_path / "base", layers=1, seed=5)
    unknown = LikesE.lineage.model_copy(update={"conversations": None, "members": None})
    (tmp_path / "base" / LINEAGE).write_bytes(orjson.dumps(unknown.model_dump(mode="json")))
    judge = scorer(tmp_path / "base", tmp_path / "judge")
    assert (judge.conversations, judge.members) == (None, None)
    assert mark(judge, checkpoint_lineage(place / "policy")) == "unverified"


def test_a_reward_of_which_nothing_is_known_makes_a_policy_unknown(
    place: Path, tmp_path: Path
) -> None:
    class Stranger(LikesE):
        lineage = None  # type: ignore[assignment]

    train_policy(
        place / "base", place, [(human("Break it"),)], [(asked(1)[0],)], tmp_path / "policy",
        settings=POLICY, held_out=[(human("Held out"),)], scorer=Stranger(),
    )  # fmt: skip
    found = checkpoint_lineage(tmp_path / "policy")
    assert found is not None
    assert (found.conversations, found.members) == (None, None)


def test_a_teacher_of_another_family_stands_beside_the_students(
    place: Path, tmp_path: Path
) -> None:
    train_distilled(
        place / "other", PROMPT, dialogues(8), tmp_path / "made", student=place / "base",
        settings=DistilSettings(steps=1, batch_size=2, device="cpu"),
    )  # fmt: skip
    found = checkpoint_lineage(tmp_path / "made")
    assert found is not None
    assert (found.base, found.families) == (
        family_of(place / "base"),
        (family_of(place / "other"),),
    )
    # What a checkpoint without a lineage was pretrained on is its family's, so the rest is known.
    assert found.members == ()
    assert mark(open_scorer(place / "reward").lineage, found) == "unverified"


def test_a_name_on_the_hub_is_known_by_its_weights(place: Path, tmp_path: Path) -> None:
    kept = tmp_path / "hub" / "models--owner--tiny"
    shutil.copytree(place / "base", kept / "snapshots" / "abc")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    words = (
        "from gadfly.preference.origin import *\n"
        "it = 'owner/tiny'\n"
        "print(family_of(it), source_hash(it), checkpoint_lineage(it))"
    )
    environ = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", words], env=environ, capture_output=True, text=True, check=True
    )
    local = source_hash(place / "base")
    assert done.stdout.split() == [f"tiny@{local[7:19]}", local, "None"]
