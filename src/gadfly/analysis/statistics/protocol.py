"""What the bootstrap asks of a statistic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gadfly.analysis.sample import Draws, Floats, Sample

__all__ = ["Resampler", "Statistic"]

Resampler = Callable[[Draws], Floats]


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
