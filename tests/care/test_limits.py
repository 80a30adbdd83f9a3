"""Limits on exposure: what somebody might try to work more, and what the clock may do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.care.limits import DAY, WEEK, Piece, exposure, merged, verdict
from gadfly.care.settings import Limits

NOW = 1_800_000_000.0
LIMITS = Limits()
MIDNIGHT = 20_834 * DAY  # in UTC

times = st.floats(NOW - 8 * DAY, NOW + 8 * DAY)
pieces_drawn = st.lists(
    st.builds(
        lambda end, length, dialogues, severe: Piece(end - length, end, dialogues, severe),
        times,
        st.floats(0, 4 * 3600),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    max_size=12,
)


def spread(minutes: int, *, until: float, dialogues: int = 0) -> list[Piece]:
    """Work in stretches of half an hour with quarters of an hour between, ending at a moment."""
    out, left, end = [], minutes * 60.0, until
    while left > 0:
        length = min(left, 1800.0)
        out.append(Piece(end - length, end, dialogues))
        left, end = left - length, end - length - 900
    return out


def test_nobody_who_did_nothing_pauses() -> None:
    found = verdict(LIMITS, [], now=NOW)
    assert found.may_go_on
    assert found.until is None
    assert found.sentence == ""


def test_midnight_frees_nobody() -> None:
    worked = spread(LIMITS.minutes_per_day, until=MIDNIGHT - 900)
    found = verdict(LIMITS, worked, now=MIDNIGHT + 60)
    assert found.reason == "day"
    assert found.until is not None
    assert found.until > MIDNIGHT + 12 * 3600


def test_a_week_is_any_seven_days() -> None:
    worked = [p for day in range(3) for p in spread(120, until=NOW - (4 + day) * DAY)]
    assert verdict(LIMITS, worked, now=NOW).reason == "week"
    assert verdict(LIMITS, worked, now=NOW + 2 * DAY).may_go_on


def test_two_studies_count_together_and_one_time_counts_once() -> None:
    here, there = spread(60, until=NOW - 900), spread(60, until=NOW - 8 * 3600)
    assert verdict(LIMITS, here, now=NOW).may_go_on
    assert verdict(LIMITS, here + there, now=NOW).reason == "day"
    assert verdict(LIMITS, here + here, now=NOW).may_go_on


@pytest.mark.parametrize(("count", "reason"), [(19, None), (20, "day"), (21, "day")])
def test_dialogues_are_limited_at_their_number(count: int, reason: str | None) -> None:
    worked = [Piece(NOW - 3600 - n, NOW - 3600 - n, dialogues=1) for n in range(count)]
    assert verdict(LIMITS, worked, now=NOW).reason == reason


def test_severe_dialogues_are_limited_and_mild_ones_go_on() -> None:
    worked = [Piece(NOW - 3600, NOW - 3600, dialogues=5, severe=5)]
    found = verdict(LIMITS, worked, now=NOW)
    assert found.reason == "severe"
    assert found.until == NOW - 3600 + DAY
    assert verdict(LIMITS, worked, now=NOW, may_be_severe=False).may_go_on


def test_many_short_pauses_are_no_break() -> None:
    short = (LIMITS.break_minutes - 1) * 60
    worked, end = [], NOW
    for _ in range(9):
        worked.append(Piece(end - 300, end))
        end -= 300 + short
    found = verdict(LIMITS, worked, now=NOW)
    assert found.reason == "break"
    assert found.until == NOW + LIMITS.break_minutes * 60
    assert verdict(LIMITS, worked, now=NOW + LIMITS.break_minutes * 60).may_go_on


def test_a_clock_that_went_back_frees_nobody() -> None:
    worked = spread(LIMITS.minutes_per_day, until=NOW)
    for back in (60.0, 3600.0, DAY, 30 * DAY):
        assert not verdict(LIMITS, worked, now=NOW - back).may_go_on
    backwards = [Piece(NOW, NOW - 3600, dialogues=20)]
    assert verdict(LIMITS, backwards, now=NOW).reason == "day"


@given(pieces_drawn, st.booleans())
def test_a_pause_ends_when_it_says(pieces: list[Piece], may_be_severe: bool) -> None:
    """Without further work, nobody is told of a time at which the same limit stops them again."""
    past = [p for p in pieces if p.end <= NOW]
    now = NOW
    for _ in range(4):  # another limit may hold after the longest one only by rounding
        found = verdict(LIMITS, past, now=now, may_be_severe=may_be_severe)
        if found.until is None:
            break
        assert now < found.until <= now + WEEK + 3600
        assert found.sentence
        now = found.until
    assert verdict(LIMITS, past, now=now, may_be_severe=may_be_severe).may_go_on


@given(pieces_drawn, pieces_drawn)
def test_more_work_never_frees(some: list[Piece], more: list[Piece]) -> None:
    before, after = verdict(LIMITS, some, now=NOW), verdict(LIMITS, some + more, now=NOW)
    if not before.may_go_on:
        assert not after.may_go_on


@given(pieces_drawn)
def test_order_and_doubles_change_no_minutes(pieces: list[Piece]) -> None:
    once = exposure(LIMITS, pieces, now=NOW)
    twice = exposure(LIMITS, list(reversed(pieces)) + pieces, now=NOW)
    assert (once.minutes_day, once.minutes_week, once.minutes_since_break) == (
        twice.minutes_day,
        twice.minutes_week,
        twice.minutes_since_break,
    )
    assert once.minutes_day <= once.minutes_week


@given(pieces_drawn)
def test_stretches_are_in_order_and_apart(pieces: list[Piece]) -> None:
    stretches = merged(pieces)
    assert all(start <= end for start, end in stretches)
    assert all(a[1] < b[0] for a, b in pairwise(stretches))
