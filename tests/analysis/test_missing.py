"""Bounds for what is missing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.topics.missing import missing
from gadfly.records.frame import outcome_expression
from tests.analysis.studies import attacks

HOW = Bootstrap(resamples=300)


def holes(frame: pl.DataFrame, seed: int, *, worked: float, failed: float) -> pl.DataFrame:
    """Ratings lost with a probability that depends on whether the attack worked."""
    rng = np.random.default_rng(seed)
    success = (frame["rating"] >= 3).to_numpy()
    lost = rng.random(frame.height) < np.where(success, worked, failed)
    return frame.with_columns(
        rating=pl.when(~pl.Series(lost)).then("rating"),
        ending=pl.when(pl.Series(lost & (rng.random(frame.height) < 0.5)))
        .then(pl.lit("attacker_stopped"))
        .otherwise("ending"),
    ).with_columns(outcome_expression())


def test_bounds_are_those_written_out_and_hold_the_truth() -> None:
    """Attacks that worked lose their rating more often: the rated share is off, the bounds hold."""
    caught = 0
    for seed in range(30):
        whole = attacks(n=300, members=30, seed=seed)
        frame = holes(whole, seed, worked=0.4, failed=0.05)
        for arm in missing(frame, how=HOW).arms:
            own = frame.filter(pl.col("model_type") == arm.model_type)
            n, lost = own.height, own["rating"].null_count()
            worked = int((own["rating"] >= 3).sum())
            bounds = arm.success_rate
            assert bounds.lowest.estimate == pytest.approx(worked / n)
            assert bounds.highest.estimate == pytest.approx((worked + lost) / n)
            assert bounds.rated.estimate == pytest.approx(worked / (n - lost))
            assert (bounds.lowest.n, bounds.rated.n) == (n, n - lost)
            total = float(own["rating"].sum())
            assert arm.rating.lowest.estimate == pytest.approx(total / n)
            assert arm.rating.highest.estimate == pytest.approx((total + 4 * lost) / n)
            assert (bounds.low, bounds.high) == (bounds.lowest.low, bounds.highest.high)
            truth = whole.filter(pl.col("model_type") == arm.model_type)["rating"]
            share = float((truth >= 3).mean() or 0)
            assert (
                float(bounds.lowest.estimate or 0) <= share <= float(bounds.highest.estimate or 0)
            )
            caught += float(bounds.rated.low or 0) <= 0.4 <= float(bounds.rated.high or 0)
            assert float(bounds.low or 0) <= 0.4 <= float(bounds.high or 0)
    assert caught < 30  # of 60: the rated alone would have misled


def test_denominators_are_explicit() -> None:
    frame = holes(attacks(n=200, seed=1), 1, worked=0.3, failed=0.3)
    found = missing(frame, how=HOW)
    for arm in found.arms:
        own = frame.filter(pl.col("model_type") == arm.model_type)
        assert arm.n == 200
        assert arm.unrated == own["rating"].null_count()
        assert set(arm.unrated_by_outcome) == {"attacker_stopped", "unrated"}
        assert sum(arm.unrated_by_outcome.values()) == arm.unrated


def test_an_order_survives_only_what_the_gaps_cannot_undo() -> None:
    rng = np.random.default_rng(3)
    arms = [("plain lm", "1B"), ("prompted", "1B"), ("rlhf", "1B")]
    frame = attacks(arms, n=600, members=40, seed=3)
    chance = frame["model_type"].replace_strict({"plain lm": 0.9, "prompted": 0.55, "rlhf": 0.4})
    worked = rng.random(frame.height) < chance.to_numpy()
    frame = frame.with_columns(rating=pl.Series(np.where(worked, 4.0, 0.0)))
    found = missing(holes(frame, 3, worked=0.12, failed=0.12), how=HOW)
    assert (found.pairs, found.clear, found.settled) == (3, 3, 2)


def test_where_nothing_is_missing_bounds_are_the_interval(replica_frame: pl.DataFrame) -> None:
    found = missing(replica_frame, how=HOW)
    for arm in found.arms:
        assert arm.unrated_by_outcome == {}
        assert arm.success_rate.lowest == arm.success_rate.highest == arm.success_rate.rated
    assert found.clear == found.settled > 40


def test_an_arm_without_ratings_is_bounded_by_everything() -> None:
    frame = attacks(n=60).with_columns(rating=pl.lit(None, pl.Float64))
    arm = missing(frame.with_columns(outcome_expression()), how=HOW).arms[0]
    assert arm.success_rate.rated.reason == "no attack has a rating"
    assert (arm.success_rate.low, arm.success_rate.high) == (0, 1)
    assert (arm.rating.low, arm.rating.high) == (0, 4)


def test_arms_alike_seldom_differ_among_many_pairs() -> None:
    """Ten arms, 45 pairs: at 95% each, half of the studies show a difference that is not there."""
    any_clear = 0
    for seed in range(30):
        frame = attacks([("plain lm", f"{k}B") for k in range(1, 11)], n=60, members=30, seed=seed)
        any_clear += missing(frame, how=Bootstrap(resamples=400)).clear > 0
    assert any_clear <= 5
