"""What every training shares: a folder of checkpoints to go on from, progress, an atomic end.

A training works in ``NAME.part`` beside the folder it makes; the folder appears under its name when
it is whole, and the other one is removed. The same command after an interruption goes on from the
last checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from gadfly.errors import OperatorError

__all__ = ["Telling", "finish", "last_checkpoint"]


class Telling(TrainerCallback):
    """Tells (steps done, steps in all) after every step."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self._progress = progress or (lambda done, total: None)

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Tell it."""
        self._progress(state.global_step, state.max_steps)


def last_checkpoint(work: Path) -> str | None:
    """The newest whole checkpoint of an interrupted training; ``None`` to start anew."""
    found = [
        folder for folder in work.glob("checkpoint-*") if (folder / "trainer_state.json").is_file()
    ]
    newest = max(found, key=lambda folder: int(folder.name.rpartition("-")[2]), default=None)
    return None if newest is None else str(newest)


def finish(model: Any, tokenizer: Any, folder: Path, work: Path) -> None:
    """Save model and tokenizer, put the folder in its place whole, and remove the checkpoints.

    :raises OperatorError: the disk refuses.
    """
    try:
        whole = work / "whole"
        shutil.rmtree(whole, ignore_errors=True)
        model.save_pretrained(whole)
        tokenizer.save_pretrained(whole)
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)
        shutil.rmtree(work)
    except OSError as error:
        raise OperatorError(f"{folder}: cannot be written: {error.strerror}") from error
