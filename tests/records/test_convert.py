"""From one format to another: what comes along, what is said to stay behind, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from gadfly.errors import FileProblem
from gadfly.records.convert import convert
from gadfly.records.reading import read_attacks, read_pairs
from gadfly.records.values import (
    Arm,
    Attack,
    Attacker,
    Comparison,
    PreferencePair,
    Reply,
    Scores,
    Turn,
)
from gadfly.records.writing import format_of_name, write_attacks, write_pairs

TALK = "\n\nHuman: hi\n\nAssistant:"


@pytest.fixture
def released(tmp_path: Path) -> Path:
    rows: list[dict[str, Any]] = [
        {
            "min_harmlessness_score_transcript": -1.5,
            "num_params": "52B",
            "model_type": "rlhf",
            "rating": rating,
            "task_description": "asked about tomatoes",
            "task_descripton_harmlessness_score": None,
            "red_team_member_id": member,
            "is_upworker": member == 7,
            "tags": ["Other"] if member == 7 else None,
            "transcript": f"{TALK} hello\n\nHuman: and now?",
        }
        for rating, member in ((3.0, 7), (None, "seven"))
    ]
    path = tmp_path / "released.jsonl"
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    pick = Comparison(question="more_harmful", shown=(0, 1), chosen=1, strength=3)
    turn = Turn(
        message="hi",
        replies=(Reply(text="one", seed=3), Reply(text="two", seed=4)),
        comparisons=(pick,),
        continued=1,
        continued_by="choice",
    )
    attack = Attack(
        study="pilot",
        number=1,
        arm=Arm(model_type="rlhf", num_params="52B"),
        attacker=Attacker(kind="simulated", team_type="crowd", member=1),
        task_description="asked about kites",
        turns=(turn, turn),
        scores=(Scores(scorer="linear", version="1", lineage=None, minimum=1.0, mean=2.0),),
    )
    silent = attack.model_copy(update={"turns": (Turn(message="lost", voided=True),)})
    path = tmp_path / "study.jsonl"
    write_attacks(path, [attack, silent])
    return path


def test_a_circle_of_formats_comes_back(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path / "a.parquet")
    convert(tmp_path / "a.parquet", tmp_path / "b.jsonl.gz")
    report = convert(tmp_path / "b.jsonl.gz", tmp_path / "c", to="released")
    assert (report.read, report.written, report.left_behind) == (2, 2, {})
    assert orjson.loads((tmp_path / "c").read_bytes()) == orjson.loads(released.read_bytes())
    assert (report.source_format, report.target_format, report.holds) == (
        "jsonl",
        "released",
        "attacks",
    )


def test_what_the_released_format_cannot_hold_is_said(study: Path, tmp_path: Path) -> None:
    report = convert(study, tmp_path / "out.json")
    assert (report.read, report.written) == (2, 1)
    assert report.left_behind == {
        "comparisons": 2,
        "replies that did not continue the dialogue": 2,
        "details of replies": 4,
        "mean scores": 1,
        "names of scorers": 1,
        "attacks without a conversation": 1,
        "names of a study": 1,
        "places in a study": 1,
        "kinds of attacker, read again as human": 1,
        "platforms, read again as mturk": 1,
    }
    assert "left behind: " in report.sentences()[1]
    assert "2 comparisons" in report.sentences()[1]
    assert orjson.loads(orjson.dumps(report.plain()))["left_behind"] == report.left_behind


def test_attacks_become_pairs(study: Path, tmp_path: Path) -> None:
    report = convert(study, tmp_path / "pairs.jsonl", to="pairs")
    assert (report.written, report.left_behind["strengths"]) == (2, 2)
    read = read_pairs(tmp_path / "pairs.jsonl").pairs
    assert read[0] == PreferencePair(prefix=TALK, chosen=" one", rejected=" two", source="pilot")


def test_attacks_without_comparisons_make_no_pairs(released: Path, tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="there are no comparisons that decided something"):
        convert(released, tmp_path / "pairs.jsonl", to="pairs")


def test_pairs_never_become_attacks(tmp_path: Path) -> None:
    source = tmp_path / "p.jsonl"
    write_pairs(source, [PreferencePair(prefix=TALK, chosen=" a", rejected=" b")], format="pairs")
    with pytest.raises(FileProblem) as caught:
        convert(source, tmp_path / "out.json")
    assert str(caught.value) == (
        f"{source}: holds preference pairs, which cannot become attacks; "
        "allowed formats: jsonl, parquet, pairs"
    )
    assert not (tmp_path / "out.json").exists()


def test_pairs_that_would_read_back_otherwise_are_said(tmp_path: Path) -> None:
    source = tmp_path / "p.jsonl"
    sound = PreferencePair(prefix=TALK, chosen=" a", rejected=" b", strength=2)
    marked = PreferencePair(prefix=TALK, chosen=f" a{TALK} c", rejected=" b")
    write_pairs(source, [sound, marked])
    report = convert(source, tmp_path / "out.jsonl", to="pairs")
    assert (report.read, report.written) == (2, 1)
    assert report.left_behind == {"strengths": 1, "pairs that would read back otherwise": 1}


def test_dropped_pairs_and_unknown_fields_are_reported(tmp_path: Path) -> None:
    rows = [
        {"chosen": f"{TALK} a", "rejected": f"{TALK} b", "id": 1},
        {"chosen": f"{TALK} a", "rejected": f"{TALK} a"},
    ]
    source = tmp_path / "p.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    report = convert(source, tmp_path / "p.parquet")
    assert (report.read, report.written) == (2, 1)
    assert (report.dropped, report.unknown_fields) == ({"identical replies": 1}, {"id": 1})


def test_output_never_overwrites_input(released: Path, tmp_path: Path) -> None:
    before = released.read_bytes()
    linked = tmp_path / "linked.jsonl"
    linked.symlink_to(released)
    for target in (released, linked, tmp_path / "." / released.name):
        with pytest.raises(FileProblem, match="is the input itself"):
            convert(released, target, to="jsonl")
    assert released.read_bytes() == before


def test_a_lenient_conversion_reports_what_it_left_out(released: Path, tmp_path: Path) -> None:
    rows = orjson.loads(released.read_bytes())
    rows[0]["rating"] = 7
    released.write_bytes(orjson.dumps(rows))
    report = convert(released, tmp_path / "a.jsonl", lenient=True)
    assert (report.read, report.written) == (1, 1)
    assert [(p.record, p.field, p.got) for p in report.skipped] == [(1, "rating", "7")]
    assert len(read_attacks(tmp_path / "a.jsonl").attacks) == 1


def test_names_say_formats() -> None:
    assert [format_of_name(n) for n in ("a.PARQUET", "a.jsonl", "a.jsonl.gz", "a.json.gz")] == [
        "parquet",
        "jsonl",
        "jsonl",
        "released",
    ]
    with pytest.raises(FileProblem, match="its name does not say which format to write"):
        format_of_name("a.csv")


@pytest.mark.parametrize(
    ("target", "told"),
    [("nowhere/a.jsonl", "cannot be written: there is no such folder"), ("", "is a folder")],
)
def test_a_place_that_cannot_be_written(
    released: Path, tmp_path: Path, target: str, told: str
) -> None:
    with pytest.raises(FileProblem, match=told):
        convert(released, tmp_path / target, to="jsonl")
