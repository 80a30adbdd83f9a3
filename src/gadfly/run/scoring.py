"""Scoring a study: every attack that is over gets the scores it lacks."""

from __future__ import annotations

from collections.abc import Callable

from gadfly.preference.protocol import Scorer, attack_scores
from gadfly.records.canonical import canonical_json
from gadfly.run.assemble import OpenStudy
from gadfly.run.gather import gather
from gadfly.store.rows import StoredScores

__all__ = ["score_study"]

_BATCH = 200


def score_study(
    study: OpenStudy, scorer: Scorer, *, progress: Callable[[int, int], None] | None = None
) -> int:
    """Score what is unscored and keep it, a batch at a time; returns how many were scored."""
    attacks = gather(study, scorer=scorer)
    due = [(row, attack) for row, attack in attacks.items() if not attack.scores]
    for start in range(0, len(due), _BATCH):
        batch = due[start : start + _BATCH]
        scored = attack_scores([attack for _, attack in batch], scorer)
        study.store.put_scores(
            StoredScores(row, scorer.name, scorer.version, canonical_json(scores).decode())
            for (row, _), scores in zip(batch, scored, strict=True)
        )
        if progress:
            progress(start + len(batch), len(due))
    return len(due)
