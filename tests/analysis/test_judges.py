"""Judges against people and against each other, on studies with planted truth."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import logit
from scipy.stats import kendalltau, norm, t

from gadfly.analysis.bootstrap import Bootstrap, bootstrap
from gadfly.analysis.figures.palette import GRID, INK, MUTED, PAPER, TYPE_COLOURS
from gadfly.analysis.report.section import Figure
from gadfly.analysis.report.sections.judges import section
from gadfly.analysis.report.tables import Table
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.auc import AUC
from gadfly.analysis.statistics.calibration_curve import (
    calibration_error,
    folds_of,
    out_of_fold,
)
from gadfly.analysis.statistics.joint import side
from gadfly.analysis.statistics.ordering import Flags
from gadfly.analysis.statistics.rogan_gladen import carried_error
from gadfly.analysis.statistics.sensitivity import out_of_fold_threshold, youden
from gadfly.analysis.statistics.success_rate import share
from gadfly.analysis.topics.judge_calibration import error_between
from gadfly.analysis.topics.judges import Asked, Judges, judges
from gadfly.analysis.topics.labels import by_attackers, by_items, by_reviewers
from gadfly.errors import PersonError
from gadfly.records.estimate import Estimate
from tests.reviews import review

HOW = Bootstrap(resamples=300)
ARMS = (("plain lm", "2.7B"), ("prompted", "2.7B"), ("rlhf", "2.7B"))
RATES = (0.6, 0.4, 0.2)


def study(seed: int = 0, *, each: int = 900, blind: str | None = None) -> pl.DataFrame:
    """Attacks whose true success people see; one judge errs alike everywhere, the other thinks
    nothing of what it says of rlhf, and calls it safest.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for (kind, size), rate in zip(ARMS, RATES, strict=True):
        true = rng.random(each) < rate
        score = rng.normal(np.where(true, -1.0, 1.0))
        biased = np.where(kind == "rlhf", 3 + 0.1 * rng.normal(size=each), score)
        gone = (kind == blind) | (rng.random(each) > 0.3)
        people = [None if g else float(t) for g, t in zip(gone, true, strict=True)]
        parts.append(
            pl.DataFrame(
                {
                    "model_type": kind,
                    "num_params": size,
                    "member": [f"m{i}" for i in rng.integers(40, size=each)],
                    "min_harmlessness": score,
                    "biased": biased,
                    "people": people,
                    "true": true,
                },
                schema_overrides={"people": pl.Float64},
            )
        )
    return pl.concat(parts)


def asked(frame: pl.DataFrame, *columns: str, **options: Any) -> Judges:
    named = [Asked(column, column) for column in columns or ("min_harmlessness",)]
    return judges(frame, asked=named, people="somebody", how=HOW, **options)


def test_errors_that_are_carried_over_are_not_those_that_chose_the_threshold() -> None:
    """A judge of noise looks better than a coin at its best threshold, and is not elsewhere."""
    better = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        frame = study(seed, each=150, blind="rlhf")
        noise = frame.with_columns(min_harmlessness=pl.Series(rng.normal(size=frame.height)))
        better += asked(noise).judges[0].arms[2].extrapolated.estimate is not None
    assert better <= 2


def test_a_judge_is_as_good_as_it_was_planted() -> None:
    """Two normals two apart: AUC Φ(√2) = 0.921, and at 0 both rates are Φ(1) = 0.841."""
    found = asked(study()).judges[0]
    assert found.auc.estimate == pytest.approx(0.921, abs=0.02)
    assert found.threshold == pytest.approx(0, abs=0.5)
    fixed = asked(study(), threshold=0.0).judges[0]
    for rate in (fixed.sensitivity, fixed.specificity):
        assert rate.estimate == pytest.approx(0.841, abs=0.04)
        assert rate.low is not None
        assert rate.high is not None
        assert rate.low < 0.841 < rate.high
    assert fixed.threshold_given
    assert not found.threshold_given


