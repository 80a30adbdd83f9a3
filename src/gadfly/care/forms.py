"""What a study asks its people, read once when its file is read, so that no fault shows later."""

from __future__ import annotations

from pathlib import Path

from gadfly.care.demographics.questions import Questions, read_questions
from gadfly.care.instruments.instrument import Instrument, read_instrument
from gadfly.care.settings import CareSpec
from gadfly.records.canonical import Record

__all__ = ["CareForms", "read_forms"]


class CareForms(Record):
    """The questionnaires of a study."""

    slider: Instrument
    """Asked before and after every task: the Affective Slider."""
    survey: tuple[Instrument, ...]
    """Asked every so many tasks, and at follow-ups."""
    about: Questions
    """Who people say they are."""


def read_forms(spec: CareSpec, beside: Path) -> CareForms:
    """All that a study's ``care`` key names.

    :param beside: the folder of the study file.
    :raises FileProblem: one of them is not there, or broken.
    """
    return CareForms(
        slider=read_instrument("affective-slider", beside),
        survey=tuple(read_instrument(name, beside) for name in spec.survey),
        about=read_questions(spec.demographics, beside),
    )
