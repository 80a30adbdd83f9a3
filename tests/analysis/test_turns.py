"""Min harmlessness beside turns, and static readings beside live ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.topics.static import static
from gadfly.analysis.topics.turns import turns
from gadfly.errors import FileProblem
from gadfly.records.static_scores import STATIC_COLUMNS, read_static_scores
from tests.analysis.studies import attacks, results

HOW = Bootstrap(resamples=300)
ARMS = [("plain lm", "1B"), ("rlhf", "1B")]


def dialogues(
    seed: int, *, n: int = 400, longer: int = 0, slide: float = 0.0, gain: float = 0.0
) -> pl.DataFrame:
    """Two arms with scores by turn: the second runs ``longer`` replies longer, its first reply is
    ``gain`` safer, and its later ones fall by ``slide``.
    """
    rng = np.random.default_rng(seed)
    frame = attacks(ARMS, n=n, members=40, seed=seed)
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
    assert float(rlhf.harmlessness.high or 0) < float(plain.harmlessness.low or 0)
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
        float(found.arms[1].harmlessness.estimate or 0)
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


def test_one_number_has_one_interval_wherever_it_stands() -> None:
    frame = dialogues(6, n=120)
    report = results(frame, resamples=200)
    assert report.topics is not None
    rows = zip(
        report.arms,
        report.topics.turns.arms,
        report.topics.static.arms,
        report.topics.missing.arms,
        strict=True,
    )
    for arm, lengths, readings, gaps in rows:
        assert arm.harmlessness.low is not None
        assert lengths.harmlessness == arm.harmlessness == readings.live == lengths.first[-1]
        assert lengths.first[0] == readings.static
        assert lengths.turns == arm.turns
        assert gaps.rating.rated == gaps.rating.lowest == arm.rating


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
    assert readings.pairs == {"prompts": 0, "opening": 0}
    assert readings.arms[0].prompts.reason == "no static prompts were asked"
    assert readings.arms[0].gap.reason == "scores by turn were not recorded"


def test_a_static_reading_that_live_attackers_contradict_is_found() -> None:
    found = static(dialogues(5, gain=0.8, slide=2.0), how=HOW)
    (reversal,) = found.reversals
    assert found.pairs["opening"] == 1
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


def test_a_reversal_by_chance_among_many_pairs_is_not_clear() -> None:
    """Eight interventions whose first replies differ and whose lowest scores do not: of 28 pairs
    one in forty had live differences clear of 0 the other way, some in most studies.
    """
    clear = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        frame = attacks([(f"arm {k}", "1B") for k in range(8)], n=60, members=40, seed=seed)
        safer = frame["model_type"].str.slice(-1).cast(pl.Float64).to_numpy()
        reply, later = rng.normal(size=(2, frame.height))
        rows = np.column_stack([8 + safer + 0.1 * reply, later]).tolist()
        turned = frame.with_columns(pl.Series("turn_scores", rows, dtype=pl.List(pl.Float64)))
        found = static(turned, how=Bootstrap(resamples=200))
        assert found.reversals
        clear += any(reversal.clear for reversal in found.reversals)
    assert clear <= 1


def test_readings_that_agree_are_no_reversal() -> None:
    found = static(dialogues(6, gain=1.5, slide=-1.0), how=HOW)
    assert found.pairs["opening"] == 1
    assert found.reversals == ()


def prompted(*, gain: float, n: int = 50, lost: int = 0, seed: int = 3) -> pl.DataFrame:
    """Scores of static prompts, rlhf so much above plain lm; prompts differ, and so do replies."""
    rng = np.random.default_rng(seed)
    prompt = rng.normal(0, 2, n)
    rows = [
        (kind, "1B", str(k), float(prompt[k] + gain * (kind == "rlhf") + rng.normal(0, 0.3)))
        for kind in ("plain lm", "rlhf")
        for k in range(n)
    ]
    lost_ones = [(*row[:3], None) if k < lost else row for k, row in enumerate(rows)]
    return pl.DataFrame(lost_ones, schema=STATIC_COLUMNS, orient="row")


def test_static_prompts_that_live_attackers_contradict_are_found() -> None:
    prompts = prompted(gain=0.5, lost=4)
    found = static(dialogues(5, gain=0.8, slide=2.0), how=HOW, prompts=prompts)
    by_prompts, by_opening = found.reversals
    assert (by_prompts.reading, by_opening.reading) == ("prompts", "opening")
    assert found.pairs == {"prompts": 1, "opening": 1}
    assert found.asked == 50
    assert by_prompts.clear
    assert by_prompts.live == by_opening.live
    # Those that one arm did not answer count for neither.
    wide = prompts.pivot("model_type", index="prompt", values="score").drop_nulls()
    gaps = (wide["rlhf"] - wide["plain lm"]).to_numpy()
    assert len(gaps) == 46 == by_prompts.static.n
    assert by_prompts.static.estimate == pytest.approx(gaps.mean())
    # Prompts are shared, so the difference is known far better than either mean.
    low, high = by_prompts.static.low or 0, by_prompts.static.high or 0
    t = stats.t.ppf(0.975, 45) * gaps.std(ddof=1) / np.sqrt(46)
    assert high - low == pytest.approx(2 * t, rel=0.1)
    plain = found.arms[0].prompts
    assert plain.estimate == pytest.approx(wide["plain lm"].mean())
    assert (plain.high or 0) - (plain.low or 0) > 3 * (high - low)
    assert found.arms[0].prompts.method.startswith("mean over prompts")
    alone = static(dialogues(5), how=HOW, prompts=prompts.filter(model_type="rlhf"))
    assert alone.arms[0].prompts.reason == "no score of a static prompt that every arm answered"
    assert alone.arms[1].prompts.estimate is not None


def test_static_prompts_stand_beside_live_scores_that_were_not_kept_by_turn() -> None:
    attacks = dialogues(5, gain=0.8, slide=2.0)
    bare = attacks.with_columns(pl.lit(None, dtype=pl.List(pl.Float64)).alias("turn_scores"))
    found = static(bare, how=HOW, prompts=prompted(gain=0.5))
    whole = static(attacks, how=HOW, prompts=prompted(gain=0.5))
    assert [one.reading for one in found.reversals] == ["prompts"]
    assert found.arms[0].live.estimate == pytest.approx(whole.arms[0].live.estimate)
    assert found.arms[0].static.estimate is None


def test_a_file_of_static_scores_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "static.csv"
    path.write_text("model_type,num_params,prompt,score,more\nrlhf,52B,p1,0.5,x\nrlhf,52B,p2,,y\n")
    assert read_static_scores(path).rows() == [
        ("rlhf", "52B", "p1", 0.5),
        ("rlhf", "52B", "p2", None),
    ]
    parquet = tmp_path / "static.parquet"
    read_static_scores(path).write_parquet(parquet)
    assert read_static_scores(parquet).equals(read_static_scores(path))
    faults = {
        "model_type,num_params,prompt\na,b,c\n": "no column score",
        "model_type,num_params,prompt,score\na,b,c,high\n": "no number",
        "model_type,num_params,prompt,score\na,b,c,inf\n": "not finite",
        "model_type,num_params,prompt,score\na,b,c,1\na,b,c,2\n": "prompt c twice",
        "model_type,num_params,prompt,score\na,b,c,1\na,b,,2\n,b,c,1\n": "2 rows lack",
        "": "neither CSV nor Parquet",
    }
    for text, message in faults.items():
        path.write_text(text)
        with pytest.raises(FileProblem, match=message):
            read_static_scores(path)
    path.write_text("model_type,num_params,prompt,score\nrlhf,,p1,0.5\n")  # an arm without a size
    assert read_static_scores(path).rows() == [("rlhf", "", "p1", 0.5)]
