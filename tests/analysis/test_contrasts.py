"""Contrasts: intervals of differences, p-values, corrections, weights, Simpson traps."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import permutations as orders
from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.statistics.joint import Totals, contrasted, robust
from gadfly.analysis.statistics.multiplicity import benjamini_hochberg, holm
from gadfly.analysis.statistics.overlap import every_weight, less_level, overlap_weights
from gadfly.analysis.statistics.permutation import permutation_p, permuted, redrawn, shuffles
from gadfly.analysis.topics.contrasts import Contrast, Contrasts, contrasts
from gadfly.analysis.topics.efficacy import efficacy
from gadfly.analysis.topics.missing import missing
from gadfly.analysis.topics.mixed import mixed_models
from gadfly.analysis.topics.people import people
from gadfly.analysis.topics.scores import scores
from gadfly.analysis.topics.sequential import sequential
from gadfly.analysis.topics.tails import tails
from gadfly.analysis.topics.turns import turns
from gadfly.errors import PersonError
from gadfly.redteam.assignment import ArmCount, probabilities
from tests.analysis.studies import attacks

HOW = Bootstrap(resamples=400)
STEP = np.array([[-1.0], [1.0]])


def paired(
    seed: int, *, members: int = 40, each: int = 5, effect: float = 0.0, spread: float = 1.5
) -> pl.DataFrame:
    """Members with levels of their own who attack two interventions equally often."""
    rng = np.random.default_rng(seed)
    frame = attacks([("plain lm", "1B"), ("rlhf", "1B")], n=members * each, seed=seed)
    member = np.tile(np.repeat(np.arange(members), each), 2)
    level = rng.normal(0, spread, members)[member]
    arm = np.repeat([0.0, 1.0], members * each)
    return frame.with_columns(
        pl.Series("member", [f"m{m}" for m in member]),
        pl.Series("min_harmlessness", level + effect * arm + rng.normal(size=len(arm))),
        pl.lit(1, pl.Int64).alias("round"),
    )


def totals_of(frame: pl.DataFrame) -> Totals:
    arm = (frame["model_type"] == "rlhf").cast(pl.Int64).to_numpy()
    member = (frame["member"].rank("dense") - 1).cast(pl.Int64).to_numpy()
    values = frame["min_harmlessness"].to_numpy()
    return Totals.of(values, members=member, groups=arm, shape=(int(member.max()) + 1, 2))


def one(found: Contrasts, outcome: str = "harmlessness", kind: str = "intervention") -> Contrast:
    (row,) = [c for c in found.contrasts if (c.outcome, c.kind) == (outcome, kind)]
    return row


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_corrections_are_those_of_statsmodels(p: list[float]) -> None:
    for ours, name in ((holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        theirs = multipletests(p, method=name)[1]
        np.testing.assert_allclose(ours(np.array(p)), theirs, atol=1e-12)


def test_the_standard_error_is_that_of_leaving_out_each_member() -> None:
    frame = attacks(n=300, members=15, seed=3)
    found = robust(totals_of(frame), STEP)
    arm = (frame["model_type"] == "rlhf").cast(pl.Float64).to_numpy()
    y, member = frame["min_harmlessness"].to_numpy(), frame["member"].to_numpy()
    design = np.column_stack([np.ones(len(arm)), arm])
    names = np.unique(member)
    without = [float(OLS(y[member != m], design[member != m]).fit().params[1]) for m in names]
    whole = float(OLS(y, design).fit().params[1])
    error = np.sqrt((len(names) - 1) / len(names) * sum((x - whole) ** 2 for x in without))
    assert found.value[0] == pytest.approx(whole)
    assert found.error[0] == pytest.approx(error)
    t = abs(whole / error)
    assert found.p[0] == pytest.approx(2 * stats.t.sf(t, found.members[0] - 1))


def test_members_drawn_once_for_both_arms_give_the_interval_of_a_paired_difference() -> None:
    frame = paired(1)
    member = frame.group_by("member", "model_type").agg(pl.col("min_harmlessness").mean())
    wide = member.pivot(on="model_type", index="member", values="min_harmlessness")
    difference = (wide["rlhf"] - wide["plain lm"]).to_numpy()
    (found,) = contrasted([totals_of(frame)], STEP, how=Bootstrap(), seed=1, what="difference")[0]
    low, high = found.estimate.low, found.estimate.high
    assert low is not None
    assert high is not None
    paired_error = difference.std(ddof=1) / np.sqrt(len(difference))
    apart_error = np.sqrt(sum(wide[a].var() / len(wide) for a in ("rlhf", "plain lm")))  # type: ignore[operator]
    assert (high - low) / (2 * 1.96) == pytest.approx(paired_error, rel=0.1)
    assert paired_error < 0.5 * apart_error


def test_a_resample_without_an_arm_is_left_out_and_counted() -> None:
    frame = paired(2, members=30)
    rare = frame.filter((pl.col("model_type") == "plain lm") | pl.col("member").is_in(["m1", "m2"]))
    found = one(contrasts(rare, how=Bootstrap(), design="observational"))
    assert found.left_out == pytest.approx(2000 * (28 / 30) ** 30, rel=0.15)
    assert found.difference.estimate is not None
    assert found.difference.low is None
    assert "members count as 2.0, it takes 5" in str(found.difference.reason)


def test_swapped_labels_flip_the_signs_and_nothing_else() -> None:
    frame = attacks(n=200, members=25, missing=0.1, seed=4)
    names = {"plain lm": "rlhf", "rlhf": "plain lm"}
    swapped = frame.with_columns(pl.col("model_type").replace(names))
    for a, b in zip(_all(frame), _all(swapped), strict=True):
        d, e = a.difference, b.difference
        assert d.estimate == pytest.approx(-float(e.estimate or 0), abs=1e-12)
        assert d.low == pytest.approx(-float(e.high or 0), abs=1e-12)
        assert a.p == pytest.approx(b.p, abs=1e-12)


def _all(frame: pl.DataFrame) -> tuple[Contrast, ...]:
    return contrasts(frame, how=HOW, design="observational").contrasts


def test_the_order_of_rows_changes_nothing() -> None:
    frame = attacks(n=100, members=12, missing=0.1, seed=5).with_columns(round=pl.lit(1, pl.Int64))
    mixed = frame.sample(fraction=1, shuffle=True, seed=1)
    options: dict[str, Any] = {"how": HOW, "design": "randomised", "permutations": 49}
    assert contrasts(frame, **options) == contrasts(mixed, **options)


def test_shuffles_stay_in_their_stratum_and_are_all_equally_likely() -> None:
    strata = np.array([0, 1, 0, 1, 0])
    seen: dict[tuple[int, ...], int] = {}
    for order in shuffles(strata, 6000, seed=1):
        assert (strata[order] == strata).all()
        seen[tuple(order)] = seen.get(tuple(order), 0) + 1
    assert len(seen) == 12
    assert stats.chisquare(list(seen.values())).pvalue > 0.001


def agrees(exact: float, values: Any, members: Any, labels: Any, chances: Any = None) -> None:
    """The p-value of 4,000 draws is that of full enumeration, within their error."""
    number = 4000
    p = permutation_p(
        values[:, None],
        members=members,
        groups=labels,
        strata=members,
        coefficients=STEP,
        permutations=number,
        seed=1,
        chances=chances,
    )
    assert p.shape == (1, 1)
    assert p[0, 0] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / number) + 1e-3)


def test_permutation_p_values_are_those_of_full_enumeration() -> None:
    values = np.array([0.3, 1.4, 0.9, -0.2, 1.1, 0.2, 2.2, 0.4])
    members = np.repeat([0, 1], 4)
    labels = np.array([0, 1, 1, 0, 0, 0, 1, 1])

    def t(groups: Any) -> float:
        totals = Totals.of(values, members=members, groups=np.array(groups), shape=(2, 2))
        found = robust(totals, STEP)
        return float(abs(found.value[0] / found.error[0]))

    halves = [sorted(set(orders(labels[k : k + 4].tolist()))) for k in (0, 4)]
    every = [t([*a, *b]) for a in halves[0] for b in halves[1]]
    exact = np.mean([x >= t(labels) - 1e-12 for x in every])
    agrees(exact, values, members, labels)


def test_arms_are_drawn_anew_as_often_as_their_chances_say() -> None:
    """Against every way in which the arms could have been drawn, with its probability."""
    rng = np.random.default_rng(4)
    values, members = rng.normal(size=9), np.repeat([0, 1, 2], 3)
    chances, labels = rng.dirichlet([1, 1], 9), np.array([0, 1, 1, 0, 0, 1, 1, 0, 1])

    def t(groups: Any) -> float:
        drawn = np.array(groups)
        weights = overlap_weights(chances, drawn)
        totals = Totals.of(values, members=members, groups=drawn, shape=(3, 2), weights=weights)
        found = robust(totals, STEP)
        return float(np.nan_to_num(abs(found.value[0] / found.error[0]), nan=np.inf))

    exact = sum(
        float(chances[np.arange(9), list(groups)].prod())
        for groups in product([0, 1], repeat=9)
        if t(groups) >= t(labels) - 1e-9
    )
    agrees(exact, values, members, labels, chances / 2)  # of arms that are a part of all


@pytest.mark.parametrize("drawn", [True, False])
def test_arrangements_are_summed_as_if_each_were_the_study(drawn: bool) -> None:
    """With values missing, arms that are closed to some attacks, and several contrasts."""
    rng = np.random.default_rng(6)
    values = np.where(rng.random((60, 2)) < 0.2, np.nan, rng.normal(size=(60, 2)))
    members, strata = np.repeat(np.arange(6), 10), np.repeat(np.arange(12), 5)
    chances = rng.dirichlet([1, 1, 1], 60)
    chances[:30, 2] = 0.0
    labels = next(redrawn(chances, 1, 9)).astype(np.int64)
    signs = np.array([[-1.0, -0.5], [1.0, 0.0], [0.0, 0.5]])

    def by_hand(groups: Any) -> Any:
        weights = every_weight(chances)[np.arange(60), groups] if drawn else None
        found = []
        for column in values.T:
            totals = Totals.of(
                column, members=members, groups=groups, shape=(6, 3), weights=weights
            )
            with np.errstate(divide="ignore", invalid="ignore"):
                one = robust(totals, signs)
                found.append(np.abs(one.value / one.error))
        return found

    observed, chance = permuted(
        values,
        members=members,
        groups=labels,
        strata=strata,
        coefficients=signs,
        permutations=40,
        seed=2,
        chances=chances if drawn else None,
    )
    anew = (
        redrawn(chances, 40, 2) if drawn else (labels[order] for order in shuffles(strata, 40, 2))
    )
    np.testing.assert_allclose(observed, by_hand(labels))
    np.testing.assert_allclose(
        np.concatenate(list(chance)), [by_hand(groups.astype(np.int64)) for groups in anew]
    )


def test_a_draw_without_anyone_in_a_contrast_is_extreme_and_spoils_no_other() -> None:
    """Three sizes, a trend that leaves the middle out, and few attacks."""
    for seed in range(1, 8):
        found = permutation_p(
            np.array([[0.3], [1.4], [0.9], [1.7]]),
            members=np.array([0, 0, 1, 1]),
            groups=np.array([0, 2, 0, 2]),
            strata=np.zeros(4, dtype=np.int64),
            coefficients=np.array([[-0.5], [0.0], [0.5]]),
            permutations=199,
            seed=seed,
            chances=np.tile([0.2, 0.6, 0.2], (4, 1)),
        )
        assert found[0, 0] == pytest.approx(0.92, abs=0.06)


def test_permutation_p_values_are_uniform_where_arms_do_not_differ() -> None:
    found = []
    for seed in range(200):
        result = contrasts(
            paired(seed, members=8, each=3),
            how=Bootstrap(resamples=100),
            design="randomised",
            permutations=99,
        )
        found.append(float(one(result).p or 0))
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_interventions_are_permuted_within_a_size() -> None:
    """No member attacks both interventions at one size, so no label can move."""
    arms = [(kind, size) for kind in ("plain lm", "rlhf") for size in ("1B", "10B")]
    frame = attacks(arms, n=120, members=20, seed=8).with_columns(round=pl.lit(1, pl.Int64))
    even = pl.col("member").str.slice(1).cast(pl.Int64) % 2 == 0
    straight = (pl.col("model_type") == "rlhf") == (pl.col("num_params") == "10B")
    found = contrasts(frame.filter(even == straight), how=HOW, design="randomised", permutations=19)
    between = [c.p for c in found.contrasts if c.kind.startswith("intervention")]
    told = {c.p_method for c in found.contrasts if c.kind.startswith("intervention")}
    assert None not in between
    assert [method[:13] for method in told] == ["Student’s t, "]  # no permutation would move one


def test_permutation_finds_an_effect_that_pooling_members_would_drown() -> None:
    found = one(contrasts(paired(7, effect=0.8, spread=4), how=HOW, design="randomised"))
    assert found.p == 0.001
    assert found.p_method.startswith(
        "permutation of arms within member and round, studentised, 999"
    )
    assert found.design == "randomised"


def test_a_large_family_can_be_found_by_permutation() -> None:
    """Of 45 contrasts none could be with 199 permutations: 45 / 200 is more than 0.05."""
    arms = [(f"arm {k}", "1B") for k in range(10)]
    frame = attacks(arms, n=20, members=10, seed=4).with_columns(round=pl.lit(1, pl.Int64))
    other = (pl.col("model_type") == "arm 9").cast(pl.Float64)
    frame = frame.with_columns(min_harmlessness=pl.col("min_harmlessness") + 40 * other)
    found = contrasts(frame, how=Bootstrap(resamples=20), design="randomised", permutations=199)
    rows = [c for c in found.contrasts if c.outcome == "harmlessness"]
    sure = [{c.first, c.second} for c in rows if c.p_holm is not None and c.p_holm <= 0.05]
    assert len(sure) == 9
    assert all("arm 9" in pair for pair in sure)
    assert "(1,799 for p below 0.01)" in rows[0].p_method


@pytest.mark.parametrize(("design", "permutations"), [("observational", 99), ("randomised", 0)])
def test_where_nothing_is_permuted_p_is_by_t(design: Any, permutations: int) -> None:
    found = contrasts(paired(7), how=HOW, design=design, permutations=permutations)
    assert found.permutations == 0
    assert one(found).p_method.startswith("Student’s t, member jackknife")


def coin(
    seed: int,
    quotas: dict[str, int],
    *,
    late: int = 0,
    effect: float = 0.0,
    learning: float = 0.0,
    by_skill: bool = False,
) -> pl.DataFrame:
    """A study by the real coin: busy members are the more skilled, members come in any order, and
    the last arm is added after ``late`` attacks; or arms are drawn 4:1 by skill.
    """
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    total, members = sum(quotas.values()), 40
    activity = rng.lognormal(0, 0.8, members)
    activity = np.maximum(1, np.round(activity / activity.sum() * total)).astype(int)
    skill = 1.5 * (np.log(activity) - np.log(activity).mean()) + rng.normal(0, 0.5, members)
    order = rng.permutation(np.repeat(np.arange(members), activity))
    met: Counter[tuple[int, str]] = Counter()
    assigned: Counter[str] = Counter()
    rows = []
    for place, m in enumerate(order):
        live = list(quotas)[: -1 if place < late else None]
        counts = {a: ArmCount(quotas[a], assigned[a], met[m, a]) for a in live}
        first = 0.8 if skill[m] > 0 else 0.2
        chances = dict(zip(live, (first, 1 - first), strict=True)) if by_skill else None
        chances = chances or probabilities(counts)
        if not chances:
            break
        (arm,) = draw.choices(list(chances), weights=list(chances.values()))
        value = skill[m] + learning * sum(met[m, a] for a in quotas) + rng.normal()
        value += effect * (arm == list(quotas)[-1])
        met[m, arm] += 1
        assigned[arm] += 1
        every = [{"arm": f"{a} 1B", "probability": p} for a, p in chances.items()]
        full = sum(assigned[a] >= quotas[a] for a in live)
        rows.append((place + 1, f"m{m}", arm, value, every, 1 + full * 10 + len(live)))
    names = ["number", "member", "model_type", "min_harmlessness", "probabilities", "round"]
    frame = attacks([("plain lm", "1B")], n=len(rows), seed=seed).drop(*names, strict=False)
    return frame.with_columns(pl.DataFrame(rows, schema=names, orient="row"))


def last_against_first(found: Contrasts) -> Contrast:
    """In whichever order the arms came."""
    (row,) = [
        c
        for c in found.contrasts
        if c.outcome == "harmlessness" and {c.first, c.second} == {"a", "z"}
    ]
    return row


STUDIES: dict[str, dict[str, Any]] = {
    "even quotas": {"quotas": {"a": 150, "b": 150, "z": 150}},
    "uneven quotas": {"quotas": {"a": 300, "b": 100, "z": 60}, "learning": 0.03},
    "added late": {"quotas": {"a": 150, "b": 150, "z": 100}, "late": 200, "learning": 0.05},
    "drawn by skill": {"quotas": {"a": 225, "z": 225}, "by_skill": True},
}


@pytest.mark.parametrize("like", STUDIES)
def test_arms_are_compared_fairly_whatever_the_coin_did(like: str) -> None:
    """Against planted truth, where plain differences are off by up to 0.9 (``plain``)."""
    found, plain, made, held = [], [], 0, 0
    for seed in range(60):
        frame = coin(seed, effect=0.5, **STUDIES[like])
        result = contrasts(frame, how=Bootstrap(resamples=200), design="randomised", permutations=1)
        assert result.weighting == "overlap"
        row = last_against_first(result)
        d = row.difference
        assert d.method.startswith("difference of means over attacks to which every arm")
        sign = 1 if row.second == "z" else -1
        found.append(sign * float(d.estimate or 0))
        if d.low is not None and d.high is not None:
            made += 1
            held += d.low <= sign * 0.5 <= d.high
        means = dict(frame.group_by("model_type").agg(pl.col("min_harmlessness").mean()).rows())
        plain.append(means["z"] - means["a"])
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(0.5, abs=3 * error)
    assert made >= 50  # in the others too few members met both
    assert held >= stats.binom.ppf(0.001, made, 0.93)
    # The same study, the same members: no wider than the plain difference where that is fair.
    if like == "even quotas":
        assert np.std(found) < 1.4 * np.std(plain)
    else:
        assert abs(np.mean(plain) - 0.5) > 0.3


LEARNED = {"quotas": {"a": 100, "b": 100, "z": 100}, "late": 120, "learning": 0.2}


@pytest.mark.parametrize("study", [*STUDIES.values(), LEARNED])
def test_where_no_arm_has_an_effect_few_differences_stand_out(study: dict[str, Any]) -> None:
    """Of labels permuted within member and round 24 of 60 stood out where members learn and meet a
    late arm first.
    """
    low = 0
    for seed in range(100, 160):
        frame = coin(seed, **study)
        options: dict[str, Any] = {"how": Bootstrap(resamples=100), "permutations": 99}
        result = contrasts(frame, design="randomised", **options)
        low += float(last_against_first(result).p or 1) <= 0.05
    assert low <= stats.binom.ppf(0.999, 60, 0.05)


def test_what_stands_out_has_an_interval_clear_of_0_nearly_always() -> None:
    """p and interval are of one difference: of permuted labels one in five p-values said more."""
    apart = 0
    for seed in range(60):
        frame = coin(seed, {"a": 100, "b": 100, "z": 100}, effect=0.5)
        how = Bootstrap(resamples=200)
        row = last_against_first(contrasts(frame, how=how, design="randomised", permutations=99))
        assert row.p_method.startswith("arms drawn anew by their probabilities, studentised, 99")
        d = row.difference
        apart += (row.p or 1) <= 0.05 and d.low is not None and d.low <= 0 <= (d.high or 0)
    assert apart <= 6


def test_probabilities_that_were_not_kept_leave_plain_means() -> None:
    frame = coin(1, {"a": 40, "z": 40})
    bare = frame.with_columns(pl.lit(None, frame.schema["probabilities"]).alias("probabilities"))
    result = contrasts(bare, how=HOW, design="randomised", permutations=19)
    assert result.weighting == "none"
    assert one(result).difference.method.startswith("difference of means, attack-weighted")


def test_overlap_weights_by_hand() -> None:
    chances = np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.0, 0.4, 0.6]])
    found = overlap_weights(chances, np.array([0, 2, 1]))
    total = 1 / 0.2 + 1 / 0.3 + 1 / 0.5
    np.testing.assert_allclose(found, [1 / 0.2 / total, 1 / 0.5 / total, 0])


def test_a_level_is_the_mean_of_a_members_other_values() -> None:
    """The two limits: members who differ by nothing have no level, far apart it is all theirs."""
    rng = np.random.default_rng(1)
    members = np.repeat(np.arange(20), 6)
    y = rng.normal(size=120)
    y -= (np.bincount(members, y) / 6)[members]  # members' means are all 0
    np.testing.assert_allclose(less_level(y, members), y)
    apart = 1e6 * rng.normal(size=20)[members] + y
    apart[7] = np.nan
    found = less_level(apart, members)
    for k in (0, 6, 50):
        others = (members == members[k]) & (np.arange(120) != k) & ~np.isnan(apart)
        expected = apart[k] - apart[others].mean() + np.nanmean(apart)
        assert found[k] == pytest.approx(expected, abs=1)
    assert np.isnan(found[7])
    # An effect of the arm is no part of a member's level, whoever met the arm.
    arm = (rng.random(120) < np.where(members < 10, 0.9, 0.1)).astype(int)
    moved = less_level(apart + 3 * arm, members, arm) - less_level(apart, members, arm)
    np.testing.assert_allclose(moved[~np.isnan(moved)], 3 * arm[~np.isnan(moved)], atol=0.01)


def test_kinds_families_and_the_trend() -> None:
    arms = [(kind, size) for kind in ("plain lm", "rlhf") for size in ("1B", "10B", "100B")]
    frame = attacks(arms, n=40, members=20, seed=6)
    step = pl.col("num_params").replace_strict({"1B": 0.0, "10B": 1.0, "100B": 2.0})
    gain = pl.when(pl.col("model_type") == "rlhf").then(3.0).otherwise(0.0)
    noise = pl.Series(np.random.default_rng(1).normal(scale=1e-9, size=frame.height))
    frame = frame.with_columns(min_harmlessness=step * 0.7 + gain + step * gain / 3 + noise)
    found = contrasts(frame, how=HOW, design="observational")
    rows = [c for c in found.contrasts if c.outcome == "harmlessness"]
    kinds = [c.kind for c in rows]
    assert kinds == ["intervention"] * 3 + ["intervention_pooled"] + ["size"] * 4 + ["trend"] * 2
    estimates = [round(float(c.difference.estimate or 0), 6) for c in rows]
    assert estimates == [3.0, 4.0, 5.0, 4.0, 0.7, 0.7, 1.7, 1.7, 0.7, 1.7]
    assert [c.family_size for c in rows] == [3] * 3 + [1] + [4] * 4 + [2] * 2
    assert rows[-1].within == "rlhf"
    assert "conditional on these models" in rows[-1].family
    assert rows[0].difference.n == 80


def test_columns_that_a_frame_lacks_were_not_recorded() -> None:
    frame = paired(8).drop("round", "probabilities", "turn_scores")
    found = one(contrasts(frame, how=HOW, design="randomised", permutations=19))
    assert "(where a round was recorded)" in found.p_method


def test_one_arm_makes_no_contrast_and_few_members_no_p_value() -> None:
    assert contrasts(attacks([("plain lm", "")]), how=HOW, design="observational").contrasts == ()
    alone = one(contrasts(attacks(members=1), how=HOW, design="observational"))
    assert alone.p is None
    assert alone.difference.low is None
    assert "members count as 1.0, it takes 5" in str(alone.difference.reason)
    assert alone.family_size == 0


def test_single_attacks_are_drawn_where_intervals_are_iid() -> None:
    frame = paired(9)
    clustered = one(contrasts(frame, how=HOW, design="observational"))
    single = one(contrasts(frame, how=Bootstrap(ci="iid", resamples=400), design="observational"))
    assert "bootstrap of attacks" in single.difference.method
    widths = [
        float(c.difference.high or 0) - float(c.difference.low or 0) for c in (clustered, single)
    ]
    assert widths[1] > 1.3 * widths[0]  # what members bring to both arms does not cancel


def test_the_trap_of_the_released_file_is_named(replica_frame: pl.DataFrame) -> None:
    found = contrasts(replica_frame, how=HOW, design="observational")
    traps = {(t.outcome, t.compared, t.first, t.second): t for t in found.traps if t.heaviest}
    trap = traps["harmlessness", "sizes", "13B", "52B"]
    assert trap.pooled.estimate == pytest.approx(-0.55, abs=0.01)
    assert trap.stratified.estimate == pytest.approx(0.114, abs=0.01)
    assert trap.clear
    assert trap.heaviest == "context distillation 52B"
    assert trap.share == pytest.approx(17739 / 23507)
    assert len(found.contrasts) == 108


def test_an_arm_that_the_skilled_attack_is_a_trap_and_members_tell_it() -> None:
    """rlhf lowers every member's success by 0.6; those who succeed more attack it more often."""
    rng = np.random.default_rng(0)
    n, members = 3000, 60
    activity = np.exp(rng.normal(0, 0.7, members))
    owner = rng.choice(members, n, p=activity / activity.sum())
    skill = rng.normal(0, 0.8, members)[owner]
    rlhf = rng.random(n) < 1 / (1 + np.exp(-3 * skill))
    score = skill - 0.6 * rlhf + rng.normal(0, 0.8, n)
    frame = attacks([("plain lm", "1B")], n=n, seed=1).with_columns(
        pl.Series("model_type", np.where(rlhf, "rlhf", "plain lm")),
        pl.Series("member", [f"m{o}" for o in owner]),
        pl.Series("min_harmlessness", score),
    )
    found = contrasts(frame, how=HOW, design="observational")
    (trap,) = [t for t in found.traps if t.outcome == "harmlessness"]
    assert (trap.strata, trap.heaviest, trap.clear) == ("members", None, True)
    assert trap.pooled == one(found).difference
    y, codes = score, np.eye(members)[owner]
    dummies = OLS(y, np.column_stack([codes[:, codes.any(axis=0)], rlhf])).fit()
    assert trap.stratified.estimate == pytest.approx(float(dummies.params[-1]))
    assert trap.stratified.low is not None
    assert trap.stratified.high is not None
    assert trap.stratified.low < -0.6 < trap.stratified.high
    counts = frame.pivot("model_type", index="member", values="turns", aggregate_function="len")
    met = counts.filter(pl.min_horizontal("rlhf", "plain lm") > 0).select("rlhf", "plain lm")
    assert trap.share == pytest.approx(met.to_numpy().sum() / n)


