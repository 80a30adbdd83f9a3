"""Power by simulation: against closed forms where there are any; elsewhere against permuting every
study by itself, and against the verdicts of the report on studies with a planted effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtri
from statsmodels.stats.power import TTestIndPower, TTestPower

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.figures.power import power_svg
from gadfly.analysis.power import PowerResult, _compared, _effect, power_of
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.simulate import simulate
from gadfly.analysis.statistics.permutation import permutation_p
from gadfly.analysis.topics.contrasts import arranged, contrasts
from gadfly.analysis.trials import Allocate, Assumed, Attacks, Plan, PlannedArm, Trials, _studies
from gadfly.errors import PersonError


def planned(quotas: Sequence[int], members: int, gini: float = 0.0) -> Plan:
    """So many interventions of one size."""
    arms = [
        PlannedArm(model_type=f"arm{k}", num_params="1M", quota=q) for k, q in enumerate(quotas)
    ]
    return Plan(members=members, arms=tuple(arms), gini=gini)


def listed(counts: Ints) -> Attacks:
    """Attacks from their numbers (allocations, arms, members), in one round."""
    shape = counts.shape[1:]
    cells = np.stack([np.repeat(np.arange(shape[0] * shape[1]), c.ravel()) for c in counts])
    arm, nothing = cells // shape[1], np.zeros_like(cells)
    return Attacks(member=cells % shape[1], arm=arm, round=nothing, chances=None)


def between(activity: Floats, quotas: Sequence[int], _: np.random.Generator) -> Attacks:
    """Half of the members in each of two arms, all as busy."""
    allocations, members = activity.shape
    counts = np.zeros((allocations, 2, members), dtype=np.int64)
    half = members // 2
    counts[:, 0, :half], counts[:, 1, half:] = quotas[0] // half, quotas[1] // half
    return listed(counts)


def within(activity: Floats, quotas: Sequence[int], _: np.random.Generator) -> Attacks:
    """Every member attacks every arm equally often."""
    allocations, members = activity.shape
    each = np.array(quotas)[None, :, None] // members
    return listed(np.broadcast_to(each, (allocations, len(quotas), members)).astype(np.int64))


def turns(activity: Floats, quotas: Sequence[int], rng: np.random.Generator) -> Attacks:
    """Busy members attack more; each attacks one arm after the other, as in ``simulate``."""
    shares = activity / activity.sum(axis=1, keepdims=True)
    made = rng.multinomial(sum(quotas), shares)
    member = np.stack([np.repeat(np.arange(len(own)), own) for own in made])
    place = np.arange(member.shape[1]) - np.stack([np.repeat(np.cumsum(n) - n, n) for n in made])
    start = rng.integers(len(quotas), size=activity.shape)
    arm = (place + np.take_along_axis(start, member, axis=1)) % len(quotas)
    chances = np.full((*arm.shape, len(quotas)), 1 / len(quotas))
    return Attacks(member=member, arm=arm, round=np.zeros_like(arm), chances=chances)


def simulated(plan: Plan, assumed: Assumed, allocate: Allocate, simulations: int = 8000) -> float:
    """Power of the first contrast of a plan."""
    trials = Trials(assumed, allocate, 0.05, simulations, 1)
    (contrast, family), *_ = _compared(plan)
    harm = _effect(assumed).harm if assumed.effect else 0.0
    found, _ = trials.power(plan, trials.attacks(plan), contrast, family, harm)
    return float(found.estimate or 0)


def drawn(assumed: Assumed, each: int) -> Floats:
    """Members' mean outcomes on two arms, drawn from the model's words: (2, members)."""
    rng, harm, members = np.random.default_rng(7), _effect(assumed).harm, 1_000_000 // each
    first = assumed.threshold - 0.5 + assumed.sd * ndtri(assumed.base)
    apart = assumed.spread * harm / sqrt(2)
    means = np.array([first, first + harm])[:, None, None]
    level = sqrt(assumed.icc) * assumed.sd * rng.normal(size=(1, members, 1))
    drift = apart * rng.normal(size=(2, members, 1))
    rest = sqrt((1 - assumed.icc) * assumed.sd**2 - apart**2)
    harms = means + level + drift + rest * rng.normal(size=(2, members, each))
    rating = np.clip(np.round(harms), 0, 4)
    outcome = rating if assumed.outcome == "rating" else rating >= assumed.threshold
    return np.asarray(outcome.mean(axis=2))


@pytest.mark.parametrize(
    ("members", "each", "assumed"),
    [
        (128, 1, Assumed(outcome="rating", effect=0.8, icc=0, spread=0)),
        (240, 1, Assumed(outcome="rating", effect=-0.4, base=0.7, sd=1.5, icc=0, spread=0)),
        (300, 1, Assumed(outcome="success", effect=0.15, base=0.3, icc=0, spread=0)),
        (100, 6, Assumed(outcome="rating", effect=0.5, icc=0.3, spread=0)),
    ],
)
def test_members_in_one_arm_each_have_the_power_of_students_test(
    members: int, each: int, assumed: Assumed
) -> None:
    """Many members: the report's degrees of freedom are one arm's, Student's are both arms'."""
    means = drawn(assumed, each)
    apart = (means[1].mean() - means[0].mean()) / sqrt(means.var(axis=1).mean())
    exact = TTestIndPower().power(apart, nobs1=members // 2, alpha=0.05)
    plan = planned([members // 2 * each] * 2, members)
    assert simulated(plan, assumed, between) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_levels_cancel_within_members_and_differing_effects_do_not(spread: float) -> None:
    """Permuting within members has the power of the paired t-test."""
    members, each = 40, 5
    assumed = Assumed(outcome="rating", effect=0.4, icc=0.5, spread=spread)
    apart = np.diff(drawn(assumed, each), axis=0)
    exact = TTestPower().power(apart.mean() / apart.std(), nobs=members, alpha=0.05)
    plan = planned([members * each] * 2, members)
    assert simulated(plan, assumed, within) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("outcome", ["rating", "success"])
def test_no_effect_is_found_at_most_as_often_as_alpha_says(outcome: str) -> None:
    assumed = Assumed(outcome=outcome, effect=0)  # type: ignore[arg-type]
    assert 0.035 < simulated(planned([300, 300], 60, 0.7), assumed, turns) < 0.06


def test_effects_are_those_of_the_ratings_drawn() -> None:
    assumed = Assumed(outcome="success", effect=-0.2, base=0.4, threshold=2, icc=0.5, spread=0.8)
    effect, rates = _effect(assumed), drawn(assumed, 40).mean(axis=1)
    points = drawn(assumed.model_copy(update={"outcome": "rating", "effect": effect.rating}), 40)
    assert effect.success == pytest.approx(-0.2)
    assert rates == pytest.approx([0.4, 0.2], abs=0.01)
    assert np.diff(points.mean(axis=1))[0] == pytest.approx(effect.rating, abs=0.02)


@pytest.mark.parametrize("family", [1, 6])
def test_pooled_permutations_find_what_permuting_each_study_finds(family: int) -> None:
    """Few busy members, where Student's t would be far off."""
    plan, assumed = planned([90, 90], 20, 0.7), Assumed(outcome="rating", effect=1.5)
    trials, harm, rng = Trials(assumed, turns, 0.05, 1000, 2), _effect(assumed).harm, 5
    (contrast, _), *_ = _compared(plan)
    apart = []
    for study in list(_studies(plan, trials.attacks(plan), contrast))[:25]:
        values = study.values(assumed, harm, np.random.default_rng(rng))
        of = arranged([contrast], study.attacks, values, study.cells, study.chances)
        assert of is not None
        p = permutation_p(**of, permutations=999, seed=rng)
        apart.append(study.found(values, 0.05, family, 3) - (p <= 0.05 / family).mean())
        rng += 1
    assert np.mean(apart) == pytest.approx(0, abs=0.02)


