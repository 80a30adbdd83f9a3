"""Briefs: the instructions that an attacker is shown, as Markdown with id and version.

A brief ships beside this module, or stands beside the study file. Its id and version go on every
attack; its text is part of the study's hash.
"""

from __future__ import annotations

from pathlib import Path

from gadfly.records.texts import VersionedText, read_text

__all__ = ["Brief", "read_brief"]

_PACKAGE = "gadfly.redteam"


class Brief(VersionedText):
    """Instructions shown to an attacker."""


def read_brief(name: str, beside: Path) -> Brief:
    """A shipped brief by name, or a Markdown file beside the study.

    :raises FileProblem: there is none of that name, or its front matter is broken.
    """
    return read_text(Brief, name, package=_PACKAGE, beside=beside, what="brief")
