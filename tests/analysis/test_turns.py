"""Min harmlessness beside turns, and static readings beside live ones."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.topics.static import static
from gadfly.analysis.topics.turns import turns
from tests.analysis.studies import attacks

HOW = Bootstrap(resamples=300)
ARMS = [("plain lm", "1B"), ("rlhf", "1B")]


def dialogues(
    seed: int, *, n: int = 400, longer: int = 0, slide: float = 0.0, gain: float = 0.0
) -> pl.DataFrame:
    """Two arms with scores by turn: the second runs ``longer`` replies longer, its first reply is
    ``gain`` safer, and its later ones fall by ``slide``.
    """
    rng = np.random.default_rng(seed)
    frame = attacks(ARMS, n=n, members=30, seed=seed)
    second = (frame["model_type"] == "rlhf").to_numpy()
    lengths = rng.integers(1, 4, size=len(second)) + longer * second
    scores = []
    for is_second, length in zip(second, lengths, strict=True):
        row = rng.normal(size=length)
        if is_second:
            row[0] += gain
            row[1:] -= slide
        scores.append(row.tolist())
    return frame.with_columns(
        pl.Series("turn_scores", scores, dtype=pl.List(pl.Float64)),
        pl.Series("turns", lengths),
        pl.Series("min_harmlessness", [min(row) for row in scores]),
    )


def test_longer_dialogues_look_worse_until_turns_are_equal() -> None:
    found = turns(dialogues(1, n=1500, longer=1), how=HOW)
    plain, rlhf = found.arms
    assert found.strata == (2, 3)
    assert found.covered == pytest.approx(2 / 3, abs=0.03)
    assert float(rlhf.min_harmlessness.high or 0) < float(plain.min_harmlessness.low or 0)
    gap = float(rlhf.equal_turns.estimate or 0) - float(plain.equal_turns.estimate or 0)
    assert gap == pytest.approx(0, abs=0.12)
    a, b = plain.first[0], rlhf.first[0]
    assert float(a.low or 0) < float(b.high or 0)
    assert float(b.low or 0) < float(a.high or 0)
    for arm in found.arms:
        assert float(arm.correlation.high or 0) < 0


def test_means_over_the_first_replies_are_those_written_out() -> None:
    frame = dialogues(2)
    found = turns(frame, how=HOW, most=3)
    own = frame.filter(pl.col("model_type") == "rlhf")
    for k in (1, 2, 3):
        lowest = [min(row[:k]) for row in own["turn_scores"].to_list()]
        assert found.arms[1].first[k - 1].estimate == pytest.approx(np.mean(lowest))
        assert found.arms[1].first[k - 1].n == len(lowest)
    assert found.arms[1].first[2].estimate == pytest.approx(
        float(found.arms[1].min_harmlessness.estimate or 0)
    )


def test_the_mean_at_equal_turns_is_the_one_written_out() -> None:
    frame = dialogues(3, longer=1)
    found = turns(frame, how=HOW, most=3)
    capped = frame.with_columns(pl.col("turns").clip(upper_bound=3))
    shared = capped.filter(pl.col("turns").is_in(found.strata))
    weights = shared["turns"].value_counts(normalize=True)
    for arm in found.arms:
        own = shared.filter(pl.col("model_type") == arm.model_type)
        means = own.group_by("turns").agg(pl.col("min_harmlessness").mean())
        both = means.join(weights, on="turns")
        expected = float((both["min_harmlessness"] * both["proportion"]).sum())
        assert arm.equal_turns.estimate == pytest.approx(expected)


def test_arms_that_share_no_length_have_no_mean_at_equal_turns() -> None:
    found = turns(dialogues(4, longer=5), how=HOW, most=9)
    assert found.strata == ()
    assert found.covered == 0
    assert found.arms[0].equal_turns.estimate is None
    assert found.arms[0].equal_turns.reason == "no number of turns has 5 attacks of every arm"


def test_the_released_form_has_no_scores_by_turn_and_says_so(replica_frame: pl.DataFrame) -> None:
    found = turns(replica_frame, how=HOW)
    assert len(found.arms) == 12
    assert {e.reason for arm in found.arms for e in arm.first} == {
        "scores by turn were not recorded"
    }
    assert found.covered == 1
    assert all(arm.equal_turns.low is not None for arm in found.arms)
    readings = static(replica_frame, how=HOW)
    assert readings.pairs == 0
    assert readings.arms[0].gap.reason == "scores by turn were not recorded"


def test_a_static_reading_that_live_attackers_contradict_is_found() -> None:
    found = static(dialogues(5, gain=0.8, slide=2.0), how=HOW)
    (reversal,) = found.reversals
    assert found.pairs == 1
    assert reversal.clear
    assert (reversal.first, reversal.second, reversal.within) == ("plain lm", "rlhf", "1B")
    assert float(reversal.static.estimate or 0) == pytest.approx(0.8, abs=0.2)
    assert float(reversal.live.estimate or 0) < 0
    rlhf = found.arms[1]
    difference = float(rlhf.live.estimate or 0) - float(rlhf.static.estimate or 0)
    assert rlhf.gap.estimate == pytest.approx(difference)
    assert float(rlhf.gap.high or 0) < 0


def test_a_reversal_within_what_chance_can_do_is_not_clear() -> None:
    found = static(dialogues(2, n=60, gain=0.1, slide=0.1), how=HOW)
    (reversal,) = found.reversals
    assert not reversal.clear


def test_readings_that_agree_are_no_reversal() -> None:
    found = static(dialogues(6, gain=1.5, slide=-1.0), how=HOW)
    assert found.pairs == 1
    assert found.reversals == ()
