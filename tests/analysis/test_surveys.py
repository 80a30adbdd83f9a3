"""Surveys: nothing of fewer than five people is told, by itself or by subtraction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.analysis.topics import surveys as topic
from gadfly.analysis.topics.surveys import ANSWER_COLUMNS, BriefFeeling, Surveys, surveys
from gadfly.care import feelings

Row = tuple[int, str, int, float, str, str, str, float, float]


def row(person: int, order: int, value: float, *, item: str = "sad", at: float = 0.0) -> Row:
    return (person, "survey", order, at, "spane@1", item, "negative feelings", value, 0.1)


def shown(rows: list[Row]) -> Surveys:
    return surveys(answers=pl.DataFrame(rows, schema=ANSWER_COLUMNS, orient="row"))


def test_the_rule_is_that_of_the_site() -> None:
    assert topic.LEAST == feelings.LEAST


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 30), min_size=1))
def test_no_count_under_five_is_told_nor_to_be_found_from_the_total(cells: dict[str, int]) -> None:
    total = sum(cells.values())
    (question,) = surveys(answered=total, counts={"q": cells}).questions
    told = {c.text: c.people for c in question.choices}
    assert all(n is None or n >= 5 for n in told.values())
    hidden = [name for name, n in told.items() if n is None]
    if len(hidden) < len(cells) and hidden:
        assert total - sum(n for n in told.values() if n is not None) >= 5


def test_published_counts_may_be_shown_whole() -> None:
    """Figure 4 of the paper: gender of 115 people."""
    counts: Mapping[str, int | None] = {"Man": 54, "Woman": 60, "Non-binary": 1}
    (question,) = surveys(answered=115, counts={"gender": counts}, least=1).questions
    assert [c.people for c in question.choices] == [54, 60, 1]
    man = question.choices[0].share
    assert man is not None
    assert man.estimate == pytest.approx(0.47, abs=0.005)
    (withheld,) = surveys(answered=115, counts={"gender": counts}).questions
    assert [c.people for c in withheld.choices] == [None, 60, None]


@pytest.mark.parametrize(("people", "counted"), [(4, 0), (5, 5), (9, 5), (10, 10)])
def test_answers_count_in_whole_fives(people: int, counted: int) -> None:
    found = shown([row(p, 1, 3.0, at=float(p)) for p in range(people)])
    assert [item.people for item in found.items if item.item == "sad"] == [counted] * bool(counted)


def test_one_more_answer_changes_nothing() -> None:
    draw = np.random.default_rng(1)
    rows = [
        row(p, k, float(draw.integers(1, 6)), at=p + 100.0 * k) for p in range(9) for k in (1, 2)
    ]
    before = shown(rows)
    for more in (row(9 - 1, 3, 5.0, at=900.0), row(4, 3, 1.0, at=901.0)):
        rows.append(more)
        assert shown(rows) == before


def test_means_are_of_people_who_answer_several_times() -> None:
    """Twenty people, three answers each: as sure as twenty means, and not as sixty answers."""
    draw = np.random.default_rng(2)
    level = draw.normal(3, 1, 20)
    rows = [row(p, k, float(level[p]), at=float(p)) for p in range(20) for k in (1, 2, 3)]
    (item,) = [i for i in shown(rows).items if i.item == "sad"]
    assert (item.people, item.mean.n) == (20, 60)
    assert item.mean.estimate == pytest.approx(level.mean(), abs=0.05)
    assert item.mean.low is not None
    assert item.mean.high is not None
    error = level.std(ddof=1) / np.sqrt(20)
    assert item.mean.high - item.mean.low == pytest.approx(2 * 2.09 * error, abs=0.25)


def test_change_is_of_the_same_people_since_their_first_answer() -> None:
    """Those who stay feel worse from the start; nobody changes but by the planted half point."""
    rows = [
        row(p, k, (2.0 if p < 10 else 4.0) + 0.5 * (k == 2) + 0.1 * (p % 3), at=float(p))
        for p in range(20)
        for k in ((1,) if p < 10 else (1, 2))
    ]
    first, second = shown(rows).rounds
    assert first.change.estimate is None
    assert second.mean.estimate == pytest.approx(4.6)
    assert second.change.estimate == pytest.approx(0.5)


def test_intervals_need_ten_people_and_are_rounded_outward() -> None:
    draw = np.random.default_rng(3)
    rows = [row(p, 1, float(draw.integers(1, 6)), at=float(p)) for p in range(10)]
    (item,) = [i for i in shown(rows).items if i.item == "sad"]
    assert item.mean.low is not None
    assert item.mean.high is not None
    values = np.array([r[7] for r in rows])
    half = 2.262157 * values.std(ddof=1) / np.sqrt(10)
    assert item.mean.low == pytest.approx(np.floor((values.mean() - half) * 10) / 10)
    assert item.mean.high == pytest.approx(np.ceil((values.mean() + half) * 10) / 10)
    (few,) = [i for i in shown(rows[:9]).items if i.item == "sad"]
    assert few.mean.low is None
    assert "fewer than 10" in str(few.mean.reason)


def test_a_scale_needs_all_its_items() -> None:
    rows = [row(p, 1, 2.0, item=i, at=float(p)) for p in range(10) for i in ("sad", "angry")]
    found = {i.item: i.people for i in shown(rows[:-2]).items}
    assert found == {"sad": 5, "angry": 5, "negative feelings": 5}
    assert {i.item: i.people for i in shown(rows).items}["negative feelings"] == 10


def test_a_small_brief_is_not_shown_even_if_handed_in() -> None:
    small = BriefFeeling(brief="sly", people=3, mean=0.2, change=None, reason="")
    told = BriefFeeling(brief="open", people=5, mean=0.6, change=None, reason="")
    assert surveys(briefs=[small, told]).briefs == (told,)
