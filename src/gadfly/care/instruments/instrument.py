"""Instruments: questionnaires about feelings, as YAML with id, version and credit.

Shipped are the Affective Slider (article under CC BY) and SPANE (free to use with credit).
PANAS and its short forms may not be redistributed without leave, so none ships; a study that has
leave writes the file, with ``score: mean`` and the items of each scale.

An item may be left unanswered: nobody must say how they feel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gadfly.errors import PersonError, show
from gadfly.records.canonical import Record
from gadfly.records.forms import read_shipped

__all__ = ["Instrument", "Item", "check_answers", "read_instrument"]

_PACKAGE = "gadfly.care.instruments"
Text = Annotated[str, Field(min_length=1)]


class Item(Record):
    """One question."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Name in data: lower-case letters, digits and hyphens."""
    label: Text
    """What is asked."""
    low_label: str = ""
    """What stands at a slider's low end."""
    high_label: str = ""
    """What stands at a slider's high end."""
    scale: str = ""
    """The scale that the item belongs to, where the score is a mean."""


class Instrument(Record):
    """A questionnaire that changes only under a new version."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Name, unchanged between versions."""
    version: Annotated[int, Field(ge=1)]
    """Counts up with every change."""
    title: Text
    """What stands above it."""
    prompt: Text
    """What is asked for."""
    credit: Text
    """Whose it is, its source and by what leave it is used; shown below it."""
    score: Literal["sliders", "spane", "mean"]
    """How it is scored: the answers themselves, SPANE's sums, or a mean for each scale."""
    low: float
    """Least answer."""
    high: float
    """Greatest answer."""
    steps: tuple[Text, ...] = ()
    """What each whole answer from low to high is called; none for sliders: no number is shown."""
    items: Annotated[tuple[Item, ...], Field(min_length=1)]
    """The questions, in the order shown."""

    @property
    def label(self) -> str:
        """As it stands beside answers: "spane@1"."""
        return f"{self.id}@{self.version}"

    @model_validator(mode="after")
    def _fits_together(self) -> Instrument:
        ids = [item.id for item in self.items]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"two items have the id {twice[0]}")
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        if self.steps and len(self.steps) != self.high - self.low + 1:
            raise ValueError("steps must name every whole answer from low to high")
        if self.score == "spane" and set(ids) != set(SPANE_POSITIVE + SPANE_NEGATIVE):
            raise ValueError("the items of SPANE are twelve, by their names")
        if self.score == "mean" and not all(item.scale for item in self.items):
            raise ValueError("every item must name its scale, so that means can be taken")
        return self


SPANE_POSITIVE = ("positive", "good", "pleasant", "happy", "joyful", "contented")
"""Items of SPANE-P (Diener et al. 2010)."""
SPANE_NEGATIVE = ("negative", "bad", "unpleasant", "sad", "afraid", "angry")
"""Items of SPANE-N."""


def read_instrument(name: str, beside: Path) -> Instrument:
    """A shipped instrument by name (affective-slider, spane), or a YAML file beside the study.

    :raises FileProblem: there is none of that name, or it is broken.
    """
    return read_shipped(Instrument, name, package=_PACKAGE, beside=beside, what="instrument")


def check_answers(instrument: Instrument, answers: Mapping[str, float]) -> None:
    """Check answers, by item; unanswered ones are left out.

    :raises PersonError: an answer to no item, out of range, or between the steps.
    """
    known = {item.id for item in instrument.items}
    for item, answer in answers.items():
        if item not in known:
            raise PersonError(f"{show(item)} is no question of {instrument.label}")
        between = bool(instrument.steps) and not float(answer - instrument.low).is_integer()
        if not instrument.low <= answer <= instrument.high or between:
            whole = "a whole number " if instrument.steps else ""
            raise PersonError(
                f"{item}: got {show(answer)}; give {whole}from {instrument.low:g} to "
                f"{instrument.high:g}, or leave it out"
            )
