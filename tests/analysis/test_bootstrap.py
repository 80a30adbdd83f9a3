"""The bootstrap: exact on expanded resamples, honest about members, silent where it must be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, resample, seed_of
from gadfly.analysis.sample import Draws, Sample
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.mean import Mean
from gadfly.analysis.statistics.protocol import Resampler, Statistic
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.statistics.success_rate import SuccessRate
from gadfly.errors import PersonError

STATISTICS: list[Statistic] = [
    Mean(),
    SuccessRate(3),
    Quantile(0.05),
    Quantile(0.5),
    Quantile(0.75),
    CVaR(0.05),
    CVaR(0.3),
]


def slow_cvar(values: np.ndarray, alpha: float) -> float:
    """By its definition, one value at a time."""
    left, total = alpha * len(values), 0.0
    for value in np.sort(values):
        part = min(1.0, left)
        total += part * value
        left -= part
        if left <= 0:
            break
    return total / (alpha * len(values))


def expanded(statistic: Statistic, values: np.ndarray) -> float:
    """The statistic of a written-out resample, by numpy alone."""
    match statistic:
        case Mean():
            return float(values.mean())
        case SuccessRate():
            return float((values >= 3).mean())
        case Quantile():
            return float(np.quantile(values, statistic.p))
        case CVaR():
            return slow_cvar(values, statistic.alpha)
    raise AssertionError(statistic)


values_and_members = st.lists(
    st.tuples(st.integers(-8, 8).map(lambda x: x / 2), st.integers(0, 6)), min_size=1, max_size=60
)


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda s: s.name)
@settings(max_examples=60)
@given(rows=values_and_members, seed=st.integers(0, 1000), single=st.booleans())
def test_a_weighted_resample_equals_the_expanded_one(
    statistic: Statistic, rows: list[tuple[float, int]], seed: int, single: bool
) -> None:
    values = np.array([value for value, _ in rows])
    members = None if single else np.array([member for _, member in rows])
    sample = Sample.of(values, members)
    draws = Draws(
        sample,
        np.random.default_rng(seed).multinomial(
            sample.n_clusters, np.full(sample.n_clusters, 1 / sample.n_clusters), size=7
        ),
    )
    fast = statistic.resampler(sample)(draws)
    for row, value in zip(draws.multiplicities, fast, strict=True):
        written_out = np.repeat(sample.values, row[sample.clusters])
        assert value == pytest.approx(expanded(statistic, written_out), abs=1e-9)


@settings(max_examples=40)
@given(rows=values_and_members)
def test_estimates_equal_numpy(rows: list[tuple[float, int]]) -> None:
    values = np.sort(np.array([value for value, _ in rows]))
    for statistic in STATISTICS:
        assert statistic.estimate(values) == pytest.approx(expanded(statistic, values), abs=1e-9)


def test_cvar_by_hand() -> None:
    assert CVaR(0.5).estimate(np.array([-3.0, -1.0, 0.0, 2.0, 5.0])) == pytest.approx(-4 / 2.5)
    assert CVaR(1.0).estimate(np.array([1.0, 2.0])) == 1.5


def test_portions_change_no_number() -> None:
    sample = Sample.of(np.arange(50.0), np.arange(50) % 9)
    whole = np.vstack([d.multiplicities for d in resample(sample, 100, 1, cells=10**9)])
    parts = np.vstack([d.multiplicities for d in resample(sample, 100, 1, cells=60)])
    assert np.array_equal(whole, parts)
    assert (whole.sum(axis=1) == 9).all()


def test_iid_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(3).gamma(2, 1, 400)
    (mine,) = bootstrap(
        Sample.of(values, None), [Mean()], how=Bootstrap(ci="iid", resamples=20_000), seed=1
    )
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert mine.low == pytest.approx(theirs.low, abs=0.01)
    assert mine.high == pytest.approx(theirs.high, abs=0.01)


def test_members_are_respected_where_iid_is_too_narrow() -> None:
    """Planted member variance: the cluster interval covers near its level, iid falls far short.

    200 studies: a coverage of .95 has a Monte Carlo standard error of .015.
    """
    rng = np.random.default_rng(11)
    hits = {"cluster": 0, "iid": 0}
    members, each, studies = 40, 15, 200
    for _ in range(studies):
        owner = np.repeat(np.arange(members), each)
        values = rng.normal(0, 0.7, members)[owner] + rng.normal(0, 1, members * each)
        for ci in ("cluster", "iid"):
            sample = Sample.of(values, owner if ci == "cluster" else None)
            how = Bootstrap(ci=ci, resamples=400)
            (mean,) = bootstrap(sample, [Mean()], how=how, seed=int(rng.integers(2**31)))
            assert mean.low is not None
            assert mean.high is not None
            hits[ci] += mean.low <= 0 <= mean.high
    assert hits["cluster"] / studies > 0.95 - 4 * 0.015
    assert hits["iid"] / studies < 0.75


@pytest.mark.parametrize(
    ("values", "members", "statistic", "said"),
    [
        ([1.0, 2.0], [0, 0], Mean(), "at least 2 members, there is 1"),
        ([1.0] * 12, list(range(12)), Mean(), "all values are equal"),
        ([0.0] * 110 + [1.0] * 10, [k % 12 for k in range(120)], Mean(), "worth 1 effective"),
        (list(range(600)), [k % 12 for k in range(600)], CVaR(0.05), "12 effective members"),
        (list(range(600)), [k % 8 for k in range(600)], Quantile(0.5), "8 effective members"),
        (list(range(8)), [0, 0, 1, 1, 2, 2, 3, 3], SuccessRate(3), "4 effective members"),
        (list(range(6)), [0, 0, 1, 1, 2, 2], Mean(), "3 effective members, it takes 5"),
        (list(range(60)), list(range(60)), CVaR(0.01), "0.6 attacks, it takes 10"),
        (list(range(60)), list(range(60)), Quantile(0.05), "no interval"),
        (
            list(range(100)),
            [0] * 88 + list(range(12)),
            Mean(),
            "1.26 effective members, it takes 5",
        ),
    ],
)
def test_what_is_weak_or_missing_says_why(
    values: list[float], members: list[int], statistic: Statistic, said: str
) -> None:
    sample = Sample.of(np.array(values, dtype=float), np.array(members))
    (found,) = bootstrap(sample, [statistic], how=Bootstrap(resamples=200), seed=1)
    assert found.reason is not None
    assert said in found.reason
    assert (found.low is None) == (found.high is None)


def test_seeds_follow_from_names_and_data_not_from_row_order() -> None:
    values, members = np.array([3.0, 1.0, 2.0, 1.0]), np.array([0, 1, 0, 2])
    order = np.array([2, 0, 3, 1])
    one, same = Sample.of(values, members), Sample.of(values[order], members[order])
    assert seed_of(one, "a", "b") == seed_of(same, "a", "b")
    assert seed_of(one, "a", "b") != seed_of(one, "ab", "")
    assert seed_of(one, "a") != seed_of(Sample.of(values + 1, members), "a")


@pytest.mark.parametrize(
    ("sizes", "worth"), [([5, 5, 5], 3.0), ([100, 1, 1], 102**2 / 10_002), ([7], 1.0)]
)
def test_effective_members_is_kish(sizes: list[int], worth: float) -> None:
    assert effective_members(np.array(sizes)) == pytest.approx(worth)


ALL_KINDS: list[Statistic] = [Mean(), SuccessRate(0.5), Quantile(0.25), CVaR(0.2)]


def test_members_weigh_alike_where_they_attacked_alike() -> None:
    rng = np.random.default_rng(6)
    owner = np.repeat(np.arange(60), 5)
    values = rng.normal(size=60)[owner] + rng.normal(size=300)
    sample = Sample.of(values, owner)
    by_attack = bootstrap(sample, ALL_KINDS, how=Bootstrap(resamples=200), seed=1)
    how = Bootstrap(resamples=200, weighting="member")
    by_member = bootstrap(sample, ALL_KINDS, how=how, seed=1)
    for one, other in zip(by_attack, by_member, strict=True):
        assert (one.estimate, one.low, one.high) == pytest.approx(
            (other.estimate, other.low, other.high), abs=1e-6
        )
        assert "attack-weighted" in one.method
        assert "member-weighted" in other.method


def test_weights_that_are_equal_but_for_rounding_move_no_quantile() -> None:
    """Ranks are whole here: a sum of weights that is a bit too large must not end a place early."""
    rng = np.random.default_rng(0)
    for weight in rng.random(60):
        n = 20 * int(rng.integers(5, 30)) + 1
        values, members = np.sort(rng.normal(size=n)), rng.integers(0, 10, n)
        weights = np.full(n, weight) / np.full(n, weight).mean()
        times = np.vstack([np.ones(10, dtype=np.int64), rng.multinomial(10, np.full(10, 0.1), 9)])
        plain, weighted = (
            Quantile(0.05).resampler(s)(Draws(s, times))
            for s in (Sample(values, members, 10), Sample(values, members, 10, weights))
        )
        assert weighted == pytest.approx(plain, abs=1e-5)


def test_member_weighted_is_the_mean_of_members_not_of_attacks() -> None:
    owner = np.repeat(np.arange(20), np.arange(1, 21))
    values = np.random.default_rng(7).normal(size=210) + owner / 5
    how = Bootstrap(resamples=200, weighting="member")
    (found,) = bootstrap(Sample.of(values, owner), [Mean()], how=how, seed=1)
    assert found.estimate == pytest.approx(np.mean([values[owner == m].mean() for m in range(20)]))
    assert found.low is not None
    assert found.low < values.mean() - 0.2
    with pytest.raises(PersonError, match="weighting"):
        Bootstrap(ci="iid", weighting="member")


@pytest.mark.parametrize(("share", "kept"), [(0.005, True), (0.05, False)])
def test_resamples_without_a_value_are_counted_and_many_of_them_leave_no_interval(
    share: float, kept: bool
) -> None:
    class Sometimes(Mean):
        """A mean that this share of the resamples does not have."""

        def interval(self, *_: object, **__: object) -> None:  # type: ignore[override]
            return None

        def resampler(self, sample: Sample) -> Resampler:
            inner = Mean.resampler(self, sample)

            def each(draws: Draws) -> np.ndarray:
                found = inner(draws)
                found[: round(share * 1000)] = np.nan
                return found

            return each

    sample = Sample.of(np.arange(40.0), np.arange(40))
    (found,) = bootstrap(sample, [Sometimes()], how=Bootstrap(resamples=1000), seed=1)
    assert (found.low is not None) == kept
    assert found.reason is not None
    assert f"{round(share * 1000)} of 1,000 resamples" in found.reason


def test_expanded_percentiles_are_students_t_for_a_normal_mean() -> None:
    """With many resamples the interval of a normal mean is nearly the textbook one."""
    values = np.random.default_rng(8).normal(size=15)
    (found,) = bootstrap(
        Sample.of(values, None), [Mean()], how=Bootstrap(ci="iid", resamples=40_000), seed=1
    )
    theirs = stats.ttest_1samp(values, 0).confidence_interval()
    assert found.low == pytest.approx(theirs.low, abs=0.07)
    assert found.high == pytest.approx(theirs.high, abs=0.07)
