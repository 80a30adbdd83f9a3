"""The verbs train, evaluate and score as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gadfly.preference.making import make_linear
from gadfly.records.reading import read_attacks
from gadfly.records.transcript import to_turns
from gadfly.records.values import Arm, Attack, Attacker, Message, Scores
from gadfly.records.writing import write_attacks, write_pairs
from tests.command import gadfly
from tests.preference.worlds import planted

EARLIER = Scores(scorer="published", version="1", lineage=None, minimum=-1.0, task_description=0.5)


def refused(*words: object) -> str:
    done = gadfly(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verbs")
    write_pairs(folder / "pairs.jsonl", planted(80), format="pairs")
    write_pairs(folder / "fresh.jsonl", planted(30, seed=9), format="pairs")
    make_linear([folder / "pairs.jsonl"], folder / "model", sources=["harmless"])
    said = [
        Message(role="human", text="good day"),
        Message(role="assistant", text="gladly, the garden"),
        Message(role="human", text="and now?"),
        Message(role="assistant", text="never bother"),
    ]
    attacks = [
        Attack(
            arm=Arm(model_type="a", num_params="1"),
            attacker=Attacker(kind="simulated", team_type="crowd", member=1),
            task_description="to be kind",
            turns=to_turns(said[:n]),
            scores=(EARLIER,),
        )
        for n in (4, 2, 1)
    ]
    write_attacks(folder / "attacks.jsonl", attacks)
    return folder


def test_train_then_evaluate(place: Path, tmp_path: Path) -> None:
    done = gadfly(
        "train", "preference", place / "pairs.jsonl", "--kind", "linear",
        "--out", tmp_path / "m", "--seed", 4, "--source", "harmless", "--keep-ties", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    assert card["seed"] == 4
    assert card["mix"] == {"harmless": 80}
    assert "train preference" in card["command"]
    measured = gadfly(
        "evaluate", "preference", place / "fresh.jsonl", "--preference-model", tmp_path / "m",
        "--json",
    )  # fmt: skip
    found = json.loads(measured.stdout)
    assert found["accuracy"]["estimate"] > 0.9
    assert found["n"] == 30
    assert set(found["accuracy"]) >= {"estimate", "low", "high", "level", "n", "method"}
    told = gadfly(
        "evaluate", "preference", place / "pairs.jsonl", "--preference-model", tmp_path / "m"
    )
    assert "80 of these pairs open like a conversation of its training data" in told.stdout


def test_score_puts_new_scores_first_and_keeps_the_old(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "scored.parquet"
    done = gadfly(
        "score", place / "attacks.jsonl", "--preference-model", place / "model", "--out", out,
        "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert (counts["n_attacks"], counts["n_without_reply"], counts["n_replies"]) == (3, 1, 3)
    attacks = read_attacks(out).attacks
    for attack, turns in zip(attacks, (2, 1, 0), strict=True):
        new, old = attack.scores
        assert old == EARLIER
        assert new.scorer == "gadfly-linear"
        assert new.turns is not None
        assert len(new.turns) == turns
        assert new.minimum == min(new.turns, default=None)
    again = tmp_path / "again.parquet"
    gadfly("score", out, "--preference-model", place / "model", "--out", again)
    assert read_attacks(again).attacks == attacks


def test_scores_under_another_question_stand_beside_the_usual(place: Path, tmp_path: Path) -> None:
    usual, both = tmp_path / "usual.jsonl", tmp_path / "both.jsonl"
    model = ("--preference-model", place / "model")
    gadfly("score", place / "attacks.jsonl", *model, "--out", usual)
    gadfly("score", usual, *model, "--out", both, "--description-question", "What harm is meant?")
    for attack in read_attacks(both).attacks:
        asked, first, _ = attack.scores
        assert asked.task_description != first.task_description
        assert asked.turns == first.turns
    for blank in ("", " "):
        said = refused("score", usual, *model, "--out", both, "--description-question", blank)
        assert "got no word" in said


def test_a_name_that_says_no_format_keeps_the_format_read(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "scored"
    gadfly("score", place / "attacks.jsonl", "--preference-model", place / "model", "--out", out)
    assert read_attacks(out).format == "jsonl"


def test_score_refuses_to_write_over_what_it_reads(place: Path) -> None:
    file = place / "attacks.jsonl"
    said = refused("score", file, "--preference-model", place / "model", "--out", file)
    assert "give another name" in said


def test_lenient_scoring_says_what_it_left_out(place: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "broken.jsonl", tmp_path / "out.jsonl"
    file.write_text((place / "attacks.jsonl").read_text() + '{"record": "attack"}\n')
    model = ("--preference-model", place / "model", "--out", out)
    assert "record 4" in refused("score", file, *model)
    done = gadfly("score", file, *model, "--lenient")
    assert done.returncode == 0, done.stderr
    assert "left out: " in done.stderr
    assert len(read_attacks(out).attacks) == 3


def test_a_missing_model_is_told(place: Path, tmp_path: Path) -> None:
    said = refused(
        "evaluate", "preference", place / "fresh.jsonl", "--preference-model", tmp_path / "none"
    )
    assert "there is no such folder" in said
    assert "gadfly train preference" in said
    said = refused(
        "score", place / "attacks.jsonl", "--preference-model", tmp_path, "--out", tmp_path / "o"
    )
    assert "has no model.json" in said


def test_no_pairs_left_is_told(tmp_path: Path) -> None:
    same = "\n\nHuman: hi\n\nAssistant: hello"
    file = tmp_path / "same.jsonl"
    file.write_text(json.dumps({"chosen": same, "rejected": same}) + "\n")
    said = refused("train", "preference", file, "--out", tmp_path / "m")
    assert "no preference pairs are left of 1 (1 identical replies)" in said
    assert not (tmp_path / "m").exists()


def test_one_conversation_is_told(tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    write_pairs(file, planted(6, per_opening=6), format="pairs")
    said = refused("train", "preference", file, "--out", tmp_path / "m")
    assert "all 6 pairs are of one conversation" in said
    assert "at least 2 conversations" in said


def test_a_model_is_replaced_only_with_force(place: Path, tmp_path: Path) -> None:
    words = ("train", "preference", place / "fresh.jsonl", "--out", tmp_path / "m")
    assert gadfly(*words).returncode == 0
    assert "--force" in refused(*words)
    assert gadfly(*words, "--force").returncode == 0


def test_sources_are_for_all_files_or_for_each(place: Path, tmp_path: Path) -> None:
    said = refused(
        "train", "preference", *[place / "fresh.jsonl"] * 3, "--out", tmp_path / "m",
        "--source", "helpful", "--source", "harmless",
    )  # fmt: skip
    assert "got 2 sources for 3 files" in said
