"""Differences of means between groups of attacks that share members.

The mean of group g is μ_g = Σ_m S_mg / Σ_m N_mg, with S_mg the sum and N_mg the number of values
(or the sum of weights) of member m in it; a contrast is θ = Σ_g c_g μ_g. Groups are arms, or any
union of arms, or the same arm by two columns.

Interval: what a member brings to both sides of a difference cancels in it, as it does in the data.
Of rates it is MOVER's (:mod:`gadfly.analysis.statistics.mover`) where the successes, or failures,
of a group are worth fewer than five effective members: of so few a bootstrap promises too much. So
it is of other values on two levels and, where they are skewed, on up to five, such as ratings.
Otherwise it is the wild cluster bootstrap's below twelve effective members, for a contrast of
groups is a coefficient of a regression on them, and from there on the cluster bootstrap's, members
drawn once for all groups, percentiles expanded as in :mod:`gadfly.analysis.bootstrap`. Below five
effective members there is neither interval nor t. A resample in which a group of the contrast has
no value is left out and counted; where that is more than one in twenty, there is no interval.

p-value: where the interval is MOVER's, 1 less the level at which it reaches 0, for t called far too
many differences significant where successes were rare and nothing differed. Elsewhere θ / se
against Student's t, se by the member jackknife (CV3). Without member m the contrast changes by −u_m
= −Σ_g c_g (S_mg − μ_g N_mg) / (N_g − N_mg), and se² = (M − 1)/M Σ_m u_m² over the M members of the
contrast. Degrees of freedom are the effective number of members of the smaller side
(:func:`effective`) less one: with few or uneven members the normal distribution and errors without
the jackknife promise too much.

References: Davison & Hinkley 1997, *Bootstrap Methods and their Application*, section 3.8
(resampling clusters); MacKinnon, Nielsen & Webb 2023, "Cluster-robust inference: A guide to
empirical practice", *Journal of Econometrics* 232(2), on CV3; Carter, Schnepel & Steigerwald 2017,
doi 10.1162/REST_a_00639, on effective clusters.

>>> import numpy as np
>>> totals = Totals.of(
...     np.array([1.0, 3.0, 5.0]), members=np.array([0, 0, 1]), groups=np.array([0, 1, 1]),
...     shape=(2, 2),
... )
>>> totals.means().tolist()
[1.0, 4.0]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy.special import stdtr

from gadfly.analysis.bootstrap import Bootstrap, expanded_tail, resample
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.mover import NO_STEPS, Steps, kish
from gadfly.analysis.statistics.protocol import Interval, Regime
from gadfly.analysis.statistics.wild import of_contrast
from gadfly.records.estimate import Estimate

__all__ = [
    "REGIME",
    "UNMOVED",
    "Contrasted",
    "Robust",
    "Totals",
    "contrasted",
    "effective",
    "percentile",
    "robust",
    "side",
]

REGIME = Regime("approximate", members=5)
"""Where intervals and t hold their level."""
_FEW = 12  # effective members below which means are the wild bootstrap's
_EMPTY = 0.05  # share of resamples without a group from which there is no interval
_ROUNDING = 1e-12  # of the means, below which a difference or an error is none
_MISSING = "not estimable: a side of the difference has no value"
UNMOVED = "interval not estimable: all values of a side are equal, resampling moves none"


@dataclass(frozen=True)
class Totals:
    """Sums by member and group. Leading axes hold variants, such as permutations."""

    sums: Floats
    """Sum of (weighted) values, [..., members, groups]."""
    counts: Floats
    """Number of values, or sum of their weights, same shape."""
    n: Ints
    """Number of values in each group, [groups]."""
    steps: Steps = NO_STEPS
    """Of values on few levels, such as ratings and successes: how many reach each of them."""

    @classmethod
    def of(
        cls,
        values: Floats,
        *,
        members: Ints,
        groups: Ints,
        shape: tuple[int, int],
        weights: Floats | None = None,
    ) -> Totals:
        """From values (NaN where there is none), each with its member and group.

        :param shape: numbers of members and of groups.
        """
        there = ~np.isnan(values)
        cell, size = (members * shape[1] + groups)[there], shape[0] * shape[1]
        weight, known = np.ones(len(cell)) if weights is None else weights[there], values[there]
        sums: Floats = np.bincount(cell, weight * known, size).astype(np.float64)
        counts: Floats = np.bincount(cell, weight, size).astype(np.float64)
        return cls(
            sums.reshape(shape),
            counts.reshape(shape),
            np.bincount(groups[there], minlength=shape[1]),
            Steps.of(known, cell, weight, shape),
        )

    def beside(self, *others: Totals) -> Totals:
        """Its groups and those of others of the same members, side by side."""
        every = (self, *others)
        return Totals(
            np.hstack([each.sums for each in every]),
            np.hstack([each.counts for each in every]),
            np.concatenate([each.n for each in every]),
            self.steps.beside(*(each.steps for each in others)),
        )

    def means(self) -> Floats:
        """Mean of each group, NaN where it is empty, [..., groups]."""
        return _ratio(self.sums.sum(axis=-2), self.counts.sum(axis=-2))


@dataclass(frozen=True)
class Robust:
    """A contrast with its standard error, arrays of one length."""

    value: Floats
    """θ, NaN where a group is empty, [..., contrasts]."""
    error: Floats
    """Standard error over members, same shape."""
    counts: Floats
    """Number of values, or sum of their weights, [members, groups]."""
    coefficients: Floats
    """Of the contrasts, [groups, contrasts]."""

    @cached_property
    def members(self) -> Floats:
        """Effective number of members, [contrasts]."""
        return effective(self.counts, self.coefficients)

    @property
    def p(self) -> Floats:
        """Two-sided p-values; NaN where nothing can be said."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.value / self.error)
            p = 2 * stdtr(self.members - 1, -t)
        known = (self.members >= REGIME.members) & (self.error > 0)  # without spread no t
        return np.where(known, p, np.nan)