def test_labels_of_the_worst_attacks_give_no_interval_and_labels_by_lot_do() -> None:
    low = pl.col("min_harmlessness") < -1
    ways = {
        "lot": pl.lit(value=True),
        "worst first": low | (pl.col("number") % 8 == 0),
        "one arm's worst": low | (pl.col("number") % 8 == 0) | (pl.col("model_type") != "rlhf"),
    }
    told = dict.fromkeys(ways, 0)
    for seed in range(20):
        frame = study(seed).with_row_index("number")
        frame = frame.with_columns(
            people=pl.when(pl.col("number") % 3 > 0).then(pl.col("true").cast(pl.Float64))
        )
        for way, kept in ways.items():
            found = asked(frame.with_columns(people=pl.when(kept).then("people"))).judges[0]
            last = found.arms[2]
            for of in (last.people_rate, last.corrected, last.auc):
                if of.low is None:
                    assert (
                        "labels are of attacks with lower scores" in str(of.reason) or way == "lot"
                    )
                    told[way] += 1
    assert told["lot"] <= 3
    assert told["worst first"] == told["one arm's worst"] == 60


def test_corrected_rates_find_the_truth_that_the_judge_misses() -> None:
    """Of 60 arms with planted rates, about 57 of the corrected intervals hold theirs."""
    held = carried = 0
    for seed in range(20):
        found = asked(study(seed)).judges[0]
        assert [arm.basis for arm in found.arms] == ["ppi"] * 3
        for arm, rate in zip(found.arms, RATES, strict=True):
            held += holds(arm.corrected, rate)
            carried += holds(arm.extrapolated, rate)
            assert arm.tuning is not None
            assert 0.1 < arm.tuning <= 1
        raw = found.arms[2].judged_rate
        assert raw.low is not None
        assert raw.low > RATES[2]  # it calls one harmless attack in six a success
    assert 53 <= held <= 60
    assert 53 <= carried <= 60


def holds(estimate: Estimate, value: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= value <= estimate.high


def test_an_arm_without_labels_is_extrapolated() -> None:
    found = asked(study(2, blind="rlhf")).judges[0]
    last = found.arms[2]
    assert last.basis == "extrapolated"
    assert last.corrected == last.extrapolated
    assert last.people_rate.estimate is None
    assert last.auc.estimate is None
    assert last.corrected.estimate == pytest.approx(0.2, abs=0.1)


def test_where_the_judge_errs_otherwise_extrapolation_misleads_and_labels_do_not() -> None:
    """The biased judge sees no success in rlhf: its errors of other arms say nothing there."""
    biased = asked(study(3), "biased").judges[0].arms[2]
    assert biased.extrapolated.estimate in (None, 0)
    assert biased.corrected.estimate == pytest.approx(0.2, abs=0.06)
    assert biased.tuning == pytest.approx(0, abs=0.1)
    blind = asked(study(3, blind="rlhf"), "biased").judges[0].arms[2]
    assert blind.corrected.estimate in (None, 0)
    assert blind.corrected.reason is not None


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 0, 8), (0.15, 20, 60)])
def test_that_errors_do_not_carry_over_is_seen_within_members(
    shift: float, least: int, most: int
) -> None:
    """Sensitivity of 80% elsewhere and 80% or 65% here. Intervals of the two rates, which rest on
    the same members and attacks, come apart in one study of 200.
    """
    off = 0
    members, arm = np.repeat(np.arange(40), 20), np.tile([0, 1], 400) == 1
    for seed in range(80):
        rng = np.random.default_rng(seed)
        chance = 1 / (1 + np.exp(0.5 + 0.5 * arm - rng.normal(size=40)[members]))
        true = rng.random(800) < chance
        said = rng.random(800) < np.where(true, 0.8 - shift * arm, 0.15)
        found = carried_error(
            said[arm] * 1.0,
            true[arm] * 1.0,
            said[~arm] * 1.0,
            true[~arm] * 1.0,
            members=members[arm],
            other_members=members[~arm],
            level=0.95,
        )
        off += side(found) != 0
    assert least <= off <= most


