"""Power by simulation: against closed forms where there are any, and what holds elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

from gadfly.analysis.figures.power import power_svg
from gadfly.analysis.power import PowerResult, power_of
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.trials import Allocate, Assumed, Plan, Trials, _successes
from gadfly.errors import PersonError


def between(activity: Floats, quotas: Sequence[int], _: np.random.Generator) -> Ints:
    """Half of the members in each of two arms, all as busy."""
    allocations, members = activity.shape
    counts = np.zeros((allocations, 2, members), dtype=np.int64)
    half = members // 2
    counts[:, 0, :half], counts[:, 1, half:] = quotas[0] // half, quotas[1] // half
    return counts


def within(activity: Floats, quotas: Sequence[int], _: np.random.Generator) -> Ints:
    """Every member attacks every arm equally often."""
    allocations, members = activity.shape
    each = np.array(quotas)[None, :, None] // members
    return np.broadcast_to(each, (allocations, len(quotas), members)).astype(np.int64)


def multinomial(activity: Floats, quotas: Sequence[int], rng: np.random.Generator) -> Ints:
    """Busy members attack more, on every arm alike."""
    shares = activity / activity.sum(axis=1, keepdims=True)
    return np.stack([rng.multinomial(n, shares) for n in quotas], axis=1)


def simulated(plan: Plan, assumed: Assumed, allocate: Allocate, simulations: int = 8000) -> float:
    trials = Trials(assumed, allocate, 0.05, simulations, 1)
    return float(trials.power(trials.counts(plan), 1).estimate or 0)


@pytest.mark.parametrize(("n", "effect"), [(64, 0.5), (150, 0.25), (30, 0.9)])
def test_independent_attacks_have_the_power_of_students_test(n: int, effect: float) -> None:
    plan = Plan(members=2 * n, quotas={"a": n, "b": n}, gini=0)
    assumed = Assumed(outcome="rating", effect=effect, sd=1, icc=0, spread=0)
    exact = TTestIndPower().power(effect, nobs1=n, alpha=0.05)
    assert simulated(plan, assumed, between) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("icc", [0.05, 0.3])
def test_members_in_one_arm_cost_the_design_effect(icc: float) -> None:
    half, m = 50, 6
    plan = Plan(members=2 * half, quotas={"a": half * m, "b": half * m}, gini=0)
    assumed = Assumed(outcome="rating", effect=0.3, sd=1, icc=icc, spread=0)
    design_effect = 1 + (m - 1) * icc
    exact = TTestIndPower().power(0.3 / sqrt(design_effect / m), nobs1=half, alpha=0.05)
    assert simulated(plan, assumed, between) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_levels_cancel_within_members_and_differing_effects_do_not(spread: float) -> None:
    members, m, effect, icc = 40, 5, 0.3, 0.5
    plan = Plan(members=members, quotas={"a": members * m, "b": members * m}, gini=0)
    assumed = Assumed(outcome="rating", effect=effect, sd=1, icc=icc, spread=spread)
    apart = sqrt((spread * effect) ** 2 + 2 * (1 - icc) / m)
    exact = TTestPower().power(effect / apart, nobs=members, alpha=0.05)
    assert simulated(plan, assumed, within) == pytest.approx(exact, abs=0.02)


def test_success_rates_have_the_power_of_their_variance() -> None:
    plan = Plan(members=300, quotas={"a": 150, "b": 150}, gini=0)
    assumed = Assumed(outcome="success", effect=0.15, base=0.3, icc=0, spread=0)
    sd = sqrt((0.3 * 0.7 + 0.45 * 0.55) / 2)
    exact = TTestIndPower().power(0.15 / sd, nobs1=150, alpha=0.05)
    assert simulated(plan, assumed, between) == pytest.approx(exact, abs=0.025)


@pytest.mark.parametrize("outcome", ["rating", "success"])
def test_no_effect_is_found_at_most_as_often_as_alpha_says(outcome: str) -> None:
    plan = Plan(members=60, quotas={"a": 300, "b": 300}, gini=0.7)
    assumed = Assumed(outcome=outcome, effect=1e-9)  # type: ignore[arg-type]
    assert 0.02 < simulated(plan, assumed, multinomial) < 0.06


def test_marginal_success_rates_are_those_assumed() -> None:
    """Members' levels and differing effects move no rate: power is of what was asked for."""
    counts = np.full((1, 2, 4000), 50)
    trials = Trials(
        Assumed(outcome="success", effect=-0.2, base=0.4, icc=0.5, spread=0.8), within, 0.05, 1, 3
    )
    sums = _successes(counts[0], trials.assumed, 5, np.random.default_rng(1))
    assert sums.sum(axis=(0, 2)) / (5 * 4000 * 50) == pytest.approx([0.4, 0.2], abs=0.01)


@pytest.fixture(scope="module")
def result() -> PowerResult:
    plan = Plan(members=40, quotas={"a": 160, "b": 160, "c": 80}, gini=0.5)
    assumed = Assumed(outcome="rating", effect=0.5)
    return power_of(plan, assumed, multinomial, simulations=1000, seed=4)


def test_more_members_and_attacks_find_more_and_more_arms_less(result: PowerResult) -> None:
    for each in (0.5, 1.0, 2.0):
        line = [p.power.estimate for p in result.curve if p.times_each == each]
        assert line == sorted(line)  # type: ignore[type-var]
    shared = [p.power.estimate for p in result.by_arms]
    assert shared == sorted(shared, reverse=True)  # type: ignore[type-var]
    by_arm = {c.arm: c.power.estimate for c in result.contrasts}
    assert float(by_arm["b"] or 0) > float(by_arm["c"] or 1)


def test_the_smallest_effect_and_the_members_needed_reach_the_target(result: PowerResult) -> None:
    assert result.smallest_effect is not None
    assert result.members_needed is not None
    trials = Trials(result.assumed, multinomial, 0.05, 4000, 9)
    found = trials.power(trials.counts(result.plan), 2, result.smallest_effect).estimate
    assert found == pytest.approx(0.8, abs=0.06)
    times = result.members_needed / 40
    grown = {name: round(n * times) for name, n in result.plan.quotas.items()}
    plan = Plan(members=result.members_needed, quotas=grown, gini=0.5)
    assert trials.power(trials.counts(plan), 2).estimate == pytest.approx(0.8, abs=0.06)


def test_one_seed_one_answer(result: PowerResult) -> None:
    again = power_of(result.plan, result.assumed, multinomial, simulations=1000, seed=4)
    other = power_of(result.plan, result.assumed, multinomial, simulations=1000, seed=5)
    assert again == result
    assert other.contrasts != result.contrasts


def test_the_picture_names_its_lines(result: PowerResult) -> None:
    svg = power_svg(result)
    assert all(f">{n} attacks each<" in svg for n in (5, 10, 20))


def test_what_cannot_be_is_said() -> None:
    two = Plan(members=9, quotas={"a": 9, "b": 9}, gini=0)
    with pytest.raises(PersonError, match="two arms"):
        power_of(
            Plan(members=9, quotas={"a": 9}, gini=0),
            Assumed(outcome="rating", effect=1),
            within,
        )
    with pytest.raises(PersonError, match=r"less than 0\.66"):
        power_of(two, Assumed(outcome="success", effect=0.7), within)
    with pytest.raises(PersonError, match="effect: got 0"):
        power_of(two, Assumed(outcome="rating", effect=0), within)
    with pytest.raises(PersonError, match="between 0 and 1"):
        power_of(two, Assumed(outcome="rating", effect=1), within, target=80)