def test_the_report_finds_a_planted_effect_as_often_as_power_says() -> None:
    """Three arms, one of which differs: at Holm's first step as often, by Holm at least so."""
    members, attacks, studies = 25, 150, 120
    assumed = Assumed(outcome="rating", effect=1.2)
    settings = assumed.settings(_effect(assumed).harm)
    settings = replace(
        settings, members=members, attacks=attacks, effects=(0, 0, settings.effects[1])
    )
    first, whole = 0, 0
    drawn = pl.lit(pl.Series([[{"arm": f"arm{k} 1M", "probability": 1 / 3} for k in range(3)]]))
    drawn = drawn.first()
    for seed in range(studies):
        how = Bootstrap(resamples=2)
        frame = simulate(settings, seed).with_columns(drawn.alias("probabilities"))
        report = contrasts(frame, how=how, design="randomised", permutations=199)
        assert report.weighting == "overlap"
        (row,) = [
            c
            for c in report.contrasts
            if c.outcome == "rating" and {c.first, c.second} == {"arm0", "arm2"}
        ]
        first += row.p is not None and row.p <= 0.05 / row.family_size
        whole += row.p_holm is not None and row.p_holm <= 0.05
    power = simulated(planned([attacks // 3] * 3, members), assumed, turns)
    error = sqrt(power * (1 - power) / studies)
    assert first / studies == pytest.approx(power, abs=3 * error)
    assert whole / studies > power - 3 * error


@pytest.fixture(scope="module")
def result() -> PowerResult:
    assumed = Assumed(outcome="rating", effect=0.8)
    return power_of(planned([160, 160, 80], 40, 0.5), assumed, turns, simulations=1000, seed=4)


def test_more_members_and_attacks_find_more_and_more_arms_less(result: PowerResult) -> None:
    for each in (0.5, 1.0, 2.0):
        line = [p for p in result.curve if p.times_each == each]
        assert [p.power.estimate for p in line] == sorted(p.power.estimate or 0 for p in line)
        widths = [p.width for p in line if p.width is not None]
        assert widths == sorted(widths, reverse=True)
    shared = [p.power.estimate or 0 for p in result.by_arms]
    assert shared == sorted(shared, reverse=True)
    assert [p.family_size for p in result.by_arms] == [
        1,
        3,
        6,
        15,
        28,
        11,
    ]  # of many, each with the control


def test_the_contrasts_are_those_that_the_report_makes(result: PowerResult) -> None:
    (only,) = result.contrasts
    assert (only.kind, only.second, only.within) == ("intervention", "arm2", "1M")
    assert (sorted(only.attacks), only.family_size) == ([80, 160], 3)
    arms = [(kind, size) for kind in ("plain lm", "rlhf") for size in ("1B", "2B", "3B")]
    plan = Plan(
        members=9,
        gini=0,
        arms=tuple(PlannedArm(model_type=a, num_params=b, quota=9) for a, b in arms),
    )
    found = [(contrast.kind, family) for contrast, family in _compared(plan)]
    assert found == [("intervention", 3), ("intervention_pooled", 1), ("size", 4)]


def test_the_smallest_effect_and_the_members_needed_reach_the_target(result: PowerResult) -> None:
    assert result.smallest_effect is not None
    assert result.members_needed is not None
    assert result.members_needed < result.plan.members
    times = result.members_needed / 40
    grown = planned([round(n * times) for n in (160, 160, 80)], result.members_needed, 0.5)
    for plan, harm in (
        (result.plan, result.smallest_effect.harm),
        (grown, result.effect.harm),
    ):
        trials = Trials(result.assumed, turns, 0.05, 4000, 9)
        (contrast, family), *_ = _compared(plan)
        found, _ = trials.power(plan, trials.attacks(plan), contrast, family, harm)
        assert found.estimate == pytest.approx(0.8, abs=0.06)


def test_one_seed_one_answer() -> None:
    plan, assumed = planned([30, 30], 10, 0.5), Assumed(outcome="success", effect=0.3)
    once, again, other = (
        power_of(plan, assumed, turns, simulations=100, seed=seed) for seed in (4, 4, 5)
    )
    assert again == once
    assert other.contrasts != once.contrasts


def test_the_picture_names_its_lines(result: PowerResult) -> None:
    svg = power_svg(result)
    assert all(f">{n} attacks each<" in svg for n in (5, 10, 20))


def test_what_cannot_be_is_said() -> None:
    two, rating = planned([9, 9], 9), Assumed(outcome="rating", effect=1)
    arms = (("plain lm", "1B"), ("rlhf", "2B"))
    apart = tuple(PlannedArm(model_type=a, num_params=b, quota=9) for a, b in arms)
    with pytest.raises(PersonError, match="no two arms of this study share either"):
        power_of(Plan(members=9, arms=apart, gini=0), rating, within)
    with pytest.raises(PersonError, match=r"give less than 0\.64"):
        power_of(two, Assumed(outcome="success", effect=0.7), within)
    with pytest.raises(PersonError, match=r"give more than -1\.59"):
        power_of(two, Assumed(outcome="rating", effect=-2), within)
    with pytest.raises(PersonError, match="effect: got 0"):
        power_of(two, Assumed(outcome="rating", effect=0), within)
    with pytest.raises(PersonError, match="between 0 and 1"):
        power_of(two, rating, within, target=80)
