"""``gadfly train distilled`` and ``policy`` as a person types them, a power cut among it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from gadfly.assistants.training.folders import LOG
from gadfly.assistants.training.lineages import checkpoint_lineage
from gadfly.assistants.training.progress import read_log
from gadfly.assistants.training.prompts import held_apart, read_conversations, read_prompts
from gadfly.errors import PersonError
from gadfly.models.loading import load_causal
from gadfly.preference.lineage import conversation_key, mark
from gadfly.preference.making import make_linear
from gadfly.preference.scoring import open_scorer
from gadfly.records.transcript import to_turns
from gadfly.records.values import Arm, Attack, Attacker
from gadfly.records.writing import write_attacks, write_pairs
from tests.assistants.worlds import RUDE, asked, assistant, human
from tests.command import gadfly, start
from tests.preference.worlds import planted
from tests.tiny import tiny_causal

PROMPT = "---\nid: kind\nversion: 1\n---\n\n## One\n\nHuman: Is it?\n\nAssistant: Gladly.\n"


def train(*words: object) -> subprocess.CompletedProcess[str]:
    return gadfly("train", *words)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verbs")
    tiny_causal(folder / "plain", context=256)
    (folder / "kind.md").write_text(PROMPT)
    write_pairs(folder / "pairs.jsonl", planted(60), format="pairs")
    make_linear([folder / "pairs.jsonl"], folder / "model", sources=["harmless"])
    attacks = [
        Attack(
            arm=Arm(model_type="a", num_params="1"),
            attacker=Attacker(kind="simulated", team_type="crowd", member=1),
            task_description="to find it",
            turns=to_turns([one, assistant(RUDE), human("Why?")]),
        )
        for one in asked(30)
    ]
    write_attacks(folder / "attacks.jsonl", attacks, format="jsonl")
    return folder


def test_a_killed_distillation_goes_on(place: Path) -> None:
    words = ("distilled", "--teacher", place / "plain", "--prompt", place / "kind.md")
    words += ("--conversations", place / "pairs.jsonl", "--out", place / "distilled")
    words += ("--steps", 240, "--batch-size", 2)
    running = start("train", *words)
    saved = place / "distilled.part" / "checkpoint-100" / "trainer_state.json"
    deadline = time.monotonic() + 60
    while not saved.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate()  # and its pipes are closed
    assert running.returncode == -signal.SIGKILL
    assert not (place / "distilled").exists()
    done = train(*words)
    assert done.returncode == 0, done.stderr
    assert "per token of" in done.stdout
    log = read_log(place / "distilled" / LOG)
    assert [row["step"] for row in log if "loss" in row] == list(range(1, 241))
    assert not (place / "distilled.part").exists()
    load_causal(place / "distilled")


def test_a_policy_from_files(place: Path) -> None:
    done = train(
        *("policy", "--base", place / "plain", "--preference-model", place / "model"),
        *("--attacks", place / "attacks.jsonl", "--benign", place / "pairs.jsonl"),
        *("--out", place / "policy", "--steps", 2, "--completions", 16, "--generations", 4),
        *("--max-new-tokens", 6, "--held-out", 8, "--json"),
    )
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    assert card["made"]["settings"]["max_new_tokens"] == 6
    assert [one["step"] for one in card["held_out"]] == [0, 2]
    shaped = checkpoint_lineage(place / "policy")
    assert mark(open_scorer(place / "model").lineage, shaped) == "circular"


@pytest.mark.parametrize(
    ("option", "words"),
    [(("--learning-rate", 0), "--learning-rate: got 0"), (("--prompt", "nowhere"), "nowhere")],
)
def test_what_cannot_be_is_refused(place: Path, option: tuple[object, ...], words: str) -> None:
    done = train(
        *("distilled", "--teacher", place / "plain", "--conversations", place / "pairs.jsonl"),
        *("--out", place / "none", *option),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_prompts_are_what_stands_before_each_reply(place: Path) -> None:
    read = read_prompts(place / "attacks.jsonl")
    assert len(read.conversations) == 60
    assert all(one[-1].role == "human" for one in read.conversations)
    assert [len(one) for one in read.conversations[:2]] == [1, 3]
    whole = read_conversations(place / "attacks.jsonl")
    assert [len(one) for one in whole.conversations] == [3] * 30
    pairs = read_conversations(place / "pairs.jsonl")
    assert {one[-1].role for one in pairs.conversations} == {"assistant"}
    assert len(read_prompts(place / "pairs.jsonl").conversations) <= 60


def test_a_file_without_conversations_is_refused(tmp_path: Path, place: Path) -> None:
    attack = json.loads((place / "attacks.jsonl").read_text().splitlines()[0])
    (tmp_path / "none.jsonl").write_text(json.dumps(attack | {"turns": []}) + "\n")
    with pytest.raises(PersonError, match="holds no conversation"):
        read_prompts(tmp_path / "none.jsonl")


def test_conversations_of_one_opening_are_held_out_together() -> None:
    conversations = [(one, *rest) for one in asked(40) for rest in ((), (human("And?"),))]
    trained, held = held_apart(conversations, 6, seed=1)
    assert len(trained) + len(held) == 80
    assert len(held) == 6
    keys = [{conversation_key(one) for one in side} for side in (trained, held)]
    assert not keys[0] & keys[1]
