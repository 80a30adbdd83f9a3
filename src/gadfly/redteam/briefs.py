"""Briefs: the instructions that an attacker is shown, as Markdown with id and version.

A brief ships beside this module, or stands beside the study file. Its front matter names its id
and version, which go on every attack; its text is part of the study's hash.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import yaml

from gadfly.errors import FileProblem
from gadfly.records.canonical import Record

__all__ = ["Brief", "read_brief", "shipped_briefs"]

_FENCE = "---\n"


class Brief(Record):
    """Instructions shown to an attacker."""

    id: str
    """Name, unchanged between versions."""
    version: int
    """Counts up with every change of the text."""
    text: str
    """Markdown."""

    @property
    def label(self) -> str:
        """As it stands on an attack."""
        return f"{self.id}@{self.version}"


def shipped_briefs() -> list[str]:
    """Names of the briefs that come with Gadfly."""
    folder = files("gadfly.redteam") / "texts"
    return sorted(f.name.removesuffix(".md") for f in folder.iterdir() if f.name.endswith(".md"))


def read_brief(name: str, beside: Path) -> Brief:
    """A shipped brief by name, or a Markdown file beside the study.

    :raises FileProblem: there is none of that name, or its front matter is broken.
    """
    if name in shipped_briefs():
        path = Path(str(files("gadfly.redteam") / "texts" / f"{name}.md"))
    else:
        path = beside / name
    if not path.is_file():
        shipped = ", ".join(shipped_briefs())
        raise FileProblem(
            path, f"no such brief; give a file beside the study, or one of: {shipped}"
        )
    parts = path.read_text(encoding="utf-8").split(_FENCE, 2)
    head = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    if not isinstance(head, dict) or not {"id", "version"} <= head.keys():
        raise FileProblem(path, "a brief starts with a line ---, id: and version:, and a line ---")
    return Brief(id=str(head["id"]), version=int(head["version"]), text=parts[2].strip())
