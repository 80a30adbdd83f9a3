"""A rate with its exact interval.

Definition: k of n, with Clopper and Pearson's interval: its ends are the rates at which k or more,
and k or fewer, would come up with probability (1 − level) / 2. It holds its level for any n, also
at 0 of n where a bootstrap says nothing, and is wider than need be.

It is for requests that are asked once each: they are taken as drawn from requests like them.

Reference: Clopper & Pearson 1934, "The use of confidence or fiducial limits illustrated in the case
of the binomial", *Biometrika* 26(4).

>>> rate = exact_rate(0, 40, level=0.95)
>>> rate.estimate, rate.low, round(rate.high, 3)
(0.0, 0.0, 0.088)
"""

from __future__ import annotations

from gadfly.analysis.statistics.korn_graubard import clopper_pearson
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.estimate import Estimate

__all__ = ["REGIME", "exact_rate"]

REGIME = Regime("conservative", assumes="requests are a random draw")
"""Where intervals hold their level."""


def exact_rate(
    k: int, n: int, *, level: float, what: str = "share", unit: str = "request"
) -> Estimate:
    """The share of ``n`` requests, or of another ``unit``, that ``k`` is; ``n`` is not 0."""
    low, high = clopper_pearson(k, n, level=level)
    return Estimate(
        estimate=k / n,
        low=low,
        high=high,
        level=level,
        n=n,
        method=f"{what}; exact interval (Clopper-Pearson) over {unit}s",
    )
