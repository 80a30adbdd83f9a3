"""Versioned texts: Markdown with an id and a version, shipped with Gadfly or beside a study.

Briefs and prompts are texts that shape a study. Their front matter names id and version, which go
on records; the text itself is part of the study's hash.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import orjson
import yaml

from gadfly.errors import FileProblem
from gadfly.records.canonical import Record

__all__ = ["VersionedText", "plain", "read_text", "shipped_texts"]

T = TypeVar("T", bound="VersionedText")
_FENCE = "---\n"


class VersionedText(Record):
    """A text that changes only under a new version."""

    id: str
    """Name, unchanged between versions."""
    version: int
    """Counts up with every change of the text."""
    text: str
    """Markdown."""

    @property
    def label(self) -> str:
        """As it stands on a record."""
        return f"{self.id}@{self.version}"


def plain(name: str) -> str:
    """A name as it is compared with others: capitals and spaces do not matter."""
    return " ".join(name.casefold().split())


def shipped_texts(package: str) -> list[str]:
    """Names of the texts that come with a package of Gadfly."""
    folder = files(package) / "texts"
    return sorted(f.name.removesuffix(".md") for f in folder.iterdir() if f.name.endswith(".md"))


def read_text(form: type[T], name: str, *, package: str, beside: Path, what: str) -> T:
    """A shipped text by name, or a Markdown file beside the study.

    :param form: what to make of it.
    :param what: "brief" or "prompt", for messages.
    :raises FileProblem: there is none of that name, or its front matter is broken.
    """
    shipped = shipped_texts(package)
    path = Path(str(files(package) / "texts" / f"{name}.md")) if name in shipped else beside / name
    if not path.is_file():
        names = ", ".join(shipped)
        raise FileProblem(path, f"no such {what}; give a file beside the study, or one of: {names}")
    try:
        parts = path.read_text(encoding="utf-8").split(_FENCE, 2)
        head = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
        if not isinstance(head, dict):
            raise TypeError
        more = {key: value for key, value in head.items() if key in form.model_fields}
        told = {"id": str(head["id"]), "version": int(head["version"]), "text": parts[2].strip()}
        return form.model_validate_json(orjson.dumps(more | told))
    except (KeyError, TypeError, ValueError, yaml.YAMLError):
        raise FileProblem(
            path,
            f"a {what} starts with a line ---, then id: and version: (what is read: "
            f"{', '.join(k for k in form.model_fields if k != 'text')}), and a line ---",
        ) from None
