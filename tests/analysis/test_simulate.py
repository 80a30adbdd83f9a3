"""Simulated studies have the truth that was planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.simulate import Settings, simulate, truth
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.records.frame import ATTACK_COLUMNS, column_checks

BIG = Settings(
    members=40_000,
    attacks=800_000,
    activity_sd=0.8,
    activity_efficacy=0.5,
    interaction_sd=0.3,
    breakthrough_share=0.1,
    effects=(0.0, 0.5),
    judge_bias=(0.0, 0.3),
)


@pytest.fixture(scope="module")
def big() -> pl.DataFrame:
    return simulate(BIG, 1).filter(pl.col("model_type") == "arm1")


def test_truth_is_what_a_huge_draw_gives(big: pl.DataFrame) -> None:
    """40,000 members, uneven: the standard error of a mean is near .007, of a tail near .02."""
    scores = np.sort(big["min_harmlessness"].to_numpy())
    found = {
        "mean_rating": big["rating"].mean(),
        "rate": (big["rating"] >= 3).mean(),
        "harm_rate": (big["true_harm"] >= 3).mean(),
        "mean_score": scores.mean(),
        "quantile": np.quantile(scores, 0.05),
        "cvar": CVaR(0.05).estimate(scores),
    }
    for quantity, value in found.items():
        close = 0.06 if quantity in ("quantile", "cvar") else 0.025
        assert truth(BIG, quantity, arm=1) == pytest.approx(value, abs=close), quantity  # type: ignore[arg-type]


def test_members_and_attacks_weigh_differently_where_the_active_succeed(big: pl.DataFrame) -> None:
    by_member = big.group_by("member").agg(pl.col("rating").mean())["rating"].mean()
    member = truth(BIG, "mean_rating", arm=1, weighting="member")
    assert member == pytest.approx(by_member, abs=0.025)
    assert truth(BIG, "mean_rating", arm=1) - member > 0.1


def test_the_frame_is_one_of_attacks() -> None:
    frame = simulate(replace(BIG, members=50, attacks=500, missing=0.3), 2)
    assert list(frame.columns) == [*ATTACK_COLUMNS, "true_harm", "true_efficacy"]
    assert all(frame.schema[name] == kind for name, kind in ATTACK_COLUMNS.items())
    for name, (holds, _) in column_checks().items():
        assert frame.select(holds.fill_null(value=False).all()).item(), name
    assert (
        frame.group_by("member").agg(pl.col("true_efficacy").n_unique())["true_efficacy"].max() == 1
    )
    assert set(frame["outcome"]) == {"scored", "unrated"}


def test_seeds_arms_and_missingness() -> None:
    settings = replace(BIG, members=60, attacks=3000, missing=0.2, missing_by_harm=1.0)
    one, same, other = (simulate(settings, seed) for seed in (1, 1, 2))
    assert one.equals(same)
    assert not one.equals(other)
    null = pl.col("rating").is_null()
    gone = one.group_by(null).agg(pl.col("true_harm").mean()).sort("rating")
    assert gone["true_harm"][1] > gone["true_harm"][0] + 0.3  # the worse, the less often rated
    arms = one.group_by("member").agg(pl.col("model_type").n_unique())["model_type"]
    assert arms.max() == 2
    whole = simulate(replace(settings, assignment="between"), 1)
    assert whole.group_by("member").agg(pl.col("model_type").n_unique())["model_type"].max() == 1
    assert whole["probability"].null_count() == whole.height
