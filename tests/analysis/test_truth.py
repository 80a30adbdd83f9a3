"""Planted truth is found again, what is missing says why, and nothing is invented."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau
from sklearn.metrics import roc_auc_score

from gadfly.analysis.bootstrap import Bootstrap, bootstrap
from gadfly.analysis.figures.figure1 import figure1_csv
from gadfly.analysis.figures.truth import truth_svg
from gadfly.analysis.findings import agreement_sentence
from gadfly.analysis.report.tables import (
    agreement_table,
    doubts_table,
    terminal_truth,
    truth_table,
)
from gadfly.analysis.report.write import write_report
from gadfly.analysis.results import Mark, Results, results_json
from gadfly.analysis.sample import Draws, Sample
from gadfly.analysis.schema import SCHEMA
from gadfly.analysis.statistics.auc import AUC
from gadfly.analysis.statistics.exact_rate import exact_rate
from gadfly.analysis.statistics.protocol import Statistic
from gadfly.analysis.statistics.rank_correlation import RankCorrelation
from gadfly.analysis.truth import PROBE_COLUMNS, Truth
from gadfly.records.values import Arm
from tests.analysis.studies import SIZES, TYPES, attacks, planted, results

SVG = "{http://www.w3.org/2000/svg}"
SCORES = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), min_size=2, max_size=40)


def found(**options: object) -> Results:
    frame, truth = planted(**options)  # type: ignore[arg-type]
    return results(frame, truth=truth)


def circular(*kinds: str) -> dict[Arm, Mark]:
    return {
        Arm(model_type=kind, num_params=size): "circular" if kind in kinds else "independent"
        for kind in TYPES
        for size in SIZES
    }


@given(SCORES)
def test_the_rank_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    values, levels = (np.array(x) for x in zip(*sorted(pairs), strict=True))
    statistic = RankCorrelation(values.astype(float), levels)
    if statistic.missing(len(values)) is None:
        expected = kendalltau(values, levels).statistic
        assert statistic.estimate(values.astype(float)) == pytest.approx(expected)
    else:
        assert len(set(values)) == 1 or len(set(levels)) == 1


@given(SCORES)
def test_the_area_is_sklearns(pairs: list[tuple[int, int]]) -> None:
    values, levels = (np.array(x) for x in zip(*sorted(pairs), strict=True))
    statistic = AUC(values.astype(float), levels >= 3)
    if statistic.missing(len(values)) is None:
        expected = roc_auc_score(levels >= 3, -values)
        assert statistic.estimate(values.astype(float)) == pytest.approx(expected)
    else:
        assert len(set(levels >= 3)) == 1


def test_a_resample_counts_as_if_it_were_written_out() -> None:
    rng = np.random.default_rng(1)
    values, levels = np.sort(rng.integers(-4, 4, 30)).astype(float), rng.integers(0, 5, 30)
    sample = Sample(values, np.arange(30), 30)
    statistics: list[Statistic] = [RankCorrelation(values, levels), AUC(values, levels >= 3)]
    times = rng.integers(0, 3, 30)
    draws = Draws(sample, times[None, :])
    written, of = np.repeat(values, times), np.repeat(levels, times)
    tau, area = (float(s.resampler(sample)(draws)[0]) for s in statistics)
    assert tau == pytest.approx(kendalltau(written, of).statistic)
    assert area == pytest.approx(roc_auc_score(of >= 3, -written))
    both = bootstrap(sample, statistics, how=Bootstrap(ci="iid", resamples=300), seed=1)
    for estimate in both:
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low < estimate.high


def test_the_exact_interval_holds_its_level() -> None:
    assert exact_rate(0, 10, level=0.95).low == 0
    assert exact_rate(10, 10, level=0.95).high == 1
    rng, p, hits = np.random.default_rng(2), 0.1, 0
    for k in rng.binomial(40, p, 1000):
        made = exact_rate(int(k), 40, level=0.95)
        assert made.low is not None
        assert made.high is not None
        hits += made.low <= p <= made.high
    assert hits >= 950


def test_planted_harm_and_conduct_are_found_again() -> None:
    made = found(harm=(2.5, 2.0, 1.5, 2.0), evasion=(0.0, 0.1, 0.1, 0.5), n=400, requests=300)
    for arm in made.arms:
        assert arm.truth is not None
        place = TYPES.index(arm.model_type)
        assert arm.truth.harm.estimate == pytest.approx((2.5, 2.0, 1.5, 2.0)[place], abs=0.2)
        assert arm.truth.harm.n == 400
        evasion = arm.truth.evasion
        assert evasion.low is not None
        assert evasion.high is not None
        assert evasion.low <= (0.0, 0.1, 0.1, 0.5)[place] <= evasion.high
        assert evasion.n == 300
        helpful = arm.truth.helpfulness.estimate
        assert helpful == pytest.approx(0.75 * (1 - (evasion.estimate or 0)), abs=0.12)


def test_a_scorer_that_follows_the_truth_is_told_from_one_that_does_not() -> None:
    good, bad = found(blur=0.3).agreement, found(blur=30.0).agreement
    assert good is not None
    assert bad is not None
    assert good.rank_correlation.high is not None
    assert good.rank_correlation.high < -0.8
    assert good.auc.low is not None
    assert good.auc.low > 0.95
    assert bad.rank_correlation.low is not None
    assert bad.rank_correlation.high is not None
    assert bad.rank_correlation.low - 0.05 < 0 < bad.rank_correlation.high + 0.05
    assert good.scorer_check.estimate == pytest.approx(0.9, abs=0.05)
    assert good.scorer_check.n == 300
    (check,) = good.model_checks
    assert (check.name, check.version, check.right.n) == ("filter", "1", 100)
    assert check.right.estimate == pytest.approx(0.9, abs=0.1)


def test_over_optimisation_is_seen_and_counted() -> None:
    """RLHF is scored as the safest and is in truth no safer than prompted."""
    frame, truth = planted(harm=(2.5, 1.5, 1.0, 1.8), bias=(0, 0, 0, 2.5), n=150)
    made = results(frame, truth=truth, marks=circular("rlhf"))
    assert made.agreement is not None
    wrong = made.agreement.wrong_pairs
    clear = [pair for pair in wrong if pair.clear]
    assert len(clear) >= 3
    assert {pair.safer_by_score.rsplit(" ", 1)[0] for pair in clear} == {"rlhf"}
    sentence = agreement_sentence(made)
    assert f"put {len(wrong):,} in the wrong order" in sentence
    assert "flatters an arm that it shaped (†)" in sentence
    fair = found(harm=(3.0, 2.0, 1.0, 0.3), sizes=("1B",), n=200)
    assert fair.agreement is not None
    assert fair.agreement.wrong_pairs == ()
    assert "all 6 pairs" in agreement_sentence(fair)


def test_a_refuser_is_found() -> None:
    made = found(evasion=(0.0, 0.0, 0.0, 0.6))
    (sentence,) = (s for s in made.findings if "Harmless requests" in s)
    assert "evaded by rlhf: " in sentence
    assert not any("Harmless" in s for s in found(evasion=(0.1, 0.1, 0.1, 0.1)).findings)


def test_arms_without_truth_say_why() -> None:
    frame, truth = planted(sizes=("1B",))
    real = Arm(model_type="rlhf", num_params="1B")
    mine = pl.col("model_type") == "rlhf"
    frame = frame.with_columns(
        pl.when(mine).then(None).otherwise(pl.col("true_harm")).alias("true_harm")
    )
    probes = truth.probes.with_columns(
        pl.when(mine).then(None).otherwise(pl.col("helpfulness")).alias("helpfulness")
    )
    reasons = {"harm": "nobody knows", "helpfulness": "nobody knows that"}
    given = Truth(probes=probes, missing={real: reasons})
    made = results(frame, truth=given)
    arm = next(arm for arm in made.arms if arm.model_type == "rlhf")
    assert arm.truth is not None
    assert arm.truth.harm.estimate is None
    assert arm.truth.harm.reason == arm.truth.success_rate.reason == "nobody knows"
    assert arm.truth.helpfulness.reason == "nobody knows that"
    assert arm.truth.evasion.estimate is not None
    assert made.agreement is not None
    assert made.agreement.arm_pairs == 3
    assert made.agreement.scorer_check.estimate is None
    assert made.agreement.scorer_check.reason == "no turn had two replies of different true harm"
    why = [row[2].text for row in doubts_table(made).rows]
    assert "nobody knows" in why
    assert "no turn had two replies of different true harm" in why


@pytest.mark.parametrize("ci", ["cluster", "iid"])
@pytest.mark.parametrize(
    "change",
    [
        {"true_harm": pl.lit(None, pl.Float64)},
        {"true_harm": pl.lit(0.0)},
        {"true_harm": pl.lit(4.0)},
        {"min_harmlessness": pl.lit(1.0)},
        {"min_harmlessness": pl.lit(None, pl.Float64), "outcome": pl.lit("judge_error")},
        {"member": pl.lit("the only one")},
    ],
)
def test_odd_truths_have_a_report(tmp_path: Path, change: dict[str, pl.Expr], ci: str) -> None:
    frame, _ = planted(sizes=("1B",), n=12)
    frame = frame.with_columns(**change)
    empty = Truth(probes=pl.DataFrame(schema=PROBE_COLUMNS))
    made = results(frame, truth=empty, ci=ci)
    text = results_json(made)
    assert b"NaN" not in text
    assert Results.model_validate_json(text) == made
    files = write_report(made, tmp_path)
    for path in (files.html, files.markdown, *files.figures):
        assert not re.search(r"\bnan\b", path.read_text(encoding="utf-8"), re.IGNORECASE)
    if frame["true_harm"].count() == 0:
        assert made.agreement is None
        assert "truth-figure.svg" not in {path.name for path in files.figures}


def test_a_study_without_truth_has_no_such_section(tmp_path: Path) -> None:
    made = results(attacks())
    assert made.agreement is None
    assert all(arm.truth is None for arm in made.arms)
    assert truth_table(made) is None
    assert terminal_truth(made) is None
    assert agreement_table(made) is None
    frame, truth = planted(bias=(0, 0, 0, 2.5), harm=(2.5, 1.5, 1.0, 1.8))
    earlier = write_report(results(frame, truth=truth), tmp_path)
    assert "truth-figure.svg" in {path.name for path in earlier.figures}
    (tmp_path / "mine.svg").write_text("of the reader")
    files = write_report(made, tmp_path)
    assert "the true" not in files.html.read_text(encoding="utf-8")
    assert "True harm" not in files.markdown.read_text(encoding="utf-8")
    names = {path.name for path in files.figures}
    assert "truth-figure.svg" not in names
    assert {path.name for path in tmp_path.glob("*.svg")} == names | {"mine.svg"}


def test_the_report_shows_it(tmp_path: Path) -> None:
    frame, truth = planted(bias=(0, 0, 0, 2.5), harm=(2.5, 1.5, 1.0, 1.8))
    made = results(frame, truth=truth, marks=circular("rlhf"))
    files = write_report(made, tmp_path)
    for path in (files.html, files.markdown):
        text = path.read_text(encoding="utf-8")
        for words in (
            "beside the true",
            "True harm",
            "Helpfulness",
            "Evasion",
            "in the wrong order",
        ):
            assert words in text, (path, words)
    table = terminal_truth(made)
    assert table is not None
    assert [len(row) for row in table.rows] == [5] * len(made.arms)
    shown = [
        "".join(n.itertext()) for n in ET.parse(tmp_path / "truth-figure.svg").iter(f"{SVG}text")
    ]
    for words in ("True harm", "Helpfulness", "Evasion", "Measured against true"):
        assert words in shown
    rows = list(csv.DictReader(io.StringIO(figure1_csv(made, truth=True))))
    assert sum(row["statistic"] == "truth.evasion" for row in rows) == len(made.arms)
    assert "truth" not in figure1_csv(made)
    schema = orjson.loads(SCHEMA.read_bytes())
    assert "ArmTruth" in schema["$defs"]


def test_only_the_panels_that_hold_something_are_drawn() -> None:
    frame, truth = planted()
    bare = truth.probes.with_columns(pl.lit(None, pl.Float64).alias("helpfulness"))
    made = results(
        frame.with_columns(pl.lit(None, pl.Float64).alias("true_harm")),
        truth=Truth(probes=bare),
    )
    svg = truth_svg(made)
    assert svg is not None
    shown = ["".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text")]
    assert "Evasion" in shown
    assert "True harm" not in shown
    assert "Measured against true" not in shown


def test_the_order_of_rows_changes_nothing() -> None:
    frame, truth = planted(sizes=("1B",))
    mixed = Truth(
        probes=truth.probes.sample(fraction=1, shuffle=True, seed=1),
        pairs=truth.pairs.sample(fraction=1, shuffle=True, seed=1),
    )
    a = results(frame, truth=truth)
    other = frame.sample(fraction=1, shuffle=True, seed=2)
    b = results(other, truth=mixed)
    assert a.agreement == b.agreement
    assert {arm.name: arm.truth for arm in a.arms} == {arm.name: arm.truth for arm in b.arms}
