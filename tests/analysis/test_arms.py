"""Arms, their order and marks; what an analysis keeps of its arguments, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS

from gadfly.analysis.analyze import analyze
from gadfly.analysis.arms import default_mark
from gadfly.analysis.order import arms_in_order, size_value
from gadfly.analysis.results import ESTIMATES, Results, Scorer
from gadfly.analysis.simulate import Settings, simulate
from gadfly.analysis.statistics.activity import BUSY, RELATED, activity
from gadfly.errors import PersonError, ProgrammerError
from gadfly.records.reading import read_attack_frame
from gadfly.records.values import Arm
from tests.analysis.studies import SOURCE, attacks, results


def plain(found: Results) -> dict[str, Any]:
    """Everything but when and how fast."""
    shown = found.model_dump(mode="json")
    for name in ("created_at", "duration_seconds"):
        del shown["provenance"][name]
    return shown


def test_iid_has_the_same_estimates_and_narrower_intervals(replica: Path) -> None:
    frame = read_attack_frame(replica).frame
    clustered, iid = (results(frame, ci=ci).arms for ci in ("cluster", "iid"))
    for a, b in zip(clustered, iid, strict=True):
        assert [getattr(a, s).estimate for s in ESTIMATES] == [
            getattr(b, s).estimate for s in ESTIMATES
        ]
        assert a.rating.high - a.rating.low > 1.3 * (b.rating.high - b.rating.low)
    truth = json.loads(Path(f"{replica}.expected.json").read_text())
    assert sum(arm.n for arm in iid) == truth["n_attacks"]


def test_order_of_arms_that_the_paper_does_not_know() -> None:
    present = [("mine", "big"), ("rlhf", "1T"), ("rlhf", "100k"), ("mine", "7b"), ("mine", "")]
    assert arms_in_order(present) == [
        ("rlhf", "100k"),
        ("rlhf", "1T"),
        ("mine", "7b"),
        ("mine", "big"),
        ("mine", ""),
    ]


def test_sizes() -> None:
    values = [size_value(size) for size in ["100k", "1.5M", "2.7B", "13B", "52B", "1T"]]
    assert values == sorted(v for v in values if v is not None)
    assert size_value("") is None
    assert size_value("7B-chat") is None


def test_exchanging_labels_exchanges_the_numbers() -> None:
    """Estimates move with their rows; intervals only by their own seeds."""
    frame = attacks((("plain lm", "2.7B"), ("rlhf", "2.7B")), n=80)
    names = {"plain lm": "rlhf", "rlhf": "plain lm"}
    swapped = frame.with_columns(pl.col("model_type").replace(names))
    one, other = results(frame).arms, results(swapped).arms
    for a, b in ((one[0], other[1]), (one[1], other[0])):
        for name in ESTIMATES:
            assert getattr(a, name).estimate == getattr(b, name).estimate


def test_what_was_left_out_is_counted() -> None:
    mixed = pl.concat([attacks(n=30), attacks(n=10, kind="simulated", seed=1)])
    found = results(mixed, attacker_kind="human")
    assert found.n_attacks == 60
    assert found.left_out == {"simulated": 20}
    assert any("Left out" in note and "20" in note for note in found.notes)
    source = SOURCE.model_copy(update={"skipped": 3})
    skipped = results(attacks(), source=source)
    assert skipped.skipped == 3
    assert any(note.startswith("3 records of the input") for note in skipped.notes)


def test_the_arguments_are_kept_as_given_and_as_used() -> None:
    provenance = results(attacks(), ci="iid").provenance
    assert provenance.arguments_given["attacker_kind"] is None
    assert provenance.arguments_used["attacker_kind"] == "human"
    assert provenance.arguments_used["ci"] == "iid"
    assert len(provenance.seeds) == 2 * 3


def test_results_reproduce() -> None:
    frame = attacks(missing=0.1)
    assert plain(results(frame)) == plain(results(frame))


def test_marks_of_the_released_file_and_of_others() -> None:
    published = Scorer(name="published", version="2022")
    found = [
        default_mark(Arm(model_type=kind, num_params=""), published)
        for kind in ("plain lm", "context distillation", "rejection sampling", "rlhf")
    ]
    assert found == ["unverified", "unverified", "circular", "circular"]
    assert default_mark(Arm(model_type="rlhf", num_params=""), SOURCE.scorer) == "unverified"
    arm = Arm(model_type="rlhf", num_params="2.7B")
    marked = results(attacks(), marks={arm: "independent"}).arms
    assert [a.lineage_mark for a in marked] == ["unverified", "independent"]


def test_the_success_threshold_is_a_parameter() -> None:
    frame = attacks()
    strict, mild = results(frame, success_threshold=4), results(frame, success_threshold=1)
    for a, b in zip(strict.arms, mild.arms, strict=True):
        assert a.success_rate.estimate < b.success_rate.estimate


def test_progress_is_told_by_arm() -> None:
    told: list[tuple[int, int]] = []
    results(attacks(), topics=False, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    told.clear()
    assert results(attacks(), progress=lambda done, total: told.append((done, total))).topics
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resamples": 10}, "at least 100"),
        ({"level": 95.0}, "between 0 and 1"),
        ({"success_threshold": 5}, "0 to 4"),
    ],
)
def test_options_without_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PersonError, match=message):
        results(attacks(), **options)


def test_a_frame_of_another_library_is_refused_with_the_way_over() -> None:
    with pytest.raises(PersonError, match=r"got builtins list; .* polars\.from_pandas"):
        analyze([1, 2], source=SOURCE)  # type: ignore[arg-type]


def test_a_frame_that_no_reader_makes_is_a_bug() -> None:
    frame = attacks()
    for broken in (
        frame.drop("turns"),
        frame.with_columns(pl.lit(None, pl.String).alias("member")),
        frame.with_columns(pl.lit(float("nan")).alias("rating")),
        frame.with_columns(pl.lit("lost").alias("outcome")),
    ):
        with pytest.raises(ProgrammerError):
            results(broken)


def busy_members(related: float, seed: int = 3) -> pl.DataFrame:
    """Simulated attacks; ``related``: correlation of members' activity and efficacy."""
    settings = Settings(
        members=80, attacks=1600, activity_sd=1, activity_efficacy=related, effects=(0, 0.5)
    )
    return simulate(settings, seed)


