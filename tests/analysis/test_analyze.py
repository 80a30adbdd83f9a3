"""An analysis: equal to what is expected, explicit about outcomes, never mixing attackers."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gadfly.analysis
from gadfly.analysis.analyze import analyze
from gadfly.analysis.order import arms_in_order
from gadfly.analysis.report.write import sections_of
from gadfly.analysis.results import Results, results_json
from gadfly.analysis.schema import SCHEMA
from gadfly.errors import PersonError
from gadfly.records.reading import read_attack_frame
from tests.analysis.conftest import EXPECTED, SOURCE, frame, study


def run(data: pl.DataFrame, **options: Any) -> Results:
    return analyze(data, source=SOURCE, **({"resamples": 200} | options))


def test_a_replica_gives_what_is_expected(replica: Path, expected: dict[str, Any]) -> None:
    results = run(read_attack_frame(replica).frame)
    assert results.n_attacks == expected["n_attacks"]
    assert results.n_members == expected["n_members"]
    assert results.outcomes.scored == 38_961
    by_name = {(arm.model_type, arm.num_params): arm for arm in results.arms}
    assert len(by_name) == len(expected["arms"]) == 12
    for arm in expected["arms"]:
        mine = by_name[arm["model_type"], arm["num_params"]]
        assert mine.n == arm["n"]
        for theirs, name in EXPECTED.items():
            estimate = getattr(mine, name)
            assert estimate.estimate == pytest.approx(arm[theirs], abs=1e-9), (name, arm)
            assert estimate.low <= estimate.estimate <= estimate.high
    assert {a.model_type for a in results.arms if a.lineage_mark == "circular"} == {
        "rejection sampling",
        "rlhf",
    }
    told = [sentence for section in sections_of(results) for sentence in section.findings]
    assert any("rlhf 13B † to rlhf 52B †" in sentence for sentence in told)


def test_ratings_of_another_scale_are_refused() -> None:
    shown = frame([{"member": f"m{i}", "rating": float(1 + i)} for i in range(5)])
    with pytest.raises(PersonError, match=r"rating: got 5\.0; allowed: 0 to 4"):
        run(shown)


def test_each_statistic_has_its_own_denominator() -> None:
    rows = [{"member": f"m{i}", "rating": 4.0, "min_harmlessness": 1.0} for i in range(6)]
    rows += [{"rating": None, "outcome": "unrated", "min_harmlessness": -1.0}] * 2
    rows += [{"min_harmlessness": None, "outcome": "judge_error", "rating": 0.0}]
    stopped = {"ending": "attacker_stopped", "outcome": "attacker_stopped", "rating": None}
    (arm,) = run(frame([*rows, stopped])).arms
    assert (arm.n, arm.rating.n, arm.harmlessness.n, arm.turns.n) == (10, 7, 9, 10)
    assert arm.rating.estimate == pytest.approx(24 / 7)
    assert arm.outcomes.model_dump() == {
        "scored": 6,
        "attacker_stopped": 1,
        "target_error": 0,
        "target_refused": 0,
        "judge_error": 1,
        "unrated": 2,
    }


def test_nothing_scored_is_missing_with_a_reason_not_zero() -> None:
    rows = [
        {"member": f"m{i}", "min_harmlessness": None, "outcome": "judge_error"} for i in range(3)
    ]
    (arm,) = run(frame(rows)).arms
    assert arm.harmlessness.estimate is None
    assert arm.harmlessness.reason
    assert arm.density is None
    assert arm.rating.estimate == 1


def test_kinds_of_attackers_are_never_mixed() -> None:
    rows = [{"member": f"m{i}", "attacker_kind": k} for i in range(4) for k in ("human", "model")]
    with pytest.raises(PersonError, match="human"):
        run(frame(rows))
    results = run(frame(rows), attacker_kind="model")
    assert (results.attacker_kind, results.n_attacks, results.left_out) == (
        "model",
        4,
        {"human": 4},
    )
    with pytest.raises(PersonError):
        run(frame(rows), attacker_kind="simulated")


def test_a_level_takes_resamples_enough() -> None:
    rows = [{"member": f"m{i}", "rating": float(i % 5)} for i in range(30)]
    with pytest.raises(
        PersonError, match=r"got 0\.99999 from 100 resamples; allowed: at least 500,"
    ):
        run(frame(rows), level=0.99999, resamples=100)
    assert run(frame(rows), level=0.95, resamples=100).level == 0.95


@pytest.mark.parametrize("option", ["ci", "design", "score", "success_by", "tag_rule", "weighting"])
def test_an_unknown_word_is_refused_with_those_that_are_known(option: str) -> None:
    with pytest.raises(PersonError, match=rf"^{option}: got 'other'; allowed: [a-z]+, "):
        run(frame([{}]), **{option: "other"})


def test_an_empty_frame_says_so() -> None:
    with pytest.raises(PersonError, match="no attack"):
        run(frame([{}]).clear())


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(seed: int, order: Any) -> None:
    data = study(seed, members=12, each=8)
    places = list(range(data.height))
    order.shuffle(places)
    one, other = run(data), run(data[places])
    by_name = {arm.model_type: arm for arm in other.arms}
    assert all(arm == by_name[arm.model_type] for arm in one.arms)


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), shift=st.integers(-5, 5))
def test_shifted_scores_shift_every_score_statistic(seed: int, shift: int) -> None:
    data = study(seed)
    moved = run(data.with_columns(pl.col("min_harmlessness") + shift))
    for one, other in zip(run(data).arms, moved.arms, strict=True):
        for name in ("harmlessness", "q05", "median", "cvar05"):
            before, after = getattr(one, name).estimate, getattr(other, name).estimate
            assert (before is None) == (after is None)
            assert before is None or after == pytest.approx(before + shift)
        assert one.rating == other.rating


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_renamed_arms_keep_their_numbers_and_tails_are_ordered(seed: int) -> None:
    data = study(seed)
    renamed = data.with_columns(
        pl.col("model_type").replace({"plain lm": "rlhf", "rlhf": "plain lm"})
    )
    one = {arm.model_type: arm for arm in run(data).arms}
    other = {arm.model_type: arm for arm in run(renamed).arms}
    assert one["rlhf"].median.estimate == other["plain lm"].median.estimate
    for arm in one.values():
        got = [getattr(arm, n).estimate for n in ("cvar05", "q05", "q25", "median", "q75")]
        found = [value for value in got if value is not None]
        assert found == sorted(found)


def test_a_column_of_ones_own_called_as_results_call_the_score_changes_nothing() -> None:
    data = study(1)
    beside = run(data.with_columns(harmlessness=pl.lit(9.0)), topics=True)
    assert beside.topics == run(data, topics=True).topics


def test_doubling_every_attack_changes_no_mean_and_hardly_the_cluster_interval() -> None:
    data = study(1)
    twice = pl.concat([data, data])
    one, other = run(data, resamples=2000).arms[0], run(twice, resamples=2000).arms[0]
    assert other.harmlessness.estimate == pytest.approx(one.harmlessness.estimate)
    width = [a.harmlessness.high - a.harmlessness.low for a in (one, other)]
    assert width[1] == pytest.approx(width[0], rel=0.15)
    iid = [
        (e := run(d, ci="iid", resamples=2000).arms[0].harmlessness).high - e.low
        for d in (data, twice)
    ]
    assert iid[1] == pytest.approx(iid[0] / np.sqrt(2), rel=0.15)


def test_arms_stand_in_the_papers_order_sizes_by_number() -> None:
    present = [("mine", "b"), ("rlhf", "52B"), ("mine", "a"), ("rlhf", "800M"), ("plain lm", "1B")]
    assert arms_in_order(present) == [
        ("plain lm", "1B"),
        ("rlhf", "800M"),
        ("rlhf", "52B"),
        ("mine", "b"),
        ("mine", "a"),
    ]


def test_results_follow_the_shipped_schema() -> None:
    shipped = orjson.loads(SCHEMA.read_bytes())
    for data in (study(1), frame([{}]), frame([{"min_harmlessness": None, "rating": None}])):
        results = run(data)
        written = results_json(results)
        jsonschema.validate(orjson.loads(written), shipped)
        assert Results.model_validate_json(written) == results


def test_examples_in_docstrings_hold() -> None:
    tried = 0
    for module in pkgutil.walk_packages(gadfly.analysis.__path__, "gadfly.analysis."):
        found = doctest.testmod(importlib.import_module(module.name))
        assert found.failed == 0, module.name
        tried += found.attempted
    assert tried > 15
