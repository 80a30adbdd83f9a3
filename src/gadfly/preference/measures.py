"""The measures of a preference model, each a plain function of margins.

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
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = [
    "CalibrationBin",
    "LengthBin",
    "Resampling",
    "accuracy_estimate",
    "by_length",
    "calibration",
    "calibration_error",
    "correctness",
]

LENGTH_EDGES = (-200, -80, -20, 20, 80, 200)
"""Inner edges of the length bins, in characters; fixed, so that models can be compared."""
_BINS = 10

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


def correctness(margin: Floats) -> Floats:
    """1 for a positive margin, ½ for none, 0 for a negative one."""
    return (np.sign(margin) + 1) / 2


def accuracy_estimate(right: Floats, conversation: Keys, resampling: Resampling) -> Estimate:
    """The mean over pairs with its interval over conversations."""
    method = f"{resampling.note}mean over pairs; percentile bootstrap of conversations"
    keys, place = np.unique(conversation, return_inverse=True)
    sums = np.bincount(place, weights=right, minlength=len(keys)).astype(np.float64)
    sizes = np.bincount(place, minlength=len(keys)).astype(np.float64)
    estimate = math.fsum(right.tolist()) / len(right)
    ends = reason = None
    if len(keys) < 2:
        reason = "one conversation only: nothing to draw from"
    elif np.ptp(sums / sizes) == 0:
        reason = "every conversation gives the same value: draws cannot vary"
    else:
        drawn = _draws(sums, sizes, resampling)
        tail = (1 - resampling.level) / 2
        low, high = (float(q) for q in np.quantile(drawn, [tail, 1 - tail]))
        ends = low, high
    level, method = resampling.level, f"{method}, {resampling.draws:,} draws"
    return Estimate.of(estimate, ends, level=level, n=len(right), method=method, reason=reason)


def _draws(sums: Floats, sizes: Floats, resampling: Resampling) -> Floats:
    rng = np.random.default_rng(resampling.seed)
    drawn = np.empty(resampling.draws)
    for i in range(resampling.draws):
        pick = rng.integers(0, len(sums), len(sums))
        drawn[i] = sums[pick].sum() / sizes[pick].sum()
    return drawn


def calibration(margins: Floats, right: Floats) -> tuple[CalibrationBin, ...]:
    """Confidence and accuracy by bins of confidence."""
    confidence = 1 / (1 + np.exp(-np.abs(margins)))
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


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """The expected calibration error."""
    total = sum(one.n for one in bins)
    return math.fsum(
        one.n / total * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )


def by_length(
    difference: NDArray[np.int64], right: Floats, shorter: Floats
) -> tuple[LengthBin, ...]:
    """Accuracy of a scorer and of the length baseline by bins of difference in length."""
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
