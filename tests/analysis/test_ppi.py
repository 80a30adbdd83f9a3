"""Rates corrected for a judge's errors: against ppi-python, an example of the books, and planted
truth.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.ppi import cut, prediction_powered
from gadfly.analysis.statistics.rogan_gladen import rogan_gladen
from gadfly.records.estimate import Estimate

REFERENCE = json.loads((Path(__file__).parent / "ppi_reference.json").read_text())


@pytest.mark.parametrize(("case", "tuning", "value", "low", "high"), REFERENCE)
def test_it_equals_ppi_python(
    case: list[float], tuning: float | None, value: float, low: float, high: float
) -> None:
    seed, n, others, skill, rate = int(case[0]), int(case[1]), int(case[2]), case[3], case[4]
    rng = np.random.default_rng(seed)
    people = (rng.random(n + others) < rate).astype(float)
    judge = np.where(rng.random(n + others) < skill, people, 1 - people)
    people[n:] = np.nan
    found = prediction_powered(people, judge, members=None, level=0.95, tuning=tuning).estimate
    assert found.estimate == pytest.approx(value, abs=1e-9)
    if people[:n].sum() < 10:  # outside of the regime: too few labels of one kind
        assert found.low is None
        assert "labels of the rarer kind" in str(found.reason)
    else:
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_most_cases_of_the_reference_have_an_interval() -> None:
    judged = [
        int(
            (np.random.default_rng(int(case[0])).random(int(case[1] + case[2])) < case[4])[
                : int(case[1])
            ].sum()
        )
        for case, *_ in REFERENCE
    ]
    assert sum(labels >= 10 for labels in judged) >= 6


def study(
    seed: int, *, labelled: float, members: int = 30, each: int = 40
) -> tuple[Floats, Floats, Floats, Ints]:
    """People's verdicts, the same with gaps, the judge's, and members who differ in both."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(members), each)
    rate = rng.beta(2, 3, members)
    people = (rng.random(len(who)) < rate[who]).astype(float)
    wrong = np.where(people == 1, 0.2, 0.1) + 0.1 * rng.standard_normal(members)[who]
    judge = np.where(rng.random(len(who)) < wrong, 1 - people, people)
    gaps = np.where(rng.random(len(who)) < labelled, people, np.nan)
    return people, gaps, judge, who


def test_members_who_attack_once_count_as_attacks_do() -> None:
    """But for M / (M - 1), the estimated tuning and Student's t it is the same number."""
    _, gaps, judge, _ = study(1, labelled=0.3)
    alone = prediction_powered(gaps, judge, members=None, level=0.95, tuning=0.7).estimate
    each = prediction_powered(
        gaps, judge, members=np.arange(len(gaps)), level=0.95, tuning=0.7
    ).estimate
    assert each.estimate == alone.estimate
    assert alone.low is not None
    assert each.low is not None
    assert each.low == pytest.approx(alone.low, abs=0.002)


def test_a_members_attacks_go_together() -> None:
    _, gaps, judge, who = study(2, labelled=0.3)
    alone = prediction_powered(gaps, judge, members=None, level=0.95).estimate
    together = prediction_powered(gaps, judge, members=who, level=0.95).estimate
    assert width(together) > 1.2 * width(alone)


