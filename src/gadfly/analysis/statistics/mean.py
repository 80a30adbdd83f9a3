"""The mean.

Definition: the sum of the values over their number, x̄ = (1/n) Σ xᵢ.

Every attack counts once, so a member who attacked often weighs more: the estimand is the mean over
attacks, not over members. Resampling members makes the interval, not the estimate, feel that. In a
resample it is the ratio Σ wₘ sₘ / Σ wₘ nₘ of two sums over members m (wₘ how often drawn, sₘ the
sum and nₘ the number of the member's values).

Reference: Davison & Hinkley 1997, *Bootstrap Methods and their Application*, section 2.4 (ratios).

>>> import numpy as np
>>> Mean().estimate(np.array([0.0, 1.0, 4.0, 4.0]))
2.25
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Floats, Sample
from gadfly.analysis.statistics.protocol import Resampler, Statistic

__all__ = ["Mean"]


@dataclass(frozen=True)
class Mean(Statistic):
    """The mean of the values."""

    name: str = "mean"

    def estimate(self, values: Floats) -> float:
        """The mean, in the unit of the values."""
        return float(np.mean(values))

    def resampler(self, sample: Sample) -> Resampler:
        """The mean of each resample."""
        sums = sample.sums(sample.values)
        return lambda draws: draws.ratio(sums)
