"""How well a scorer agrees with the people who compared replies.

Definitions, for pairs i with margin m_i = score(chosen) − score(rejected) in one context:

* **Accuracy**: the mean of [m_i > 0] + ½[m_i = 0]. A tie counts half and ties are counted.
* **Interval**: conversations are drawn with replacement, all pairs of a conversation together, and
  accuracy is taken over the pairs drawn; percentiles of 2,000 such draws (Davison and Hinkley 1997,
  section 3.8). Where every conversation gives the same value the draws cannot vary and there is no
  interval.
* **Expected calibration error**: p_i = σ(|m_i|) is the model's confidence in the side it predicts,
  between ½ and 1; over ten bins of equal width, Σ_b (n_b / n) |accuracy_b − mean p_b| (Naeini et
  al. 2015; Guo et al. 2017). Taking the predicted side makes it blind to which reply was named
  first. It asks something only of a scorer whose scores are meant as log odds.
* **By length**: pairs in bins of the difference in characters, chosen − rejected, without outer
  white space. Beside each bin stands the accuracy of "the shorter reply wins": 1 where chosen is
  shorter throughout, 0 where longer. A model no better than that baseline overall, or good only in
  the bins that it wins, has learned length.
* **Leakage**: a pair is seen if its first human turn was in the scorer's training data. Seen and
  unseen pairs are reported apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gadfly.preference.features import Replies
from gadfly.preference.lineage import lineage_hash
from gadfly.preference.linear import LinearScorer
from gadfly.preference.pairs import Prepared, prepare
from gadfly.preference.protocol import Scorer, checked_scores
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate
from gadfly.records.values import Message, PreferencePair

__all__ = [
    "CalibrationBin",
    "Evaluation",
    "LengthBin",
    "accuracy_estimate",
    "evaluate",
    "evaluate_margins",
    "margins",
]

LENGTH_EDGES = (-200, -80, -20, 20, 80, 200)
"""Inner edges of the length bins, in characters; fixed, so that models can be compared."""
_BINS = 10
_BATCH = 2_048

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]


class CalibrationBin(Record):
    """Pairs of like confidence."""

    low: float
    """Least confidence of the bin."""
    high: float
    """Largest confidence of the bin."""
    n: int
    """Pairs in it."""
    confidence: float | None
    """Mean confidence; ``None`` where no pair is."""
    accuracy: float | None
    """Share predicted right, ties counting half; ``None`` where no pair is."""


class LengthBin(Record):
    """Pairs of like difference in length."""

    low: int | None
    """Least difference chosen − rejected in characters; ``None`` for the open end."""
    high: int | None
    """First difference beyond the bin; ``None`` for the open end."""
    n: int
    """Pairs in it."""
    accuracy: float | None
    """Of the scorer; ``None`` where no pair is."""
    shorter_wins: float | None
    """Of preferring the shorter reply; ``None`` where no pair is."""


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
    draws: int = 2_000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure a scorer on pairs; ``dropped`` is what their reader left out already."""
    prepared = prepare(pairs, dropped)
    found = margins(scorer, prepared, progress=progress)
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
        resampling=Resampling(draws, seed),
    )


