"""Contrasts: intervals of differences, p-values, corrections, weights, Simpson traps."""

from __future__ import annotations

from itertools import permutations as orders
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
from gadfly.analysis.statistics.permutation import permutation_p, shuffles
from gadfly.analysis.topics.contrasts import Contrast, Contrasts, contrasts
from gadfly.errors import PersonError
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


def one(
    found: Contrasts, outcome: str = "min_harmlessness", kind: str = "intervention"
) -> Contrast:
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
    number = 4000
    p = permutation_p(
        values[:, None],
        members=members,
        groups=labels,
        strata=members,
        coefficients=STEP,
        permutations=number,
        seed=1,
    )
    assert p.shape == (1, 1)
    assert p[0, 0] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / number) + 1e-3)


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
    frame = attacks(arms, n=20, members=10, seed=3).with_columns(round=pl.lit(1, pl.Int64))
    other = (pl.col("model_type") == "arm 9").cast(pl.Float64)
    frame = frame.with_columns(min_harmlessness=pl.col("min_harmlessness") + 40 * other)
    found = contrasts(frame, how=Bootstrap(resamples=20), design="randomised", permutations=199)
    rows = [c for c in found.contrasts if c.outcome == "min_harmlessness"]
    sure = [{c.first, c.second} for c in rows if c.p_holm is not None and c.p_holm <= 0.05]
    assert len(sure) == 9
    assert all("arm 9" in pair for pair in sure)
    assert "(1,799 for p below 0.01)" in rows[0].p_method


@pytest.mark.parametrize(("design", "permutations"), [("observational", 99), ("randomised", 0)])
def test_where_nothing_is_permuted_p_is_by_t(design: Any, permutations: int) -> None:
    found = contrasts(paired(7), how=HOW, design=design, permutations=permutations)
    assert found.permutations == 0
    assert one(found).p_method.startswith("Student’s t, member jackknife")


def test_weights_by_stored_probability_undo_a_biased_coin() -> None:
    """Hard members get the second arm more often: the plain difference is off, Hájek's is not."""
    rng = np.random.default_rng(1)
    plain, weighted = [], []
    for seed in range(40):
        members, each = 60, 10
        level = rng.normal(0, 1, members)[np.repeat(np.arange(members), each)]
        chance = np.where(level > 0, 0.8, 0.2)
        second = rng.random(members * each) < chance
        frame = attacks([("plain lm", "1B")], n=members * each, seed=seed).with_columns(
            pl.Series("member", [f"m{m}" for m in np.repeat(np.arange(members), each)]),
            pl.Series("model_type", np.where(second, "rlhf", "plain lm")),
            pl.Series("min_harmlessness", level + 0.5 * second + rng.normal(size=len(level))),
            pl.Series("probability", np.where(second, chance, 1 - chance)),
        )
        for found, weighting in ((plain, "none"), (weighted, "probability")):
            few = Bootstrap(resamples=100)
            result = contrasts(
                frame,
                how=few,
                design="randomised",
                weighting=weighting,  # type: ignore[arg-type]
                permutations=1,
            )
            found.append(float(one(result).difference.estimate or 0))
    error = np.std(weighted, ddof=1) / np.sqrt(len(weighted))
    assert np.mean(weighted) == pytest.approx(0.5, abs=3 * error)
    assert np.mean(plain) > 1.2


@pytest.mark.parametrize("design", ["randomised", "observational"])
def test_weights_need_probabilities_of_arms_drawn_at_random(design: Any) -> None:
    frame = attacks(n=20).with_columns(probability=pl.lit(0.5))
    if design == "randomised":
        frame = frame.with_columns(probability=pl.lit(None, pl.Float64))
    with pytest.raises(PersonError, match="weighting: got probability"):
        contrasts(frame, how=HOW, design=design, weighting="probability")


def test_kinds_families_and_the_trend() -> None:
    arms = [(kind, size) for kind in ("plain lm", "rlhf") for size in ("1B", "10B", "100B")]
    frame = attacks(arms, n=40, members=20, seed=6)
    step = pl.col("num_params").replace_strict({"1B": 0.0, "10B": 1.0, "100B": 2.0})
    gain = pl.when(pl.col("model_type") == "rlhf").then(3.0).otherwise(0.0)
    noise = pl.Series(np.random.default_rng(1).normal(scale=1e-9, size=frame.height))
    frame = frame.with_columns(min_harmlessness=step * 0.7 + gain + step * gain / 3 + noise)
    found = contrasts(frame, how=HOW, design="observational")
    rows = [c for c in found.contrasts if c.outcome == "min_harmlessness"]
    kinds = [c.kind for c in rows]
    assert kinds == ["intervention"] * 3 + ["intervention_pooled"] + ["size"] * 4 + ["trend"] * 2
    estimates = [round(float(c.difference.estimate or 0), 6) for c in rows]
    assert estimates == [3.0, 4.0, 5.0, 4.0, 0.7, 0.7, 1.7, 1.7, 0.7, 1.7]
    assert [c.family_size for c in rows] == [3] * 3 + [1] + [4] * 4 + [2] * 2
    assert rows[-1].within == "rlhf"
    assert "conditional on these models" in rows[-1].family
    assert rows[0].difference.n == 80


def test_columns_that_a_frame_lacks_were_not_recorded() -> None:
    frame = paired(8).drop("round", "probability", "turn_scores")
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
    traps = {(t.outcome, t.compared, t.first, t.second): t for t in found.traps}
    trap = traps["min_harmlessness", "sizes", "13B", "52B"]
    assert trap.pooled.estimate == pytest.approx(-0.55, abs=0.01)
    assert trap.stratified.estimate == pytest.approx(0.114, abs=0.01)
    assert trap.clear
    assert trap.heaviest == "context distillation 52B"
    assert trap.share == pytest.approx(17739 / 23507)
    assert len(found.contrasts) == 108


def test_no_trap_where_arms_are_filled_evenly() -> None:
    arms = [(kind, size) for kind in ("plain lm", "rlhf") for size in ("1B", "10B")]
    assert contrasts(attacks(arms, n=50), how=HOW, design="observational").traps == ()
