"""Where a checkpoint comes from: the lineage that lies beside it, its weights, and its family.

A checkpoint that Gadfly trained carries ``lineage.json``; a preference model carries its lineage in
``model.json``. Scorers and assistants ask here, so that both name one family alike. A name on the
hub stands for the weights that were fetched, so it should be asked about once it has been opened.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from gadfly.errors import PersonError
from gadfly.models.loading import weights_hash
from gadfly.preference.folder import holds_model, read_folder
from gadfly.preference.lineage import Lineage

__all__ = ["LINEAGE", "checkpoint_lineage", "family_of", "source_hash"]

LINEAGE = "lineage.json"


def checkpoint_lineage(source: str | Path) -> Lineage | None:
    """The lineage that lies beside a checkpoint; ``None`` where there is none.

    :raises PersonError: there is one that cannot be read.
    """
    folder = Path(source)
    if holds_model(folder):
        return read_folder(folder).lineage
    file = folder / LINEAGE if folder.is_dir() else _fetched(source, LINEAGE)
    if file is None or not file.is_file():
        return None
    try:
        return Lineage.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise PersonError(f"{file}: is no lineage of Gadfly: {error}") from error


def source_hash(source: str | Path) -> str:
    """What tells a checkpoint from others: the hash of its weights.

    :raises PersonError: they are neither here nor in the hub's cache.
    """
    if Path(source).is_dir():
        return weights_hash(Path(source))
    config = _fetched(source, "config.json")
    if config is None:
        raise PersonError(f"{source}: its files are neither here nor in the hub's cache")
    return weights_hash(config.parent)


def family_of(source: str | Path) -> str:
    """The pretrained model that a checkpoint comes from: as its lineage says, else "name@hash"."""
    lineage = checkpoint_lineage(source)
    if lineage is not None and lineage.base:
        return lineage.base
    return f"{Path(source).name}@{source_hash(source).removeprefix('sha256:')[:12]}"


def _fetched(source: str | Path, name: str) -> Path | None:
    """A file of a name on the hub, fetched where it is not here; ``None`` where it has none."""
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(str(source), name)
    except OSError:
        return None
    return None if found is None else Path(found)
