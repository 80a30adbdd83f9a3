"""Follow-ups: the newest that has come, once."""

from __future__ import annotations

import pytest

from gadfly.care.following import due_week
from gadfly.care.limits import WEEK


@pytest.mark.parametrize(
    ("weeks", "answered", "due"),
    [
        (0.99, set(), None),
        (1, set(), 1),
        (1, {1}, None),
        (3.9, {1}, None),
        (4, set(), 4),
        (4, {1}, 4),
        (9, {4}, None),
        (9, {1, 4}, None),
        (-1, set(), None),
    ],
)
def test_the_newest_that_has_come_is_asked_once(
    weeks: float, answered: set[int], due: int | None
) -> None:
    asked = due_week((1, 4), last=1e9, now=1e9 + weeks * WEEK, answered=answered)
    assert asked == due
    assert due_week((), last=1e9, now=1e9 + weeks * WEEK, answered=answered) is None
