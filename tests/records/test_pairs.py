"""Preference pairs: cut at the right place, dropped for a reason, drawn from comparisons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.errors import FileProblem, RecordProblem
from gadfly.records.pairs import DROPPED, attack_pairs, source_of_path, to_pair, to_pair_row
from gadfly.records.reading import read_pairs
from gadfly.records.values import (
    Arm,
    Attack,
    Attacker,
    Comparison,
    PreferencePair,
    Reply,
    Turn,
)
from gadfly.records.writing import write_pairs

from . import strategies

TALK = "\n\nHuman: hi\n\nAssistant: yes?\n\nHuman: kites\n\nAssistant:"


def test_a_pair_is_cut_after_the_last_marker() -> None:
    row = {"chosen": TALK + " good\n\nHuman", "rejected": TALK + "bad"}
    pair = to_pair(row, source="here")
    assert pair == PreferencePair(
        prefix=TALK, chosen=" good\n\nHuman", rejected="bad", source="here"
    )


@pytest.mark.parametrize(
    ("chosen", "rejected", "reason"),
    [
        ("\n\nHuman: hi", TALK + " a", "no reply"),
        (TALK + " a", "Assistant: a", "no reply"),
        (TALK + " a", TALK.upper() + TALK + " b", "prefix differs"),
        (TALK + " \n", TALK + " b", "empty reply"),
        (TALK + " a", TALK, "empty reply"),
        (TALK + " a", TALK + " a", "identical replies"),
    ],
)
def test_pairs_that_teach_nothing_are_dropped(chosen: str, rejected: str, reason: str) -> None:
    assert to_pair({"chosen": chosen, "rejected": rejected}, source="x") == reason
    assert reason in DROPPED


@given(strategies.hostile, strategies.hostile, strategies.hostile)
def test_prefix_and_reply_are_the_published_text(start: str, one: str, two: str) -> None:
    row = {"chosen": start + one, "rejected": start + two}
    pair = to_pair(row, source="x")
    if isinstance(pair, PreferencePair):
        assert pair.prefix + pair.chosen == row["chosen"]
        assert pair.prefix + pair.rejected == row["rejected"]


@given(strategies.pairs)
def test_a_published_pair_reads_back_or_is_not_written(pair: PreferencePair) -> None:
    row = to_pair_row(pair)
    if row is not None:
        assert to_pair(row, source=row["source"]) == pair.model_copy(update={"strength": None})


@given(st.lists(st.tuples(strategies.hostile, strategies.hostile), min_size=1, max_size=3))
def test_sound_pairs_are_always_written(replies: list[tuple[str, str]]) -> None:
    """Only what the format cannot hold is left out: a marker in a reply, nothing, the same."""
    for one, two in replies:
        pair = PreferencePair(prefix=TALK, chosen=one, rejected=two)
        able = one != two and one.strip() and two.strip()
        marked = "\n\nAssistant:" in one or "\n\nAssistant:" in two
        assert (to_pair_row(pair) is not None) == bool(able and not marked)


def _file(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_the_source_is_given_or_said_or_inferred(tmp_path: Path) -> None:
    plain = {"chosen": TALK + " a", "rejected": TALK + " b"}
    path = _file(tmp_path / "harmless-base" / "p.jsonl", plain, plain | {"source": "said"})
    assert [pair.source for pair in read_pairs(path).pairs] == ["harmless", "said"]
    assert [pair.source for pair in read_pairs(path, source="mine").pairs] == ["mine", "mine"]
    assert source_of_path("/data/helpful-online/harmless_test.jsonl") == "harmless"
    assert source_of_path("/data/plain/p.jsonl") == "unstated"
    assert source_of_path("/data/helpful_and_harmless/p.jsonl") == "unstated"


def test_malformed_rows_are_errors_and_other_keys_are_counted(tmp_path: Path) -> None:
    plain = {"chosen": TALK + " a", "rejected": TALK + " b"}
    path = _file(tmp_path / "p.jsonl", plain | {"id": 1}, {"chosen": "x"}, plain | {"rejected": 3})
    with pytest.raises(RecordProblem) as caught:
        read_pairs(path)
    told = "record 2, field rejected: got nothing, the key is missing; allowed: a text"
    assert str(caught.value) == f"{path}: {told}"
    read = read_pairs(path, lenient=True)
    assert (len(read.pairs), len(read.skipped), read.unknown_fields) == (1, 2, {"id": 1})


def test_the_published_pairs_have_the_known_counts(shared: Path, tmp_path: Path) -> None:
    read = read_pairs(shared / "data/hh_harmless/pairs.jsonl.gz")
    assert len(read.pairs) == 1849
    assert read.dropped == {"empty reply": 2, "prefix differs": 5}
    assert {pair.source for pair in read.pairs} == {"harmless"}
    written = write_pairs(tmp_path / "p.jsonl.gz", read.pairs, format="pairs")
    assert (written.records, written.left_behind) == (1849, {})
    again = read_pairs(tmp_path / "p.jsonl.gz")
    assert again.pairs == read.pairs, "pairs differ"


def _turn(*comparisons: Comparison, replies: tuple[str, str] = ("one", "two")) -> Turn:
    return Turn(
        message="kites",
        replies=tuple(Reply(text=text) for text in replies),
        comparisons=comparisons,
        continued=1,
        continued_by="choice",
    )


def _pick(question: str, chosen: int | None, strength: int | None = 3) -> Comparison:
    if chosen is None:
        return Comparison(question=question, shown=(1, 0), chosen=None, reason="neither")
    return Comparison(question=question, shown=(1, 0), chosen=chosen, strength=strength)


def _attack(*turns: Turn) -> Attack:
    return Attack(
        study="pilot",
        arm=Arm(model_type="rlhf", num_params="52B"),
        attacker=Attacker(kind="simulated", team_type="crowd", member=1),
        task_description=None,
        turns=turns,
    )


def test_pairs_are_drawn_from_the_dialogue_as_it_went_on() -> None:
    voided = Turn(message="lost", voided=True)
    first = _turn(_pick("more_harmful", 1, 4))
    second = _turn(_pick("less_harmful", 1, 2), replies=("three", "four"))
    drawn = attack_pairs([_attack(first, voided, second)])
    start = "\n\nHuman: kites\n\nAssistant:"
    assert drawn.dropped == {}
    assert drawn.pairs == (
        PreferencePair(prefix=start, chosen=" one", rejected=" two", source="pilot", strength=4),
        PreferencePair(
            prefix=f"{start} two\n\nHuman: kites\n\nAssistant:",
            chosen=" four",
            rejected=" three",
            source="pilot",
            strength=2,
        ),
    )


def test_undecided_comparisons_are_dropped_and_counted() -> None:
    three = Turn(
        message="kites",
        replies=tuple(Reply(text=text) for text in "abc"),
        comparisons=(Comparison(question="more_harmful", shown=(2, 0, 1), chosen=0, strength=4),),
    )
    attack = _attack(
        _turn(_pick("more_harmful", 0, 1), _pick("less_harmful", None)),
        _turn(_pick("more_harmful", 0), replies=("same", "same")),
        _turn(_pick("more_harmful", 0), replies=("", "text")),
        three,
    )
    drawn = attack_pairs([attack])
    assert drawn.pairs == ()
    assert drawn.dropped == {
        "empty reply": 1,
        "identical replies": 1,
        "neither": 1,
        "not two replies": 1,
        "tie": 1,
    }


def test_ties_are_pairs_where_they_are_kept() -> None:
    attack = _attack(_turn(_pick("more_harmful", 0, 1), _pick("less_harmful", None)))
    (pair,) = attack_pairs([attack], keep_ties=True).pairs
    assert (pair.chosen, pair.rejected, pair.strength) == (" two", " one", 1)


@given(strategies.attacks())
def test_every_comparison_is_a_pair_or_counted(attack: Attack) -> None:
    drawn = attack_pairs([attack])
    asked = sum(len(turn.comparisons) for turn in attack.turns)
    assert len(drawn.pairs) + sum(drawn.dropped.values()) == asked


def test_attacks_are_not_read_as_pairs(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.jsonl", {"record": "attack"})
    with pytest.raises(FileProblem, match="holds attacks; allowed: a file of preference pairs"):
        read_pairs(path)
