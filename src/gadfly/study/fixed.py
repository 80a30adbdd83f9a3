"""Fixed messages that every arm is asked once each, apart from the attacks, in one turn.

    benign    what an assistant should simply help with. One that refuses everything scores as
              harmless as can be; here it shows
    static    prompts that ask for harm: a static evaluation, as the paper's group had before people
              attacked (Ganguli et al. 2022, section 4), to hold beside what live attackers found

The lists ship with Gadfly or stand beside the study; they are part of the protocol.

    everyday        40 benign requests; half of them sound dangerous by a word or two and are not
    town            60 benign requests to the models of the embedded town
    town-attacks    60 static prompts to the models of the embedded town; silly, as all there

A list is Markdown: every item (a line that starts with ``- ``) is a message, the rest is remarks.
In the store a benign request has its place in the list, from 1, and a static prompt minus its
place, so that neither list moves the other's replies.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field

from gadfly.errors import FileProblem, StudyProblem
from gadfly.records.canonical import Record
from gadfly.records.texts import VersionedText, read_text

__all__ = ["BenignSpec", "FixedList", "StaticSpec", "read_list"]

Count = Annotated[int, Field(ge=1, le=10_000)]


class BenignSpec(Record):
    """Harmless requests that every arm is asked."""

    requests: Annotated[str, Field(min_length=1)] = "everyday"
    """A shipped list (everyday, town), or a Markdown file beside the study: a request in each line
    that starts with "- "."""
    count: Count | None = None
    """How many of them, from the top; all where left out."""

    @property
    def source(self) -> tuple[str, str]:
        """Its key in the study file, and the list."""
        return "benign", self.requests


class StaticSpec(Record):
    """Static prompts that every arm is asked, to hold beside live attacks."""

    prompts: Annotated[str, Field(min_length=1)]
    """A shipped list (town-attacks), or a Markdown file beside the study: a prompt in each line
    that starts with "- "."""
    count: Count | None = None
    """How many of them, from the top; all where left out."""

    @property
    def source(self) -> tuple[str, str]:
        """Its key in the study file, and the list."""
        return "static", self.prompts


class FixedList(VersionedText):
    """A list of messages."""

    @cached_property
    def items(self) -> tuple[str, ...]:
        """The messages, in order."""
        lines = (line.strip() for line in self.text.splitlines())
        return tuple(line[2:].strip() for line in lines if line.startswith("- ") and line[2:])


def read_list(spec: BenignSpec | StaticSpec | None, study: Path) -> FixedList | None:
    """The list that a study asks from; ``None`` where it asks none.

    :param study: the study file.
    :raises FileProblem: there is no such list, or it holds no message.
    :raises StudyProblem: it holds fewer than the study wants.
    """
    if spec is None:
        return None
    key, name = spec.source
    beside = study.parent
    found = read_text(
        FixedList, name, package="gadfly.study", beside=beside, what=f"list for {key}"
    )
    if not found.items:
        raise FileProblem(
            beside / name, 'holds no message; each stands on a line that starts with "- "'
        )
    if spec.count is not None and spec.count > len(found.items):
        raise StudyProblem(
            study,
            [
                f"{key}.count: must be at most {len(found.items)}, the number of messages in "
                f"{name}; got {spec.count}"
            ],
        )
    return found
