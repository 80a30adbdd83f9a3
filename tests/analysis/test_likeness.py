"""How alike a member's attacks are: beside the ICC, against planted truth, what it withholds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from gadfly.analysis.bootstrap import Bootstrap, bootstrap
from gadfly.analysis.sample import Sample
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.icc import icc
from gadfly.analysis.statistics.korn_graubard import interval_of
from gadfly.analysis.statistics.likeness import drawn_up, likeness, moved
from gadfly.analysis.statistics.mean import Mean
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.statistics.success_rate import SuccessRate


def study(seed: int, apart: float, members: int = 40, each: float = 20) -> Sample:
    """Normal values of members whose levels spread ``apart`` times as far as one's attacks."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(members), rng.poisson(each, members))
    level = rng.normal(0, apart, members)
    return Sample.of(level[owner] + rng.normal(size=len(owner)), owner)


@pytest.mark.parametrize("apart", [0.5, 1.0, 3.0])
def test_the_correlation_is_the_icc_of_members_as_items(apart: float) -> None:
    sample = study(1, apart, members=12, each=6)
    table = np.full((sample.n_clusters, sample.sizes.max()), np.nan)
    for member in range(sample.n_clusters):
        own = sample.values[sample.clusters == member]
        table[member, : len(own)] = own
    found = likeness(sample).correlation
    assert found == pytest.approx(icc(table, form="(1,1)").estimate, abs=1e-9)


def test_the_error_is_that_of_leaving_members_out_one_by_one() -> None:
    sample = study(2, 2.0, members=9, each=5)
    logs = []
    for left in range(sample.n_clusters):
        kept = sample.clusters != left
        r = likeness(Sample.of(sample.values[kept], sample.clusters[kept])).correlation
        logs.append(np.log(r / (1 - r)))
    whole = likeness(sample)
    error = np.sqrt((len(logs) - 1) * np.var(logs))
    wanted = t.sf(np.log(whole.correlation / (1 - whole.correlation)) / error, len(logs) - 1)
    assert whole.beyond == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(("apart", "least", "most"), [(0.6, 0, 0), (1.0, 0, 0.01), (3.0, 0.95, 1)])
def test_it_is_shown_where_it_is_so_and_not_elsewhere(
    apart: float, least: float, most: float
) -> None:
    shown = np.mean([likeness(study(seed, apart)).reason is not None for seed in range(300)])
    assert least <= shown <= most


def test_unit_origin_and_order_of_rows_are_nothing() -> None:
    sample = study(3, 2.0)
    order = np.random.default_rng(0).permutation(len(sample.values))
    other = Sample.of(1e6 - 3e3 * sample.values[order], sample.clusters[order])
    assert likeness(other).beyond == pytest.approx(likeness(sample).beyond, rel=1e-4)


def test_members_without_a_value_are_nothing() -> None:
    sample = study(9, 2.0)
    wider = Sample(sample.values, 2 * sample.clusters, 2 * sample.n_clusters)
    assert likeness(wider) == likeness(sample)


def test_what_says_nothing_is_no_reason() -> None:
    values = np.random.default_rng(4).normal(size=60)
    assert likeness(Sample.of(values, np.arange(60))).beyond == 1  # an attack each
    assert likeness(Sample.of(np.ones(60), np.arange(60) % 6)).beyond == 1  # nobody differs
    assert likeness(Sample.of(values, np.arange(60) % 4)).beyond == 1  # too few
    one_twice = np.append(np.arange(20), 0)  # one member made two attacks, alike
    assert likeness(Sample.of(one_twice * 1.0, one_twice)).beyond > 0.01


def test_members_who_always_do_the_same_are_alike() -> None:
    owner = np.repeat(np.arange(30), 5)
    found = likeness(Sample.of(np.sqrt(owner), owner))
    assert found.correlation == pytest.approx(1)
    assert found.reason is not None


@pytest.mark.parametrize("weighting", ["attack", "member"])
def test_tails_give_way_where_members_differ_more_than_attacks(weighting: str) -> None:
    statistics = [CVaR(0.05), Quantile(0.05), Quantile(0.5), Mean()]
    how = Bootstrap(resamples=200, weighting=weighting)  # type: ignore[arg-type]
    for apart, withheld in ((0.6, 0), (3.0, 2)):
        found = bootstrap(study(5, apart, members=80, each=40), statistics, how=how, seed=1)
        reasons = [e.reason or "" for e in found]
        assert sum("members differ more than the attacks of one do" in r for r in reasons) == (
            withheld
        )
        assert [e.low is None for e in found] == [r.startswith("interval not") for r in reasons]
        assert None not in [e.estimate for e in found]
    (iid,) = bootstrap(study(5, 3.0), [CVaR(0.05)], how=Bootstrap(ci="iid"), seed=1)
    assert iid.low is not None


def test_a_variance_is_drawn_up_and_no_further() -> None:
    by = np.random.default_rng(6).normal(size=20)
    variance, df = moved(by, 20.0)
    assert variance == pytest.approx(19 / 20 * (by**2).sum())
    assert 1 <= df < 19
    guess = 2.0 / 400 * (1 + 19 * 0.5)

    def drawn(variance: float, df: float) -> float:
        return drawn_up(variance, df, single=2.0, n=400, worth=20.0, by=3.0)

    assert drawn(2 * guess, df) == 2 * guess
    few, many = drawn(guess / 9, 3.0), drawn(guess / 9, 300.0)
    assert few == pytest.approx(guess / 3)  # of three degrees, three: half way, of logarithms
    assert guess / 9 < many < few
    alone = drawn_up(guess / 9, 3.0, single=2.0, n=400, worth=400.0, by=3.0)  # an attack each
    assert guess / 9 <= alone < few


def test_few_members_of_many_attacks_hold_a_rare_rate() -> None:
    """Where the variance as it is held it in 88%."""
    rng = np.random.default_rng(7)
    held = []
    for _ in range(600):
        chance = 1 / (1 + np.exp(5.0 - 1.8 * rng.normal(size=12)))
        hits = rng.binomial(100, chance).astype(float)
        low, high = interval_of(np.full(12, 100.0), hits, 1200, 0.95)
        held.append(low <= _RATE <= high)
    assert np.mean(held) > 0.94


_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
_RATE = float(_WEIGHTS @ (1 / (1 + np.exp(5.0 - 1.8 * _NODES))) / _WEIGHTS.sum())


def test_a_quantile_takes_values_beyond_it_that_are_worth_something() -> None:
    """12 members of 100 attacks have 60 values below it, worth 1.2 where members differ so."""
    few = study(8, 0.6, members=12, each=100)
    (found,) = bootstrap(few, [Quantile(0.05)], how=Bootstrap(resamples=200), seed=1)
    assert found.low is None
    assert found.estimate is not None
    assert "worth 1.2 independent ones" in (found.reason or "")
    (rate,) = bootstrap(few, [SuccessRate(2)], how=Bootstrap(resamples=200), seed=1)
    assert rate.low is not None