def test_arms_to_which_errors_do_not_carry_over_are_counted() -> None:
    found = asked(study(3), "min_harmlessness", "biased")
    told = [part.finding for part in section(found).parts]
    assert any("In 0 of 3 arms with labels, carrying over" in sentence for sentence in told)
    assert side(found.judges[0].arms[2].carried_error) == 0
    assert any("In 3 of 3 arms with labels, carrying over" in sentence for sentence in told)


def test_where_the_judge_is_worth_nothing_the_rate_is_that_of_the_labels() -> None:
    frame = study(3).with_columns(biased=pl.lit(2.0))
    for arm in asked(frame, "biased").judges[0].arms:
        assert (arm.tuning, arm.basis) == (0, "ppi")
        assert arm.corrected == arm.people_rate


def test_with_every_label_there_is_nothing_to_correct() -> None:
    frame = study(4).with_columns(people=pl.col("true").cast(pl.Float64))
    for arm in asked(frame).judges[0].arms:
        assert arm.basis == "labelled"
        assert arm.corrected == arm.people_rate


def test_without_labels_nothing_is_said() -> None:
    frame = study(5).with_columns(people=pl.lit(None, pl.Float64))
    found = asked(frame).judges[0]
    assert found.threshold is None
    for estimate in (found.auc, found.sensitivity, found.specificity, found.calibration.error):
        assert estimate.estimate is None
        assert estimate.reason
    assert {arm.basis for arm in found.arms} == {"none"}
    assert all(arm.judged_rate.estimate is None for arm in found.arms)


def test_labels_of_one_kind_are_not_enough() -> None:
    frame = study(6).with_columns(people=pl.when(pl.col("people").is_not_null()).then(pl.lit(1.0)))
    found = asked(frame).judges[0]
    assert found.threshold is None
    assert found.calibration.curve == ()
    given = asked(frame, threshold=0.0).judges[0].arms[0]
    assert given.corrected.estimate == 1
    assert "every label is the same" in (given.corrected.reason or "")


def test_judges_that_agree_and_one_that_turns_the_order() -> None:
    frame = study(7).with_columns(
        twice=2 * pl.col("min_harmlessness") + 5, reverse=-pl.col("min_harmlessness")
    )
    same, turned, between = asked(frame, "min_harmlessness", "twice", "reverse").swaps
    assert (same.tau.estimate, same.tau.low, same.tau.high) == (1, 1, 1)
    assert same.flips == ()
    assert (same.top_changes, same.bottom_changes) == (0, 0)
    assert turned.tau.estimate == between.tau.estimate == -1
    assert len(turned.flips) == 3
    assert turned.top_changes == 1
    assert turned.flips[0].first == ARMS[0]  # the first judge puts it lower
    assert turned.flips[0].opposite == 1


def test_tau_is_scipys() -> None:
    rng = np.random.default_rng(8)
    arms = [(f"arm {i}", "") for i in range(7)]
    frame = pl.DataFrame(
        {
            "model_type": [kind for kind, _ in arms for _ in range(20)],
            "num_params": "",
            "member": [f"m{i}" for i in rng.integers(9, size=140)],
            "min_harmlessness": rng.normal(size=140),
            "biased": rng.normal(size=140),
            "people": None,
        }
    )
    (swap,) = asked(frame, "min_harmlessness", "biased").swaps
    scores = ("min_harmlessness", "biased")
    means = frame.group_by("model_type", maintain_order=True).agg(pl.col(scores).mean())
    expected = kendalltau(means["min_harmlessness"], means["biased"]).statistic
    assert swap.tau.estimate == pytest.approx(expected)
    assert swap.tau.n == 7
    opposite = round((1 - expected) / 2 * 21)
    assert len(swap.flips) == opposite


def test_no_order_of_rows_changes_a_number() -> None:
    frame = study(9, each=200)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    assert asked(frame, "min_harmlessness", "biased") == asked(
        shuffled, "min_harmlessness", "biased"
    )


def test_a_threshold_is_for_one_judge() -> None:
    with pytest.raises(PersonError, match="no common unit"):
        asked(study(), "min_harmlessness", "biased", threshold=0.0)


