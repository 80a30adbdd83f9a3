"""Questionnaires as pages: what a page shows of one, and what its form sends back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gadfly.care.instruments.instrument import Instrument
from gadfly.care.instruments.scores import distressed
from gadfly.errors import PersonError, show
from gadfly.store.feelings import Feeling

__all__ = ["answers_of", "calls_for_help", "shown"]

_STEPS_OF_A_SLIDER = 100


def shown(instrument: Instrument) -> dict[str, Any]:
    """What the template ``questionnaire.html.j2`` takes."""
    return {
        "title": instrument.title,
        "lead": instrument.prompt,
        "items": [
            {"name": i.id, "text": i.label, "low": i.low_label, "high": i.high_label}
            for i in instrument.items
        ],
        "labels": instrument.steps,
        "credit": instrument.credit,
    }


def answers_of(instrument: Instrument, sent: Mapping[str, Any]) -> dict[str, float]:
    """Answers by item, on the instrument's own scale; what was left open is left out.

    :param sent: the form's fields.
    :raises PersonError: a field holds what the page cannot send.
    """
    answers = {}
    for item in instrument.items:
        text = str(sent.get(item.id, ""))
        if not text or (not instrument.steps and f"{item.id}_set" not in sent):
            continue
        most = len(instrument.steps) or _STEPS_OF_A_SLIDER
        least = 1 if instrument.steps else 0
        if not text.isascii() or not text.isdecimal() or not least <= int(text[:9]) <= most:
            raise PersonError(f"{item.label}: got {show(text)}; choose one of the steps shown")
        part = (int(text) - least) / (most - least)
        answers[item.id] = instrument.low + part * (instrument.high - instrument.low)
    return answers


def calls_for_help(
    instrument: Instrument, answers: Mapping[str, float], before: list[Feeling]
) -> bool:
    """Whether these answers lead to the help page.

    :param before: what the person answered so far, the oldest first.
    """
    same = (f.answers for f in before if f.instrument == instrument.label and f.answers)
    return distressed(instrument, answers, baseline=next(same, None))