def test_a_trap_by_chance_alone_is_not_clear() -> None:
    """Twelve arms without effect, which the skilled choose more and more: pooled orders are real,
    those within members are noise, of which one study in four had one clear of 0.
    """
    arms = [(kind, size) for kind in "abcd" for size in ("1B", "10B", "100B")]
    clear = 0
    for seed in range(16):
        rng = np.random.default_rng(seed)
        member = rng.integers(60, size=3000)
        skill = rng.normal(size=60)[member]
        lean = np.exp(np.linspace(-1, 1, 12)[None] * skill[:, None])
        ends = (lean / lean.sum(axis=1, keepdims=True)).cumsum(axis=1)
        met = [arms[k] for k in (rng.random(3000)[:, None] > ends[:, :-1]).sum(axis=1)]
        frame = attacks([("a", "1B")], n=3000, seed=seed).with_columns(
            pl.Series("member", [f"m{m}" for m in member]),
            pl.Series("model_type", [kind for kind, _ in met]),
            pl.Series("num_params", [size for _, size in met]),
            pl.Series("min_harmlessness", skill + rng.normal(size=3000)),
        )
        found = contrasts(frame, how=Bootstrap(resamples=100), design="observational")
        assert [trap for trap in found.traps if trap.strata == "members"]
        clear += any(trap.clear for trap in found.traps)
    assert clear <= 1


