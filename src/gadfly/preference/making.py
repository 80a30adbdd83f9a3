"""From files of pairs to a folder with a model in it: what ``gadfly train preference`` calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gadfly.errors import PersonError
from gadfly.preference.card import Card, TrainingFile, card_json, card_markdown, make_card
from gadfly.preference.folder import refuse_existing, write_folder
from gadfly.preference.neural.settings import NeuralSettings
from gadfly.preference.train import train_linear
from gadfly.records.opening import open_records
from gadfly.records.pairs import attack_pairs
from gadfly.records.reading import attacks_of, pairs_of
from gadfly.records.values import PreferencePair

__all__ = ["make_linear", "make_neural"]


def make_linear(
    paths: Sequence[Path],
    folder: Path,
    *,
    sources: Sequence[str] | None = None,
    keep_ties: bool = False,
    members: Collection[str] | None = None,
    seed: int = 0,
    force: bool = False,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Card:
    """Read, train, estimate, save; the folder is looked at first, so that no work is lost.

    :param paths: files of pairs, or of attacks, whose comparisons are taken.
    :param keep_ties: whether choices of the weakest strength ("about the same or unsure") teach as
        all others do; Bai et al. 2022 (section 2.2) leave them out.
    :param members: whose picks the pairs are, where the files do not say; they go into the lineage.
    """
    refuse_existing(folder, force=force)
    read = _read(paths, sources, keep_ties)
    training = train_linear(
        read.pairs,
        training_data=[file.sha256 for file in read.files],
        members=read.members if members is None else members,
        dropped=read.dropped,
        seed=seed,
        progress=progress,
    )
    card = make_card(training, files=read.files, command=command)
    write_folder(
        folder,
        lineage=training.scorer.lineage,
        arrays=training.scorer.arrays(),
        card=card_json(card),
        readme=card_markdown(card),
        force=force,
    )
    return card


def make_neural(
    paths: Sequence[Path],
    folder: Path,
    *,
    base: str | Path,
    settings: NeuralSettings,
    sources: Sequence[str] | None = None,
    keep_ties: bool = False,
    members: Collection[str] | None = None,
    name: str | None = None,
    seed: int = 0,
    force: bool = False,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Card:
    """Read, train, judge, save, as :func:`gadfly.preference.neural.training.train_neural` does."""
    from gadfly.preference.neural.training import train_neural

    refuse_existing(folder, force=force)
    read = _read(paths, sources, keep_ties)
    return train_neural(
        read.pairs,
        base=base,
        folder=folder,
        settings=settings,
        members=read.members if members is None else members,
        dropped=read.dropped,
        files=read.files,
        name=name,
        seed=seed,
        force=force,
        command=command,
        progress=progress,
    )


@dataclass
class _Read:
    """What the files hold, together."""

    pairs: list[PreferencePair] = field(default_factory=list)
    """In the order of the files."""
    files: list[TrainingFile] = field(default_factory=list)
    """What each file is."""
    dropped: Counter[str] = field(default_factory=Counter)
    """What their readers left out, by reason."""
    members: set[str] | None = field(default_factory=set)
    """Whose picks the pairs are; ``None`` where a file does not say."""


def _read(paths: Sequence[Path], sources: Sequence[str] | None, keep_ties: bool) -> _Read:
    """The pairs of all files; attacks with comparisons give theirs, and their members."""
    read = _Read()
    for path, source in zip(paths, _sources(paths, sources), strict=True):
        opened = open_records(path, default="pairs")
        if opened.holds == "attacks":
            attacks = attacks_of(opened)
            made = attack_pairs(attacks.attacks, source=source, keep_ties=keep_ties)
            pairs, digest = made.pairs, attacks.sha256
            dropped = {str(why): n for why, n in made.dropped.items()}
            if read.members is not None:
                read.members |= {str(attack.attacker.member) for attack in attacks.attacks}
        else:
            found = pairs_of(opened, source=source)
            pairs, digest, dropped = found.pairs, found.sha256, found.dropped
            read.members = None
        read.pairs.extend(map(_decided, pairs) if keep_ties else pairs)
        read.dropped.update(dropped)
        read.files.append(
            TrainingFile(name=path.name, sha256=digest, n=len(pairs), dropped=dropped)
        )
    if not read.pairs and not read.dropped:
        raise PersonError(
            f"{', '.join(map(str, paths))}: attacks without a comparison of replies, so no "
            "preference pairs are left; allowed: files of pairs, or of attacks with comparisons"
        )
    return read


def _decided(pair: PreferencePair) -> PreferencePair:
    """A tie as a choice like any other: without a strength, by which training leaves ties out."""
    return pair.model_copy(update={"strength": None}) if pair.strength == 1 else pair


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