def margins(
    scorer: Scorer,
    prepared: Prepared,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """score(chosen) − score(rejected) for each pair, each after its own context."""
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
    if isinstance(scorer, LinearScorer):  # spares the scores of the context's own replies
        replies = Replies()
        for messages, pair in zip(contexts, pairs, strict=True):
            replies.add(messages, (pair.chosen, pair.rejected))
        values = scorer.score_replies(replies)
        return np.asarray(values[0::2] - values[1::2], dtype=np.float64)
    conversations = [
        (*messages, Message(role="assistant", text=reply))
        for messages, pair in zip(contexts, pairs, strict=True)
        for reply in (pair.chosen, pair.rejected)
    ]
    last = np.array([scores[-1] for scores in checked_scores(scorer, conversations)])
    return np.asarray(last[0::2] - last[1::2], dtype=np.float64)


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn."""

    draws: int = 2_000
    """Bootstrap draws."""
    seed: int = 0
    """Seed of the draws."""
    level: float = 0.95
    """Confidence level."""
    note: str = ""
    """What the estimate is beyond a plain accuracy, at the head of its method."""


def evaluate_margins(
    found: Floats,
    prepared: Prepared,
    *,
    scorer: tuple[str, str, str | None],
    seen: NDArray[np.bool_] | None,
    resampling: Resampling,
) -> Evaluation:
    """The evaluation of margins already at hand; ``scorer`` is name, version and lineage hash."""
    right = _right(found)
    difference = np.array(
        [len(pair.chosen.strip()) - len(pair.rejected.strip()) for pair in prepared.pairs]
    )
    shorter = _right(-difference.astype(np.float64))

    def over(values: Floats, which: NDArray[np.bool_] | None = None) -> Estimate:
        chosen = slice(None) if which is None else which
        return accuracy_estimate(values[chosen], prepared.conversation[chosen], resampling)

    source = np.array([pair.source for pair in prepared.pairs])
    both = seen is not None and 0 < int(seen.sum()) < len(seen)
    calibration = _calibration(found, right)
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
        ece=_ece(calibration),
        calibration=calibration,
        shorter_wins=over(shorter),
        by_length_difference=_by_length(difference, right, shorter),
    )


def _right(margin: Floats) -> Floats:
    """1 for a positive margin, ½ for none, 0 for a negative one."""
    return (np.sign(margin) + 1) / 2


def accuracy_estimate(right: Floats, conversation: Keys, resampling: Resampling) -> Estimate:
    """The mean over pairs with its interval over conversations."""
    method = f"{resampling.note}mean over pairs; percentile bootstrap of conversations"
    keys, place = np.unique(conversation, return_inverse=True)
    sums = np.bincount(place, weights=right, minlength=len(keys)).astype(np.float64)
    sizes = np.bincount(place, minlength=len(keys)).astype(np.float64)
    estimate = math.fsum(right.tolist()) / len(right)
    low = high = None
    reason = None
    if len(keys) < 2:
        reason = "one conversation only: nothing to draw from"
    elif np.ptp(sums / sizes) == 0:
        reason = "every conversation gives the same value: draws cannot vary"
    else:
        drawn = _draws(sums, sizes, resampling)
        tail = (1 - resampling.level) / 2
        low, high = (float(q) for q in np.quantile(drawn, [tail, 1 - tail]))
    return Estimate(
        estimate=estimate,
        low=low,
        high=high,
        level=resampling.level,
        n=len(right),
        method=f"{method}, {resampling.draws:,} draws",
        reason=reason,
    )


def _draws(sums: Floats, sizes: Floats, resampling: Resampling) -> Floats:
    rng = np.random.default_rng(resampling.seed)
    drawn = np.empty(resampling.draws)
    for i in range(resampling.draws):
        pick = rng.integers(0, len(sums), len(sums))
        drawn[i] = sums[pick].sum() / sizes[pick].sum()
    return drawn


def _calibration(found: Floats, right: Floats) -> tuple[CalibrationBin, ...]:
    confidence = 1 / (1 + np.exp(-np.abs(found)))
    edges = np.linspace(0.5, 1.0, _BINS + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, _BINS - 1)
    bins = []
    for number in range(_BINS):
        inside = place == number
        bins.append(
            CalibrationBin(
                low=float(edges[number]),
                high=float(edges[number + 1]),
                n=int(inside.sum()),
                confidence=_mean(confidence[inside]),
                accuracy=_mean(right[inside]),
            )
        )
    return tuple(bins)


def _ece(bins: Sequence[CalibrationBin]) -> float:
    total = sum(one.n for one in bins)
    return math.fsum(
        one.n / total * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )


def _by_length(
    difference: NDArray[np.int64], right: Floats, shorter: Floats
) -> tuple[LengthBin, ...]:
    place = np.searchsorted(LENGTH_EDGES, difference, side="right")
    edges = (None, *LENGTH_EDGES, None)
    return tuple(
        LengthBin(
            low=edges[number],
            high=edges[number + 1],
            n=int((place == number).sum()),
            accuracy=_mean(right[place == number]),
            shorter_wins=_mean(shorter[place == number]),
        )
        for number in range(len(edges) - 1)
    )


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
