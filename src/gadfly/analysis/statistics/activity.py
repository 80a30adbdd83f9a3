"""Whether members who attack more often succeed more, or less, than others.

Intervals of attack-weighted means take how often somebody attacks as unrelated to how it goes.
Where it is related they are too narrow (docs/calibration.md has by how much).

Definition: with r_m the rank of member m's number of values (ties share their mean rank) and ȳ_m
the mean of its values less their arms' means, the correlation of r and ȳ over members, each
counting once. p is that of the slope of ȳ on r, by Student's t with M − 2 degrees of freedom and an
error that puts up with unequal spread (HC3), because means of few values spread more. ȳ is no rank:
of rare successes, who attacks once is seldom above 0, and would rank low for it.

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

__all__ = ["Activity", "activity"]

_LEAST = 5  # members, below which there is no interval to doubt
_FLAT = 1e-12  # as good as 0


@dataclass(frozen=True)
class Activity:
    """How members' activity goes with what they achieve."""

    correlation: float
    """−1 to 1; 0 where nobody differs."""
    p: float
    """Two-sided, of no relation; 1 where nothing can be said."""


def activity(values: Floats, members: Ints, arms: Ints) -> Activity:
    """From values (NaN where missing), each with the number of its member and its arm."""
    there = ~np.isnan(values)
    y, who, arm = values[there], members[there], arms[there]
    n = np.bincount(who)
    rest = y - (np.bincount(arm, y) / np.maximum(np.bincount(arm), 1))[arm]
    if np.count_nonzero(n) < _LEAST:
        return Activity(0.0, 1.0)
    level = np.bincount(who, rest)[n > 0] / n[n > 0]
    rank = rankdata(n[n > 0])
    r, level = rank - rank.mean(), level - level.mean()
    spread, of_level = float(r @ r), float(level @ level)
    if spread == 0 or of_level <= _FLAT * float(rest @ rest):
        return Activity(0.0, 1.0)
    slope = float(r @ level) / spread
    left = 1 - 1 / len(r) - r**2 / spread  # of each member, by the others
    if left.min() < _FLAT:
        return Activity(0.0, 1.0)
    error = float(np.sqrt(((r * (level - slope * r) / left) ** 2).sum())) / spread
    p = float(2 * t.sf(abs(slope) / error, len(r) - 2)) if error > 0 else 0.0
    return Activity(slope * float(np.sqrt(spread / of_level)), p)
