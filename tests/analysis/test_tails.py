"""Tails compared: the interval of a difference, and where mean and tail part ways."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom, norm, t

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.report.sections.tails import section
from gadfly.analysis.sample import Draws, Sample
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.topics.contrasts import contrasts
from gadfly.analysis.topics.tails import TailContrast, tails
from tests.analysis.studies import attacks

HOW = Bootstrap(resamples=400)
KINDS = ("plain lm", "rlhf")


def test_mean_and_tail_of_the_replica_part_ways_where_planted(replica_frame: pl.DataFrame) -> None:
    found = tails(replica_frame, how=HOW)
    parted = [c for c in found.contrasts if c.parted]
    assert [(c.within, c.first, c.second, c.parted) for c in parted] == [
        ("rlhf", "13B", "52B", "mean_better_tail_worse")
    ]
    (row,) = parted
    assert row.firm
    assert row.mean.estimate == pytest.approx(1.703 - 1.426, abs=0.002)
    assert row.cvar05.estimate == pytest.approx(-0.643 + 0.175, abs=0.01)
    assert row.cvar05.high is not None
    assert row.cvar05.high < 0
    assert row.cvar05.n == 2292 + 3081
    assert len(found.contrasts) == 18 + 8


def test_among_many_pairs_parting_ways_takes_more_to_be_told() -> None:
    """The second arm parts from the first; six more are like the first, and ask for more."""
    rng = np.random.default_rng(0)
    arms = [("plain lm", f"{k}B") for k in range(1, 9)]
    frame = attacks(arms, n=400, members=40, seed=2)
    second = (frame["num_params"] == "2B").to_numpy()
    score = rng.normal(size=frame.height)
    worse = second & (rng.random(frame.height) < 0.05)
    frame = frame.with_columns(pl.Series("min_harmlessness", score + 0.4 * second - 3 * worse))
    pair = frame.filter(pl.col("num_params").is_in(["1B", "2B"]))
    alone, among = (tails(f, how=HOW) for f in (pair, frame))
    for found, told in ((alone, True), (among, False)):
        assert found.contrasts[0].parted == "mean_better_tail_worse"
        assert found.contrasts[0].firm is told
        assert any("1B" in sentence for sentence in section(found).findings) is told


def test_differences_are_those_of_the_statistics_of_each_arm() -> None:
    frame = attacks([("plain lm", "1B"), ("rlhf", "1B")], n=400, members=30, seed=1)
    (row,) = tails(frame, how=HOW).contrasts
    scores = [
        np.sort(frame.filter(pl.col("model_type") == kind)["min_harmlessness"].to_numpy())
        for kind in KINDS
    ]
    for name, statistic in (("q05", Quantile(0.05)), ("cvar05", CVaR(0.05))):
        estimate = getattr(row, name)
        assert estimate.estimate == pytest.approx(
            statistic.estimate(scores[1]) - statistic.estimate(scores[0])
        )
        assert estimate.low < estimate.estimate < estimate.high


def test_a_resampled_difference_is_that_of_the_members_drawn_written_out() -> None:
    """The draws of the topic, made again by hand on expanded data."""
    frame = attacks([("plain lm", "1B"), ("rlhf", "1B")], n=600, members=24, seed=2)
    found = tails(frame, how=Bootstrap(resamples=60, level=0.5))
    (row,) = found.contrasts
    rng = np.random.default_rng(found.seed)
    names = sorted(frame["member"].unique())
    moves = []
    for picked in rng.integers(0, len(names), size=(60, len(names))):
        scores = []
        for kind in KINDS:
            own = frame.filter(pl.col("model_type") == kind)
            parts = [own.filter(pl.col("member") == names[i])["min_harmlessness"] for i in picked]
            scores.append(np.sort(pl.concat(parts).to_numpy()))
        moves.append(CVaR(0.05).estimate(scores[1]) - CVaR(0.05).estimate(scores[0]))
    # The middle half, by Student's t and sqrt(G / (G - 1)) wider; G is Kish's of the poorer arm.
    sizes = [frame.filter(model_type=kind)["member"].value_counts()["count"] for kind in KINDS]
    g = min(float(size.sum() ** 2 / (size**2).sum()) for size in sizes)
    tail = norm.cdf(-t.ppf(0.75, g - 1) * np.sqrt(g / (g - 1)))
    ends = np.quantile(moves, [tail, 1 - tail])
    assert (row.cvar05.low, row.cvar05.high) == pytest.approx(tuple(ends), abs=1e-12)


def test_swapped_labels_flip_the_sign() -> None:
    frame = attacks(n=300, members=25, seed=3)
    swapped = frame.with_columns(
        pl.col("model_type").replace({"plain lm": "rlhf", "rlhf": "plain lm"})
    )
    a, b = (_one(f).cvar05 for f in (frame, swapped))
    assert a.estimate == pytest.approx(-float(b.estimate or 0), abs=1e-12)
    assert a.low == pytest.approx(-float(b.high or 0), abs=1e-12)


def _one(frame: pl.DataFrame) -> TailContrast:
    (row,) = tails(frame, how=HOW).contrasts
    return row


def test_a_tail_too_thin_in_either_arm_has_no_difference() -> None:
    arms = [("plain lm", "1B"), ("rlhf", "1B")]
    frame = attacks(arms, n=300, members=20, seed=4)
    thin = pl.concat([frame.head(300), frame.tail(60)])
    row = _one(thin)
    assert row.cvar05.estimate is None
    assert "the lowest 5% of 60 attacks" in str(row.cvar05.reason)
    assert row.mean.low is not None
    assert row.q05.estimate is not None
    assert row.q05.low is None
    assert row.parted is None


def test_an_arm_without_scores_has_a_reason() -> None:
    frame = attacks(n=50).with_columns(
        min_harmlessness=pl.when(pl.col("model_type") == "plain lm").then("min_harmlessness")
    )
    row = _one(frame)
    assert row.mean.estimate is None
    assert row.mean.reason == "not estimable: a side of the difference has no value"
    assert row.cvar05.estimate is None


def test_level_arms_do_not_part() -> None:
    found = [_one(attacks(n=250, members=30, seed=seed)).parted for seed in range(20)]
    assert found.count(None) >= 19


@pytest.mark.parametrize("design", ["observational", "randomised"])
@pytest.mark.parametrize("members", [8, 60])
def test_a_difference_of_means_has_one_interval_in_contrasts_and_tails(
    design: Literal["observational", "randomised"], members: int
) -> None:
    arms = [(kind, size) for kind in KINDS for size in ("1B", "3B")]
    chances = [{"arm": " ".join(arm), "probability": 0.25} for arm in arms]
    frame = attacks(arms, n=150, members=members, missing=0.1, seed=members)
    frame = frame.with_columns(pl.lit(pl.Series([chances])).first().alias("probabilities"))
    of_tails = tails(frame, how=HOW, design=design).contrasts
    every = contrasts(frame, how=HOW, design=design, permutations=0).contrasts
    of_means = {
        (c.kind, c.first, c.second, c.within): c.difference
        for c in every
        if c.outcome == "harmlessness"
    }
    assert len(of_tails) == 4
    for row in of_tails:
        assert row.mean == of_means[row.kind, row.first, row.second, row.within]
        assert row.mean.low is not None
        assert ("wild" in row.mean.method) is (members < 12)


def drawn_by_skill(seed: int) -> pl.DataFrame:
    """Two arms that are alike but for 0.5; the better of 60 members meet the second four times as
    often as the first, the others the first.
    """
    rng = np.random.default_rng(seed)
    n, member = 900, np.repeat(np.arange(60), 15)
    skill = rng.normal(size=60)[member]
    second = rng.random(n) < np.where(skill > 0, 0.8, 0.2)
    chances = [
        [{"arm": "plain lm 1B", "probability": 1 - p}, {"arm": "rlhf 1B", "probability": p}]
        for p in np.where(skill > 0, 0.8, 0.2).tolist()
    ]
    return attacks([("plain lm", "1B")], n=n, seed=seed).with_columns(
        pl.Series("member", [f"m{m}" for m in member]),
        pl.Series("model_type", np.where(second, "rlhf", "plain lm")),
        pl.Series("min_harmlessness", 0.5 * second - skill + rng.normal(size=n)),
        pl.Series("probabilities", chances),
    )


def test_tails_of_arms_that_were_drawn_at_random_are_compared_fairly() -> None:
    """Against planted truth; compared as they came, tails are off by more than 0.7."""
    held: dict[str, int] = dict.fromkeys(("mean", "q05", "cvar05"), 0)
    found: dict[str, list[float]] = {name: [] for name in held}
    plain = []
    for seed in range(40):
        frame = drawn_by_skill(seed)
        result = tails(frame, how=Bootstrap(resamples=300), design="randomised")
        assert result.weighting == "overlap"
        (row,) = result.contrasts
        sign = 1 if row.second == "rlhf" else -1
        for name in held:
            e = getattr(row, name)
            assert "overlap-weighted" in e.method
            low, high = sorted((sign * e.low, sign * e.high))
            held[name] += low <= 0.5 <= high
            found[name].append(sign * e.estimate)
        (as_came,) = tails(frame, how=Bootstrap(resamples=100)).contrasts
        plain.append(sign * float(as_came.cvar05.estimate or 0))
        means = contrasts(frame, how=Bootstrap(resamples=20), design="randomised", permutations=0)
        (mean,) = [c for c in means.contrasts if c.outcome == "harmlessness"]
        assert row.mean.estimate == pytest.approx(mean.difference.estimate)  # one number, once
    assert abs(np.mean(plain) - 0.5) > 0.7
    for name, count in held.items():
        values = found[name]
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        assert np.mean(values) == pytest.approx(0.5, abs=3.5 * error)
        assert count >= binom.ppf(0.001, 40, 0.93)


def test_weights_of_two_are_two_attacks_and_a_tail_is_what_its_weights_make_it() -> None:
    rng = np.random.default_rng(2)
    values, clusters = np.sort(rng.normal(size=300)), np.arange(300) % 12
    times = np.where(clusters < 4, 3.0, 1.0)
    weighted = Sample(values, clusters, 12, times / times.mean())
    twice = times.astype(int)
    expanded = Sample(np.repeat(values, twice), np.repeat(clusters, twice), 12)
    for of in (CVaR(0.05), CVaR(0.2)):
        one, other = (
            (of.resampler(s)(once), of.errors(s)(once))
            for s in (weighted, expanded)
            for once in [Draws(s, np.ones((1, 12), dtype=np.int64))]
        )
        assert one[0] == pytest.approx(other[0])
        assert one[1] == pytest.approx(other[1])
    alone = Sample(values[:30], np.arange(30), 30, np.linspace(0.5, 1.5, 30))
    draws = Draws(alone, np.ones((1, 30), dtype=np.int64))
    assert draws.weights[0] == pytest.approx(alone.weights)


def test_scores_that_are_all_equal_have_no_interval_however_they_are_rounded() -> None:
    frame = attacks(n=250, members=17, seed=3).with_columns(min_harmlessness=pl.lit(0.1))
    row = _one(frame)
    for estimate in (row.mean, row.cvar05):
        assert estimate.estimate == pytest.approx(0, abs=1e-12)
        assert estimate.low is None
        assert "resampling moves none" in str(estimate.reason)


def test_no_interval_where_members_of_an_arm_differ_more_than_attacks() -> None:
    frame = attacks([("plain lm", "1B"), ("rlhf", "1B")], n=1600, members=40, seed=3)
    names = sorted(set(frame["member"]))
    levels = dict(zip(names, np.linspace(-6, 6, len(names)), strict=True))
    level = frame["member"].replace_strict(levels, return_dtype=pl.Float64)
    there = frame["model_type"].eq("rlhf").cast(pl.Float64)
    score = pl.Series("min_harmlessness", np.random.default_rng(0).normal(size=frame.height))
    for apart, withheld in ((0.0, False), (1.0, True)):
        given = frame.with_columns(score + apart * level * there)
        (row,) = tails(given, how=HOW).contrasts
        assert row.mean.low is not None
        for found in (row.q05, row.cvar05):
            assert (found.low is None) is withheld
            assert ("members differ more" in (found.reason or "")) is withheld
            assert found.estimate is not None
