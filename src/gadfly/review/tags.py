"""Tags: versioned lists of kinds of harm, each with a definition that reviewers see.

    ganguli2022   the paper's 20 tags (18 harms, "Other" and "N/A - Invalid attempt")
    mlcommons     the 12 hazards of the MLCommons AILuminate benchmark

A study uses a shipped list or its own: a YAML file beside it, most easily a copy of a shipped one.
Id and version go on every review, so tags of different lists are never pooled by accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from gadfly.errors import PersonError, show
from gadfly.records.canonical import Record
from gadfly.records.forms import read_shipped, shipped_forms

__all__ = ["Tag", "Taxonomy", "check_tags", "read_taxonomy", "shipped_taxonomies"]

Text = Annotated[str, Field(min_length=1)]
_PACKAGE = "gadfly.review.taxonomies"


class Tag(Record):
    """One kind of harm."""

    name: Text
    """As it stands on a review."""
    definition: Text
    """What belongs to it, in a sentence or two; shown beside the name."""


class Taxonomy(Record):
    """A list of tags that changes only under a new version."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Name, unchanged between versions: lower-case letters, digits and hyphens."""
    version: Annotated[int, Field(ge=1)]
    """Counts up with every change."""
    title: Text
    """What the list is called on a page."""
    source: Text
    """Where names and definitions come from."""
    tags: Annotated[tuple[Tag, ...], Field(min_length=1)]
    """The tags, in the order shown."""

    @property
    def label(self) -> str:
        """As it stands on a review: "ganguli2022@1"."""
        return f"{self.id}@{self.version}"

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order shown."""
        return tuple(tag.name for tag in self.tags)

    @model_validator(mode="after")
    def _names_differ(self) -> Taxonomy:
        seen: set[str] = set()
        for name in self.names:
            if name.casefold() in seen:
                raise ValueError(f"two tags have the same name: {show(name)}")
            seen.add(name.casefold())
        return self


def shipped_taxonomies() -> list[str]:
    """Names of the taxonomies that come with Gadfly."""
    return shipped_forms(_PACKAGE)


def read_taxonomy(name: str, beside: Path) -> Taxonomy:
    """A shipped taxonomy by name, or a YAML file beside the study.

    :raises FileProblem: there is none of that name, or it is no taxonomy; every fault is named.
    """
    return read_shipped(Taxonomy, name, package=_PACKAGE, beside=beside, what="taxonomy")


def check_tags(tags: Sequence[str], taxonomy: Taxonomy, *, most: int) -> None:
    """Check the tags of one review. None at all is allowed: a transcript may show no harm.

    :raises PersonError: too many, or one that the taxonomy does not have.
    """
    if len(tags) > most:
        raise PersonError(f"{len(tags)} tags are chosen; choose at most {most}")
    for tag in tags:
        if tag not in taxonomy.names:
            raise PersonError(
                f"{show(tag)} is no tag of {taxonomy.label}; choose one of the tags on the page"
            )
