"""A number of ours, and how far the published one may lie from it.

A number of the released file comes out of it exactly, but for its last digit and, where the
analyst's definition is not known (quantiles, tails), for what another definition gives. A figure
shows 39,877 attacks and the file holds 38,961, so its numbers are bounded:

* counts: the figure has 0 to 916 more; shares of the most active follow from that, and the Gini
  coefficient moves by at most twice the share that was removed (it is 1-Lipschitz in the L1
  distance of the members' shares).
* quantiles: whatever was removed, the p-quantile of the figure lies between the quantiles
  (p - f) / (1 - f) and p / (1 - f) of the file, f the share that was removed.
* means: a removed share f whose mean lies d away moves a mean by f d; d is taken as at most one
  standard deviation. Standard deviations: at most 2 f of themselves.
* efficacy: removing a share f moves a member's intercept by at most f residual standard deviations
  (their mean lies within one of the member's), so the extremes and the standard deviation of all
  intercepts by no more; a member counts as told from 0 or not only where an end is that near.
* ends of bootstrap intervals: two sets of 1,000 resamples differ besides, within 0.36 standard
  errors in 997 of 1,000 cases (the variance of a sample quantile, twice, three times its root).

f is known by rating (Figure 7 against the released counts). By arm it is not: overall it is 2.3%,
and if the largest arm had lost them all it would be 4.9%, so 5% is taken for every arm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from gadfly.analysis.sample import Floats
from gadfly.analysis.topics.scores import Histogram
from gadfly.records.estimate import Estimate

__all__ = [
    "EXACT",
    "FILTER",
    "ROUNDED",
    "SHARE",
    "Numbers",
    "Own",
    "arm_label",
    "by_arm",
    "counts_of",
    "ends_of",
    "own_of",
]

SHARE = 0.05
"""Share of an arm that the filter may have removed."""
EXACT = "exact"
"""Nothing is allowed."""
ROUNDED = "published precision"
"""The published number's precision is allowed."""
FILTER = "the filter of 916 attacks"
"""What the filter can have moved is allowed."""
_DRAWN = "resampling"
_RESAMPLED = 0.36  # standard errors that the ends of two bootstrap intervals may lie apart


@dataclass(frozen=True)
class Own:
    """One number of ours."""

    value: float | None
    """The number; ``None`` where the file cannot give it."""
    below: float = 0.0
    """How far it may lie below the published one, beside what that one's precision allows."""
    above: float = 0.0
    """How far it may lie above."""
    why: str = ROUNDED
    """What the two distances allow for; or why there is no number."""


Numbers = dict[str, Own]
"""Numbers of a group by what they are."""


def arm_label(kind: object, size: object) -> str:
    """The name of an arm, as :attr:`ArmResult.name` has it."""
    return f"{kind} {size}".strip()


def by_arm(frame: pl.DataFrame, column: str) -> Iterator[tuple[str, Floats]]:
    """Each arm's name and its values, ascending."""
    for (kind, size), rows in frame.group_by("model_type", "num_params", maintain_order=True):
        yield arm_label(kind, size), rows[column].drop_nulls().sort().to_numpy().astype(float)


def own_of(estimate: Estimate, moved: float = 0.0, why: str = ROUNDED) -> Own:
    """An estimate of ours; or why there is none."""
    missing = estimate.estimate is None
    return Own(estimate.estimate, moved, moved, (estimate.reason or "") if missing else why)


def ends_of(arm: str, what: str, estimate: Estimate, moved: float = 0.0) -> Numbers:
    """Both ends of an interval."""
    if estimate.low is None or estimate.high is None:
        missing = Own(None, why=estimate.reason or "")
        return {f"{arm} | {what}, {end}": missing for end in ("low", "high")}
    slack = moved + _RESAMPLED * (estimate.high - estimate.low) / 3.92
    why = f"{FILTER}, {_DRAWN}" if moved else _DRAWN
    ends = {"low": estimate.low, "high": estimate.high}
    return {f"{arm} | {what}, {end}": Own(value, slack, slack, why) for end, value in ends.items()}


def counts_of(histogram: Histogram, name: str, gone: int, *, start: int) -> Numbers:
    """Counts by bin, of which the figure may have ``gone`` more; ``name`` has their numbers."""
    why = FILTER if gone else EXACT
    return {
        name.format(place): Own(count, gone, 0, why)
        for place, count in enumerate(histogram.counts, start=start)
    }
