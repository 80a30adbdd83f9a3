"""What the bootstrap asks of a statistic, and where an interval may be believed.

A regime is data, not prose: the code withholds an interval outside of it, and the calibration
(``analysis/calibration``) measures coverage inside of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.activity import RELATED
from gadfly.analysis.statistics.likeness import ALIKE

__all__ = ["PERCENTILES", "Interval", "Kind", "Regime", "Resampler", "Statistic"]

Resampler = Callable[[Draws], Floats]
Kind = Literal["approximate", "conservative", "anytime"]
"""What is claimed of 95% intervals: coverage of 93-97%, at least 95%, or that at every look."""

_UNRELATED = "members who attack more often do not have higher or lower values"
_ALIKE = "members differ by no more than the attacks of one do"


@dataclass(frozen=True)
class Regime:
    """Where the intervals of a method hold their level."""

    kind: Kind
    """What is claimed there."""
    members: float = 0
    """Least effective number of members (or of other units, where they are what is drawn)."""
    tail: float = 0
    """Least number of values in the tail that is estimated."""
    related: bool = False
    """Whether it assumes that how often members attack tells nothing of what they achieve, and
    gives way where the data show that it does (``activity.py``)."""
    alike: bool = False
    """Whether it assumes that members differ by no more than the attacks of one do, and gives way
    where the data show that they do (``likeness.py``)."""
    assumes: str = ""
    """What else the claim rests on, which no interval can check."""

    @property
    def words(self) -> str:
        """The regime in words."""
        parts = [f"at least {self.members:g} effective members" if self.members else "any members"]
        if self.tail:
            parts.append(f"at least {self.tail:g} values in the tail")
        if self.related:
            parts.append(f"activity and values not shown to correlate beyond {RELATED}")
        if self.alike:
            parts.append(f"an intraclass correlation not shown to be beyond {ALIKE}")
        assumed = [_UNRELATED] if self.related else []
        assumed += [_ALIKE] if self.alike else []
        assumed += [self.assumes] if self.assumes else []
        return ", ".join(parts) + (f"; assumes that {' and '.join(assumed)}" if assumed else "")

    def few(self, members: float, unit: str = "member") -> str | None:
        """Why this many effective members are too few; ``None`` where they are enough.

        >>> Regime("approximate", members=5).few(3.0)
        'interval not estimable: 3 effective members, it takes 5'
        """
        if members >= self.members:
            return None
        return f"interval not estimable: {members:.3g} effective {unit}s, it takes {self.members:g}"


PERCENTILES = Regime("approximate", members=10)
"""Where percentiles of resampled members hold their level."""


@dataclass(frozen=True)
class Interval:
    """An interval that is not read off the resamples of the bootstrap."""

    method: str
    """How it was made, in a few words."""
    ends: tuple[float, float] | None
    """Its ends; ``None`` where it is not estimable."""
    reason: str | None = None
    """Why it is not."""


class Statistic(Protocol):
    """A number computed from one column of one arm."""

    @property
    def name(self) -> str:
        """In words, for ``Estimate.method``."""
        ...

    def estimate(self, values: Floats) -> float:
        """The statistic of values in ascending order."""
        ...

    def resampler(self, sample: Sample) -> Resampler:
        """What gives the statistic of each resample, once all that they share is computed."""
        ...

    def missing(self, n: int) -> str | None:
        """Why ``n`` values are too few to estimate it; ``None`` where they are enough."""
        return None if n else "no attack has a value"

    def no_interval(self, n: int) -> str | None:
        """Why ``n`` values are too few for an interval; ``None`` where they are enough, as for
        means, where the number of clusters decides.
        """
        return None

    def interval(
        self, sample: Sample, *, clustered: bool, level: float, resamples: int, seed: int
    ) -> Interval | None:
        """Its interval, where it has a better one than the percentiles of the bootstrap."""
        return None

    def errors(self, sample: Sample) -> Resampler | None:
        """What gives the standard error of each resample over clusters; where there is one, the
        interval is that of the bootstrap of t, in the regime that stands beside it.
        """
        return None

    def guard(self, sample: Sample) -> float:
        """How much wider than that its interval is, because of what the resamples cannot know."""
        return 1.0

    @property
    def regime(self) -> Regime:
        """Where the bootstrap's intervals of it hold their level."""
        return PERCENTILES
