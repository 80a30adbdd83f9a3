"""Scoring attacks: a saved model opened, and its scores put first on every attack.

The first scores of an attack are the ones that analyses use, so new scores go first and earlier
ones are kept behind them. Scores by the very same scorer (name, version, lineage) are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gadfly.errors import FileProblem, PersonError, RecordProblem, show
from gadfly.preference import linear
from gadfly.preference.folder import Saved, read_folder
from gadfly.preference.neural import scorer as neural
from gadfly.preference.protocol import Asking, Scorer, attack_scores
from gadfly.records.reading import Format, read_attacks
from gadfly.records.values import Attack, Scores
from gadfly.records.writing import Written, format_of_name, write_attacks

__all__ = ["Scored", "ScoredFile", "open_scorer", "score_attacks", "score_file"]

_BATCH = 1_024


@dataclass(frozen=True)
class Scored:
    """Attacks with new scores."""

    attacks: tuple[Attack, ...]
    """In the order given."""
    n_without_reply: int
    """Attacks without any assistant message: no minimum, no mean."""
    n_replies: int
    """Assistant messages scored."""
    n_too_long: int
    """Attacks past the scorer's context window: no score at all."""


@dataclass(frozen=True)
class ScoredFile:
    """What became of a file of attacks."""

    scorer: str
    """Name of the scorer."""
    version: str
    """Its version."""
    n_attacks: int
    """Attacks read and written."""
    n_without_reply: int
    """Of those, without any assistant message: no minimum, no mean."""
    n_too_long: int
    """Of those, past the scorer's context window: no score at all."""
    n_replies: int
    """Assistant messages scored."""
    how: str | None
    """How a neural model read them: its mode, and the padding it was fed."""
    skipped: tuple[RecordProblem, ...]
    """Records left out by a lenient reading, and why."""
    written: Written
    """The file made."""

    def summary(self) -> dict[str, Any]:
        """The counts, for programs."""
        return {
            "scorer": self.scorer,
            "version": self.version,
            "out": str(self.written.path),
            "format": self.written.format,
            "n_attacks": self.n_attacks,
            "n_without_reply": self.n_without_reply,
            "n_too_long": self.n_too_long,
            "n_replies": self.n_replies,
            "how": self.how,
            "n_skipped": len(self.skipped),
            "left_behind": dict(self.written.left_behind),
        }


def open_scorer(folder: Path | str) -> Scorer:
    """The preference model in a folder, of whatever kind."""
    saved = read_folder(folder)
    openers: dict[str, Callable[[Saved], Scorer]] = {
        linear.KIND: linear.from_saved,
        neural.KIND: neural.from_saved,
    }
    if saved.kind not in openers:
        raise PersonError(
            f"{folder}: got a preference model of kind {show(saved.kind)}; "
            f"allowed: {', '.join(openers)}"
        )
    return openers[saved.kind](saved)


def score_attacks(
    attacks: Sequence[Attack],
    scorer: Scorer,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Scored:
    """Score every attack; the conversation is the one that went on, voided turns left out."""
    done: list[Attack] = []
    for start in range(0, len(attacks), _BATCH):
        batch = attacks[start : start + _BATCH]
        for attack, scores in zip(batch, attack_scores(batch, scorer), strict=True):
            earlier = (old for old in attack.scores if not _same(old, scores))
            done.append(attack.model_copy(update={"scores": (scores, *earlier)}))
        if progress is not None:
            progress(len(done), len(attacks))
    turns = [attack.scores[0].turns for attack in done]
    lengths = [len(scores) for scores in turns if scores is not None]
    return Scored(tuple(done), lengths.count(0), sum(lengths), turns.count(None))


def _same(one: Scores, other: Scores) -> bool:
    return (one.scorer, one.version, one.lineage) == (other.scorer, other.version, other.lineage)


def score_file(
    path: Path,
    model: Path,
    into: Path,
    *,
    description_question: str | None = None,
    lenient: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ScoredFile:
    """Read attacks, score them with the model in a folder, write them; the model is opened first.

    The format is the one that the name of ``into`` asks for, else that of the file read.

    :param description_question: what stands before a task description when it is scored; ``None``:
        :data:`gadfly.preference.protocol.DESCRIPTION_QUESTION`.
    """
    if into.exists() and path.exists() and into.samefile(path):
        raise FileProblem(into, "is the file to be read; give another name to write")
    if description_question is not None and not description_question.strip():
        raise PersonError("description question: got no word; give one, or none for the usual")
    opened = open_scorer(model)
    scorer: Scorer = opened
    if description_question is not None:
        scorer = Asking(opened, description_question)
    read = read_attacks(path, lenient=lenient)
    done = score_attacks(read.attacks, scorer, progress=progress)
    written = write_attacks(into, done.attacks, format=_format(into, read.format))
    return ScoredFile(
        scorer=scorer.name,
        version=scorer.version,
        n_attacks=len(done.attacks),
        n_without_reply=done.n_without_reply,
        n_too_long=done.n_too_long,
        n_replies=done.n_replies,
        how=opened.how if isinstance(opened, neural.NeuralScorer) else None,
        skipped=read.skipped,
        written=written,
    )


def _format(into: Path, read: Format) -> Format:
    try:
        return format_of_name(into)
    except FileProblem:  # the name says nothing
        return read
