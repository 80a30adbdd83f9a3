"""The standard deviation.

Definition: s = √(Σ (xᵢ − x̄)² / n), of the attacks as they are; over n, not n − 1, since it
describes them. In a resample of members it is the same of the values that were drawn.

Reference: Davison & Hinkley 1997, *Bootstrap Methods and their Application*, section 2.4.

>>> import numpy as np
>>> StandardDeviation().estimate(np.array([0.0, 0.0, 2.0, 2.0]))
1.0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.protocol import Resampler, Statistic

__all__ = ["StandardDeviation"]


@dataclass(frozen=True)
class StandardDeviation(Statistic):
    """The standard deviation of the values."""

    name: str = "standard deviation"

    def estimate(self, values: Floats) -> float:
        """The standard deviation, in the unit of the values."""
        return float(np.std(values))

    def resampler(self, sample: Sample) -> Resampler:
        """The standard deviation of each resample."""
        centred = sample.values - sample.values.mean()  # small sums keep their digits
        first, second = sample.sums(centred), sample.sums(centred**2)

        def of(draws: Draws) -> Floats:
            variance = draws.ratio(second) - draws.ratio(first) ** 2
            return np.asarray(np.sqrt(np.maximum(variance, 0)))

        return of
