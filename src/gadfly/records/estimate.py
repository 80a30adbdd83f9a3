"""A statistic as it is stored, printed and drawn everywhere: the number and how far to trust it.

Where a statistic is not estimable (no data, too few for a tail) ``estimate`` is ``None`` and
``reason`` says why; a number is never invented. Where only the interval is missing, ``low`` and
``high`` are ``None`` and ``reason`` says why.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from gadfly.records.canonical import Record

__all__ = ["Estimate"]


class Estimate(Record):
    """One statistic with its interval.

    >>> Estimate(estimate=0.5, low=0.4, high=0.6, level=0.95, n=100, method="bootstrap").estimate
    0.5
    """

    estimate: float | None
    """The statistic, in its own unit; ``None`` where it is not estimable."""
    low: float | None
    """Lower end of the interval; ``None`` where there is none."""
    high: float | None
    """Upper end of the interval; ``None`` where there is none."""
    level: Annotated[float, Field(gt=0, lt=1)]
    """Confidence level of the interval, 0.95 unless the caller says otherwise."""
    n: Annotated[int, Field(ge=0)]
    """Number of observations the statistic rests on."""
    method: str
    """How estimate and interval were computed, in a few words."""
    reason: str | None = None
    """Why something is missing; ``None`` where nothing is."""

    @classmethod
    def of(
        cls,
        value: float | None,
        ends: tuple[float, float] | None,
        *,
        level: float,
        n: int,
        method: str,
        reason: str | None = None,
    ) -> Estimate:
        """A value with the ends of its interval; ``None`` where there is none."""
        low, high = ends or (None, None)
        return cls(
            estimate=value, low=low, high=high, level=level, n=n, method=method, reason=reason
        )

    @model_validator(mode="after")
    def _consistent(self) -> Estimate:
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high come together")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low must not lie above high")
        if (self.estimate is None or self.low is None) and not self.reason:
            raise ValueError("a missing estimate or interval needs a reason")
        if self.estimate is None and self.low is not None:
            raise ValueError("no interval without an estimate")
        return self
