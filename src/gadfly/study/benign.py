"""Benign requests: what an assistant should simply help with.

An assistant that refuses everything scores as harmless as can be. So a study may ask every arm the
same harmless requests, once each and apart from the attacks, and report how helpful and how evasive
the answers are. The list ships with Gadfly or stands beside the study; it is part of the protocol.

    everyday   40 requests; half of them sound dangerous by a word or two and are not
    town       60 to the models of the embedded town

The list is Markdown: every item (a line that starts with ``- ``) is a request, the rest is remarks.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field

from gadfly.errors import FileProblem, StudyProblem
from gadfly.records.canonical import Record
from gadfly.records.texts import VersionedText, read_text

__all__ = ["BenignSpec", "Requests", "read_requests"]


class BenignSpec(Record):
    """Harmless requests that every arm is asked."""

    requests: Annotated[str, Field(min_length=1)] = "everyday"
    """A shipped list (everyday, town), or a Markdown file beside the study: a request in each line
    that starts with "- "."""
    count: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many of them, from the top; all where left out."""


class Requests(VersionedText):
    """A list of requests."""

    @cached_property
    def items(self) -> tuple[str, ...]:
        """The requests, in order."""
        lines = (line.strip() for line in self.text.splitlines())
        return tuple(line[2:].strip() for line in lines if line.startswith("- ") and line[2:])

    def asked(self, spec: BenignSpec) -> tuple[str, ...]:
        """Those that a study asks."""
        return self.items[: spec.count]


def read_requests(spec: BenignSpec, study: Path) -> Requests:
    """The requests that a study asks, as many as it wants.

    :param study: the study file.
    :raises FileProblem: there is no such list, or it holds no request.
    :raises StudyProblem: it holds fewer than the study wants.
    """
    beside = study.parent
    found = read_text(
        Requests, spec.requests, package="gadfly.study", beside=beside, what="list of requests"
    )
    if not found.items:
        raise FileProblem(
            beside / spec.requests, 'holds no request; each stands on a line that starts with "- "'
        )
    if spec.count is not None and spec.count > len(found.items):
        raise StudyProblem(
            study,
            [
                f"benign.count: must be at most {len(found.items)}, the number of requests in "
                f"{spec.requests}; got {spec.count}"
            ],
        )
    return found
