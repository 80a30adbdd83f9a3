"""Contrasts of rare rates and of few members: beside scipy's ends, refits, and planted truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.joint import Totals, contrasted, effective
from gadfly.analysis.statistics.mover import Steps, mover
from gadfly.analysis.statistics.wild import wild_interval
from gadfly.records.estimate import Estimate

HOW = Bootstrap(resamples=400)
STEP = np.array([[-1.0], [1.0]])


def contrast(totals: Totals, coefficients: Floats = STEP, seed: int = 1) -> Estimate:
    return contrasted([totals], coefficients, how=HOW, seed=seed, what="x")[0][0].estimate


def rates(successes: Floats) -> Steps:
    groups = successes.shape[1]
    return Steps(successes[:, :, None], np.ones((groups, 1)), np.zeros(groups))


def test_rates_of_single_attacks_add_up_by_their_exact_ends() -> None:
    """Zou and Donner 2008, equation 6, with ends by scipy."""
    hits, n = (2, 9), (40, 50)
    groups = np.repeat([0, 1], n)
    values = np.concatenate([np.arange(k) < x for x, k in zip(hits, n, strict=True)])
    totals = Totals.of(values * 1.0, members=np.arange(90), groups=groups, shape=(90, 2))
    (p, q), ((l1, u1), (l2, u2)) = (
        (x / k for x, k in zip(hits, n, strict=True)),
        (stats.binomtest(x, k).proportion_ci(0.95, "exact") for x, k in zip(hits, n, strict=True)),
    )
    found = contrast(totals)
    assert "MOVER" in found.method
    assert found.low == pytest.approx(q - p - np.hypot(q - l2, u1 - p))
    assert found.high == pytest.approx(q - p + np.hypot(u2 - q, p - l1))


def test_differences_of_rare_rates_hold_their_level() -> None:
    """40 members, two attacks an arm, rates of 0.5% and 1.4% with members apart: percentiles of
    resamples hold 85% of the time, and have no interval in a quarter of the studies.
    """
    rng, held = np.random.default_rng(7), 0
    members, arms = np.repeat(np.arange(40), 4), np.tile([0, 0, 1, 1], 40)
    for study in range(150):
        skill = rng.beta(0.5, 0.5, 40)[members]
        values = (rng.random(160) < 2 * skill * np.array([0.005, 0.014])[arms]).astype(float)
        found = contrast(Totals.of(values, members=members, groups=arms, shape=(40, 2)), seed=study)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.009 <= found.high
    assert held >= 0.95 * 150


@pytest.mark.parametrize("others", [(0.0,), (0.0, 1.0)])
def test_ratings_rarely_4_are_rates_on_their_scale(others: tuple[float, ...]) -> None:
    """30 members, 3% fours, else what is told, four times as many attacks on one arm: by
    percentiles and Student's t up to 19% of differences stood out where there is none.
    """
    rng, out, small = np.random.default_rng(5), 0, 0
    for study in range(200):
        members = np.repeat(np.arange(30), 10)
        arms = (rng.random(300) < 0.2).astype(int)
        four = rng.random(300) < 0.03 * rng.gamma(1, 1, 30)[members]
        values = np.where(four, 4.0, rng.choice(others, 300))
        totals = Totals.of(values, members=members, groups=arms, shape=(30, 2))
        (found,) = contrasted([totals], STEP, how=HOW, seed=study, what="x")[0]
        low, high = found.estimate.low, found.estimate.high
        assert low is not None
        assert high is not None
        assert found.p is not None
        assert (found.p < 0.05) == (not low <= 0 <= high) or "MOVER" not in found.estimate.method
        out += not low <= 0 <= high
        small += found.p < 0.05
    assert out <= stats.binom.ppf(0.99, 200, 0.05)
    assert small <= stats.binom.ppf(0.99, 200, 0.05)


def test_a_mean_of_two_values_has_the_interval_of_their_rate_on_its_scale() -> None:
    rng = np.random.default_rng(2)
    members, arms = np.repeat(np.arange(20), 10), np.tile([0, 1], 100)
    hits = (rng.random(200) < 0.04).astype(float)
    rate, scaled, same = (
        Totals.of(v, members=members, groups=arms, shape=(20, 2))
        for v in (hits, 1 + 3 * hits, 1 - hits)
    )
    one, other, mirrored = (contrast(totals) for totals in (rate, scaled, same))
    assert "MOVER" in other.method
    assert (other.low, other.high) == pytest.approx((3 * one.low, 3 * one.high))  # type: ignore[operator]
    assert (-mirrored.high, -mirrored.low) == pytest.approx((one.low, one.high))  # type: ignore[operator]
    mean = contrast(scaled, np.array([[0.0], [1.0]]))
    p = contrast(rate, np.array([[0.0], [1.0]]))
    assert (mean.low, mean.high) == pytest.approx((1 + 3 * p.low, 1 + 3 * p.high))  # type: ignore[operator]
    beside = rate.beside(scaled)
    both = np.vstack([np.zeros((2, 1)), STEP])
    again = contrast(beside, both)
    assert (again.low, again.high) == pytest.approx((other.low, other.high))


def test_ordinary_ratings_keep_the_intervals_of_resamples_however_few_members() -> None:
    rng = np.random.default_rng(3)
    members, arms = np.repeat(np.arange(8), 20), np.tile([0, 1], 80)
    values = rng.integers(0, 5, 160).astype(float)
    assert "wild" in contrast(Totals.of(values, members=members, groups=arms, shape=(8, 2))).method


def test_arms_alike_have_an_interval_around_0_and_failures_the_mirrored_one_of_successes() -> None:
    counts = np.full((20, 2), 5.0)
    few = np.zeros((20, 2))
    few[:2] = 1
    alike = contrast(Totals(few, counts, np.array([100, 100]), rates(few)))
    assert alike.low is not None
    assert alike.high is not None
    assert alike.low == pytest.approx(-alike.high)
    assert 0.01 < alike.high < 0.1
    half = np.repeat([0.0, 5.0], 4)[:, None] * np.ones(2)  # nothing is left to go by
    certain = contrast(Totals(half, np.full((8, 2), 5.0), np.array([40, 40]), rates(half)))
    assert "resampling moves none" in str(certain.reason)
    few[0, 1] = 3
    n = np.array([100, 100])
    low, high = mover(few, counts, n, STEP, level=0.95)
    other = mover(few, counts, n, -STEP, level=0.95)
    failures = mover(counts - few, counts, n, STEP, level=0.95)
    assert low[0] < 0.02 < high[0]
    assert (-other[1][0], -other[0][0]) == pytest.approx((low[0], high[0]))
    assert (-failures[1][0], -failures[0][0]) == pytest.approx((low[0], high[0]))


def test_a_contrast_of_few_members_is_a_coefficient_of_a_wild_bootstrapped_regression() -> None:
    rng = np.random.default_rng(3)
    members, arms = np.repeat(np.arange(8), 15), np.tile([0, 1, 2], 40)
    values = rng.normal(size=8)[members] + 0.4 * arms + rng.normal(size=120)
    totals = Totals.of(values, members=members, groups=arms, shape=(8, 3))
    slope = np.array([[-0.5], [0.0], [0.5]])  # of three sizes apart alike
    found = contrast(totals, slope)
    dummies = (arms[:, None] == [0, 2]) * 1.0
    x = np.column_stack([dummies.sum(axis=1), dummies[:, 1] * 2])[arms != 1]
    ends = wild_interval(
        values[arms != 1], x, members[arms != 1], of=1, level=0.95, resamples=400, seed=1
    )
    assert "wild cluster bootstrap by member" in found.method
    assert (found.low, found.high) == pytest.approx(ends)
    twice = contrast(
        Totals.of(values, members=members + 8 * (arms == 1), groups=arms, shape=(16, 3)), slope
    )
    assert (twice.low, twice.high) == (found.low, found.high)  # who is not in it changes nothing


def test_an_arm_of_few_members_is_not_filled_up_by_the_others_of_its_side() -> None:
    counts = np.full((60, 3), 5.0)
    counts[4:, 0] = 0  # four members alone met the smallest size
    trend = np.array([[-0.6], [-0.1], [0.7]])
    assert effective(counts, trend)[0] == pytest.approx(4.0, abs=0.1)
    assert effective(np.full((60, 3), 5.0), trend)[0] == 60
    totals = Totals(np.arange(180.0).reshape(60, 3), counts, np.array([20, 300, 300]))
    assert "members count as 4.0" in str(contrast(totals, trend).reason)