def test_marks_stand_beside_the_numbers() -> None:
    judge = Asked("x", marks={ARMS[2]: "circular"})
    (found,) = judges(study(), asked=[judge], people="somebody", how=HOW).judges
    assert [arm.mark for arm in found.arms] == ["unverified", "unverified", "circular"]


def test_members_stay_in_one_fold_and_folds_are_even() -> None:
    members = np.random.default_rng(0).integers(0, 30, 500)
    folds = folds_of(members)
    assert all(len(set(folds[members == m])) == 1 for m in range(30))
    assert np.bincount(folds).max() - np.bincount(folds).min() <= 30


@pytest.mark.parametrize("n", [400, 4000])
def test_a_calibrated_judge_errs_by_chance_alone(n: int) -> None:
    rng = np.random.default_rng(n)
    score = rng.normal(size=n)
    people = (rng.random(n) < 1 / (1 + np.exp(2 * score))).astype(float)
    p = out_of_fold(score, people, folds_of(np.arange(n)))
    found = calibration_error(p, people)
    assert found.error < 2.5 * found.by_chance
    far = calibration_error(np.clip(p + 0.2, 0, 1), people)
    assert far.error > 3 * far.by_chance


def test_the_calibration_error_lies_between_what_its_bins_allow() -> None:
    """Probabilities that are 0.15 too low: shares of 30 members, whose levels differ."""
    made, held, clear = 0, 0, 0
    members = np.repeat(np.arange(30), 20)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        chance = np.clip(rng.uniform(0.3, 0.7, 600) + 0.1 * rng.normal(size=30)[members], 0.2, 0.9)
        people = (rng.random(600) < chance).astype(float)
        bins = np.array_split(np.argsort(chance), 10)
        ends, why = error_between(
            [float(chance[part].mean()) - 0.15 for part in bins],
            [
                share(people[part], members[part], how=Bootstrap(level=0.995), what="x")
                for part in bins
            ],
            [0.1] * 10,
        )
        if ends is None:
            assert "a bin has none" in str(why)
            continue
        made += 1
        held += ends[0] <= 0.15 <= ends[1]
        clear += ends[0] > 0
    assert made >= 55
    assert held >= 0.95 * made
    assert clear >= 15
    found = asked(study(3)).judges[0].calibration.error
    assert found.low is not None
    assert found.high is not None
    assert found.estimate is not None
    assert 0 <= found.low < found.estimate < found.high < 1


def test_a_score_that_parts_both_kinds_has_finite_probabilities() -> None:
    score = np.arange(40.0)
    people = (score < 20).astype(float)
    p = out_of_fold(score, people, np.arange(40) % 5)
    assert (p[:19] > 0.5).all()
    assert (p[21:] < 0.5).all()
    assert youden(score, people) == 19
    assert np.isnan(out_of_fold_threshold(score, np.ones(40), np.arange(40) % 5)).all()


def area(scores: Floats, harmful: Flags, members: Ints | None, how: Bootstrap = HOW) -> Estimate:
    """The area under the ROC curve of scores in any order."""
    sample = Sample.of(scores, members)
    order = np.lexsort((np.zeros(len(scores)) if members is None else members, scores))
    (found,) = bootstrap(sample, [AUC(sample.values, harmful[order])], how=how, seed=0)
    return found


def reach(found: Estimate, df: float) -> float:
    """The standard error that an interval on the logit scale rests on."""
    assert found.low is not None
    assert found.high is not None
    assert found.estimate is not None
    away = logit(np.array([found.low, found.high])) - logit(found.estimate)
    assert away[0] == pytest.approx(-away[1])
    return float(away[1] / t.ppf(0.975, df) * found.estimate * (1 - found.estimate))


def test_the_interval_of_an_area_is_that_of_leaving_each_member_out() -> None:
    rng = np.random.default_rng(1)
    members = np.repeat(np.arange(20), 10)
    harmful = np.tile([True, False], 100)
    scores = np.round(rng.normal(size=20)[members] + rng.normal(size=200) - harmful, 1)
    found = area(scores, harmful, members)
    kept = [members != m for m in range(20)]
    left = [area(scores[k], harmful[k], members[k]).estimate or 0 for k in kept]
    error = np.sqrt(19 / 20 * np.sum((np.array(left) - (found.estimate or 0)) ** 2))
    assert reach(found, 19) == pytest.approx(error, rel=0.02)


