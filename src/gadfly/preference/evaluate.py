"""How well a scorer agrees with the people who compared replies.

The measures are defined in :mod:`gadfly.preference.measures`. Leakage is looked for: a pair is seen
if its first human turn was in the scorer's training data, and seen and unseen pairs are reported
apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gadfly.preference.lineage import lineage_hash
from gadfly.preference.measures import (
    CalibrationBin,
    LengthBin,
    Resampling,
    accuracy_estimate,
    by_length,
    calibration,
    calibration_error,
    correctness,
)
from gadfly.preference.pairs import Prepared, prepare
from gadfly.preference.protocol import Scorer, fitting_scores
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate
from gadfly.records.values import Message, PreferencePair

__all__ = ["TOO_LONG", "Evaluation", "evaluate", "evaluate_margins", "margins"]

TOO_LONG = "past the context window"
"""Why a pair is left out that a scorer cannot read."""

_BATCH = 2_048

Floats = NDArray[np.float64]


class Evaluation(Record):
    """A scorer measured on pairs."""

    scorer: str
    """Its name."""
    version: str
    """Its version."""
    lineage: str | None
    """Hash of what it was made from; ``None`` where unknown."""
    n: int
    """Pairs judged."""
    n_conversations: int
    """Conversations they are of, by first human turn."""
    n_ties: int
    """Pairs with equal scores; each counts half."""
    dropped: dict[str, int]
    """Pairs left out, by reason."""
    accuracy: Estimate
    """Share of pairs in which chosen scored higher."""
    accuracy_by_source: dict[str, Estimate]
    """The same by source of the pairs."""
    n_seen_in_training: int | None
    """Pairs whose first human turn was in training; ``None`` where that is unknown."""
    accuracy_seen: Estimate | None
    """On those, where there are both seen and unseen pairs."""
    accuracy_unseen: Estimate | None
    """On the others, where there are both seen and unseen pairs."""
    log_loss: float
    """Mean of log(1 + exp(−margin)), in nats; ln 2 = 0.693 is knowing nothing."""
    ece: float
    """Expected calibration error, 0 to 0.5 and more."""
    calibration: tuple[CalibrationBin, ...]
    """Its bins."""
    shorter_wins: Estimate
    """Accuracy of preferring the shorter reply: the baseline to beat."""
    by_length_difference: tuple[LengthBin, ...]
    """Accuracy by difference in length."""


def evaluate(
    scorer: Scorer,
    pairs: Sequence[PreferencePair],
    *,
    dropped: Mapping[str, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure a scorer on pairs; ``dropped`` is what their reader left out already."""
    prepared = prepare(pairs, dropped)
    found = margins(scorer, prepared, progress=progress)
    fits = ~np.isnan(found)
    if not fits.all():
        prepared = prepared.without([None if fit else TOO_LONG for fit in fits])
        found = found[fits]
    lineage = scorer.lineage
    seen = None
    if lineage is not None and lineage.conversations is not None:
        trained = np.array(lineage.conversations, dtype=np.uint64)
        seen = np.isin(prepared.conversation, trained)
    return evaluate_margins(
        found,
        prepared,
        scorer=(scorer.name, scorer.version, None if lineage is None else lineage_hash(lineage)),
        seen=seen,
        resampling=Resampling(),
    )


def margins(
    scorer: Scorer,
    prepared: Prepared,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """score(chosen) − score(rejected) for each pair, each after its own context.

    NaN for a pair that is too long for the scorer.
    """
    parts: list[Floats] = []
    total = len(prepared.pairs)
    for start in range(0, total, _BATCH):
        part = slice(start, start + _BATCH)
        parts.append(_margins(scorer, prepared.contexts[part], prepared.pairs[part]))
        if progress is not None:
            progress(min(start + _BATCH, total), total)
    return np.concatenate(parts)


def _margins(
    scorer: Scorer,
    contexts: Sequence[Sequence[Message]],
    pairs: Sequence[PreferencePair],
) -> Floats:
    conversations = [
        (*messages, Message(role="assistant", text=reply))
        for messages, pair in zip(contexts, pairs, strict=True)
        for reply in (pair.chosen, pair.rejected)
    ]
    scored = fitting_scores(scorer, conversations)
    last = np.array([np.nan if scores is None else scores[-1] for scores in scored])
    return np.asarray(last[0::2] - last[1::2], dtype=np.float64)


def evaluate_margins(
    found: Floats,
    prepared: Prepared,
    *,
    scorer: tuple[str, str, str | None],
    seen: NDArray[np.bool_] | None,
    resampling: Resampling,
) -> Evaluation:
    """The evaluation of margins already at hand; ``scorer`` is name, version and lineage hash."""
    right = correctness(found)
    difference = np.array(
        [len(pair.chosen.strip()) - len(pair.rejected.strip()) for pair in prepared.pairs]
    )
    shorter = correctness(-difference.astype(np.float64))

    def over(values: Floats, which: NDArray[np.bool_] | None = None) -> Estimate:
        chosen = slice(None) if which is None else which
        return accuracy_estimate(values[chosen], prepared.conversation[chosen], resampling)

    source = np.array([pair.source for pair in prepared.pairs])
    both = seen is not None and 0 < int(seen.sum()) < len(seen)
    bins = calibration(found, right)
    return Evaluation(
        scorer=scorer[0],
        version=scorer[1],
        lineage=scorer[2],
        n=len(found),
        n_conversations=prepared.n_conversations,
        n_ties=int((found == 0).sum()),
        dropped=prepared.dropped,
        accuracy=over(right),
        accuracy_by_source={name: over(right, source == name) for name in prepared.mix},
        n_seen_in_training=None if seen is None else int(seen.sum()),
        accuracy_seen=over(right, seen) if both else None,
        accuracy_unseen=over(right, ~seen) if both and seen is not None else None,
        log_loss=float(np.logaddexp(0.0, -found).mean()),
        ece=calibration_error(bins),
        calibration=bins,
        shorter_wins=over(shorter),
        by_length_difference=by_length(difference, right, shorter),
    )
