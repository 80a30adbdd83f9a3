"""The models of a run that stand on this machine: found, loaded once, and asked in turn."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gadfly.errors import PersonError, StudyProblem
from gadfly.sandbox.shipped import located
from gadfly.study.arms import LocalSpec

if TYPE_CHECKING:
    from gadfly.assistants.local.batching import Batcher
    from gadfly.assistants.local.local import LocalAssistant
    from gadfly.preference.lineage import Lineage

__all__ = ["Models", "checkpoint_folder", "lineage_of"]

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_FILES = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]


@dataclass
class Models:
    """Loaded when they are first asked; arms on one checkpoint share it."""

    _open: dict[tuple[Path, str | None, str], Batcher] = field(default_factory=dict)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)
    """By device: models on one take turns."""

    def assistant(self, study: Path, spec: LocalSpec) -> LocalAssistant:
        """The assistant of an arm, without its intervention.

        :raises StudyProblem: its checkpoint is not there.
        """
        from gadfly.assistants.local.batching import Batcher
        from gadfly.assistants.local.local import LocalAssistant, local_name, opener

        folder = checkpoint_folder(study, spec) or _from_hub(study, spec.path)
        place = (folder.resolve(), spec.device, spec.dtype)
        if place not in self._open:
            turn = self._turns.setdefault(spec.device or "best", asyncio.Lock())
            load = opener(folder, device=spec.device, dtype=spec.dtype)
            self._open[place] = Batcher(load, turn=turn)
        beside = (study.parent / spec.path).is_dir()
        label = folder.resolve().name if beside else spec.path
        try:
            return LocalAssistant(self._open[place], name=local_name(folder, label))
        except PersonError as error:
            raise StudyProblem(study, [f"local model {spec.path}: {error}"]) from None

    def stop(self) -> None:
        """Begin no further batch on any of them."""
        for batcher in self._open.values():
            batcher.stop()


def checkpoint_folder(study: Path, spec: LocalSpec) -> Path | None:
    """The folder of a checkpoint on this machine; ``None`` for a name on the hub.

    :raises StudyProblem: there is none.
    """
    try:
        folder = located(spec.path, study.parent)
    except PersonError as error:
        raise StudyProblem(study, [f"local model: {error}"]) from None
    if folder.is_dir():
        if any(folder.glob("*.safetensors")) and (folder / "config.json").is_file():
            return folder
        raise StudyProblem(
            study,
            [
                f"local model {spec.path}: {folder} is no transformers checkpoint: it needs a "
                "config.json and weights as .safetensors"
            ],
        )
    if _HUB.fullmatch(spec.path) and not (study.parent / spec.path).parent.is_dir():
        return None
    raise StudyProblem(
        study,
        [
            f"local model {spec.path}: no such folder ({folder}); give a folder beside the study "
            "file, an absolute one, or a name on the hub (owner/name)"
        ],
    )


def lineage_of(study: Path, spec: LocalSpec) -> Lineage | None:
    """What a checkpoint was made from, where that is written beside it.

    :raises StudyProblem: the checkpoint is not there.
    :raises PersonError: what is written cannot be read.
    """
    from gadfly.assistants.training.lineages import checkpoint_lineage

    folder = checkpoint_folder(study, spec)
    return None if folder is None else checkpoint_lineage(folder)


def _from_hub(study: Path, name: str) -> Path:
    """The folder that the hub's files are kept in; they are fetched where they are not there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise StudyProblem(
            study, [f"local model {name}: no such folder, and the hub gives none: {first}"]
        ) from None
