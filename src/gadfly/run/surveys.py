"""The surveys of a study as its report may show them: counts, and answers without names.

Nothing of one person leaves this module: counts come from ``care.demographics``, the split by brief
from ``care.feelings`` as owners see it (the same split of the same answers, so that the two cannot
be set against each other), and answers go to :mod:`gadfly.analysis.topics.surveys` under numbers
drawn anew, which applies the rule of five again. The slider of a first task is in the split by
brief alone; later ones count over time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from gadfly.analysis.topics.surveys import ANSWER_COLUMNS, BriefFeeling, Surveys, surveys
from gadfly.care.demographics.counts import counted
from gadfly.care.feelings import Answered, split
from gadfly.care.forms import CareForms
from gadfly.care.instruments.instrument import SPANE_POSITIVE, Instrument
from gadfly.store.feelings import Feeling, Feelings
from gadfly.store.people import Person

__all__ = ["study_surveys"]

_SLIDER_STEP, _STEP = 0.05, 0.1  # of a slider from 0 to 1, and of steps that are counted


def study_surveys(kept: Feelings, people: Sequence[Person], forms: CareForms) -> Surveys | None:
    """What may be shown of the surveys of a study; ``None`` where nobody has answered any.

    :param people: everybody of the study.
    :param forms: what the study asks (``StudyFile.forms``).
    """
    about = kept.demographics(people)
    counts = counted(forms.about, about) if about else {}
    answers = _answers(kept.unnamed(people), forms)
    if not about and answers.is_empty():
        return None
    groups = kept.groups(people, forms.slider.label, "pleasure")
    shown = split(
        {name: [Answered(*one) for one in rows] for name, rows in groups.items()},
        step=_SLIDER_STEP,
    )
    return surveys(
        answered=len(about),
        counts={q.text: counts[q.id] for q in forms.about.questions} if about else {},
        answers=answers,
        briefs=[
            BriefFeeling(brief=name, people=g.n, mean=g.mean, change=g.change, reason=g.reason)
            for name, g in sorted(shown.items())
        ],
        level=0.95,
    )


def _answers(felt: Iterable[tuple[int, Feeling]], forms: CareForms) -> pl.DataFrame:
    known = {one.label: one for one in (forms.slider, *forms.survey)}
    rows = [
        row
        for person, one in felt
        if one.instrument in known and (occasion := _occasion(one)) is not None
        for row in _rows(person, one, known[one.instrument], occasion)
    ]
    return pl.DataFrame(rows, schema=ANSWER_COLUMNS, orient="row")


def _occasion(felt: Feeling) -> tuple[str, int] | None:
    """When somebody was asked, and what orders such occasions; ``None`` for what is not shown."""
    if felt.moment == "after":
        return ("after a task", felt.task) if felt.task > 1 else None
    if felt.moment.startswith("week "):
        return "follow-up", int(felt.moment.removeprefix("week "))
    return (felt.moment, felt.task) if felt.moment in ("survey", "review") else None


def _rows(
    person: int, felt: Feeling, instrument: Instrument, occasion: tuple[str, int]
) -> list[tuple[Any, ...]]:
    scales = {item.id: _scale(instrument, item.id, item.scale) for item in instrument.items}
    step = _STEP if instrument.steps else _SLIDER_STEP * (instrument.high - instrument.low)
    return [
        (person, *occasion, felt.at, felt.instrument, item, scales[item], value, step)
        for item, value in felt.answers.items()
        if item in scales
    ]


def _scale(instrument: Instrument, item: str, scale: str) -> str:
    if instrument.score == "spane":
        return "positive feelings" if item in SPANE_POSITIVE else "negative feelings"
    return scale or item
