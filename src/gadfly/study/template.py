"""A first study file: template.yaml, commented, with the folder's name filled in."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from gadfly.errors import FileProblem, OperatorError

__all__ = ["write_template"]


def write_template(folder: Path) -> Path:
    """Write ``study.yaml`` into a folder, made where it is absent; returns its path.

    :raises FileProblem: there is a study file already.
    :raises OperatorError: the folder cannot be written.
    """
    path = folder / "study.yaml"
    if path.exists():
        raise FileProblem(path, "is there already; give another folder, or go on with this file")
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:60] or "study"
    text = (files("gadfly.study") / "template.yaml").read_text(encoding="utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(name=name), encoding="utf-8")
    except OSError as error:
        why = f"{path}: {error.strerror}; give a folder that can be written"
        raise OperatorError(why) from None
    return path
