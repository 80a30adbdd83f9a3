"""Questions about who people are: choices only, each may be refused, all may be left out.

There is no field to write in: what somebody writes can tell who they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from gadfly.errors import PersonError, show
from gadfly.records.canonical import Record
from gadfly.records.forms import read_shipped

__all__ = ["DECLINED", "Question", "Questions", "check_choices", "read_questions"]

DECLINED = "Prefer not to say"
"""Choice of every question; it stands alone."""
Text = Annotated[str, Field(min_length=1)]


class Question(Record):
    """One question."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Name in data: lower-case letters, digits and hyphens."""
    text: Text
    """What is asked."""
    several: bool = False
    """More than one choice may be taken."""
    choices: Annotated[tuple[Text, ...], Field(min_length=2)]
    """What may be chosen, in the order shown; "Prefer not to say" comes after them."""

    @model_validator(mode="after")
    def _choices_differ(self) -> Question:
        if len({*self.choices, DECLINED}) <= len(self.choices):
            raise ValueError(f"choices must differ, and {DECLINED} is added by itself")
        return self


class Questions(Record):
    """A list of questions that changes only under a new version."""

    id: Text
    """Name, unchanged between versions."""
    version: Annotated[int, Field(ge=1)]
    """Counts up with every change."""
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]
    """In the order shown."""

    @model_validator(mode="after")
    def _ids_differ(self) -> Questions:
        if len({question.id for question in self.questions}) < len(self.questions):
            raise ValueError("two questions have one id")
        return self


def read_questions(name: str, beside: Path) -> Questions:
    """The shipped list (standard), or a YAML file beside the study.

    :raises FileProblem: there is none of that name, or it is broken.
    """
    package, what = "gadfly.care.demographics", "list of questions"
    return read_shipped(Questions, name, package=package, beside=beside, what=what)


def check_choices(
    asked: Questions, sent: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """What somebody chose, in the order of the questions; questions left open are left out.

    :param sent: choices by the question's id.
    :raises PersonError: a choice that is not offered, or too many.
    """
    chosen = {}
    for question in asked.questions:
        choices = tuple(dict.fromkeys(sent.get(question.id, ())))
        for choice in choices:
            if choice not in (*question.choices, DECLINED):
                raise PersonError(f"{question.id}: {show(choice)} is not offered; choose again")
        if len(choices) > 1 and (DECLINED in choices or not question.several):
            raise PersonError(f"{question.text} Choose one answer only")
        if choices:
            chosen[question.id] = choices
    return chosen
