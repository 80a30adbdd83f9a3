"""When a study could have stopped: it errs no more often than promised, and says what it needs."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.simulate import Settings, simulate, truth
from gadfly.analysis.topics.sequential import sequential
from tests.analysis.studies import attacks


def study(
    seed: int, *, n: int = 400, members: int = 40, effect: float = 0.0, uneven: float = 0.8
) -> pl.DataFrame:
    """Ratings (0-4) of two arms, by members who differ in level and in the effect."""
    draw = np.random.default_rng(seed)
    activity = np.exp(uneven * draw.normal(size=members))
    who = draw.choice(members, n, p=activity / activity.sum())
    arm = draw.integers(0, 2, n)
    level, differs = draw.normal(size=members), 0.3 * draw.normal(size=members)
    latent = 2 + 0.7 * level[who] + arm * (effect + differs[who]) + draw.normal(size=n)
    base = attacks((("plain lm", "2.7B"),), n=n)
    return base.with_columns(
        model_type=pl.Series([("plain lm", "rlhf")[a] for a in arm]),
        member=pl.Series([f"m{m}" for m in who]),
        rating=pl.Series(np.clip(latent.round(), 0, 4)),
        number=pl.int_range(1, n + 1),
    )


def test_a_null_effect_is_decided_at_most_one_time_in_twenty_however_often_one_looks() -> None:
    """Clipping does not move the difference from 0; a hundred looks at each study."""
    decided = [
        sequential(study(seed), success_threshold=3).contrasts[0].decided_at is not None
        for seed in range(300)
    ]
    assert sum(decided) / 300 < 0.05


def test_the_mean_of_an_arm_that_rarely_fails_is_held_at_every_look() -> None:
    """Most ratings are 0 here; with errors taken at their word 172 of these 200 intervals hold."""
    settings = Settings(
        members=40, attacks=1600, interaction_sd=0.6, intercept=-0.8, effects=(0.0, 0.0)
    )
    mean = truth(settings, "mean_rating")
    studies = [
        sequential(simulate(settings, seed), success_threshold=3).arms[0].looks
        for seed in range(200)
    ]
    found = [all(look.low <= mean <= look.high for look in looks) for looks in studies if looks]
    assert len(found) > 100
    assert sum(found) / len(found) > 0.95 - 2 * (0.95 * 0.05 / len(found)) ** 0.5


def test_an_effect_is_decided_early_and_stays_so() -> None:
    found = sequential(study(1, n=2000, effect=1.0, uneven=0.3), success_threshold=3, precision=0.5)
    (contrast,) = found.contrasts
    assert contrast.decided_at is not None
    assert contrast.decided_at < 1000
    assert contrast.last.low is not None
    assert contrast.last.low > 0
    (low, high) = found.arms
    assert low.precise_at is not None
    assert high.precise_at is not None
    at_stop = next(look for look in low.looks if look.attacks == low.precise_at)
    assert (at_stop.high - at_stop.low) / 2 <= 0.5
    before = [look for look in low.looks if look.attacks < low.precise_at]
    assert all((look.high - look.low) / 2 > 0.5 for look in before)


def test_looks_are_what_the_study_was_by_then() -> None:
    frame = study(3, n=600, uneven=0.3)
    look = sequential(frame, success_threshold=3).arms[1].looks[20]
    then = frame.filter((pl.col("number") <= look.attacks) & (pl.col("model_type") == "rlhf"))
    assert look.estimate == pytest.approx(then["rating"].mean())
    assert look.low < look.estimate < look.high


def test_the_exact_interval_is_of_first_attacks() -> None:
    frame = study(4)
    firsts = frame.filter(pl.col("model_type") == "rlhf").unique("member", keep="first")
    exact = sequential(frame, success_threshold=3).arms[1].exact
    assert exact.estimate == pytest.approx(firsts["rating"].mean())
    assert exact.n == firsts.height
    rate = sequential(frame, success_threshold=3, outcome="success_rate").arms[1].exact
    assert rate.estimate == pytest.approx((firsts["rating"] >= 3).mean())


def test_order_of_rows_changes_nothing() -> None:
    frame = study(5)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    one, other = (sequential(f, success_threshold=3) for f in (frame, shuffled))
    assert one.model_dump() == other.model_dump()


def test_attacks_of_one_time_are_looked_at_together_in_any_order_of_rows() -> None:
    frame = study(7, n=300)
    day = pl.datetime(2026, 1, 1, time_zone="UTC") + pl.duration(days=pl.col("number") // 20)
    frame = frame.with_columns(started_at=day, number=pl.col("number") // 20)  # numbers repeat
    found = [
        sequential(frame.sample(fraction=1, shuffle=True, seed=seed), success_threshold=3)
        for seed in range(4)
    ]
    assert all(other.model_dump() == found[0].model_dump() for other in found)
    whole_days = {19 + 20 * k for k in range(15)} | {300}
    assert {look.attacks for arm in found[0].arms for look in arm.looks} <= whole_days
    rlhf = frame.filter(pl.col("model_type") == "rlhf")
    on_first_day = rlhf.filter(pl.col("number") == pl.col("number").min().over("member"))
    means = on_first_day.group_by("member").agg(pl.col("rating").mean())["rating"]
    assert found[0].arms[1].exact.estimate == pytest.approx(means.mean())


@pytest.mark.parametrize("outcome", ["rating", "success_rate"])
def test_ends_lie_on_the_scale(outcome: Literal["rating", "success_rate"]) -> None:
    rare = study(6).with_columns(
        rating=pl.when(pl.col("number") % 40 == 0).then(4.0).otherwise(0.0)
    )
    found = sequential(rare, success_threshold=3, outcome=outcome)
    ends = [(look.low, look.high) for arm in found.arms for look in arm.looks]
    assert ends
    assert min(ends)[0] == 0


def test_says_why_there_is_nothing() -> None:
    frame = study(6)
    assert "no attack" in str(sequential(frame.head(0), success_threshold=3).reason)
    twice = sequential(pl.concat([frame, frame]), success_threshold=3)
    assert "repeat, and 800 of 800 have no start" in str(twice.reason)
    assert sequential(frame.drop("number", "started_at"), success_threshold=3).arms == ()
    unordered = sequential(frame.with_columns(number=pl.lit(None)), success_threshold=3)
    assert "in which order" in str(unordered.reason)
    assert unordered.arms == ()
    few = sequential(frame.filter(pl.col("member") < "m13"), success_threshold=3)
    assert few.arms[0].looks == ()
    assert "10 effective members" in str(few.arms[0].last.reason)
    unrated = frame.with_columns(rating=pl.lit(None, pl.Float64))
    assert sequential(unrated, success_threshold=3).arms[0].last.estimate is None
