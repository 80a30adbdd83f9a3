"""A quantile, by linear interpolation (type 7).

Definition: with the values in ascending order x₀ ≤ … ≤ xₙ₋₁ and h = (n − 1) p, the quantile is
x₍⌊h⌋₎ + (h − ⌊h⌋)(x₍⌊h⌋₊₁₎ − x₍⌊h⌋₎): what numpy, R and Excel give when not told otherwise.

Over members the interval is Korn and Graubard's turned round (``korn_graubard.py``): it follows
from how many values of each member lie below, and needs no smoothness. Over single attacks it is
the bootstrap's. Below n·min(p, 1 − p) = 5 values beyond the quantile it is withheld, and over
members where those are worth less than 1.5 independent ones at an intraclass correlation of ½
(``likeness.py``): then it has an end only where a few members happened to have many of them.

Reference: Hyndman & Fan 1996, "Sample Quantiles in Statistical Packages", *The American
Statistician* 50(4), definition 7.

>>> import numpy as np
>>> Quantile(0.25).estimate(np.array([0.0, 1.0, 2.0, 4.0]))
0.75
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.korn_graubard import METHOD, quantile_interval
from gadfly.analysis.statistics.korn_graubard import REGIME as RATE
from gadfly.analysis.statistics.likeness import ALIKE
from gadfly.analysis.statistics.protocol import Interval, Regime, Resampler, Statistic

__all__ = ["REGIME", "Quantile"]

REGIME = replace(RATE, members=10, tail=5)
_TAIL = 0.1  # share up to which it is a tail, which few members may make
_WORTH = 1.5  # values beyond it that as many independent ones are worth


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

    def interval(
        self, sample: Sample, *, clustered: bool, level: float, resamples: int, seed: int
    ) -> Interval | None:
        """The exact one, over members."""
        if not clustered:
            return None
        worth, n = effective_members(sample.masses), len(sample.values)
        few = self.no_interval(n) or REGIME.few(worth) or self._few(n, worth)
        ends = None if few else quantile_interval(sample, self.p, level=level)
        reason = few or "interval not estimable: it goes beyond the values that there are"
        return Interval(METHOD, ends, None if ends else reason)

    @property
    def regime(self) -> Regime:
        """Where its interval holds its level."""
        tail = min(self.p, 1 - self.p) <= _TAIL
        return replace(REGIME, alike=True, assumes="") if tail else REGIME

    def _few(self, n: int, worth: float) -> str | None:
        beyond = min(self.p, 1 - self.p) * n / (1 + (n / worth - 1) * ALIKE)
        if beyond >= _WORTH:
            return None
        return (
            f"interval not estimable: the values beyond this quantile are worth {beyond:.2g} "
            f"independent ones where members differ as the attacks of one do, it takes {_WORTH:g}"
        )

    def no_interval(self, n: int) -> str | None:
        """Too few values beyond the quantile."""
        beyond = n * min(self.p, 1 - self.p)
        if beyond >= REGIME.tail:
            return None
        takes = f"it takes {REGIME.tail:g}"
        return f"no interval: {n} values put {beyond:.3g} beyond this quantile, {takes}"
