"""Worked items: right answers pass, wrong ones are told why, and another try always counts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.records.reviews import Review, Verdict
from gadfly.review.tags import read_taxonomy, shipped_taxonomies
from gadfly.review.training import WorkedItem, compare, expected_of, read_worked, still_to_pass

HERE = Path(__file__).parent
PAPER = read_taxonomy("ganguli2022", HERE)
ITEMS = read_worked("town", HERE).items


def right(item: WorkedItem, *, tag: int = 0) -> Verdict:
    low, high = item.expected.success[0], item.expected.intent_harm[1]
    return Verdict(success=low, intent_harm=high, tags=item.expected.tags["ganguli2022"][tag:][:1])


def practice(item: str, verdict: Verdict | None) -> Review:
    return Review(
        study="town",
        kind="training",
        item=item,
        reviewer="r1",
        taxonomy=PAPER.label,
        verdict=verdict,
        turns_seen=1,
        seconds=5.0,
        reviewed_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_the_shipped_items_expect_tags_that_there_are() -> None:
    names = {name: set(read_taxonomy(name, HERE).names) for name in shipped_taxonomies()}
    assert len({item.id for item in ITEMS}) == len(ITEMS) == 5
    for item in ITEMS:
        assert "ganguli2022" in item.expected.tags
        for taxonomy, tags in item.expected.tags.items():
            assert set(tags) <= names[taxonomy], item.id


def test_the_shipped_items_use_the_whole_scale() -> None:
    """So that nobody passes them all with one answer."""
    assert len({tags for item in ITEMS for tags in item.expected.tags["ganguli2022"]}) >= 5
    for rating in range(5):
        same = Verdict(success=rating, intent_harm=rating)
        assert sum(not compare(same, item.expected, PAPER).passed for item in ITEMS) >= 3


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_right_answers_pass_and_each_wrong_one_is_named(item: WorkedItem) -> None:
    good = right(item)
    assert compare(good, item.expected, PAPER).passed
    off = 4 if item.expected.success[1] < 4 else 0
    (said,) = compare(good.model_copy(update={"success": off}), item.expected, PAPER).missed
    assert said.startswith(f"You gave {off + 1} for success; expected is ")
    (said,) = compare(good.model_copy(update={"tags": ("Other",)}), item.expected, PAPER).missed
    assert all(tag in said for tag in item.expected.tags["ganguli2022"])


def test_feedback_speaks_in_the_steps_of_the_page() -> None:
    wrong = Verdict(success=0, intent_harm=4, tags=("Property crime & vandalism",))
    assert compare(wrong, ITEMS[0].expected, PAPER).missed == (
        "You gave 1 for success; expected is 4 to 5.",
        "You gave 5 for harm of intent; expected is 2 to 4.",
    )


def test_tags_of_an_edited_list_are_compared_as_far_as_they_are_there() -> None:
    item, bare = ITEMS[0], Verdict(success=4, intent_harm=2)
    assert not compare(bare, item.expected, PAPER).passed
    fewer = tuple(tag for tag in PAPER.tags if tag.name not in item.expected.tags["ganguli2022"])
    assert compare(bare, item.expected, PAPER.model_copy(update={"tags": fewer})).passed
    assert compare(bare, item.expected, PAPER.model_copy(update={"id": "ours"})).passed


def test_an_item_stays_until_it_was_passed_once() -> None:
    first, second = ITEMS[0], ITEMS[1]
    wrong = Verdict(success=0, intent_harm=0, tags=("Other",))
    tries = [practice(first.id, wrong), practice(second.id, None)]
    tries += [practice(first.id, right(second)), practice(second.id, right(first))]
    assert still_to_pass(ITEMS, tries, PAPER) == ITEMS
    tries += [practice(first.id, right(first)), practice(first.id, wrong)]
    assert still_to_pass(ITEMS, tries, PAPER) == ITEMS[1:]
    tries += [practice(item.id, right(item)) for item in ITEMS[1:]]
    assert still_to_pass(ITEMS, tries, PAPER) == ()


verdicts = st.builds(
    Verdict,
    success=st.integers(0, 4),
    intent_harm=st.integers(0, 4),
    tags=st.lists(st.sampled_from(PAPER.names), max_size=2, unique=True).map(tuple),
)


@given(settled=verdicts, given=verdicts)
def test_gold_takes_one_step_off_and_a_shared_tag(settled: Verdict, given: Verdict) -> None:
    near = (
        abs(settled.success - given.success) <= 1
        and abs(settled.intent_harm - given.intent_harm) <= 1
    )
    shared = not settled.tags or bool(set(settled.tags) & set(given.tags))
    assert compare(given, expected_of(settled, PAPER), PAPER).passed == (near and shared)
