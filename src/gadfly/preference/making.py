"""From files of pairs to a folder with a model in it: what ``gadfly train preference`` calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from gadfly.errors import PersonError
from gadfly.preference.card import Card, TrainingFile, card_json, card_markdown, make_card
from gadfly.preference.folder import refuse_existing, write_folder
from gadfly.preference.train import train_linear
from gadfly.records.reading import read_pairs
from gadfly.records.values import PreferencePair

__all__ = ["make_linear"]


def make_linear(
    paths: Sequence[Path],
    folder: Path,
    *,
    sources: Sequence[str] | None = None,
    members: Collection[str] | None = None,
    seed: int = 0,
    force: bool = False,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Card:
    """Read, train, estimate, save; the folder is looked at first, so that no work is lost.

    :param members: whose picks the pairs are, where that is known; it goes into the lineage.
    """
    refuse_existing(folder, force=force)
    pairs: list[PreferencePair] = []
    files: list[TrainingFile] = []
    for path, source in zip(paths, _sources(paths, sources), strict=True):
        read = read_pairs(path, source=source)
        pairs += read.pairs
        files.append(
            TrainingFile(
                name=path.name, sha256=read.sha256, n=len(read.pairs), dropped=read.dropped
            )
        )
    dropped: Counter[str] = Counter()
    for file in files:
        dropped.update(file.dropped)
    training = train_linear(
        pairs,
        training_data=[file.sha256 for file in files],
        members=members,
        dropped=dropped,
        seed=seed,
        progress=progress,
    )
    card = make_card(training, files=files, command=command)
    write_folder(
        folder,
        lineage=training.scorer.lineage,
        arrays=training.scorer.arrays(),
        card=card_json(card),
        readme=card_markdown(card),
        force=force,
    )
    return card


def _sources(paths: Sequence[Path], sources: Sequence[str] | None) -> Sequence[str | None]:
    """The source of each file: named once for all, once for each, or found by the reader."""
    if not sources:
        return [None] * len(paths)
    if len(sources) == 1:
        return list(sources) * len(paths)
    if len(sources) != len(paths):
        raise PersonError(
            f"got {len(sources)} sources for {len(paths)} files; "
            "allowed: none, one for all files, or one for each"
        )
    return sources
