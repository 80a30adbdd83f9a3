"""The released file: read and written back, nothing changes; what is wrong is found."""

from __future__ import annotations

import datetime
import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gadfly.records.columns import released_frame
from gadfly.records.frame import ATTACK_COLUMNS, TEXT_COLUMNS, attack_frame
from gadfly.records.reading import read_attack_frame, read_attacks
from gadfly.records.released import FIELDS, fault, left_behind, to_attack, to_row
from gadfly.records.values import Assignment, Reply, Scores, SelfRating, Turn
from gadfly.records.writing import write_attacks

from . import strategies
from .strategies import ROW


def _row(**changes: Any) -> dict[str, Any]:
    return ROW | changes


def _same(got: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Value for value; a rating of 3 and one of 3.0 are the same value, an id 7 and "7" are not."""
    assert list(got) == list(FIELDS)
    for field in FIELDS:
        assert got[field] == wanted[field]
    assert type(got["red_team_member_id"]) is type(wanted["red_team_member_id"])


@given(strategies.rows)
def test_a_row_comes_back_value_for_value(row: dict[str, Any]) -> None:
    assert fault(row) is None
    attack = to_attack(row)
    back = to_row(attack)
    assert back is not None
    _same(back, row)
    assert not left_behind(attack)


@given(strategies.attacks())
def test_what_is_lost_is_counted_and_nothing_else(attack: Any) -> None:
    row = to_row(attack)
    if row is None:
        return
    assert fault(row) is None
    back = to_attack(row)
    assert (back == attack) == (not left_behind(attack)), left_behind(attack)


_TURN = Turn(message="hi", replies=(Reply(text="a"),), continued=0, continued_by="only")
_SCORES = Scores(scorer="published", version="unknown", lineage=None, minimum=1.0)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"study": "pilot"}, "names of a study"),
        ({"protocol_hash": "sha256:0"}, "protocol hashes"),
        ({"number": 1}, "places in a study"),
        ({"assignment": Assignment(policy="p", round=1, probabilities={})}, "assignments"),
        ({"brief": "plain/1"}, "briefs"),
        ({"addendum": "more"}, "addenda"),
        ({"flags": ("odd",)}, "flags"),
        ({"ending": "target_error"}, "endings, read again as complete"),
        ({"started_at": datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)}, "times"),
        ({"transcript": "\n\nHuman: hi\n\nAssistant: a"}, "published texts"),
        ({"rating": SelfRating()}, "ratings without a number"),
        ({"rating": SelfRating(success=1, harm=1)}, "ratings of harm"),
        ({"rating": SelfRating(success=1, actionability=1)}, "ratings of actionability"),
        ({"rating": SelfRating(success=1, comments="x")}, "comments"),
        ({"rating": SelfRating(success=1, expert_domain="x")}, "domains of expertise"),
        ({"scores": ()}, "unscored attacks, written as scored with null"),
        ({"scores": (_SCORES, _SCORES)}, "scores by further scorers"),
        ({"scores": (_SCORES.model_copy(update={"scorer": "x"}),)}, "names of scorers"),
        ({"scores": (_SCORES.model_copy(update={"mean": 1.0}),)}, "mean scores"),
        ({"scores": (_SCORES.model_copy(update={"turns": (1.0,)}),)}, "scores of turns"),
        ({"turns": (_TURN, Turn(message="x", voided=True))}, "voided turns"),
        ({"turns": (_TURN, Turn(message="x", failed=(Reply(text=""),)))}, "failed replies"),
        (
            {"turns": (_TURN.model_copy(update={"replies": (Reply(text="a", seed=1),)}),)},
            "details of replies",
        ),
        (
            {"turns": (_TURN.model_copy(update={"replies": (Reply(text="a"), Reply(text="b"))}),)},
            "replies that did not continue the dialogue",
        ),
        (
            {"turns": (_TURN.model_copy(update={"message": "hi\n\nAssistant: me"}),)},
            "turns told apart otherwise than by their text",
        ),
    ],
)
def test_each_loss_has_its_name(changes: dict[str, Any], told: str) -> None:
    attack = to_attack(_row()).model_copy(update={"turns": (_TURN,)})
    assert left_behind(attack) == {}
    assert left_behind(attack.model_copy(update=changes)) == {told: 1}


@given(st.lists(strategies.rows, min_size=1, max_size=3))
def test_columns_say_what_attacks_say(rows: list[dict[str, Any]]) -> None:
    by_column = released_frame(rows, text=True)
    assert by_column is not None
    assert dict(by_column.schema) == ATTACK_COLUMNS | TEXT_COLUMNS
    by_record = attack_frame([to_attack(row) for row in rows], text=True)
    assert by_column.equals(by_record)


@given(st.lists(strategies.rows | strategies.bad_rows(), min_size=1, max_size=3))
@example([_row(rating=True)])
@example([_row(is_upworker=1)])
@example([_row(rating=2**60)])
@example([_row(min_harmlessness_score_transcript=1_000_001)])
@example([_row(min_harmlessness_score_transcript=-1e308)])
@example([_row(task_descripton_harmlessness_score=1e6)])
@example([_row(transcript="\x1cHuman: hi")])
@example([_row(tags=[""])])
@example([_row(tags=["a", None])])
@example([_row(model_type="")])
@example([_row(task_description=None), _row(task_description=3)])
def test_columns_refuse_exactly_what_records_refuse(rows: list[Any]) -> None:
    rows = orjson.loads(orjson.dumps(rows))
    frame = released_frame(rows)
    assert (frame is None) == any(fault(row) for row in rows)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("layout", ["array", "indented", "lines", "windows lines"])
def test_layout_and_packing_are_told_by_content(tmp_path: Path, layout: str, packed: bool) -> None:
    rows = [_row(red_team_member_id=n) for n in (1, "two", 3)]
    text = {
        "array": json.dumps(rows),
        "indented": "\ufeff \n" + json.dumps(rows, indent=2) + "\n",
        "lines": "\n".join(map(json.dumps, rows)),
        "windows lines": "\r\n".join(map(json.dumps, rows)) + "\r\n\r\n",
    }[layout].encode()
    path = tmp_path / "misleading.parquet"
    path.write_bytes(gzip.compress(text) if packed else text)
    read = read_attacks(path)
    assert read.format == "released"
    assert [attack.attacker.member for attack in read.attacks] == [1, "two", 3]
    assert read_attack_frame(path).frame.equals(attack_frame(read.attacks))


def test_gzip_members_are_read_one_after_another(tmp_path: Path) -> None:
    line = gzip.compress(json.dumps(_row()).encode() + b"\n")
    path = tmp_path / "joined.gz"
    path.write_bytes(line + line + b"\0" * 16)
    assert len(read_attacks(path).attacks) == 2


def test_the_card_spelling_is_read_and_other_keys_are_counted(tmp_path: Path) -> None:
    card = _row(worker="x", place=1)
    card["task_description_harmlessness_score"] = card.pop("task_descripton_harmlessness_score")
    both = _row(task_description_harmlessness_score=9.0, worker="y")
    path = tmp_path / "card.json"
    path.write_text(json.dumps([card, both, _row()]))
    unknown = {"place": 1, "task_description_harmlessness_score": 1, "worker": 2}
    frame, attacks = read_attack_frame(path), read_attacks(path)
    assert frame.unknown_fields == attacks.unknown_fields == unknown
    assert frame.frame["task_description_harmlessness"].to_list() == [0.5, 0.5, 0.5]
    assert [attack.scores[0].task_description for attack in attacks.attacks] == [0.5, 0.5, 0.5]


def test_the_first_hundred_come_back(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/red_team_first100/red_team_attempts.jsonl.gz"
    read = read_attacks(source)
    write_attacks(tmp_path / "again.json.gz", read.attacks)
    rows, again = (
        json.loads(gzip.decompress(path.read_bytes()))
        for path in (source, tmp_path / "again.json.gz")
    )
    assert len(rows) == len(again) == 100
    # Compared outside assert: a failure must not print the texts.
    differing = sum(
        got != wanted or list(got) != list(wanted) for got, wanted in zip(again, rows, strict=True)
    )
    assert differing == 0
    kinds = [[type(value) for value in row.values()] for row in rows]
    assert kinds == [[type(value) for value in row.values()] for row in again]
    assert read_attack_frame(tmp_path / "again.json.gz").frame.equals(
        read_attack_frame(source).frame
    )


def test_a_replica_has_the_published_counts(replica: Path) -> None:
    frame = read_attack_frame(replica).frame
    assert frame.height == 38_961
    assert frame["member"].n_unique() == 324
    assert frame["tags"].drop_nulls().len() == 742
    assert frame["is_upworker"].sum() == 580
    counts = dict(frame["rating"].value_counts().rows())
    assert counts == {0: 16_475, 1: 4_367, 2: 4_936, 3: 4_249, 4: 8_934}
    arms = frame.filter(pl.col("num_params") == "52B").group_by("model_type").len()
    wanted = {
        "plain lm": 1_414,
        "context distillation": 17_739,
        "rejection sampling": 1_273,
        "rlhf": 3_081,
    }
    assert dict(arms.rows()) == wanted
    assert set(frame["outcome"]) == {"scored"}
    assert frame.equals(attack_frame(read_attacks(replica).attacks))
