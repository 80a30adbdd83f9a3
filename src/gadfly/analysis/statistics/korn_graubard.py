"""Exact intervals of rates and of quantiles where attacks come in members (Korn and Graubard).

Definition: let n_m be the attacks of member m, s_m those of them that count, p = Σ s_m / Σ n_m,
and z_m = (s_m - p n_m) / (n - n_m) by how much p moves when m is left out. With G members that are
worth w (effective members)

    V* the variance of p over members with d degrees of freedom, drawn up (``likeness.py``, c = 3)
    n* = p (1 - p) / V* · (t_{n-1} / t_{d+2})²                  (what the n attacks are worth)

and the interval is Clopper and Pearson's for p n* of n*. n* is at most n, and no less than w, as if
all attacks of a member were alike. At 0% and 100%, where V says nothing, it is w. Where every
member made one attack the interval is Clopper and Pearson's own.

Korn and Graubard take the linearised variance itself and d = G - 1: too small and too many where
few members made most attacks or few had most successes. The calibration decided between them.

A quantile has the same interval turned round: every value q for which the interval of the share at
or below q holds p (Woodruff).

References: Clopper & Pearson 1934, *Biometrika* 26(4); Korn & Graubard 1998, "Confidence intervals
for proportions with small expected number of positive counts estimated from survey data", *Survey
Methodology* 24(2); Woodruff 1952, "Confidence intervals for medians and other position measures",
*Journal of the American Statistical Association* 47(260).

>>> members = Sample.of(np.array([0.0] * 30 + [1.0] * 10), np.arange(40) % 8)
>>> low, high = rate_interval(members, members.values, level=0.95)
>>> round(low, 3), round(high, 3)
(0.127, 0.412)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import betaincinv, stdtrit

from gadfly.analysis.sample import Floats, Sample, alike
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.likeness import drawn_up, moved
from gadfly.analysis.statistics.protocol import Interval, Regime

__all__ = [
    "METHOD",
    "REGIME",
    "clopper_pearson",
    "interval_of",
    "quantile_interval",
    "rate_interval",
    "regime_interval",
]

METHOD = "exact interval over members (Korn-Graubard)"
REGIME = Regime(
    "conservative",
    members=5,
    related=True,
    assumes="members differ by no more than twice what the attacks of one do",
)
Ends = tuple[float, float]
_WEIGHT = 3.0  # degrees of freedom that likeness counts as where data say little of it
_KNOWN = 2.0  # by which it adds to those of the variance


def clopper_pearson(k: float, n: float, *, level: float) -> Ends:
    """The exact interval of ``k`` of ``n``, which need not be whole."""
    tail = (1 - level) / 2
    return (
        float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0,
        float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0,
    )


def rate_interval(sample: Sample, hits: Floats, *, level: float) -> Ends:
    """The interval of a share by members, two of them at least.

    :param hits: 1 for every value of the sample that counts, 0 for the others, in its order.
    """
    sizes, sums = sample.masses.astype(np.float64), sample.sums(hits)
    return interval_of(sizes, sums, len(hits), level)


def regime_interval(sample: Sample, hits: Floats, *, level: float) -> Interval:
    """The same, and none outside of :data:`REGIME`."""
    reason = REGIME.few(effective_members(sample.masses))
    ends = None if reason else rate_interval(sample, hits, level=level)
    return Interval(METHOD, ends, reason)


def quantile_interval(sample: Sample, p: float, *, level: float) -> Ends | None:
    """The interval of the ``p`` quantile; ``None`` where the data end before it does."""
    values = sample.values
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)  # ends of runs of ties

    def share(run: int) -> Ends:
        hits = np.zeros(len(values))
        hits[: last[run] + 1 if run >= 0 else 0] = 1
        return rate_interval(sample, hits, level=level)

    first = _first(len(last), lambda run: share(run)[1] >= p)
    beyond = _first(len(last), lambda run: share(run)[0] > p)
    if beyond == len(last) or (first == 0 and share(-1)[1] >= p):
        return None
    return float(values[last[first]]), float(values[last[beyond]])


def _first(count: int, holds: Callable[[int], bool]) -> int:
    """The first of so many for which it holds, where it holds for all that follow."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def interval_of(
    sizes: Floats, sums: Floats, n: int, level: float, *, moves: Floats | None = None
) -> Ends:
    """The same from each member's number of attacks (or their weight) and of those that count.

    :param n: number of attacks.
    :param moves: by how much the share moves without each member, where that is not z_m because
        attacks count by what others did; then two members are worth no less than one.
    """
    if moves is None and len(sizes) == n and alike(sizes):
        return clopper_pearson(float(sums.sum() / sizes.sum()) * n, n, level=level)
    if len(sizes) < 2:
        return 0.0, 1.0
    whole = float(sizes.sum())
    p = min(max(float(sums.sum()) / whole, 0.0), 1.0)
    worth = effective_members(sizes)
    z = (sums - p * sizes) / (whole - sizes) if moves is None else moves
    least = worth if moves is None else worth / 2
    if min(p, 1 - p) < 1e-12:
        return clopper_pearson(round(p) * worth, worth, level=level)
    if float(z @ z) <= 1e-24:
        return clopper_pearson(p * n, n, level=level)
    variance, df = moved(z, worth)
    variance = drawn_up(variance, df, single=p * (1 - p), n=n, worth=worth, by=_WEIGHT)
    tail = (1 + level) / 2
    spread = (stdtrit(n - 1, tail) / stdtrit(df + _KNOWN, tail)) ** 2
    equal = min(float(n), max(p * (1 - p) / variance * float(spread), least))
    return clopper_pearson(p * equal, equal, level=level)
