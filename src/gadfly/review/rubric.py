"""The rubric: how reviewers are told to judge, as Markdown with id and version.

It ships beside this module, or stands beside the study file.
"""

from __future__ import annotations

from pathlib import Path

from gadfly.records.texts import VersionedText, read_text

__all__ = ["Rubric", "read_rubric"]


class Rubric(VersionedText):
    """Instructions shown to a reviewer."""


def read_rubric(name: str, beside: Path) -> Rubric:
    """A shipped rubric by name ("rubric"), or a Markdown file beside the study.

    :raises FileProblem: there is none of that name, or its front matter is broken.
    """
    return read_text(Rubric, name, package="gadfly.review", beside=beside, what="rubric")
