"""Where a training works, and how a finished checkpoint takes its place.

A training of ``DIR`` works in ``DIR.part``:

    run.json          what was asked: settings, seed, hashes of models and data
    training.jsonl    the log
    checkpoint-N/     what is needed to go on after step N
    whole/            the finished checkpoint while it is written

Stopped in any way, the same command goes on from the last checkpoint that was written whole, and
another command is refused with what differs. Only a finished checkpoint appears as ``DIR``.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gadfly.assistants.training.progress import Row, quietly, read_log, teller
from gadfly.errors import OperatorError, PersonError
from gadfly.preference.lineage import Lineage
from gadfly.preference.neural.work import begin, last_checkpoint, work_folder
from gadfly.preference.origin import LINEAGE
from gadfly.records.canonical import Record, pretty_json
from gadfly.records.output import write_chunks

__all__ = [
    "CARD",
    "LINEAGE",
    "LOG",
    "README",
    "Part",
    "finish",
    "refuse_existing",
    "start",
    "trained",
]

LOG = "training.jsonl"
CARD, README = "card.json", "README.md"
_WHOLE, _OLD = "whole", "old"


@dataclass(frozen=True)
class Part:
    """The folder of a training that is under way."""

    folder: Path
    """Where the finished checkpoint will be."""
    path: Path
    """Where the training works."""
    checkpoint: Path | None
    """What it goes on from; ``None`` for a start."""

    @property
    def log(self) -> Path:
        """The log, one JSON object a line."""
        return self.path / LOG


def start(folder: Path, asked: dict[str, Any]) -> Part:
    """Begin a training, or go on with it where it stopped.

    :param asked: everything that the result follows from, as JSON values.
    :raises PersonError: an unfinished training differs, or several processes were launched.
    :raises OperatorError: the disk refuses.
    """
    processes = os.environ.get("WORLD_SIZE", "1")
    if processes != "1":
        raise PersonError(
            f"WORLD_SIZE: got {processes} processes; assistants are trained by one, so start "
            "gadfly itself and not through accelerate launch or torchrun"
        )
    path = work_folder(folder)
    begin(path, _flat(asked))
    return Part(folder, path, last_checkpoint(path))


def refuse_existing(folder: Path, *, force: bool = False) -> None:
    """Refuse a folder that holds something; with ``force`` only one that was not trained here."""
    if folder.is_file():
        raise PersonError(f"{folder}: is a file; give a folder to make")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / LINEAGE).is_file():
        raise PersonError(
            f"{folder}: holds something that is no checkpoint trained here; "
            "give a new or empty folder"
        )
    if not force:
        raise PersonError(
            f"{folder}: holds a finished checkpoint; give another folder, or --force to replace it"
        )


def _flat(value: dict[str, Any], before: str = "") -> dict[str, Any]:
    """One level of keys, so that a difference can be named."""
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        name = before + key
        flat |= _flat(inner, f"{name}.") if isinstance(inner, dict) else {name: inner}
    return flat


def trained(part: Part, trainer: Any, **telling: Any) -> list[Row]:
    """Run a trainer from where it is; the log. ``telling`` is for :func:`teller`."""
    from transformers import PrinterCallback

    trainer.add_callback(teller(part.log, **telling))
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(part.checkpoint) if part.checkpoint else None)
    return read_log(part.log)


def finish(
    part: Part,
    *,
    model: Any,
    tokenizer: Any,
    lineage: Lineage,
    card: Record | dict[str, Any],
    readme: str,
) -> None:
    """Write the finished checkpoint beside its place, move it there, and clear the working folder.

    :raises OperatorError: the disk refuses.
    """
    whole = part.path / _WHOLE
    try:
        shutil.rmtree(whole, ignore_errors=True)
        whole.mkdir()
        with quietly():
            model.save_pretrained(whole)
            tokenizer.save_pretrained(whole)
        shutil.copyfile(part.log, whole / LOG)
        write_chunks(whole / LINEAGE, [pretty_json(lineage)])
        write_chunks(whole / CARD, [pretty_json(card)])
        write_chunks(whole / README, [readme.encode("utf-8", "surrogatepass")])
        if part.folder.exists():
            shutil.rmtree(part.path / _OLD, ignore_errors=True)
            part.folder.rename(part.path / _OLD)
        whole.rename(part.folder)
        shutil.rmtree(part.path)
    except OSError as error:
        raise OperatorError(f"{part.folder}: cannot be written: {error.strerror}") from error
