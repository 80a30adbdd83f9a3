"""Sentences say what the numbers say."""

from __future__ import annotations

from typing import Any

import pytest

from gadfly.analysis.findings import disjoint, findings
from gadfly.analysis.results import ArmResult
from gadfly.records.estimate import Estimate
from gadfly.records.values import Arm
from tests.analysis.studies import attacks, results


def estimate(value: float, half: float | None = 0.1) -> Estimate:
    ends = (None, None) if half is None else (value - half, value + half)
    reason = "none" if half is None else None
    return Estimate(
        estimate=value, low=ends[0], high=ends[1], level=0.95, n=9, method="m", reason=reason
    )


def arm(base: ArmResult, **changes: Any) -> ArmResult:
    return base.model_copy(update=changes)


@pytest.fixture(scope="module")
def base() -> ArmResult:
    return results(attacks((("rlhf", "13B"),), n=250)).arms[0]


def test_disjoint() -> None:
    assert disjoint(estimate(0), estimate(1)) == 1
    assert disjoint(estimate(1), estimate(0)) == -1
    assert disjoint(estimate(0), estimate(0.15)) == 0
    assert disjoint(estimate(0), estimate(9, None)) == 0


def test_highest_and_lowest_are_named_and_overlap_is_said(base: ArmResult) -> None:
    low, high = arm(base, rating=estimate(1.0)), arm(base, num_params="52B", rating=estimate(2.0))
    assert "highest for rlhf 52B (2.00 [1.90, 2.10])" in findings((low, high))[0]
    assert "overlap" not in findings((low, high))[0]
    near = arm(high, rating=estimate(1.05))
    assert "their intervals overlap" in findings((low, near))[0]


def test_notes_say_what_a_reader_must_know() -> None:
    marks = {Arm(model_type="rlhf", num_params="2.7B"): "circular"}
    frame = attacks(kind="simulated", missing=0.1, members=4)
    text = " ".join(results(frame, ci="cluster", marks=marks, notes=["Mine."]).notes)
    assert text.startswith("Mine.")
    for words in (
        "made by simulated members",
        "observational",
        "Circular scores (†): rlhf.",
        "Unverified scores (‡)",
        "Too few members",
        "not both rated and scored",
    ):
        assert words in text
    randomised = " ".join(results(attacks(), ci="iid", design="randomised").notes)
    assert "observational" not in randomised
    assert "treat every attack as independent" in randomised


def test_arms_that_are_all_the_same_have_no_highest(base: ArmResult) -> None:
    one, two = arm(base, rating=estimate(1.0)), arm(base, num_params="52B", rating=estimate(1.0))
    assert "is the same for all 2 arms (1.00 [0.90, 1.10])." in findings((one, two))[0]
    by_rounding = arm(two, rating=estimate(1.0 + 1e-16 * 3))
    assert "is the same for all 2 arms" in findings((one, by_rounding))[0]
