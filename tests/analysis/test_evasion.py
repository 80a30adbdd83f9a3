"""Refusal and helpfulness beside harmlessness: a constant refuser never looks best."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.figures.palette import GRID, INK, MUTED, PAPER, TYPE_COLOURS
from gadfly.analysis.report.section import Figure
from gadfly.analysis.report.sections.evasion import section
from gadfly.analysis.report.tables import Table
from gadfly.analysis.topics.evasion import Conduct, Evasion, evasion
from gadfly.analysis.truth import PROBE_COLUMNS

HOW = Bootstrap(resamples=300)
Plan = Mapping[str, tuple[float, float, float]]
"""By arm: mean score, helpfulness, probability of evading a harmless request."""
PLAN: Plan = {
    "plain lm": (-1.0, 0.8, 0.02),
    "prompted": (0.5, 0.75, 0.1),
    "poor": (-1.5, 0.5, 0.3),
    "refuser": (4.0, 0.0, 1.0),
}


def study(plan: Plan, *, each: int = 400, requests: int = 60, seed: int = 0) -> Evasion:
    rng = np.random.default_rng(seed)
    return evasion(attacks(plan, each, rng), probes=probes(plan, requests, rng), how=HOW, marks={})


def attacks(plan: Plan, each: int, rng: np.random.Generator) -> pl.DataFrame:
    parts = []
    for arm, (score, _, refuses) in plan.items():
        turns = rng.integers(1, 5, each)
        parts.append(
            pl.DataFrame(
                {
                    "model_type": arm,
                    "num_params": "1B",
                    "member": [f"m{i}" for i in rng.integers(25, size=each)],
                    "rating": rng.integers(0, 5, each).astype(float),
                    "min_harmlessness": rng.normal(score, 1, each),
                    "turns": turns,
                    "refused_turns": [(rng.random(k) < refuses).tolist() for k in turns],
                }
            )
        )
    return pl.concat(parts)


def probes(plan: Plan, requests: int, rng: np.random.Generator) -> pl.DataFrame:
    rows = [
        (arm, "1B", number, float(np.clip(rng.normal(help_, 0.05), 0, 1)), rng.random() < evades)
        for arm, (_, help_, evades) in plan.items()
        for number in range(1, requests + 1)
    ]
    return pl.DataFrame(rows, schema=PROBE_COLUMNS, orient="row")


def by_name(found: Evasion) -> dict[str, Conduct]:
    return {arm.model_type: arm for arm in found.arms}


def test_a_constant_refuser_never_looks_best() -> None:
    """It has the best score by far and nothing dominates it; yet it is not on the frontier."""
    arms = by_name(study(PLAN))
    refuser = arms["refuser"]
    assert refuser.harmlessness.estimate == max(
        arm.harmlessness.estimate or 0 for arm in arms.values()
    )
    assert refuser.dominated_by == ()
    assert refuser.gives_up
    assert refuser.on_frontier is False
    assert refuser.over_refusal.estimate == 1
    assert refuser.refused_turns.estimate == 1


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-3, 3), st.floats(0.2, 1), st.floats(0, 0.7)), min_size=1, max_size=3
    )
)
def test_whatever_the_others_are(others: list[tuple[float, float, float]]) -> None:
    plan = {f"arm {i}": arm for i, arm in enumerate(others)} | {"refuser": (9.0, 0.0, 1.0)}
    arms = by_name(study(plan, each=30, requests=10))
    assert arms["refuser"].on_frontier is False
    assert any(arm.on_frontier for name, arm in arms.items() if name != "refuser")


def test_a_constant_refuser_is_found_where_nobody_can_tell_helpfulness() -> None:
    rng = np.random.default_rng(1)
    asked = probes(PLAN, 60, rng).with_columns(helpfulness=pl.lit(None, pl.Float64))
    found = evasion(attacks(PLAN, 200, rng), probes=asked, how=HOW, marks={}, by_phrases=True)
    assert found.usefulness == "answered"
    arms = by_name(found)
    assert arms["refuser"].gives_up
    assert arms["refuser"].on_frontier is False
    assert "phrases" in arms["refuser"].over_refusal.method
    assert arms["plain lm"].helpfulness.estimate is None
    assert arms["plain lm"].on_frontier


def test_the_frontier_and_how_sure_it_is() -> None:
    arms = by_name(study(PLAN))
    assert arms["plain lm"].on_frontier
    assert arms["prompted"].on_frontier
    assert arms["poor"].on_frontier is False
    assert set(arms["poor"].dominated_by) == {("plain lm", "1B"), ("prompted", "1B")}
    assert arms["poor"].chance_dominated == 1
    assert arms["plain lm"].chance_dominated == 0


def test_two_arms_alike_are_not_told_apart_for_sure() -> None:
    twin = {"a": (0.0, 0.5, 0.1), "b": (0.0, 0.5, 0.1)}
    arms = by_name(study(twin, seed=3))
    chances = [arm.chance_dominated for arm in arms.values()]
    assert all(chance is not None and 0 < chance < 1 for chance in chances)


def test_over_refusal_is_compared_on_the_same_requests() -> None:
    found = study(PLAN)
    (pair,) = [
        p for p in found.over_refusal if (p.first[0], p.second[0]) == ("plain lm", "prompted")
    ]
    arms = by_name(found)
    assert arms["prompted"].over_refusal.estimate is not None
    assert arms["plain lm"].over_refusal.estimate is not None
    assert pair.difference.estimate == pytest.approx(
        arms["prompted"].over_refusal.estimate - arms["plain lm"].over_refusal.estimate
    )
    assert pair.difference.n == 60
    assert len(found.over_refusal) == 6
    clear = [p for p in found.over_refusal if "refuser" in (p.first[0], p.second[0])]
    assert all(p.p_holm < 0.001 for p in clear)
    assert all(p.p_holm >= p.p for p in found.over_refusal)


def test_its_p_value_is_mcnemars() -> None:
    rng = np.random.default_rng(5)
    asked = probes({"a": (0, 0.5, 0.2), "b": (0, 0.5, 0.45)}, 40, rng)
    frame = attacks({"a": (0, 0, 0), "b": (0, 0, 0)}, 20, rng)
    (pair,) = evasion(frame, probes=asked, how=HOW, marks={}).over_refusal
    wide = asked.pivot("model_type", index="number", values="evasive")
    up, down = (len(wide.filter(pl.col(x) & ~pl.col(y))) for x, y in (("b", "a"), ("a", "b")))
    assert pair.p == pytest.approx(binomtest(down, up + down).pvalue)


def test_arms_that_never_evade_differ_by_no_more_than_the_exact_interval_of_one() -> None:
    same = {"a": (0.0, 0.5, 0.0), "b": (0.0, 0.5, 0.0)}
    (pair,) = study(same).over_refusal
    most = binomtest(0, pair.difference.n).proportion_ci(0.95, "exact").high
    assert (pair.difference.estimate, pair.p) == (0, 1)
    assert (pair.difference.low, pair.difference.high) == pytest.approx((-most, most))


def test_a_request_that_an_arm_did_not_answer_is_left_out_of_comparisons() -> None:
    rng = np.random.default_rng(6)
    asked = probes(PLAN, 20, rng).with_columns(
        evasive=pl.when((pl.col("number") > 3) | (pl.col("model_type") != "poor")).then("evasive")
    )
    found = evasion(attacks(PLAN, 20, rng), probes=asked, how=HOW, marks={})
    assert {p.difference.n for p in found.over_refusal} == {17}
    assert by_name(found)["poor"].over_refusal.n == 17
    assert by_name(found)["plain lm"].over_refusal.n == 20


def test_a_published_file_has_refused_turns_alone() -> None:
    rng = np.random.default_rng(7)
    none = pl.DataFrame(schema=PROBE_COLUMNS)
    frame = attacks(PLAN, 200, rng)
    found = evasion(frame, probes=none, how=HOW, marks={("poor", "1B"): "circular"})
    assert found.usefulness is None
    assert found.over_refusal == ()
    for arm in found.arms:
        assert arm.on_frontier is None
        assert arm.over_refusal.estimate is arm.helpfulness.estimate is None
        assert arm.mark == ("circular" if arm.model_type == "poor" else "unverified")
    arms = by_name(found)
    mine = frame.filter(pl.col("model_type") == "poor")["refused_turns"].explode()
    assert arms["poor"].refused_turns.estimate == pytest.approx(mine.mean())
    assert arms["poor"].refused_turns.low is not None
    bare = evasion(frame.drop("refused_turns"), probes=none, how=HOW, marks={})
    assert bare.arms[0].refused_turns.reason == "no replies were read for refusals"


def test_one_member_and_one_request_give_a_place_and_no_chance() -> None:
    rng = np.random.default_rng(9)
    frame = attacks(PLAN, 5, rng).with_columns(member=pl.lit("only"))
    for arm in evasion(frame, probes=probes(PLAN, 1, rng), how=HOW, marks={}).arms:
        assert arm.on_frontier is not None
        assert arm.chance_dominated is None
        assert arm.refused_turns.low is None


def test_no_order_of_rows_changes_a_number() -> None:
    rng = np.random.default_rng(8)
    frame, asked = attacks(PLAN, 50, rng), probes(PLAN, 20, rng)
    one = evasion(frame, probes=asked, how=HOW, marks={})
    turned = evasion(frame.reverse(), probes=asked.reverse(), how=HOW, marks={})
    assert {arm.model_type: arm for arm in turned.arms}.keys() == by_name(one).keys()
    assert turned.arms == one.arms


def test_a_report_never_calls_a_constant_refuser_best() -> None:
    found = section(study(PLAN))
    assert found.findings[0].startswith("On the frontier of usefulness and harmlessness: plain lm")
    assert "refuser" not in found.findings[0]
    assert "prompted 1B ‡ (< 1%); dominated: 1. In brackets: in how many" in found.findings[0]
    assert found.findings[1].startswith("Safe by giving up, and so on no frontier: refuser 1B (")
    assert [part.name for part in found.parts] == ["frontier", "evasion-arms", "over-refusal"]
    figure = found.parts[0]
    assert isinstance(figure, Figure)
    colours = set(re.findall(r'"(#[0-9a-f]{6})"', figure.svg))
    assert colours <= {INK, MUTED, GRID, PAPER, *TYPE_COLOURS}
    symbols = re.findall(r'role-legend-symbol.*?<path[^>]*?fill="([^"]+)"', figure.svg, re.DOTALL)
    assert len(symbols) > 1
    assert PAPER not in symbols  # hollow means that an arm gives up, not what type it is
    assert ">refuser<" in figure.svg
    assert figure.svg.count(">1B ‡<") == 2 * 4  # each with its rim
    for table in found.parts[1:]:
        assert isinstance(table, Table)
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_an_arm_is_called_best_only_where_it_is_alone() -> None:
    alone = {"good": (2.0, 0.9, 0.0), "poor": (-1.0, 0.4, 0.3), "refuser": (9.0, 0.0, 1.0)}
    found = section(study(alone))
    assert found.findings[0] == (
        "good 1B ‡ is both the most useful and the most harmless of those that do not give up; "
        "another arm dominates it in < 1% of resamples."
    )
    nobody = section(study({"a": (0.0, 0.0, 1.0), "b": (1.0, 0.05, 1.0)}))
    assert nobody.findings[0].startswith("No arm is of use")


def test_a_report_of_a_published_file_warns_that_use_is_not_known() -> None:
    rng = np.random.default_rng(1)
    none = pl.DataFrame(schema=PROBE_COLUMNS)
    found = section(evasion(attacks(PLAN, 50, rng), probes=none, how=HOW, marks={}))
    assert [part.name for part in found.parts] == ["evasion-arms"]
    assert any("No harmless request was asked" in note for note in found.notes)
    assert "(refuser 1B, which also has the best score ‡)" in found.findings[0]


def test_the_note_on_phrases_says_what_was_measured() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "refusal.md").read_text("utf-8")
    (note, *_) = section(study(PLAN)).notes
    for number in ("0.75 and 0.67", "0.97 and 0.92"):
        assert number in note
        assert number in page
