"""A diversity at a common size: what ``size`` attacks drawn from a set are worth.

Diversity grows with the number of attacks, so an arm of 17,000 looks richer than one of 1,000 by
its size alone. Definition: the mean of a measure over draws of ``size`` attacks without replacement
(rarefaction). Copies, which a bootstrap would make, would lower any diversity.

Interval: the estimate ± z times the spread of the measure over random halves of the members, each
half rarefied in the same way. The spread of half-samples without replacement is that of the whole
over other members like these; drawing ``size`` attacks of a half adds to it, so the interval is on
the wide side. Where members are so few or uneven that halves of them lack attacks there is none.

References: Hurlbert 1971, "The nonconcept of species diversity" (rarefaction); McCarthy 1969,
"Pseudo-replication: half samples".

>>> import numpy as np
>>> members = np.repeat(np.arange(20), 5)
>>> rarefied(lambda rows: float(len(rows)), members, size=10, name="size", seed=0).estimate
10.0
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from gadfly.analysis.sample import Ints, alike
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.estimate import Estimate

__all__ = ["REGIME", "rarefied"]

_DRAWS = 20  # for the estimate
_HALVES = 50  # for the interval: its width is right within a tenth
REGIME = Regime("conservative", members=10)
"""Where intervals hold their level; half of the members must have attacks enough, too."""


def rarefied(
    measure: Callable[[Ints], float],
    members: Ints,
    *,
    size: int,
    name: str,
    seed: int,
    most: float = np.inf,
    level: float = 0.95,
) -> Estimate:
    """A measure of ``size`` rows of a set.

    :param measure: the measure of some rows, by their numbers; 1 or more.
    :param members: code of each row's member.
    :param name: of the measure, for ``Estimate.method``.
    :param most: what the measure cannot exceed.
    """
    rng = np.random.default_rng(seed)
    n, codes = len(members), np.unique(members)
    method = (
        f"{name}; mean of {_DRAWS} draws of {size:,} attacks; {_HALVES} half-samples of members"
    )
    low = high = estimate = None
    if not 2 <= size <= n:
        reason = f"draws of {size:,} attacks need as many, there are {n:,}"
    else:
        every = np.arange(n)
        drawn = [measure(rng.choice(every, size, replace=False)) for _ in range(_DRAWS)]
        estimate, reason = float(np.mean(drawn)), None
        halves = _halves(members, codes, rng)
        spread = [
            measure(rng.choice(rows, size, replace=False)) for rows in halves if len(rows) >= size
        ]
        if len(codes) < REGIME.members:
            reason = f"no interval: only {len(codes)} members"
        elif len(spread) < 0.9 * _HALVES:
            reason = f"no interval: half of the {len(codes)} members may lack {size:,} attacks"
        elif alike(np.array([*drawn, *spread])):
            reason = "no interval: no draw differs from another"
        else:
            reach = float(ndtri((1 + level) / 2)) * float(np.std(spread, ddof=1))
            low, high = max(estimate - reach, min(estimate, 1.0)), min(estimate + reach, most)
    return Estimate(
        estimate=estimate, low=low, high=high, level=level, n=n, method=method, reason=reason
    )


def _halves(members: Ints, codes: Ints, rng: np.random.Generator) -> list[Ints]:
    """Rows of random halves of the members."""
    half = len(codes) // 2
    chosen = (rng.choice(codes, half, replace=False) for _ in range(_HALVES))
    return [np.flatnonzero(np.isin(members, some)) for some in chosen]
