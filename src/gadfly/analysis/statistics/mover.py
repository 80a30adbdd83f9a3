"""Contrasts of rates, from the exact interval of each.

Definition: a contrast θ = Σ_g c_g p_g of rates with intervals l_g to u_g reaches down to

    θ − √(Σ_g Σ_h ρ_gh e_g e_h),    e_g = c_g (p_g − l_g) where c_g > 0, c_g (u_g − p_g) elsewhere,

and up likewise with the other ends: each rate adds its distance to the end that counts, which near
0 and 1 is another one than to the other end (the method of variance estimates recovery, MOVER).
Members meet several groups: ρ_gh is the correlation of the rates over members, by the jackknife,
0 where a rate does not vary. It needs no resample, has ends where a side has no success at all, and
inherits from Korn and Graubard's intervals that it is rather wide.

References: Zou & Donner 2008, "Construction of confidence limits about effect measures: A general
approach", *Statistics in Medicine* 27(10); Zou 2007, "Toward using confidence intervals to compare
correlations", *Psychological Methods* 12(4), on dependent ones; Newcombe 1998, "Improved confidence
intervals for the difference between binomial proportions based on paired data", *Statistics in
Medicine* 17(22).

>>> sums, counts = np.array([[3.0, 0.0], [2.0, 1.0], [4.0, 1.0]]), np.full((3, 2), 9.0)
>>> low, high = mover(sums, counts, np.array([27, 27]), np.array([[-1.0], [1.0]]), level=0.95)
>>> bool(low[0] < -7 / 27 < high[0])
True
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.korn_graubard import interval_of
from gadfly.analysis.statistics.protocol import Regime

__all__ = ["REGIME", "mover"]

REGIME = Regime(
    "conservative",
    members=5,
    assumes="who attacks most often is not who succeeds most often",
)
_ROUNDING = 1e-12  # of the squares that a sum of squares may be off by


def mover(
    sums: Floats, counts: Floats, n: Ints, coefficients: Floats, *, level: float
) -> tuple[Floats, Floats]:
    """Lower and upper ends of contrasts; NaN where a group of a contrast is empty.

    :param sums: successes (or their weight) by member and group.
    :param counts: attacks (or their weight), likewise.
    :param n: number of attacks of each group.
    :param coefficients: [groups, contrasts].
    """
    size = counts.sum(axis=0)
    rate = np.divide(sums.sum(axis=0), size, out=np.full(len(size), np.nan), where=size > 0)
    ends = np.array(
        [
            interval_of(c[c > 0], s[c > 0], int(k), level) if k else (np.nan, np.nan)
            for c, s, k in zip(counts.T, sums.T, n, strict=True)
        ]
    ).T
    down, up = np.nan_to_num(rate - ends[0]), np.nan_to_num(ends[1] - rate)
    together = _correlation(sums - np.nan_to_num(rate) * counts, size - counts)
    plus, minus = np.maximum(coefficients, 0), np.minimum(coefficients, 0)
    value = np.nan_to_num(rate) @ coefficients
    value[np.isnan(rate) @ (coefficients != 0) > 0] = np.nan
    low = plus * down[:, None] + minus * up[:, None]
    high = plus * up[:, None] + minus * down[:, None]
    return value - _length(low, together), value + _length(high, together)


def _length(e: Floats, together: Floats) -> Floats:
    """Root of e'ρe, a column for each contrast; 0 where only rounding keeps it from that."""
    found, apart = ((together @ e) * e).sum(axis=0), (e * e).sum(axis=0)
    return np.asarray(np.sqrt(np.where(found > _ROUNDING * apart, found, 0.0)))


def _correlation(off: Floats, left: Floats) -> Floats:
    """Correlation of rates over members, from how far each moves when a member is left out."""
    moved = off * np.divide(1.0, left, out=np.zeros_like(left), where=left != 0)
    crossed = moved.T @ moved
    spread = np.sqrt(np.diag(crossed))
    known = np.outer(spread, spread) > 0
    found = np.divide(crossed, np.outer(spread, spread), out=np.zeros_like(crossed), where=known)
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)