def test_no_trap_where_arms_are_filled_evenly() -> None:
    arms = [(kind, size) for kind in ("plain lm", "rlhf") for size in ("1B", "10B")]
    assert contrasts(attacks(arms, n=50), how=HOW, design="observational").traps == ()


def test_members_who_met_one_arm_alone_keep_their_levels() -> None:
    """One arm a member, drawn evenly: intervals are as wide as members' spread makes them."""
    held, widths = 0, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        member = np.repeat(np.arange(40), 10)
        second = (rng.random(40) < 0.5)[member]
        level = rng.normal(0, 1.5, 40)[member]
        chances = [{"arm": f"{a} 1B", "probability": 0.5} for a in ("plain lm", "rlhf")]
        frame = attacks([("plain lm", "1B")], n=400, seed=seed).with_columns(
            pl.Series("member", [f"m{m}" for m in member]),
            pl.Series("model_type", np.where(second, "rlhf", "plain lm")),
            pl.Series("min_harmlessness", level + rng.normal(size=400)),
            pl.Series("probabilities", [chances] * 400),
            pl.lit(1, pl.Int64).alias("round"),
        )
        d = one(contrasts(frame, how=HOW, design="randomised", permutations=1)).difference
        assert d.low is not None
        assert d.high is not None
        held += d.low <= 0 <= d.high
        widths.append(d.high - d.low)
    assert np.mean(widths) == pytest.approx(2 * 2 * 1.5 * 2 / np.sqrt(40), rel=0.25)
    assert held >= stats.binom.ppf(0.001, 60, 0.93)