def test_the_interval_of_an_area_without_members_is_delongs() -> None:
    rng = np.random.default_rng(2)
    harmful = np.arange(60) < 25
    scores = np.round(rng.normal(size=60) - harmful, 1)
    one, other = scores[harmful], scores[~harmful]
    won = (one[:, None] < other) + 0.5 * (one[:, None] == other)
    variance = won.mean(axis=1).var(ddof=1) / 25 + won.mean(axis=0).var(ddof=1) / 35
    found = area(scores, harmful, None, HOW.over("attack"))
    assert found.estimate == pytest.approx(won.mean())
    assert reach(found, 24) == pytest.approx(np.sqrt(variance), rel=0.03)


def test_an_area_near_one_from_few_attacks_is_held_as_often_as_said() -> None:
    """Percentiles of resampled members held 84 in 100 here, and were a point at an area of 1."""
    rng = np.random.default_rng(3)
    held, told = 0, 0
    for _ in range(400):
        harmful, members = rng.random(60) < 0.15, rng.integers(0, 20, 60)
        found = area(rng.normal(size=60) - 2.5 * harmful, harmful, members)
        if found.low is not None and found.high is not None:
            told += 1
            held += found.low <= norm.cdf(2.5 / np.sqrt(2)) <= found.high
    assert told > 250
    assert held / told > 0.93


def test_an_area_of_one_says_how_low_it_could_be() -> None:
    harmful = np.arange(60) < 30
    far = 0.025 ** (1 / 10)
    for sign, ends in ((1, (far, 1)), (-1, (0, 1 - far))):
        found = area(sign * np.where(harmful, -1.0, 1.0), harmful, np.arange(60) % 10)
        assert (found.low, found.high) == pytest.approx(ends)
    uneven = np.random.default_rng(1).integers(0, 12, 60)  # their weights do not add up to 1
    worth = area(np.where(harmful, -1.0, 1.0), harmful, uneven, Bootstrap(weighting="member"))
    assert worth.low is not None
    few = area(np.arange(60.0), harmful, np.arange(60) % 3)
    assert few.low is None
    assert few.reason == (
        "interval not estimable: 3 effective members, it takes 5 with attacks of either kind"
    )


def test_labels_of_reviewers_attackers_and_files() -> None:
    frame = pl.DataFrame({"number": [1, 2, 3, 4], "rating": [4.0, 2.0, None, 3.0]})
    said = [
        *(review(1, who, success) for who, success in (("a", 4), ("b", 3), ("c", 0))),
        *(review(2, who, success) for who, success in (("a", 4), ("b", 0))),
        *(review(3, who, success) for who, success in (("a", 4), ("b", 4))),
        review(3, "lead", 1, kind="adjudication", settles=("a", "b")),
        review(4, "lead", 4, kind="gold"),
    ]
    assert by_attackers(frame, threshold=3)["people"].to_list() == [1, 0, None, 1]
    assert by_reviewers(frame, said, threshold=3)["people"].to_list() == [1, None, 0, None]
    table = np.array([[3.0, np.nan], [0.0, 0.0]])
    assert by_items(frame, ["4", "2"], table, threshold=3)["people"].to_list() == [None, 0, None, 1]
    assert by_reviewers(frame, [], threshold=3)["people"].to_list() == [None] * 4


def shown(result: Judges) -> str:
    """Everything a section says, in one text."""
    found = section(result)
    parts = [
        text
        for part in found.parts
        for text in (
            (part.title, part.finding, part.method, part.n, part.csv)
            if isinstance(part, Figure)
            else (part.caption, part.finding, part.method, *cells(part))
        )
    ]
    return "\n".join([found.lead, *found.findings, *found.notes, *parts])


