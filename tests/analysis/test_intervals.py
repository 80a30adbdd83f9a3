"""Intervals beside independent ones: scipy for tails, known limits for members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats

from gadfly.analysis.bootstrap import CI, Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Draws, Sample
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.entropy import Entropy
from gadfly.analysis.statistics.mean import Mean
from gadfly.analysis.statistics.protocol import Statistic
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.statistics.self_similarity import SelfSimilarity
from gadfly.analysis.statistics.standard_deviation import StandardDeviation
from gadfly.records.estimate import Estimate


def interval(
    values: np.ndarray, members: np.ndarray | None, statistic: Statistic, ci: CI, b: int
) -> Estimate:
    sample = Sample.of(values, members)
    how = Bootstrap(ci=ci, resamples=b)
    return bootstrap(sample, [statistic], how=how, seed=seed_of(sample, ci))[0]


def width(values: np.ndarray, members: np.ndarray | None, ci: CI) -> float:
    found = interval(values, members, Mean(), ci, 4000)
    assert found.low is not None
    assert found.high is not None
    return found.high - found.low


def worst_twentieth(values: np.ndarray, axis: int = -1) -> Any:
    """CVaR at 5% of 400 values, where 5% are 20 values exactly."""
    return np.sort(values, axis=axis)[..., :20].mean(axis=axis)


@pytest.mark.parametrize(
    ("statistic", "function"), [(Quantile(0.5), np.median), (CVaR(0.05), worst_twentieth)]
)
def test_order_statistics_agree_with_scipy(
    statistic: Statistic, function: Callable[..., Any]
) -> None:
    values = np.random.default_rng(2).normal(size=400)
    mine = interval(values, None, statistic, "iid", 10_000)
    theirs = scipy.stats.bootstrap(
        (values,),
        function,
        n_resamples=10_000,
        method="percentile",
        vectorized=True,
        batch=500,
        rng=np.random.default_rng(3),
    )
    # An end has a Monte Carlo error near 0.027 standard errors with 10,000 resamples; the
    # difference of two has 0.038, and five times that is 0.19.
    close = 0.19 * theirs.standard_error
    assert mine.low == pytest.approx(theirs.confidence_interval.low, abs=close)
    assert mine.high == pytest.approx(theirs.confidence_interval.high, abs=close)


def test_with_one_attack_each_members_are_attacks() -> None:
    values = np.random.default_rng(4).normal(size=80)
    assert width(values, np.arange(80), "cluster") == pytest.approx(
        width(values, None, "iid"), rel=0.08
    )


@pytest.mark.parametrize(
    "statistic",
    [StandardDeviation(), Entropy(), SelfSimilarity(np.eye(8)[np.arange(400) * 7 % 11 % 8])],
    ids=["spread", "entropy", "self-similarity"],
)
def test_a_standard_error_is_the_slope_by_the_weights_of_members(statistic: Statistic) -> None:
    """The infinitesimal jackknife, by differences; what is left of it is of order 1/n."""
    rng = np.random.default_rng(6)
    codes = isinstance(statistic, SelfSimilarity)
    values = np.arange(400.0) if codes else rng.binomial(9, 0.2, 400).astype(np.float64)
    sample = Sample.of(values, rng.integers(0, 20, 400))
    ones, step = np.ones((1, 20)), 1e-5
    weights = np.vstack([ones, ones + step * np.eye(20)])
    resampled = statistic.resampler(sample)(Draws(sample, weights))  # type: ignore[arg-type]
    slopes = (resampled[1:] - resampled[0]) / step
    errors = statistic.errors(sample)
    assert errors is not None
    found = errors(Draws(sample, ones.astype(np.int64)))
    assert found[0] == pytest.approx(np.sqrt((slopes**2).sum()), rel=0.03)


def test_the_interval_of_an_entropy_lies_around_it_where_members_have_labels_of_their_own() -> None:
    members = np.repeat(np.arange(15), 20)
    labels = (members + np.arange(300) % 2).astype(np.float64)  # two labels each
    found = interval(labels, members, Entropy(), "cluster", 500)
    assert found.estimate is not None
    assert found.low is not None
    assert found.high is not None
    assert (found.low + found.high) / 2 == pytest.approx(found.estimate)


def test_copies_of_every_attack_narrow_iid_but_not_cluster_intervals() -> None:
    values, members = np.random.default_rng(5).normal(size=200), np.repeat(np.arange(40), 5)
    values4, members4 = np.tile(values, 4), np.tile(members, 4)
    clustered = width(values, members, "cluster")
    assert width(values4, members4, "cluster") == pytest.approx(clustered, rel=0.08)
    assert width(values4, None, "iid") == pytest.approx(width(values, None, "iid") / 2, rel=0.08)


def test_a_higher_level_is_wider() -> None:
    sample = Sample.of(np.random.default_rng(6).normal(size=90), np.arange(90) % 30)
    widths = []
    for level in (0.5, 0.8, 0.95, 0.99):
        how = Bootstrap(resamples=1000, level=level)
        (found,) = bootstrap(sample, [Mean()], how=how, seed=1)
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths == sorted(widths)


@pytest.mark.parametrize("statistic", [Mean(), Quantile(0.5), CVaR(0.05)])
def test_without_values_there_is_no_estimate(statistic: Statistic) -> None:
    found = interval(np.array([]), np.array([], dtype=np.int64), statistic, "cluster", 200)
    assert found.estimate is None
    assert found.n == 0
    assert found.reason