def width(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low


def test_the_truth_is_found_where_the_judge_alone_is_wrong() -> None:
    """Of 200 studies with a planted rate, about 95% of the intervals hold it; the judge's own rate
    is far off, and the labels alone are less sure.
    """
    held, narrower, off = 0, 0, []
    for seed in range(200):
        _, gaps, judge, who = study(seed, labelled=0.15)
        found = prediction_powered(gaps, judge, members=who, level=0.95)
        plain = prediction_powered(gaps, judge, members=who, level=0.95, tuning=0.0)
        assert found.estimate.low is not None
        assert found.estimate.high is not None
        held += found.estimate.low <= 0.4 <= found.estimate.high  # beta(2, 3) has mean 0.4
        narrower += width(found.estimate) < width(plain.estimate)
        off.append(judge.mean() - 0.4)
    assert 180 <= held <= 199
    assert narrower > 150
    assert abs(np.mean(off)) < 0.05


@given(st.integers(0, 10**6))
def test_a_judge_of_no_use_costs_nothing(seed: int) -> None:
    _, gaps, _, who = study(seed, labelled=0.3, members=8, each=10)
    if np.isfinite(gaps).sum() < 2:
        return
    constant = prediction_powered(gaps, np.ones(len(gaps)), members=who, level=0.95)
    assert constant.tuning == 0
    assert constant.estimate.estimate == pytest.approx(np.nanmean(gaps))


def test_swapping_the_labels_mirrors_the_rate() -> None:
    _, gaps, judge, who = study(3, labelled=0.3)
    one = prediction_powered(gaps, judge, members=who, level=0.95).estimate
    other = prediction_powered(1 - gaps, 1 - judge, members=who, level=0.95).estimate
    assert other.estimate is not None
    assert other.high is not None
    assert one.estimate == pytest.approx(1 - other.estimate)
    assert one.low == pytest.approx(1 - other.high)


def test_what_cannot_be_said_is_not_said() -> None:
    judge, who = np.array([1.0, 0.0, 1.0]), np.arange(3)
    none = prediction_powered(np.full(3, np.nan), judge, members=who, level=0.95).estimate
    assert (none.estimate, none.reason) == (None, "no attack has a human label")
    one = prediction_powered(np.array([1.0, np.nan, np.nan]), judge, members=who, level=0.95)
    assert one.estimate.reason == "only 1 attack has a human label"
    same = prediction_powered(np.array([1.0, 1.0, np.nan]), judge, members=None, level=0.95)
    assert same.estimate.low is None
    assert same.estimate.reason == "no interval: every label is the same"


def test_few_members_give_a_rate_without_an_interval() -> None:
    people, gaps, judge, who = study(4, labelled=0.3, members=6)
    found = prediction_powered(gaps, judge, members=who, level=0.95).estimate
    assert found.estimate is not None
    assert found.low is None
    assert "interval not estimable: members with labels count as" in (found.reason or "")
    here = who < 3
    carried = rogan_gladen(
        judge[here],
        judge[~here],
        people[~here],
        members=who[here],
        other_members=who[~here],
        level=0.95,
    )
    assert carried.low is None
    assert "it takes 5" in (carried.reason or "")


def test_a_rate_outside_of_0_and_1_is_cut_and_says_so() -> None:
    told = {"level": 0.95, "n": 9, "method": "x"}
    inside = Estimate(estimate=0.02, low=-0.1, high=0.2, level=0.95, n=9, method="x")
    assert cut(inside) == inside.model_copy(update={"low": 0.0})
    below = cut(inside.model_copy(update={"estimate": -0.02, "low": -0.2, "high": 0.1}))
    assert (below.estimate, below.low, below.high) == (0, 0, 0.1)
    assert below.reason == "corrected it is -0.020, cut to the nearest rate that there is"
    beyond = cut(inside.model_copy(update={"estimate": 1.5, "low": 1.2, "high": 1.8}))
    assert beyond.estimate is None
    assert "outside 0 to 1" in (beyond.reason or "")
    assert told == {k: getattr(beyond, k) for k in told}


def test_rogan_and_gladen_on_round_numbers() -> None:
    """Rate 0.3 by a judge of sensitivity 0.9 and specificity 0.8: (0.3 - 0.2) / 0.7, and the delta
    method's variance as Rogan and Gladen 1978 write it.
    """
    p, s, c, n, n1, n0 = 0.3, 0.9, 0.8, 1000, 200, 500
    people = np.repeat([1.0, 0.0], [n1, n0])
    said = np.repeat([1.0, 0.0, 1.0, 0.0], [180, 20, 100, 400])
    found = rogan_gladen(
        np.repeat([1.0, 0.0], [300, 700]),
        said,
        people,
        members=None,
        other_members=None,
        level=0.95,
    )
    theta, j = (p + c - 1) / (s + c - 1), s + c - 1
    variance = (
        p * (1 - p) / n + theta**2 * s * (1 - s) / n1 + (1 - theta) ** 2 * c * (1 - c) / n0
    ) / j**2
    assert found.estimate == pytest.approx(theta)
    assert width(found) / 2 == pytest.approx(1.972 * np.sqrt(variance), rel=0.003)  # t of 199


def test_errors_carried_over_hold_where_the_judge_errs_alike() -> None:
    held = 0
    for seed in range(200):
        people, _, judge, who = study(seed, labelled=1)
        here = who % 2 == 0
        found = rogan_gladen(
            judge[here],
            judge[~here],
            people[~here],
            members=who[here],
            other_members=who[~here],
            level=0.95,
        )
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.4 <= found.high
    assert 178 <= held <= 199


def test_a_judge_like_a_coin_corrects_nothing() -> None:
    rng = np.random.default_rng(0)
    people, coin = rng.integers(0, 2, 400).astype(float), rng.integers(0, 2, 400).astype(float)
    arguments = {"members": None, "other_members": None, "level": 0.95}
    found = rogan_gladen(coin[:100], coin, people, **arguments)  # type: ignore[arg-type]
    assert found.estimate is None
    assert "not clearly better than a coin's" in (found.reason or "")
    one_kind = rogan_gladen(coin[:9], coin, np.ones(400), **arguments)  # type: ignore[arg-type]
    assert one_kind.reason == "not estimable: the other arms have no labels of both kinds"
    nobody = rogan_gladen(coin[:9], coin[:0], coin[:0], **arguments)  # type: ignore[arg-type]
    assert nobody.reason == "not estimable: the other arms have no labels"
    empty = rogan_gladen(coin[:0], coin, people, **arguments)  # type: ignore[arg-type]
    assert empty.reason == "no attack of this arm has a score"


def test_one_missing_label_moves_nothing() -> None:
    rng = np.random.default_rng(4)
    people = (np.arange(60) < 12).astype(float)
    members = np.arange(60) % 20
    judge = np.where(rng.random(60) < 0.8, people, 1 - people)
    judge[59] = 0
    people[59] = np.nan
    found = prediction_powered(people, judge, members=members, level=0.95)
    assert found.tuning == 0
    assert found.estimate.estimate == pytest.approx(12 / 59)
    assert found.estimate.low is not None
    assert found.estimate.low < 12 / 59 < (found.estimate.high or 0)


def test_a_judge_without_an_error_in_an_arm_without_a_success_is_not_certain() -> None:
    """Its delta method has nothing to go by, and gave 0% to 0%."""
    members, labels = np.repeat(np.arange(20), 5), np.tile([1.0, 0, 0, 1, 0], 20)
    found = rogan_gladen(
        np.zeros(100), labels, labels, members=members, other_members=members, level=0.95
    )
    assert (found.estimate, found.low, found.high) == (0.0, None, None)
    assert "no member differs" in str(found.reason)