@dataclass(frozen=True)
class Contrasted:
    """A contrast as the bootstrap sees it."""

    estimate: Estimate
    """The contrast with its interval."""
    empty: int
    """Number of resamples left out, because a group of the contrast was empty in them."""
    t: float | None
    """p-value by Student's t; ``None`` where nothing can be said."""
    exact: Callable[[], float] | None = None
    """What gives the p-value where the interval is MOVER's."""

    @cached_property
    def p(self) -> float | None:
        """p-value, from where the interval is; ``None`` where nothing can be said."""
        return self.exact() if self.exact else self.t


def robust(totals: Totals, coefficients: Floats) -> Robust:
    """Contrasts with standard errors that respect members; ``coefficients`` [groups, contrasts]."""
    means, size = totals.means(), totals.counts.sum(axis=-2)
    off = totals.sums - np.nan_to_num(means)[..., None, :] * totals.counts
    left = size[..., None, :] - totals.counts
    # A member who is the whole of a group has nothing off, and nothing is left without.
    u = off * np.divide(1.0, left, out=np.zeros_like(left), where=left != 0)
    members = (totals.counts @ np.abs(coefficients) > 0).sum(axis=-2)
    moved = u @ coefficients
    squares = np.einsum("...mc,...mc->...c", moved, moved)
    spread = squares * (members - 1) / np.maximum(members, 1)
    value, error = _apply(means, coefficients), np.sqrt(spread)
    rounding = _ROUNDING * (np.abs(np.nan_to_num(means)) @ np.abs(coefficients))
    value, error = (np.where(np.abs(x) <= rounding, 0.0, x) for x in (value, error))
    first = totals.counts.reshape(-1, *totals.counts.shape[-2:])[0]
    return Robust(value, error, first, coefficients)


def effective(counts: Floats, coefficients: Floats) -> Floats:
    """Effective number of members of each contrast, from ``counts`` [members, groups].

    That of its smaller side: a few members on one side are a few, however many are on the other.
    Groups of one side are worth what their members are together (Kish), and no more than their
    variances, taken as c²/members, add up to (Welch and Satterthwaite): members of one group do not
    stand in for those of another.
    """
    share = np.nan_to_num(_ratio(counts, counts.sum(axis=0)))
    groups = np.nan_to_num(kish(share))[:, None]
    worth = []
    for sign in (1, -1):
        side = np.maximum(sign * coefficients, 0)
        spread = np.divide(side**2, groups, out=np.zeros_like(side), where=groups > 0)
        each = np.divide(spread**2, groups, out=np.zeros_like(side), where=groups > 0)
        worth += [kish(share @ side), _ratio(spread.sum(axis=0) ** 2, each.sum(axis=0))]
    smaller = np.nan_to_num(np.array(worth), nan=np.inf).min(axis=0)  # a side may be empty
    return np.where(np.isinf(smaller), 0.0, smaller.round(9))


def contrasted(
    totals: Sequence[Totals],
    coefficients: Floats,
    *,
    how: Bootstrap,
    seed: int,
    what: str,
    missing: str = _MISSING,
) -> list[list[Contrasted]]:
    """Contrasts of several columns of the same groups, all from the same resamples.

    :param totals: one for each column, members as rows.
    :param coefficients: [groups, contrasts].
    :param what: what is computed, in words, for ``Estimate.method``.
    :param missing: why a contrast is missing where a group of it is empty.
    """
    drawn: list[list[Floats]] = [[] for _ in totals]
    members = len(totals[0].sums)
    units = Sample(np.arange(members, dtype=np.float64), np.arange(members), members)
    for draws in resample(units, how.resamples if members > 1 else 0, seed):
        times = draws.multiplicities.astype(np.float64)
        for column, parts in zip(totals, drawn, strict=True):
            parts.append(_apply(_ratio(times @ column.sums, times @ column.counts), coefficients))
    none = np.empty((0, coefficients.shape[1]))
    return [
        _all(
            column,
            coefficients,
            np.concatenate(parts) if parts else none,
            how=how,
            seed=seed,
            what=what,
            missing=missing,
        )
        for column, parts in zip(totals, drawn, strict=True)
    ]


