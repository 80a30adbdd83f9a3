"""Group summaries of feelings: what somebody who compares them could learn of one person."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gadfly.care.feelings import LEAST, Answered, split, summarize

scores = st.integers(-24, 24).map(float)
people = st.lists(st.builds(Answered, at=st.floats(0, 1e9), before=scores, after=scores))
splits = st.dictionaries(
    st.sampled_from("abcdef"),
    st.lists(st.builds(Answered, at=st.floats(0, 1e9), before=scores, after=scores), max_size=9),
)


@given(people)
def test_a_small_group_has_no_summary_and_a_reason(group: list[Answered]) -> None:
    found = summarize(group)
    if len(group) < LEAST:
        assert (found.n, found.mean, found.change) == (None, None, None)
        assert found.reason
    else:
        assert found.n is not None
        assert found.n % LEAST == 0
        assert LEAST <= found.n <= len(group)
        assert found.mean is not None
        assert found.change is not None


@given(people, st.builds(Answered, at=st.just(2e9), before=scores, after=scores))
def test_one_more_answer_shows_nothing_of_it(group: list[Answered], last: Answered) -> None:
    """Unless it completes a five: then five people's answers come in together."""
    before, after = summarize(group), summarize([*group, last])
    if (len(group) + 1) % LEAST:
        assert before == after


@given(splits)
def test_the_withheld_are_nobody_or_five_or_more(groups: dict[str, list[Answered]]) -> None:
    """Whoever knows the whole and subtracts every group shown is left with five or more people."""
    found = split(groups)
    withheld = sum(len(groups[name]) for name, summary in found.items() if summary.n is None)
    shown = [name for name, summary in found.items() if summary.n is not None]
    assert withheld == 0 or withheld >= LEAST or not shown
    assert set(found) == set(groups)
    assert all(summary.reason for summary in found.values() if summary.n is None)


def test_the_complement_of_a_small_group_is_withheld() -> None:
    def group(n: int) -> list[Answered]:
        return [Answered(at=float(place), before=0.0, after=1.0) for place in range(n)]

    found = split({"a": group(3), "b": group(6), "c": group(10)})
    assert [found[name].n for name in "abc"] == [None, None, 10]
    assert "another group" in found["b"].reason


def test_a_mean_is_rounded_and_a_change_needs_everybody() -> None:
    group = [Answered(at=float(n), before=0.0, after=n / 7) for n in range(5)]
    found = summarize(group)
    assert (found.mean, found.change) == (0.3, 0.3)
    partial = summarize([*group[:4], Answered(at=9.0, before=None, after=0.0)])
    assert partial.change is None
    assert partial.mean is not None
    assert "before and after" in partial.reason
