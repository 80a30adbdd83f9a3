"""Training assistants from files: what ``gadfly train distilled`` and ``policy`` call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from gadfly.assistants.prompts import read_prompt
from gadfly.assistants.training.cards import DistilledCard, PolicyCard
from gadfly.assistants.training.distilled import train_distilled
from gadfly.assistants.training.policy import train_policy
from gadfly.assistants.training.prompts import (
    TextFile,
    held_apart,
    read_conversations,
    read_prompts,
)
from gadfly.assistants.training.settings import DistilSettings, PolicySettings

__all__ = ["DistilSettings", "PolicySettings", "distil_files", "reinforce_files"]

Progress = Callable[[int, int], None]


def distil_files(
    teacher: str | Path,
    prompt: str,
    files: Sequence[Path],
    folder: Path,
    *,
    settings: DistilSettings,
    student: str | Path | None = None,
    seed: int = 0,
    force: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> DistilledCard:
    """Distil on the conversations of files of attacks or pairs.

    :param prompt: a shipped prompt by name, or a Markdown file of example dialogues.
    """
    read = [read_conversations(file) for file in files]
    return train_distilled(
        teacher,
        read_prompt(prompt, Path.cwd()).messages,
        list(dict.fromkeys(one for file in read for one in file.conversations)),
        folder,
        settings=settings,
        student=student,
        training_data=[file.sha256 for file in read],
        dropped=_dropped(read),
        seed=seed,
        force=force,
        command=command,
        progress=progress,
    )


def reinforce_files(
    base: str | Path,
    preference_model: Path,
    attacks: Sequence[Path],
    benign: Sequence[Path],
    folder: Path,
    *,
    settings: PolicySettings,
    held_out: int = 64,
    seed: int = 0,
    force: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> PolicyCard:
    """Train a policy on the prompts of files of attacks or pairs.

    :param held_out: benign requests kept to measure on, at most a fifth of them.
    """
    hostile, harmless = (
        [read_prompts(one) for one in attacks],
        [read_prompts(one) for one in benign],
    )
    asked = list(dict.fromkeys(one for file in harmless for one in file.conversations))
    trained, held = held_apart(asked, held_out, seed)
    return train_policy(
        base,
        preference_model,
        list(dict.fromkeys(one for file in hostile for one in file.conversations)),
        trained,
        folder,
        settings=settings,
        held_out=held,
        training_data=[file.sha256 for file in (*hostile, *harmless)],
        dropped=_dropped([*hostile, *harmless]),
        seed=seed,
        force=force,
        command=command,
        progress=progress,
    )


def _dropped(files: Sequence[TextFile]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for file in files:
        counts.update(file.dropped)
    return dict(sorted(counts.items()))
