"""Contrasts of rates, and of means of values on few levels, from the exact interval of each rate.

Definition: a contrast θ = Σ_g c_g p_g of rates with intervals l_g to u_g reaches down to

    θ − √(Σ_g Σ_h ρ_gh e_g e_h),    e_g = c_g (p_g − l_g) where c_g > 0, c_g (u_g − p_g) elsewhere,

and up likewise with the other ends: each rate adds its distance to the end that counts, which near
0 and 1 is another one than to the other end (the method of variance estimates recovery, MOVER).
Members meet several groups: ρ_gh is the correlation of the rates over members, by the jackknife,
0 where a rate does not vary. It needs no resample, has ends where a side has no success at all, and
inherits from Korn and Graubard's intervals that it is rather wide.

A mean of values on levels v₀ < v₁ < … is v₀ + Σ_j (v_j − v_{j−1}) P(V ≥ v_j), a sum of rates: of
two levels it is one rate on another scale. Where it hangs on levels that few members reached, what
was not seen may matter more than what was: then its contrasts are contrasts of these rates
(:class:`Steps`). Their p-value is 1 less the level at which the interval reaches 0.

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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.korn_graubard import interval_of
from gadfly.analysis.statistics.protocol import Regime

__all__ = ["NO_STEPS", "REGIME", "Steps", "kish", "mover"]

REGIME = Regime("conservative", members=5)
Ends = tuple[float, float]
_ROUNDING = 1e-12  # of the squares that a sum of squares may be off by
_LEVELS = 5  # levels that are few; ratings have them
_SKEW = 2.0  # skewness from which rare levels decide how a mean of three levels or more can move
_LEAST = 1e-9  # p-values are no lower


@dataclass(frozen=True)
class Steps:
    """Values on few levels as rates: of each level but the lowest, how many values reach it."""

    hits: Floats
    """Number of values (or their weight) at that level or above, [members, groups, steps]."""
    gaps: Floats
    """How far above the one before it is, [groups, steps]; 0 in a group of other values."""
    lowest: Floats
    """The lowest level, [groups]."""

    @classmethod
    def of(cls, values: Floats, cells: Ints, weights: Floats, shape: tuple[int, int]) -> Steps:
        """From values, each with the number of its cell of ``shape`` (members, groups)."""
        levels = np.unique(values[:1000])
        levels = np.unique(values) if len(levels) <= _LEVELS else levels
        if np.isin(levels, (0.0, 1.0)).all():
            levels = np.array([0.0, 1.0])  # rates, though none may have succeeded
        levels = levels if 1 < len(levels) <= _LEVELS else np.zeros(1)
        size = shape[0] * shape[1]
        hits = np.zeros((len(levels) - 1, size))
        for own, level in zip(hits, levels[1:], strict=True):
            own[:] = np.bincount(cells, weights * (values >= level), size)
        return cls(
            hits.reshape(len(hits), *shape).transpose(1, 2, 0),
            np.tile(np.diff(levels), (shape[1], 1)),
            np.full(shape[1], levels[0]),
        )

    def over(self, hits: Floats) -> Steps:
        """The same levels in other groups, where all groups have the same."""
        groups = hits.shape[1]
        return Steps(hits, self.gaps[:1].repeat(groups, axis=0), self.lowest[:1].repeat(groups))

    def beside(self, *others: Steps) -> Steps:
        """Its groups and those of others of the same members, side by side."""
        every = (self, *others)
        most = max(each.gaps.shape[1] for each in every)
        room = [(0, 0), (0, 0)]
        wide = [[*room, (0, most - each.gaps.shape[1])] for each in every]
        return Steps(
            np.hstack([np.pad(each.hits, by) for each, by in zip(every, wide, strict=True)]),
            np.vstack([np.pad(each.gaps, by[1:]) for each, by in zip(every, wide, strict=True)]),
            np.concatenate([each.lowest for each in every]),
        )

    def there(self) -> NDArray[np.bool_]:
        """Groups of values on few levels."""
        return np.asarray((self.gaps > 0).any(axis=1))

    def rare(self, counts: Floats) -> NDArray[np.bool_]:
        """Groups where some level is reached, or missed, by too few members, so that it matters: of
        three levels or more where values are skewed, as all groups together tell.
        """
        if not self.gaps.any():
            return np.zeros(len(self.gaps), dtype=bool)
        worth = np.minimum(kish(self.hits), kish(counts[:, :, None] - self.hits))
        few = ~(worth >= REGIME.members) & (self.gaps > 0)
        own = self.there()
        rate = self.hits[:, own].sum(axis=(0, 1)) / max(counts[:, own].sum(), 1)
        share = -np.diff(rate, prepend=1, append=0)
        levels = np.pad(np.cumsum(self.gaps, axis=1), [(0, 0), (1, 0)])
        off = levels - (levels @ share)[:, None]
        skewed = np.abs(off**3 @ share) >= _SKEW * (off**2 @ share) ** 1.5
        return np.asarray(few.any(axis=1) & (skewed | (np.count_nonzero(self.gaps, axis=1) == 1)))

    def rare_of(self, counts: Floats, coefficients: Floats) -> NDArray[np.bool_]:
        """Contrasts of values on few levels with such a group."""
        if not self.gaps.any():
            return np.zeros(coefficients.shape[1], dtype=bool)
        among = coefficients != 0
        return np.asarray((self.rare(counts) @ among) & ~(~self.there() @ among))

    def ends(self, counts: Floats, n: Ints, coefficients: Floats, level: float) -> Ends:
        """Ends of one contrast of means, coefficients [groups], as :func:`mover` gives them."""
        used = np.flatnonzero(coefficients)
        steps = self.gaps.shape[1]
        low, high = mover(
            self.hits[:, used].reshape(len(counts), -1),
            np.repeat(counts[:, used], steps, axis=1),
            np.repeat(n[used], steps),
            (coefficients[used, None] * self.gaps[used]).reshape(-1, 1),
            level=level,
        )
        base = float(self.lowest @ coefficients)
        return base + float(low[0]), base + float(high[0])

    def p(self, counts: Floats, n: Ints, coefficients: Floats) -> float:
        """Two-sided p-value of one contrast: 1 less the level whose interval ends at 0."""

        def clear(log: float) -> float:
            """How far 0 lies outside of the interval."""
            low, high = self.ends(counts, n, coefficients, 1 - float(np.exp(log)))
            return max(low, -high)

        least = float(np.log(_LEAST))
        if clear(least) >= 0:
            return _LEAST
        if clear(-_LEAST) <= 0:
            return 1.0
        return float(np.exp(brentq(clear, least, -_LEAST, xtol=1e-3)))


NO_STEPS = Steps(np.zeros((0, 0, 0)), np.zeros((0, 0)), np.zeros(0))
"""Of other values."""


def kish(weights: Floats) -> Floats:
    """Effective members of each column, from the weight of each member; NaN of none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0))


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
