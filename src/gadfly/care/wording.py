"""What people are told: our own texts, with id and version, and the study's facts put in.

A study may bring its own text for any of them (``care.texts``). A text names facts in braces, as
``{contact}``; it is filled when shown, and a name that is no fact is a fault of the study file, so
that nobody consents to a text with a hole in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from gadfly.care.settings import CareSpec
from gadfly.errors import FileProblem, ProgrammerError
from gadfly.records.texts import VersionedText, read_text

__all__ = ["FACTS", "CareText", "care_facts", "read_care_texts"]

_PACKAGE = "gadfly.care"
_FACT = re.compile(r"\{([a-z_]+)\}")

FACTS = (
    "title",
    "purpose",
    "contact",
    "ethics",
    "pay",
    "least_minutes",
    "support",
    "help_lines",
    "task_size",
    "review_task_size",
    "minutes_per_day",
    "minutes_per_week",
    "dialogues_per_day",
    "dialogues_per_week",
    "minutes_before_break",
    "break_minutes",
    "severe_per_day",
)
"""What a text may name: title, purpose, contact and ethics review of the study, pay for an hour as
people write it, the dialogues of one task of a member and of a reviewer, and what the study's care
says."""


class CareText(VersionedText):
    """A text that people are shown, with places for facts."""

    def filled(self, facts: Mapping[str, str]) -> str:
        """The text with its facts, as Markdown.

        :raises ProgrammerError: a fact that the text names was not handed in.
        """
        if missing := self.names - facts.keys():
            raise ProgrammerError(f"{self.label} needs {', '.join(sorted(missing))}")
        return _FACT.sub(lambda match: facts[match[1]], self.text)

    @property
    def names(self) -> set[str]:
        """The facts that the text names."""
        return set(_FACT.findall(self.text))


def read_care_texts(spec: CareSpec, beside: Path) -> dict[str, CareText]:
    """All texts of a study, by their key in ``care.texts``.

    :param beside: the folder of the study file.
    :raises FileProblem: there is no such text, it is broken, or it names what is no fact.
    """
    out = {}
    for key, name in spec.texts.model_dump().items():
        text = read_text(CareText, name, package=_PACKAGE, beside=beside, what=f"{key} text")
        if wrong := sorted(text.names - set(FACTS)):
            raise FileProblem(
                name, f"{{{wrong[0]}}} is no fact of a study; known are: {', '.join(FACTS)}"
            )
        out[key] = text
    return out


def care_facts(spec: CareSpec) -> dict[str, str]:
    """The facts that the care of a study tells; the others are the study's own."""
    lines = [f"* {line.name}: {line.reach}" for line in spec.help_lines]
    limits = spec.limits
    return {
        "support": spec.support or "the people who run this study",
        "help_lines": "\n".join(lines),
        "least_minutes": str(spec.pay.least_minutes),
        "minutes_per_day": str(limits.minutes_per_day),
        "minutes_per_week": str(limits.minutes_per_week),
        "dialogues_per_day": str(limits.dialogues_per_day),
        "dialogues_per_week": str(limits.dialogues_per_week),
        "minutes_before_break": str(limits.minutes_before_break),
        "break_minutes": str(limits.break_minutes),
        "severe_per_day": str(limits.severe_per_day),
    }
