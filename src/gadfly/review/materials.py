"""What reviewers work with, read from a study's files: rubric, tags, dialogues to practise on."""

from __future__ import annotations

from pathlib import Path

from gadfly.records.canonical import Record
from gadfly.review.rubric import Rubric, read_rubric
from gadfly.review.settings import ReviewSpec
from gadfly.review.tags import Taxonomy, read_taxonomy
from gadfly.review.training import WorkedItems, read_worked

__all__ = ["Materials", "read_materials"]


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
