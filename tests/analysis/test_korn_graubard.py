"""Exact intervals over members: beside scipy's for independent attacks, and where they must end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gadfly.analysis.bootstrap import Bootstrap, bootstrap
from gadfly.analysis.sample import Sample
from gadfly.analysis.statistics.korn_graubard import (
    clopper_pearson,
    interval_of,
    quantile_interval,
    rate_interval,
)
from gadfly.analysis.statistics.success_rate import SuccessRate


def hits(sample: Sample) -> np.ndarray:
    return (sample.values >= 3).astype(float)


@pytest.mark.parametrize(("k", "n"), [(0, 9), (9, 9), (3, 40), (1, 1)])
def test_clopper_pearson_is_scipys(k: int, n: int) -> None:
    theirs = stats.binomtest(k, n).proportion_ci(0.9, method="exact")
    assert clopper_pearson(k, n, level=0.9) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_one_attack_each_is_the_exact_interval_of_single_attacks() -> None:
    values = np.random.default_rng(1).integers(0, 5, 70).astype(float)
    (by_member,) = bootstrap(
        Sample.of(values, np.arange(70)), [SuccessRate()], how=Bootstrap(), seed=1
    )
    (single,) = bootstrap(Sample.of(values, None), [SuccessRate()], how=Bootstrap(ci="iid"), seed=1)
    assert (by_member.low, by_member.high) == (single.low, single.high)
    assert "Clopper-Pearson" in single.method
    assert "Korn-Graubard" in by_member.method


def test_members_who_never_differ_from_themselves_count_as_one_attack_each() -> None:
    """All attacks of a member alike: worth about as much as one attack of each member."""
    owner = np.repeat(np.arange(40), 25)
    sample = Sample.of(np.where(owner < 10, 4.0, 0.0), owner)
    low, high = rate_interval(sample, hits(sample), level=0.95)
    one, other = clopper_pearson(10, 40, level=0.95)
    assert low == pytest.approx(one, abs=0.02)
    assert high == pytest.approx(other, abs=0.02)


@pytest.mark.parametrize("value", [0.0, 4.0])
def test_nothing_and_everything_have_an_interval(value: float) -> None:
    sample = Sample.of(np.full(200, value), np.repeat(np.arange(20), 10))
    (found,) = bootstrap(sample, [SuccessRate()], how=Bootstrap(), seed=1)
    assert found.low is not None
    assert found.high is not None
    assert found.reason is None
    reach = 1 - 0.025 ** (1 / 20)  # each of 20 members counts as one
    assert (found.low, found.high) == pytest.approx((0, reach) if value == 0 else (1 - reach, 1))


def test_a_success_more_moves_both_ends_up() -> None:
    """60 attacks, 20 of 40 members with two: one success said [0, 26.9%], two [0.1%, 16.8%]."""
    owner = np.concatenate([np.arange(40), np.arange(20)])
    ends = []
    for k in range(6):
        values = np.zeros(60)
        values[40 - k : 40] = 4.0
        sample = Sample.of(values, owner)
        ends.append(rate_interval(sample, hits(sample), level=0.95))
    assert (np.diff(ends, axis=0) >= 0).all()
    assert ends[1][1] > clopper_pearson(1, 60, level=0.95)[1]


rows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 11)), min_size=30, max_size=90)


@settings(max_examples=60, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_success_and_failure_mirror_and_order_is_nothing(
    pairs: list[tuple[int, int]], random: object
) -> None:
    values = np.array([float(value) for value, _ in pairs])
    owner = np.array([member for _, member in pairs])
    if len(np.unique(owner)) < 6:
        return
    sample = Sample.of(values, owner)
    low, high = rate_interval(sample, hits(sample), level=0.95)
    assert 0 <= low <= hits(sample).mean() <= high <= 1
    mirrored = rate_interval(sample, 1 - hits(sample), level=0.95)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)
    order = np.argsort([hash((seed, random.random())) for seed in range(len(pairs))])  # type: ignore[attr-defined]
    mixed = Sample.of(values[order], owner[order])
    assert rate_interval(mixed, hits(mixed), level=0.95) == pytest.approx((low, high), abs=1e-12)


def test_a_quantile_of_independent_values_is_between_order_statistics() -> None:
    """Over single attacks the interval is the textbook one: binomial tails between ranks."""
    values = np.sort(np.random.default_rng(2).normal(size=200))
    found = quantile_interval(Sample.of(values, np.arange(200)), 0.25, level=0.95)
    assert found is not None
    ranks = np.searchsorted(values, found)
    assert stats.binom.cdf(ranks[0] - 1, 200, 0.25) <= 0.025 + 0.01
    assert stats.binom.sf(ranks[1] - 1, 200, 0.25) <= 0.025 + 0.01
    assert ranks[1] - ranks[0] < 30


def test_a_quantile_at_the_edge_has_no_interval() -> None:
    sample = Sample.of(np.arange(100.0), np.arange(100) % 10)
    assert quantile_interval(sample, 0.01, level=0.95) is None
    assert quantile_interval(sample, 0.5, level=0.95) is not None


def test_attacks_of_uneven_weight_are_worth_fewer_than_they_are() -> None:
    """One attack each, ten of a hundred with nearly all the weight."""
    weights = np.concatenate([np.ones(10), np.full(90, 0.01)])
    hits = np.concatenate([np.arange(10) < 5, np.arange(90) < 45]).astype(float)
    low, high = interval_of(weights, weights * hits, 100, 0.95)
    one, other = clopper_pearson(5, 10, level=0.95)
    assert (low, high) == pytest.approx((one, other), abs=0.06)
    assert interval_of(weights, 0 * hits, 100, 0.95)[1] > 0.25  # 0 of about ten
