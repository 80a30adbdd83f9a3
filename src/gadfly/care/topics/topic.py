"""Topics: what a person may opt out of, in YAML files with the words that tell each.

A study names one or more lists, shipped ones or files beside it. The shipped words are plain and
clinical: what warns of a topic must not itself be what somebody asked not to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from gadfly.errors import FileProblem
from gadfly.records.canonical import Record
from gadfly.records.forms import read_shipped

__all__ = ["Topic", "TopicList", "read_topics"]

_PACKAGE = "gadfly.care.topics"
Text = Annotated[str, Field(min_length=1)]
Words = Annotated[str, Field(pattern=r"^[^A-Z]*$")]


class Topic(Record):
    """One thing that a person may opt out of."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Name in data, never changed: lower-case letters, digits and hyphens."""
    name: Text
    """What people are shown."""
    definition: Text
    """One sentence: what belongs to it."""
    tags: tuple[Text, ...] = ()
    """Tags of reviewers that mean this topic."""
    words: Words = ""
    """Words that say it by themselves, lower case, with spaces between; a hyphen stands for a space
    or a hyphen, a final star for any ending."""
    hints: Words = ""
    """Words that make it possible."""


class TopicList(Record):
    """A list of topics that changes only under a new version."""

    id: Text
    """Name, unchanged between versions."""
    version: Annotated[int, Field(ge=1)]
    """Counts up with every change."""
    topics: Annotated[tuple[Topic, ...], Field(min_length=1)]
    """The topics, in the order shown."""


def read_topics(names: Sequence[str], beside: Path) -> tuple[Topic, ...]:
    """The topics of all lists that a study names, in order.

    :param names: shipped lists (standard, town), or YAML files.
    :param beside: the folder of the study file.
    :raises FileProblem: there is no such list, it is broken, or two topics have one id.
    """
    out: dict[str, Topic] = {}
    for name in names:
        listed = read_shipped(
            TopicList, name, package=_PACKAGE, beside=beside, what="list of topics"
        )
        for topic in listed.topics:
            if topic.id in out:
                raise FileProblem(name, f"two topics have the id {topic.id}; rename one of them")
            out[topic.id] = topic
    return tuple(out.values())
