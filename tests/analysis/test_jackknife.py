"""The member jackknife: against least squares with every member left out, and planted truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.jackknife import (
    difference,
    mean_errors,
    standard_errors,
    within_slope,
)


def _world(seed: int, *, members: int, n: int, uneven: float) -> tuple[Ints, np.random.Generator]:
    draw = np.random.default_rng(seed)
    activity = np.exp(uneven * draw.normal(size=members))
    return draw.choice(members, n, p=activity / activity.sum()), draw


def test_slope_is_least_squares_with_a_level_for_each_member() -> None:
    members, draw = _world(1, members=14, n=300, uneven=0.5)
    x, factor = draw.normal(size=300), draw.integers(0, 3, 300)
    controls = np.eye(3)[factor][:, 1:]
    y = draw.normal(size=14)[members] + 0.3 * x + factor + draw.normal(size=300)
    design = np.column_stack([x, controls, np.eye(14)[members]])

    def fitted(keep: np.ndarray) -> float:
        return float(np.linalg.lstsq(design[keep], y[keep], rcond=None)[0][0])

    left = np.array([fitted(members != m) for m in range(14)])
    error = np.sqrt(13 / 14 * ((left - fitted(members >= 0)) ** 2).sum())
    found = within_slope(y, x, controls, members)
    assert found.estimate == pytest.approx(fitted(members >= 0))
    assert found.low is not None
    assert found.high is not None
    half = (found.high - found.low) / 2
    assert norm.ppf(0.975) * error < half < t.ppf(0.975, 5) * error


def test_difference_is_of_means_and_matches_leaving_out() -> None:
    members, draw = _world(2, members=9, n=120, uneven=0.4)
    second, values = draw.integers(0, 2, 120) > 0, draw.normal(size=120)

    def apart(keep: np.ndarray) -> float:
        return float(values[keep & second].mean() - values[keep & ~second].mean())

    found = difference(values, members, second)
    left = np.array([apart(members != m) for m in range(9)])
    error = np.sqrt(8 / 9 * ((left - apart(members >= 0)) ** 2).sum())
    assert found.estimate == pytest.approx(apart(members >= 0))
    assert found.high is not None
    assert found.estimate is not None
    assert found.high - found.estimate > 1.96 * error
    flipped = difference(values, members, ~second)
    assert (flipped.estimate, flipped.low) == pytest.approx((-found.estimate, -found.high))


def test_equal_attacks_of_single_members_give_students_interval() -> None:
    draw = np.random.default_rng(3)
    values = draw.normal(size=40)
    sums, counts = np.zeros((2, 40)), np.zeros((2, 40))
    for side in (0, 1):
        sums[side, side * 20 : side * 20 + 20] = values[side * 20 : side * 20 + 20]
        counts[side, side * 20 : side * 20 + 20] = 1
    _, error, _ = standard_errors(sums, counts)
    spread = [values[:20].var(ddof=1), values[20:].var(ddof=1)]
    assert error == pytest.approx(np.sqrt(sum(spread) / 20 * 20 / 19 * 39 / 40), rel=1e-6)


def test_degrees_of_freedom_are_effective_members_less_one() -> None:
    alike, uneven = np.full(9, 4.0), np.array([97.0, 1.0, 1.0, 1.0, 0, 0, 0, 0, 0])
    counts = np.stack([np.stack([alike, alike]), np.stack([alike, uneven])])
    _, _, df = standard_errors(counts * 1.5, counts)
    assert df == pytest.approx([8.0, 100**2 / (97**2 + 3) - 1])
    _, _, of_means = mean_errors(counts[1] * 1.5, counts[1])
    assert of_means == pytest.approx(df)


@pytest.mark.parametrize("uneven", [0.0, 1.8])
def test_intervals_cover_a_planted_effect_that_differs_by_member(uneven: float) -> None:
    hits: list[bool] = []
    for seed in range(300):
        members, draw = _world(seed, members=40, n=300, uneven=uneven)
        second = draw.integers(0, 2, 300) > 0
        level, effect = draw.normal(size=40), 0.5 + 0.3 * draw.normal(size=40)
        y = level[members] + effect[members] * second + draw.normal(size=300)
        found = difference(y, members, second)
        if found.low is not None and found.high is not None:
            hits.append(found.low <= 0.5 <= found.high)
    assert len(hits) > 280
    assert np.mean(hits) > 0.92


def test_says_why_there_is_none() -> None:
    y, x = np.array([1.0, 2.0, 3.0, 5.0]), np.array([0.0, 0.0, 1.0, 1.0])
    none: Floats = np.zeros((4, 0))
    between = within_slope(y, x, none, np.array([0, 0, 1, 1]))
    assert between.estimate is None
    assert "within any member" in str(between.reason)
    one = within_slope(y, x, none, np.zeros(4, dtype=np.int64))
    assert one.estimate == pytest.approx(2.5)
    assert one.low is None
    assert "1.0 effective members" in str(one.reason)
    empty = difference(y, np.arange(4), np.zeros(4, dtype=bool))
    assert empty.estimate is None
    assert "empty" in str(empty.reason)
    alone = difference(y, np.array([0, 0, 1, 2]), np.array([True, True, False, False]))
    assert alone.estimate is not None
    assert alone.low is None


def test_weighted_values_that_are_all_equal_differ_by_nothing() -> None:
    weights = np.random.default_rng(1).random((50, 2, 12))
    found, error, _ = standard_errors(3.0 * weights, weights)
    assert (found == 0).all()
    assert (error == 0).all()
