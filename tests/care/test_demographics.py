"""Counts of who takes part: nobody is found in them, by looking or by subtracting."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.care.demographics.counts import counted
from gadfly.care.demographics.questions import (
    DECLINED,
    Questions,
    check_choices,
    read_questions,
)
from gadfly.errors import FileProblem, PersonError

ASKED = read_questions("standard", Path())
ONE = Questions.model_validate_json(
    '{"id": "o", "version": 1, "questions": [{"id": "q", "text": "?", "choices": ["a", "b", "c"]}]}'
)


def test_the_shipped_questions_are_those_of_the_paper_and_each_can_be_refused() -> None:
    ids = [question.id for question in ASKED.questions]
    assert ids == ["gender", "orientation", "age", "ethnicity", "education", "disability"]
    for question in ASKED.questions:
        assert check_choices(ASKED, {question.id: [DECLINED]}) == {question.id: (DECLINED,)}
    assert check_choices(ASKED, {}) == {}


@pytest.mark.parametrize(
    "sent",
    [
        {"gender": ["somebody"]},
        {"gender": ["Man", "Woman"]},
        {"ethnicity": ["Asian", DECLINED]},
    ],
)
def test_what_is_not_offered_is_refused(sent: dict[str, list[str]]) -> None:
    with pytest.raises(PersonError):
        check_choices(ASKED, sent)


@given(st.lists(st.sampled_from(["a", "b", "c", DECLINED]), max_size=60))
def test_no_small_count_is_told_and_none_is_found_by_subtracting(chosen: list[str]) -> None:
    cells = counted(ONE, [{"q": [choice]} for choice in chosen])["q"]
    shown = {choice: n for choice, n in cells.items() if n is not None}
    assert all(n == chosen.count(choice) and n >= 5 for choice, n in shown.items())
    hidden = len(chosen) - sum(shown.values())
    assert len(shown) == len(cells) or hidden >= 5 or not shown


def test_a_file_of_ones_own_is_checked(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    text = "id: own\nversion: 1\nquestions: [{id: town, text: Where, choices: [Here, There]}]\n"
    own.write_text(text)
    assert read_questions("own.yaml", tmp_path).questions[0].choices == ("Here", "There")
    for wrong in (
        text.replace("There", "Here"),
        text.replace("There", DECLINED),
        text.replace("[Here, There]", "[Here]"),
        text.replace("version: 1", "version: 0"),
    ):
        own.write_text(wrong)
        with pytest.raises(FileProblem):
            read_questions("own.yaml", tmp_path)
