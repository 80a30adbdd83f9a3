"""The embedded models as they come with Gadfly: found by name, every file checked by its hash.

In study files and on the command line ``sandbox:small/plain`` stands for a folder of them:

    sandbox:SIZE/plain, distilled, rlhf     assistants; SIZE is small, medium or large
    sandbox:SIZE/preference                 the filter and reward of that size
    sandbox:scorer                          the independent scorer
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from gadfly.errors import OperatorError, PersonError
from gadfly.records.canonical import Record

__all__ = ["HOME", "MANIFEST", "PREFIX", "Manifest", "hashes", "located", "models_folder"]

MANIFEST = "manifest.json"
PREFIX = "sandbox:"
HOME = "town-"
"""What the base of every model begins with that learned to speak in the town."""


class Manifest(Record):
    """What ``manifest.json`` holds."""

    recipe: str
    """Hash of the recipe."""
    world: str
    """Hash of the world."""
    files: dict[str, str]
    """SHA-256 of every file, by its path in the folder."""


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the manifest, by path."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): _hash(path) for path in found}


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def models_folder() -> Path:
    """Where the models lie that come with Gadfly."""
    return Path(str(files("gadfly.sandbox") / "models"))


def located(name: str, beside: Path) -> Path:
    """The folder that a study file names: an embedded model, or a path beside the study.

    :raises PersonError: there is no embedded model of that name.
    :raises OperatorError: a file of it is not the one that was shipped.
    """
    if not name.startswith(PREFIX):
        return beside / name
    folder = models_folder() / name.removeprefix(PREFIX)
    allowed = embedded()
    if name not in allowed:
        raise PersonError(f"got {name!r}; allowed: {', '.join(allowed)}, or a folder")
    _check(folder)
    return folder


def embedded() -> list[str]:
    """Names of all embedded models."""
    root = models_folder()
    found = sorted(path.parent.relative_to(root).as_posix() for path in root.rglob("config.json"))
    return [f"{PREFIX}{name}" for name in found]


@cache
def _check(folder: Path) -> None:
    """Every file is the one that was shipped, and there is no other."""
    root = models_folder()
    within = folder.relative_to(root).as_posix() + "/"
    again = "install Gadfly again"
    try:
        manifest = Manifest.model_validate_json((root / MANIFEST).read_bytes())
        found = {within + name: digest for name, digest in hashes(folder).items()}
    except (OSError, ValidationError) as error:
        raise OperatorError(f"{root}: cannot be read ({error}); {again}") from error
    shipped = {name: hash for name, hash in manifest.files.items() if name.startswith(within)}
    for name in sorted(shipped.keys() | found.keys()):
        if shipped.get(name) != found.get(name):
            raise OperatorError(f"{root / name}: is not the file that was shipped; {again}")
