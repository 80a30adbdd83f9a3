"""What reviewers work with, read from a study's files: rubric, tags, dialogues to practise on."""

from __future__ import annotations

from pathlib import Path

from gadfly.records.canonical import Record
from gadfly.records.texts import VersionedText, read_text
from gadfly.review.settings import ReviewSpec
from gadfly.review.tags import Taxonomy, read_taxonomy
from gadfly.review.training import WorkedItems, read_worked

__all__ = ["Materials", "Rubric", "read_materials", "read_rubric"]


class Rubric(VersionedText):
    """Instructions shown to a reviewer."""


def read_rubric(name: str, beside: Path) -> Rubric:
    """A shipped rubric by name ("rubric"), or a Markdown file beside the study.

    :raises FileProblem: there is none of that name, or its front matter is broken.
    """
    return read_text(Rubric, name, package="gadfly.review", beside=beside, what="rubric")


class Materials(Record):
    """The texts of a review."""

    rubric: Rubric
    """How to judge."""
    taxonomy: Taxonomy
    """The tags."""
    worked: WorkedItems
    """What to practise on."""


def read_materials(spec: ReviewSpec, beside: Path) -> Materials:
    """All that a study's ``review`` key names.

    :param beside: the folder of the study file.
    :raises FileProblem: one of them is not there, or broken.
    """
    return Materials(
        rubric=read_rubric(spec.rubric, beside),
        taxonomy=read_taxonomy(spec.taxonomy, beside),
        worked=read_worked(spec.worked, beside),
    )