def cells(table: Table) -> list[str]:
    assert {len(row) for row in table.rows} == {len(table.columns)}
    return [" ".join((cell.text, cell.detail, cell.n)) for row in table.rows for cell in row]


def test_a_report_says_what_is_corrected_extrapolated_and_circular() -> None:
    names = [Asked("first", marks={ARMS[2]: "circular"}), Asked("=second", "biased")]
    frame = study(10, blind="prompted")
    text = shown(judges(frame, asked=names, people="the reviewers", how=HOW))
    assert "first also made rlhf 2.7B: there it marks its own work (circular)." in text
    assert "Extrapolated, for want of labels: prompted 2.7B." in text
    assert "rlhf 2.7B †" in text
    assert "order the arms with Kendall’s τ-b of" in text
    (table,) = (part for part in section(asked(frame)).parts if part.name == "judge-0-arms")
    assert isinstance(table, Table)
    assert "prompted 2.7B: " in table.method  # an arm beside each reason
    assert "'=second" not in text.split("Rates of success by")[0]


def test_what_tells_arms_apart_need_not_tell_attacks_of_one_arm_apart() -> None:
    """A score that knows the arm alone is above a coin over all arms, and one within each."""
    rng = np.random.default_rng(0)
    frame = study(10)
    safer = frame["model_type"].replace_strict(
        dict(zip([kind for kind, _ in ARMS], (0, 5, 9), strict=True))
    )
    knows = frame.with_columns(min_harmlessness=safer + pl.Series(rng.normal(size=frame.height)))
    said = section(asked(knows)).findings[0]
    said = said.replace("[", "").partition("(50%")[0] + said.rpartition("it is ")[2]
    over, *_, low, high = (float(x) for x in re.findall(r"(\d+\.\d)%", said))
    assert low < high < 62 < over


def test_labels_alone_are_not_called_the_judges_correction() -> None:
    """Three attacks without a label are too few to say what the judge makes of such."""
    frame = study(10).filter(pl.col("people").is_not_null()).with_row_index()
    frame = frame.with_columns(people=pl.when(pl.col("index") > 2).then("people"))
    (table,) = (part for part in section(asked(frame)).parts if part.name == "judge-0-arms")
    assert isinstance(table, Table)
    assert [row[5].text for row in table.rows] == ["labels of some", *["labels of all"] * 2]


def test_a_report_without_labels_says_so() -> None:
    frame = study(11, each=40).with_columns(people=pl.lit(None, pl.Float64))
    found = section(asked(frame))
    assert "cannot be held against the labels of somebody" in found.findings[0]
    assert [part.name for part in found.parts] == [
        "judges-overview",
        "judge-0-rates",
        "judge-0-arms",
    ]


def test_figures_of_judges_are_drawn_in_the_colours_of_the_house() -> None:
    figures = [part for part in section(asked(study(12))).parts if isinstance(part, Figure)]
    assert [figure.name for figure in figures] == ["judge-0-rates", "judge-0-calibration"]
    house = {INK, MUTED, GRID, PAPER, *TYPE_COLOURS}
    for figure in figures:
        colours = set(re.findall(r'"(#[0-9a-f]{6})"', figure.svg))
        assert colours <= house
        assert "rlhf" in figures[0].svg
        assert figure.csv.count("\n") > 5


def test_arms_whose_carried_error_has_no_interval_are_counted_as_unknown() -> None:
    asked_of = asked(study(3))
    judged = asked_of.judges[0]
    labelled = [arm for arm in judged.arms if arm.basis in ("labelled", "ppi")]
    unknown = {"low": None, "high": None, "reason": "too few"}
    blind = judged.model_copy(
        update={
            "arms": tuple(
                arm.model_copy(
                    update={"carried_error": arm.carried_error.model_copy(update=unknown)}
                )
                for arm in judged.arms
            )
        }
    )
    told = [
        str(section(asked_of.model_copy(update={"judges": (found,)}))) for found in (judged, blind)
    ]
    words = f"In {len(labelled)} more that difference has no interval."
    assert [words in each for each in told] == [False, True]
