"""Whether members who attack more often succeed more, or less, than others.

Intervals of attack-weighted means, rates, quantiles and tails take how often somebody attacks as
next to unrelated to how it goes. Where it is related they are too narrow, because the few who
decide the value are seldom among those who were drawn (docs/calibration.md has by how much); so
there is none where the data show a correlation beyond 0.15. That is no test of no relation: a
slight one does little, and such a test would take the interval from one sound study in twenty.

Definition: with r_m the rank of member m's number of values (ties share their mean rank) and ȳ_m
the mean of its values less their arms' means, the correlation of r and ȳ over members, each
counting once. p is that of the slope of ȳ on r, by Student's t with M − 2 degrees of freedom and an
error that puts up with unequal spread (HC3), because means of few values spread more. That the
correlation lies beyond 0.15 is tested likewise, one-sided. ȳ is no rank: of rare successes, who
attacks once is seldom above 0, and would rank low for it.

Reference: MacKinnon & White 1985, "Some heteroskedasticity-consistent covariance matrix estimators
with improved finite sample properties", *Journal of Econometrics* 29(3).

>>> members = np.repeat(np.arange(5), np.arange(1, 6))
>>> found = activity(members * 1.0, members, np.zeros(15, dtype=np.int64))
>>> round(found.correlation, 3)
1.0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata, t

from gadfly.analysis.sample import Floats, Ints

__all__ = ["BUSY", "RELATED", "Activity", "activity", "of_members"]

BUSY = "members who attack more often have"
"""How a reason begins that speaks of it."""
RELATED = 0.15
"""Correlation that the data must not be beyond (p < 0.001)."""

_LEAST = 5  # members, below which there is no interval to doubt
_FLAT = 1e-12  # as good as 0
_SEEN = 0.05  # p below which a relation stands beside an interval
_SHOWN = 0.001  # p below which there is none; a study asks of many samples, small ones among them


@dataclass(frozen=True)
class Activity:
    """How members' activity goes with what they achieve."""

    correlation: float
    """−1 to 1; 0 where nobody differs."""
    p: float
    """Two-sided, of no relation; 1 where nothing can be said."""
    beyond: float
    """One-sided, of a correlation of :data:`RELATED` or less; 1 where nothing can be said."""

    @property
    def reason(self) -> str | None:
        """Why there is no interval of what is weighted by attacks; ``None`` where there may be."""
        if self.beyond >= _SHOWN:
            return None
        return (
            f"interval not estimable: {self.words}, which is beyond {RELATED} (p = "
            f"{self.beyond:.2g}); where each member counts once it does not matter (weighting "
            '"member")'
        )

    @property
    def doubt(self) -> str | None:
        """What stands beside an interval; ``None`` where nothing speaks against it."""
        if self.p >= _SEEN:
            return None
        return f"{self.words}; the interval assumes that this is not so and may be too narrow"

    @property
    def words(self) -> str:
        """The relation in words."""
        side = "higher" if self.correlation > 0 else "lower"
        return f"{BUSY} {side} values (correlation {self.correlation:.2f})"


def activity(values: Floats, members: Ints, arms: Ints) -> Activity:
    """From values (NaN where missing), each with the number of its member and its arm."""
    there = ~np.isnan(values)
    y, arm = values[there], arms[there]
    rest = y - (np.bincount(arm, y) / np.maximum(np.bincount(arm), 1))[arm]
    _, who, n = np.unique(members[there], return_inverse=True, return_counts=True)
    sums = np.asarray(np.bincount(who, rest), dtype=np.float64)
    return of_members(n, sums, squares=float(rest @ rest))


def of_members(sizes: Floats | Ints, sums: Floats, *, squares: float) -> Activity:
    """The same from each member's number of values, one at least, and their sum.

    :param squares: sum of the squares of all values, beside which rounding is small.
    """
    level = sums / sizes
    if len(sizes) < _LEAST:
        return _UNKNOWN
    rank = rankdata(sizes)
    r, off = rank - rank.mean(), level - level.mean()
    spread, of_level = float(r @ r), float(off @ off)
    if spread == 0 or of_level <= _FLAT * squares:
        return _UNKNOWN
    slope, scale = float(r @ off) / spread, float(np.sqrt(spread / of_level))
    left = 1 - 1 / len(r) - r**2 / spread  # of each member, by the others
    if left.min() < _FLAT:
        return _UNKNOWN
    error = float(np.sqrt(((r * (off - slope * r) / left) ** 2).sum())) / spread
    beyond, df = abs(slope) - RELATED / scale, len(r) - 2
    if error > 0:
        p, further = 2 * float(t.sf(abs(slope) / error, df)), float(t.sf(beyond / error, df))
    else:
        p, further = 0.0, float(beyond <= 0)
    return Activity(slope * scale, p, further)


_UNKNOWN = Activity(0.0, 1.0, 1.0)
