"""A quantile, by linear interpolation (type 7).

Definition: with the values in ascending order x₀ ≤ … ≤ xₙ₋₁ and h = (n − 1) p, the quantile is
x₍⌊h⌋₎ + (h − ⌊h⌋)(x₍⌊h⌋₊₁₎ − x₍⌊h⌋₎): what numpy, R and Excel give when not told otherwise.

A bootstrap interval for a quantile needs several values on its far side: below n·min(p, 1 − p) = 5
the resamples hardly move off the extreme value, so the interval is withheld.

Reference: Hyndman & Fan 1996, "Sample Quantiles in Statistical Packages", *The American
Statistician* 50(4), definition 7.

>>> import numpy as np
>>> Quantile(0.25).estimate(np.array([0.0, 1.0, 2.0, 4.0]))
0.75
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.protocol import Resampler, Statistic

__all__ = ["Quantile"]

_NEEDED = 5  # values expected beyond the quantile


@dataclass(frozen=True)
class Quantile(Statistic):
    """The value below which a share ``p`` of the values lies."""

    p: float
    """The share, 0 to 1."""

    @property
    def name(self) -> str:
        """The quantile with its share."""
        return "median" if self.p == 0.5 else f"{self.p:.0%} quantile (type 7)"

    def estimate(self, values: Floats) -> float:
        """The quantile, in the unit of the values."""
        return float(np.quantile(values, self.p))

    def resampler(self, sample: Sample) -> Resampler:
        """The statistic of each resample, exactly."""
        return self._resampled

    def _resampled(self, draws: Draws) -> Floats:
        rank = (draws.totals - 1) * self.p
        below = np.floor(rank).astype(np.int64)
        above = np.minimum(below + 1, draws.totals - 1)
        low = draws.sample.values[draws.position(below)]
        high = draws.sample.values[draws.position(above)]
        return np.asarray(low + (rank - below) * (high - low))

    def no_interval(self, n: int) -> str | None:
        """Too few values beyond the quantile."""
        beyond = n * min(self.p, 1 - self.p)
        if beyond >= _NEEDED:
            return None
        return f"no interval: {n} values put {beyond:.3g} beyond this quantile, it takes {_NEEDED}"
