"""What every coefficient of agreement shares: a table of ratings, and the bootstrap over items.

A table has a row for each item (an attack, a completion), a column for each rater, and NaN where a
rater did not rate. Intervals resample items, so they speak of other items like these, judged by
these raters; percentile method.

No coefficient is defined where every rating is the same: nothing could have differed. A resample of
items may come out so too; up to 5% of such resamples are left out, with more there is no interval.

References: Gwet 2014, *Handbook of Inter-Rater Reliability*, 4th edition; Davison & Hinkley 1997,
chapter 2 (percentile intervals).

>>> table([[0, 4, None], [3]]).shape
(2, 3)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap, resample, seed_of
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.records.estimate import Estimate

__all__ = [
    "OVER_ITEMS",
    "SAME",
    "Of",
    "Patterns",
    "Ratings",
    "closeness",
    "coded",
    "counted",
    "over_items",
    "table",
]

Ratings = Floats | Sequence[Sequence[float | None]]
"""Ratings by item (rows) and rater (columns); missing ones are NaN or ``None``. Rows may differ in
length where a coefficient does not ask who rated."""
Of = Callable[[Floats], Floats]
"""The coefficient under each of several weightings of the patterns (a row of weights each); NaN or
infinite where it is not defined."""

OVER_ITEMS = Bootstrap(ci="iid", unit="item")
"""How intervals are made unless the caller says otherwise."""
SAME = "every rating is the same, so agreement cannot be told from chance"
_FEW = 10  # items below which a percentile interval is known to be narrow
_UNDEFINED = 0.05  # share of resamples that may be undefined


def table(ratings: Ratings) -> Floats:
    """Ratings as an array of items and raters, NaN where one is missing."""
    if isinstance(ratings, np.ndarray):
        return ratings.astype(np.float64)
    found = np.full((len(ratings), max(map(len, ratings), default=0)), np.nan)
    for row, given in zip(found, ratings, strict=True):
        row[: len(given)] = [np.nan if r is None else r for r in given]
    return found


@dataclass(frozen=True)
class Patterns:
    """Items that got the same ratings, together: few patterns make many items quick to resample.

    They stand in a canonical order, so no order of items changes a number.
    """

    values: Floats
    """The values that occur, ascending."""
    rows: Floats
    """The patterns, a row each."""
    times: Ints
    """Number of items with each pattern."""

    @property
    def n(self) -> int:
        """Number of items."""
        return int(self.times.sum())


def counted(ratings: Ratings, *, least: int = 2) -> Patterns:
    """How often each item with ``least`` ratings or more got each value; who rated is lost."""
    values, codes = _codes(ratings, least)
    there = codes >= 0
    places = np.nonzero(there)[0] * len(values) + codes[there]
    counts = np.bincount(places, minlength=len(codes) * len(values))
    return _patterns(values, counts.reshape(len(codes), len(values)))


def coded(ratings: Ratings, *, least: int = 2) -> Patterns:
    """Which value each rater gave each item with ``least`` ratings or more: its place, or −1."""
    return _patterns(*_codes(ratings, least))


def _codes(ratings: Ratings, least: int) -> tuple[Floats, Ints]:
    """The values in order, and the place of each rating among them, −1 where it is missing."""
    rows = table(ratings)
    rows = rows[np.isfinite(rows).sum(axis=1) >= least]
    values = np.unique(rows[np.isfinite(rows)])
    codes = np.searchsorted(values, rows)
    return values, np.where(np.isfinite(rows), codes, -1)


def _patterns(values: Floats, rows: Ints) -> Patterns:
    if not rows.size:
        return Patterns(values, rows[:0].astype(np.float64), np.zeros(0, dtype=np.int64))
    found, times = np.unique(rows, axis=0, return_counts=True)
    return Patterns(values, found.astype(np.float64), times)


def closeness(values: Floats, power: int) -> Floats:
    """How close two values are, 1 (equal) to 0 (the two ends): 1 − (|v − w| / range)^power.

    Power 0 makes only equal values close (unweighted), 1 is linear, 2 quadratic.
    """
    if power == 0 or len(values) < 2:
        return np.eye(len(values))
    return np.asarray(1 - (np.abs(np.subtract.outer(values, values)) / np.ptp(values)) ** power)


def over_items(
    name: str, of: Of, patterns: Patterns, *, how: Bootstrap, missing: str | None = None
) -> Estimate:
    """A coefficient with its percentile interval over items.

    :param missing: why it is not estimable; ``None`` where it is.
    """
    n = patterns.n
    method = f"{name}; {how.method}"
    estimate = None if missing else _at_once(of, patterns)
    ends: tuple[float | None, float | None] = (None, None)
    if estimate is None:
        reason: str | None = missing or SAME
    elif n < 2:
        reason = f"no interval: resampling needs at least 2 {how.unit}s, there is {n}"
    else:
        ends, reason = _ends(name, of, patterns, how)
    low, high = ends
    return Estimate(
        estimate=estimate, low=low, high=high, level=how.level, n=n, method=method, reason=reason
    )


def _at_once(of: Of, patterns: Patterns) -> float | None:
    """The coefficient of all items; ``None`` where it is not defined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(of(patterns.times[None].astype(np.float64))[0])
    return value if np.isfinite(value) else None


def _ends(
    name: str, of: Of, patterns: Patterns, how: Bootstrap
) -> tuple[tuple[float | None, float | None], str | None]:
    """The ends of the interval, and why there are none or why they are in doubt."""
    n, starts = patterns.n, np.cumsum(patterns.times) - patterns.times
    sample = Sample.of(np.repeat(np.arange(len(starts), dtype=np.float64), patterns.times), None)
    draws = resample(sample, how.resamples, seed_of(sample, name, patterns.rows.tobytes().hex()))
    parts = []
    for draw in draws:
        weights = np.add.reduceat(draw.multiplicities, starts, axis=1).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            parts.append(of(weights))
    values = np.concatenate(parts)
    found = values[np.isfinite(values)]
    undefined = 1 - len(found) / len(values)
    if undefined > _UNDEFINED:
        return (None, None), f"no interval: not defined in {undefined:.0%} of the resamples"
    tail = (1 - how.level) / 2
    low, high = (float(x) for x in np.quantile(found, [tail, 1 - tail]))
    if high - low < 1e-12:  # but for rounding
        return (low, high), "the interval is a point: in every resample agreement is the same"
    return (low, high), f"likely too narrow: only {n} {how.unit}s" if n < _FEW else None
