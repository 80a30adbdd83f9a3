"""Instruments: scores by their formulas, answers checked, and the rule that leads to help."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.care.instruments.instrument import (
    SPANE_NEGATIVE,
    SPANE_POSITIVE,
    read_instrument,
)
from gadfly.care.instruments.scores import distressed, score
from gadfly.errors import FileProblem, PersonError

SLIDERS = read_instrument("affective-slider", Path())
SPANE = read_instrument("spane", Path())
LIKERT = st.integers(1, 5).map(float)
answered = st.fixed_dictionaries({item.id: LIKERT for item in SPANE.items})


def spane(positive: float, negative: float, **other: float) -> dict[str, float]:
    """Answers with the same number on all items of a side."""
    return {
        **dict.fromkeys(SPANE_POSITIVE, positive),
        **dict.fromkeys(SPANE_NEGATIVE, negative),
        **other,
    }


def test_what_ships_has_its_credit_and_its_items() -> None:
    assert "Betella" in SLIDERS.credit
    assert SLIDERS.steps == ()
    assert "Diener" in SPANE.credit
    assert len(SPANE.items) == 12
    assert len(SPANE.steps) == 5


@given(answered)
def test_spane_keeps_its_ranges_and_its_formula(answers: dict[str, float]) -> None:
    found = score(SPANE, answers)
    positive, negative, balance = found["spane-p"], found["spane-n"], found["spane-b"]
    assert positive is not None
    assert negative is not None
    assert 6 <= positive <= 30
    assert 6 <= negative <= 30
    assert balance == positive - negative


def test_known_scores() -> None:
    assert score(SPANE, spane(5, 1)) == {"spane-p": 30, "spane-n": 6, "spane-b": 24}
    assert score(SLIDERS, {"pleasure": 0.25, "arousal": 1}) == {"arousal": 1, "pleasure": 0.25}


@given(answered, st.sampled_from([item.id for item in SPANE.items]))
def test_a_missing_answer_is_missing_and_not_invented(answers: dict[str, float], item: str) -> None:
    found = score(SPANE, {name: value for name, value in answers.items() if name != item})
    assert found["spane-b"] is None
    assert found["spane-p" if item in SPANE_POSITIVE else "spane-n"] is None


@pytest.mark.parametrize(
    "answers", [{"happy": 6.0}, {"happy": 0.0}, {"happy": 2.5}, {"proud": 3.0}]
)
def test_answers_that_cannot_be_are_refused(answers: dict[str, float]) -> None:
    with pytest.raises(PersonError):
        score(SPANE, answers)
    with pytest.raises(PersonError):
        distressed(SPANE, answers)


def test_sliders_refuse_what_lies_off_them() -> None:
    for value in (-0.01, 1.01, float("nan")):
        with pytest.raises(PersonError):
            score(SLIDERS, {"pleasure": value})


@pytest.mark.parametrize(
    ("now", "before", "found"),
    [
        ({"pleasure": 0.2}, None, True),
        ({"pleasure": 0.21}, None, False),
        ({"pleasure": 0.5}, {"pleasure": 0.9}, True),
        ({"pleasure": 0.6}, {"pleasure": 0.9}, False),
        ({"arousal": 0.0}, {"arousal": 1.0}, False),
        ({}, {"pleasure": 1.0}, False),
    ],
)
def test_sliders_lead_to_help(
    now: dict[str, float], before: dict[str, float] | None, found: bool
) -> None:
    assert distressed(SLIDERS, now, baseline=before) == found


@pytest.mark.parametrize(
    ("now", "before", "found"),
    [
        (spane(3, 3), None, False),
        (spane(2, 4), None, True),
        (spane(3, 4), None, False),
        (spane(3, 3), spane(4, 2), True),
        (spane(3, 3), spane(4, 3), False),
        (spane(5, 1, sad=5), None, True),
        ({"afraid": 5.0}, None, True),  # one answer is enough
        ({}, None, False),
    ],
)
def test_spane_leads_to_help(
    now: dict[str, float], before: dict[str, float] | None, found: bool
) -> None:
    assert distressed(SPANE, now, baseline=before) == found


@given(answered, st.sampled_from(SPANE_NEGATIVE))
def test_feeling_worse_never_takes_help_away(answers: dict[str, float], item: str) -> None:
    worse = {**answers, item: min(5.0, answers[item] + 1)}
    assert distressed(SPANE, worse) >= distressed(SPANE, answers)


def test_an_instrument_of_the_study_is_scored_by_scale(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "{id: own, version: 1, title: T, prompt: P, credit: ours, score: mean, low: 0.0, high: 4.0,"
        " items: [{id: a, label: A, scale: calm}, {id: b, label: B, scale: calm},"
        " {id: c, label: C, scale: tense}]}"
    )
    own = read_instrument("own.yaml", tmp_path)
    assert score(own, {"a": 1.0, "b": 4.0}) == {"calm": 2.5, "tense": None}
    assert not distressed(own, {"a": 0.0, "b": 0.0, "c": 4.0})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("score: spane", "items of SPANE are twelve"),
        ("low: 4.0", "low must be less than high"),
        ("steps: [one, two]", "steps must name every whole answer"),
        ("items: [{id: a, label: A}]", "must name its scale"),
        ("items: [{id: a, label: A, scale: s}, {id: a, label: A, scale: s}]", "two items have"),
    ],
)
def test_a_broken_instrument_is_refused(change: str, told: str, tmp_path: Path) -> None:
    keys = {
        "id": "own", "version": "1", "title": "T", "prompt": "P", "credit": "ours",
        "score": "mean", "low": "0.0", "high": "4.0", "items": "[{id: a, label: A, scale: s}]",
    }  # fmt: skip
    key, _, value = change.partition(": ")
    lines = [f"{name}: {text}" for name, text in {**keys, key: value}.items()]
    (tmp_path / "own.yaml").write_text("\n".join(lines))
    with pytest.raises(FileProblem, match=told):
        read_instrument("own.yaml", tmp_path)