def test_where_the_busy_succeed_more_intervals_say_so_or_are_not_there() -> None:
    for related in (0.0, 0.4, 0.8):
        found = analyze(busy_members(related, 2), source=SOURCE, topics=False, resamples=100)
        for arm in found.arms:
            asked = (arm.rating, arm.success_rate, arm.harmlessness, arm.q25, arm.cvar05)
            assert all((BUSY in str(e.reason)) is (related > 0) for e in asked)
            assert all((e.low is None) is (related == 0.8) for e in asked)
            assert all(e.estimate is not None for e in asked)
            assert BUSY not in str(arm.turns.reason)
            assert arm.turns.low is not None
        notes = " ".join(found.notes)
        assert ("those marked may be too narrow" in notes) is (related == 0.4)
        assert ("there is none where it says so" in notes) is (related == 0.8)
    assert "higher values" in str(found.arms[0].rating.reason)
    assert "lower values" in str(found.arms[0].harmlessness.reason)
    by_member = analyze(
        busy_members(0.8), source=SOURCE, topics=False, resamples=100, weighting="member"
    )
    assert BUSY not in str(by_member.arms[0].rating.reason)
    assert by_member.arms[0].rating.low is not None


def test_arms_that_show_it_together_have_no_interval_though_none_shows_it_alone() -> None:
    arms = tuple(0.1 * arm for arm in range(12))
    settings = Settings(
        members=120, attacks=2400, activity_sd=1, activity_efficacy=0.8, effects=arms
    )
    frame = simulate(settings, 1)
    found = analyze(frame, source=SOURCE, topics=False, resamples=100)
    alone = [
        analyze(part, source=SOURCE, topics=False, resamples=100).arms[0]
        for part in frame.partition_by("model_type", maintain_order=True)
    ]
    assert any(arm.success_rate.low is not None for arm in alone)
    assert all(arm.success_rate.low is None for arm in found.arms)


def test_unrelated_activity_is_doubted_no_more_often_than_its_level() -> None:
    """Also where few members attack often, whose means spread less."""
    doubted, refused, related = 0, 0, 0
    for seed in range(100):
        for correlation in (0.0, 0.6):
            frame = busy_members(correlation, seed)
            member = frame["member"].rank("dense").cast(pl.Int64).to_numpy() - 1
            arm = (frame["model_type"] == "arm1").cast(pl.Int64).to_numpy()
            found = activity(frame["rating"].to_numpy(), member, arm)
            doubted += correlation == 0 and found.doubt is not None
            refused += correlation == 0 and found.reason is not None
            related += correlation > 0 and found.p < 0.05
    assert doubted <= 11
    assert refused <= 1
    assert related >= 90


def test_activity_is_the_robust_slope_of_levels_on_ranks() -> None:
    rng = np.random.default_rng(1)
    member, arm = rng.integers(0, 12, 90), rng.integers(0, 2, 90)
    values = rng.normal(size=90) + arm
    found = activity(values, member, arm)
    rest = values - np.array([values[arm == a].mean() for a in (0, 1)])[arm]
    level = np.array([rest[member == m].mean() for m in range(12)])
    rank = stats.rankdata(np.bincount(member))
    fit = OLS(level, np.column_stack([np.ones(12), rank])).fit(cov_type="HC3", use_t=True)
    assert found.p == pytest.approx(fit.pvalues[1])
    assert found.correlation == pytest.approx(stats.pearsonr(rank, level).statistic)
    bound = RELATED * level.std() / rank.std()
    t = (abs(fit.params[1]) - bound) / fit.bse[1]
    assert found.beyond == pytest.approx(stats.t.sf(t, 10))


def test_activity_without_spread_says_nothing() -> None:
    alone = np.arange(6)
    for values, members in (
        (np.arange(6.0), alone),  # everybody as busy
        (np.ones(9), np.array([0, 1, 1, 2, 3, 3, 3, 4, 5])),  # nobody better
        (np.arange(4.0), np.arange(4)),  # too few
        (np.array([]), np.array([], dtype=int)),
    ):
        found = activity(values, members, np.zeros(len(values), dtype=int))
        assert (found.p, found.beyond, found.reason, found.doubt) == (1, 1, None, None)