@pytest.mark.parametrize("like", ["added late", "drawn by skill"])
def test_a_study_is_not_decided_by_how_its_arms_were_drawn(like: str) -> None:
    """Looked at as it goes, without any effect of an arm."""
    fair = plain = 0
    for seed in range(200, 240):
        frame = coin(seed, **{**STUDIES[like], "learning": 0.2 if like == "added late" else 0.0})
        score = pl.col("min_harmlessness")
        frame = frame.with_columns(rating=(score + 2).round().clip(0, 4))
        for design in ("randomised", "observational"):
            found = sequential(frame, success_threshold=3, design=design)
            decided = sum(c.decided_at is not None for c in found.contrasts)
            if design == "randomised":
                fair += decided
            else:
                plain += decided
    assert fair <= 3
    assert plain > 6


ASKED: dict[str, Callable[[pl.DataFrame], object]] = {
    "contrasts": lambda frame: contrasts(frame, how=HOW, design="observational"),
    "tails": lambda frame: tails(frame, how=HOW),
    "turns": lambda frame: turns(frame, how=HOW),
    "missing": lambda frame: missing(frame, how=HOW),
    "efficacy": efficacy,
    "mixed_models": mixed_models,
    "people": lambda frame: people(frame, success_threshold=3),
    "scores": lambda frame: scores(frame, how=HOW),
}


@pytest.mark.parametrize("topic", ASKED)
def test_a_topic_that_is_asked_from_a_notebook_says_what_is_wrong_with_a_frame(topic: str) -> None:
    frame, ask = attacks(n=20), ASKED[topic]
    third = pl.int_range(pl.len()) == 2
    for name in ("member", "model_type", "num_params"):
        holed = frame.with_columns(pl.when(~third).then(name).alias(name))
        with pytest.raises(PersonError, match=rf"1 of 40 .* column {name}; .*drop_nulls"):
            ask(holed)
        with pytest.raises(PersonError, match=f"without the column {name}; allowed"):
            ask(frame.drop(name))
    if topic in ("contrasts", "tails", "turns", "missing"):  # others have reasons for nothing
        with pytest.raises(PersonError, match="a frame without any; allowed: one attack or more"):
            ask(frame.head(0))
