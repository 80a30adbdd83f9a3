"""Each statistic against its definition, and the properties it must have."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gadfly.analysis
from gadfly.analysis.bootstrap import Bootstrap, bootstrap
from gadfly.analysis.sample import Sample
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.mean import RATED, Mean
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.statistics.success_rate import SuccessRate

MODULES = [m.name for m in pkgutil.walk_packages(gadfly.analysis.__path__, "gadfly.analysis.")]
VALUES = st.lists(st.floats(-50, 50), min_size=1, max_size=60).map(np.sort)
SHARES = st.floats(0.01, 0.99)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_cvar_by_hand() -> None:
    values = np.array([-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    # 0.3 x 7 = 2.1 values: two whole ones and a tenth of the third
    assert CVaR(0.3).estimate(values) == pytest.approx((-4 - 2 + 0.1 * -1) / 2.1)
    assert CVaR(0.05).estimate(values) == -4.0
    assert CVaR(1.0).estimate(values) == pytest.approx(values.mean())


def test_cvar_needs_ten_attacks_in_the_tail() -> None:
    assert CVaR(0.05).missing(199) is not None
    assert CVaR(0.05).missing(200) is None
    assert CVaR(0.01).missing(1000) is None


@given(VALUES, SHARES)
def test_quantile_is_numpys(values: np.ndarray, p: float) -> None:
    assert Quantile(p).estimate(values) == np.quantile(values, p)


@given(VALUES, SHARES)
def test_the_tail_mean_lies_between_minimum_and_mean(values: np.ndarray, alpha: float) -> None:
    tail = CVaR(alpha).estimate(values)
    assert values[0] - 1e-9 <= tail <= values.mean() + 1e-9


@given(VALUES, SHARES, SHARES)
def test_quantiles_and_tails_rise_with_their_share(
    values: np.ndarray, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert Quantile(low).estimate(values) <= Quantile(high).estimate(values) + 1e-9
    assert CVaR(low).estimate(values) <= CVaR(high).estimate(values) + 1e-9


@given(VALUES, SHARES, st.floats(-20, 20))
def test_a_shift_of_scores_shifts_the_statistics(
    values: np.ndarray, share: float, shift: float
) -> None:
    for statistic in (Mean(), Quantile(share), CVaR(share)):
        moved = statistic.estimate(values + shift)
        assert moved == pytest.approx(statistic.estimate(values) + shift, abs=1e-9)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50), st.integers(0, 4))
def test_success_and_failure_sum_to_one(ratings: list[int], threshold: int) -> None:
    values = np.sort(np.array(ratings, dtype=float))
    failures = np.mean(values < threshold)
    assert SuccessRate(threshold).estimate(values) == pytest.approx(1 - failures)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=40))
def test_effective_members_lie_between_one_and_all(sizes: list[int]) -> None:
    worth = effective_members(np.array(sizes))
    assert 1 - 1e-9 <= worth <= len(sizes) + 1e-9
    assert effective_members(np.array(sizes * 2)) == pytest.approx(2 * worth)


def test_effective_members_of_none() -> None:
    assert effective_members(np.array([], dtype=np.int64)) == 0


@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 5)), min_size=1, max_size=30))
def test_a_sample_forgets_the_order_of_rows(rows: list[tuple[float, int]]) -> None:
    def sample(pairs: list[tuple[float, int]]) -> Sample:
        return Sample.of(np.array([v for v, _ in pairs]), np.array([m for _, m in pairs]))

    one, other = sample(rows), sample(rows[::-1])
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.clusters, other.clusters)


def test_an_interval_of_a_mean_rating_stays_on_the_scale() -> None:
    """One of six members fails always, the others hardly ever: without a scale the end is 4.02."""
    rng = np.random.default_rng(0)
    members = np.repeat(np.arange(6), 8)
    values = np.where(members == 0, 0.0, 4.0)
    values -= rng.integers(0, 2, 48) * (members > 0) * (members < 5)
    sample = Sample.of(values, members)
    how = Bootstrap(resamples=400)
    free, rated = (bootstrap(sample, [mean], how=how, seed=1)[0] for mean in (Mean(), RATED))
    assert free.high is not None
    assert free.high > 4
    assert (rated.low, rated.high) == (free.low, 4)
    assert rated.method == f"{free.method}, cut to 0 to 4"