def _all(
    totals: Totals,
    coefficients: Floats,
    drawn: Floats,
    *,
    how: Bootstrap,
    seed: int,
    what: str,
    missing: str,
) -> list[Contrasted]:
    """Every contrast of one column."""
    found, rare = robust(totals, coefficients), totals.steps.rare_of(totals.counts, coefficients)
    p = found.p
    rows = []
    for k, value in enumerate(found.value):
        own, members = coefficients[:, k], float(found.members[k])
        n, few = int(totals.n[own != 0].sum()), np.isnan(value) or members < REGIME.members
        interval, exact = None, None
        if rare[k] and not few:
            interval = _exact(totals, own, how)
            exact = partial(totals.steps.p, totals.counts, totals.n, own) if interval else None
        if not interval and not few:
            interval = _inexact(
                totals, own, members, float(found.error[k]), how, seed, rare=bool(rare[k])
            )
        if interval:
            estimate, empty = _estimate(float(value), n, interval, how.level, what), 0
        else:
            estimate, empty = percentile(
                float(value),
                drawn[:, k],
                members=members,
                n=n,
                how=how,
                method=f"{what}; joint {how.method}",
                missing=missing,
                differs=bool(own.min() < 0 < own.max()),
            )
        rows.append(Contrasted(estimate, empty, None if np.isnan(p[k]) else float(p[k]), exact))
    return rows


def _exact(totals: Totals, own: Floats, how: Bootstrap) -> Interval | None:
    """MOVER's interval of a contrast; ``None`` where it has no width."""
    low, high = totals.steps.ends(totals.counts, totals.n, own, how.level)
    if not low < high:
        return None
    return Interval(f"MOVER from exact intervals over {how.drawn}s", (low, high))


def _inexact(
    totals: Totals,
    own: Floats,
    members: float,
    error: float,
    how: Bootstrap,
    seed: int,
    *,
    rare: bool,
) -> Interval | None:
    """The interval of a contrast, or why it has none, where that is not read off resamples of
    members.
    """
    if not error > 0:
        return Interval(f"joint {how.method}", None, UNMOVED)
    if rare or members >= _FEW:
        return None
    wild = of_contrast(
        totals.sums, totals.counts, own, level=how.level, resamples=how.resamples, seed=seed
    )
    method = f"wild cluster bootstrap by {how.drawn}, {how.resamples:,} resamples"
    return Interval(method, wild, None if wild else "interval not estimable: it has no end")


def percentile(
    value: float,
    drawn: Floats,
    *,
    members: float,
    n: int,
    how: Bootstrap,
    method: str,
    missing: str = _MISSING,
    least: float = REGIME.members,
    differs: bool = False,
) -> tuple[Estimate, int]:
    """An estimate with the middle of its resamples, and how many of those were left out.

    :param value: NaN where a group has no value.
    :param drawn: it in each resample, NaN where a group is empty.
    :param members: effective number of members.
    :param missing: why it is missing, where it is.
    :param least: effective members that an interval takes.
    :param differs: it is a difference, which has no interval where every resample gives the same.
    """
    there = drawn[np.isfinite(drawn)]
    empty = len(drawn) - len(there)
    low = high = None
    if np.isnan(value):
        reason: str | None = missing
    elif members < least:
        reason = f"interval not estimable: {how.drawn}s count as {members:.1f}, it takes {least:g}"
    elif empty > _EMPTY * len(drawn):
        reason = (
            f"no interval: in {empty:,} of {len(drawn):,} resamples something that is compared "
            "has no value"
        )
    else:
        tail = expanded_tail(how.level, members)
        low, high = (float(end) for end in np.quantile(there, [tail, 1 - tail]))
        reason = None
        if low == high and differs:
            low = high = None
            reason = UNMOVED
    ends = None if low is None or high is None else (low, high)
    return _estimate(value, n, Interval(method, ends, reason), how.level), empty


def _estimate(value: float, n: int, interval: Interval, level: float, what: str = "") -> Estimate:
    low, high = interval.ends or (None, None)
    return Estimate(
        estimate=None if np.isnan(value) else value,
        low=low,
        high=high,
        level=level,
        n=n,
        method=f"{what}; {interval.method}" if what else interval.method,
        reason=interval.reason,
    )


def side(difference: Estimate) -> int:
    """On which side of 0 the whole interval lies: 1 above, -1 below, 0 on neither."""
    low, high = difference.low, difference.high
    if low is None or high is None:
        return 0
    return int(low > 0) - int(high < 0)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(top / bottom)


def _apply(means: Floats, coefficients: Floats) -> Floats:
    """Contrasts of means, NaN only where a mean that counts is missing."""
    gone = np.isnan(means)
    found = np.where(gone, 0.0, means) @ coefficients
    if not gone.any():
        return np.asarray(found)
    return np.where(gone.astype(np.float64) @ (coefficients != 0) > 0, np.nan, found)
