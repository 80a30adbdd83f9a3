"""A preference model on disk: a folder without pickle, every byte of it accounted for.

    model.json     format, version, kind, lineage, and the hash of the weights file
    weights.npz    plain arrays, and the hashes of the training conversations
    card.json      how it was made and how well it does, for programs
    README.md      the same for people

and, for a neural model, the files of a transformers checkpoint, so that other programs can open the
folder too. The two first, and those, are all that scoring reads. They vouch for each other:
``model.json`` holds the SHA-256 of ``weights.npz`` and of the checkpoint's files, and the lineage
hash, which covers the conversations in the arrays. That finds damage and careless edits; it is no
signature, and someone who means to deceive can make another folder. Nothing in it is ever executed.
A model whose base learned from conversations that nobody knows has no such array, and its lineage
says ``null``.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from gadfly.errors import OperatorError, PersonError, show
from gadfly.preference.lineage import Lineage, lineage_hash
from gadfly.records.canonical import Record, pretty_json, sha256

__all__ = ["FILES", "Saved", "holds_model", "read_folder", "refuse_existing", "write_folder"]

MODEL, WEIGHTS, CARD, README = "model.json", "weights.npz", "card.json", "README.md"
FILES = (MODEL, WEIGHTS, CARD, README)
_CONVERSATIONS = "conversations"
_LARGEST_JSON = 64 * 2**20  # bytes; a lineage without its conversations is a few thousand
_LARGEST_ARRAYS = 2**30  # bytes unpacked; 2^24 weights and 10^8 conversations stay below


class Manifest(Record):
    """What ``model.json`` holds."""

    format: Literal["gadfly-preference-model"] = "gadfly-preference-model"
    """Tells such a folder from others."""
    format_version: Literal[1] = 1
    """Version of this form."""
    kind: str
    """Which scorer reads it."""
    lineage: dict[str, Any]
    """The lineage without its conversations, which stand in the arrays where they are known."""
    lineage_hash: str
    """Hash of the whole lineage."""
    weights_sha256: str
    """Hash of ``weights.npz``."""
    name: str | None = None
    """What the model is called in tables, where its kind does not say."""
    files: dict[str, str] = Field(default_factory=dict)
    """Hash of each further file, by name."""


@dataclass(frozen=True)
class Saved:
    """A folder read and checked, not yet understood by its kind."""

    folder: Path
    """Where it is."""
    kind: str
    """Which scorer reads it."""
    lineage: Lineage
    """What the model was made from."""
    arrays: dict[str, NDArray[Any]]
    """Its numbers, by name."""
    name: str | None = None
    """What it is called in tables, where its kind does not say."""


def holds_model(folder: Path) -> bool:
    """Whether a folder is a preference model, by the names of its files."""
    return (folder / MODEL).is_file() and (folder / WEIGHTS).is_file()


def refuse_existing(folder: Path, *, force: bool = False) -> None:
    """Refuse a folder that holds something; with ``force`` only one that is no model."""
    try:
        held = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    except NotADirectoryError:
        raise PersonError(f"{folder}: is a file; give a folder to make") from None
    except OSError as error:
        raise OperatorError(f"{folder}: cannot be read: {error.strerror}") from error
    if not held:
        return
    strange = sorted(set(held) - set(FILES) - set(_further(folder)))
    if strange:
        raise PersonError(
            f"{folder}: holds {show(strange[0])}, which is no part of a preference model; "
            "give a new or empty folder"
        )
    if not force:
        raise PersonError(
            f"{folder}: holds a preference model already; give another folder, "
            "or --force to replace it"
        )


def write_folder(
    folder: Path,
    *,
    lineage: Lineage,
    arrays: Mapping[str, NDArray[Any]],
    card: bytes,
    readme: str,
    name: str | None = None,
    files: Sequence[Path] = (),
    force: bool = False,
) -> None:
    """Write a model beside its place and move it there in one step; killed, it can be run again.

    With ``force`` the model that is replaced is moved away just before: a kill between these two
    leaves no folder, and the old model in a hidden one (``.gadfly-...``) beside it.

    :param files: further files of the model, which keep their names.
    """
    refuse_existing(folder, force=force)
    packed = _pack({**_conversations(lineage), **arrays})
    plain = lineage.model_dump(mode="json")
    if lineage.conversations is not None:
        plain.pop(_CONVERSATIONS)
    manifest = Manifest(
        kind=lineage.kind,
        lineage=plain,
        lineage_hash=lineage_hash(lineage),
        weights_sha256=sha256(packed),
        name=name,
        files={file.name: _hash(file) for file in files},
    )
    contents = {
        WEIGHTS: packed,
        CARD: card,
        README: readme.encode("utf-8", "surrogatepass"),
        MODEL: pretty_json(manifest),
    }
    try:
        _place(folder, contents, files)
    except OSError as error:
        raise OperatorError(f"{folder}: cannot be written: {error.strerror}") from error


def _conversations(lineage: Lineage) -> dict[str, NDArray[Any]]:
    if lineage.conversations is None:
        return {}
    return {_CONVERSATIONS: np.array(lineage.conversations, dtype=np.uint64)}


def _pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An npz file whose bytes depend on its arrays alone: no pickle, no time of day."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            plain = io.BytesIO()
            np.lib.format.write_array(plain, np.asarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980
            archive.writestr(entry, plain.getvalue(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _place(folder: Path, contents: dict[str, bytes], files: Sequence[Path]) -> None:
    """Write all of it beside the folder, then rename; what stood there goes away last."""
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".gadfly-") as made:
        whole, old = Path(made) / "whole", Path(made) / "old"
        whole.mkdir()
        for name, data in contents.items():
            with (whole / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for further in files:
            shutil.copyfile(further, whole / further.name)
        try:
            if folder.exists():
                folder.rename(old)
            whole.rename(folder)
        except BaseException:  # also Ctrl-C: what is left in ``made`` is about to be deleted
            if old.exists() and not folder.exists():
                old.rename(folder)
            raise


def _further(folder: Path) -> dict[str, str]:
    """Names and hashes of the further files of the model that a folder holds, if it holds one."""
    try:
        return Manifest.model_validate_json((folder / MODEL).read_bytes()).files
    except (OSError, ValidationError):
        return {}


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def read_folder(folder: Path | str) -> Saved:
    """Read and check a folder; :class:`PersonError` says what is wrong with it."""
    folder = Path(folder)
    manifest = _manifest(folder)
    packed = _bytes(folder, WEIGHTS, _LARGEST_ARRAYS)
    if sha256(packed) != manifest.weights_sha256:
        raise PersonError(
            f"{folder}: {WEIGHTS} is not the file that {MODEL} describes (its SHA-256 differs): "
            "it was changed or cut; copy the folder again or train again"
        )
    arrays = _arrays(folder, packed)
    plain = dict(manifest.lineage)
    conversations = arrays.pop(_CONVERSATIONS, None)
    if conversations is not None and conversations.dtype == np.uint64 and conversations.ndim == 1:
        plain[_CONVERSATIONS] = conversations.tolist()
    elif conversations is not None or plain.get(_CONVERSATIONS, ()) is not None:
        raise PersonError(f"{folder}: {WEIGHTS} holds no list of training conversations")
    try:
        lineage = Lineage.model_validate_json(orjson.dumps(plain))
    except ValidationError as error:
        raise PersonError(f"{folder}: {MODEL}: lineage: {_first(error)}") from None
    if lineage_hash(lineage) != manifest.lineage_hash or lineage.kind != manifest.kind:
        raise PersonError(
            f"{folder}: the lineage in {MODEL} is not the one it was saved with (its hash "
            "differs): it was changed; copy the folder again or train again"
        )
    if manifest.files:
        _check_further(folder, manifest.files)
    return Saved(folder, manifest.kind, lineage, arrays, manifest.name)


def _check_further(folder: Path, files: dict[str, str]) -> None:
    """Whether the further files are those described, and no others stand beside them.

    A loader decides by the names it finds, so a file that nobody vouches for is refused.
    """
    held = {entry.name for entry in folder.iterdir()}
    strange = sorted(name for name in held - set(FILES) - set(files) if not name.startswith("."))
    if strange:
        raise PersonError(
            f"{folder}: holds {show(strange[0])}, which {MODEL} does not describe; take it away"
        )
    for name, wanted in files.items():
        if name not in held:
            raise PersonError(
                f"{folder}: has no {show(name)}: copy the folder again or train again"
            )
        if _hash(folder / name) != wanted:
            raise PersonError(
                f"{folder}: {show(name)} is not the file that {MODEL} describes (its SHA-256 "
                "differs): it was changed or cut; copy the folder again or train again"
            )


def _manifest(folder: Path) -> Manifest:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "there is no such folder"
        raise PersonError(
            f"{folder}: {what}; give a preference model's folder "
            "(gadfly train preference PAIRS --out DIR makes one)"
        )
    data = _bytes(folder, MODEL, _LARGEST_JSON)
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise PersonError(f"{folder}: {MODEL}: {_first(error)}") from None


def _bytes(folder: Path, name: str, largest: int) -> bytes:
    path = folder / name
    try:
        size = path.stat().st_size
        if size > largest:
            raise PersonError(f"{path}: got {size:,} bytes; allowed: at most {largest:,}")
        return path.read_bytes()
    except FileNotFoundError:
        raise PersonError(f"{folder}: has no {name}, so it is not a preference model") from None
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from error


def _arrays(folder: Path, packed: bytes) -> dict[str, NDArray[Any]]:
    damaged = f"{folder}: {WEIGHTS} cannot be taken apart; copy the folder again or train again"
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_ARRAYS:
                raise PersonError(f"{folder}: {WEIGHTS} unpacks to more than a gibibyte")
        with np.load(io.BytesIO(packed), allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files}
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError, OSError) as error:
        raise PersonError(damaged) from error


def _first(error: ValidationError) -> str:
    """The first fault that pydantic found, in one line."""
    fault = error.errors(include_url=False)[0]
    where = ".".join(map(str, fault["loc"])) or "the file"
    return f"{where}: got {show(fault['input'])}; {fault['msg']}"
