"""Whether a judge's probabilities are what they say, over labelled attacks of all arms.

The map from scores to probabilities is fitted on other members than it is used on
(``statistics/calibration_curve.py``). The calibration error has no interval of its own: it has that
of the shares of all bins at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.calibration_curve import (
    Map,
    bins_of,
    calibration_error,
    map_for,
    out_of_fold,
)
from gadfly.analysis.statistics.success_rate import share
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["Bin", "Calibration", "calibration", "error_between"]


class Bin(Record):
    """Attacks of about one probability of success."""

    predicted: float
    """Mean probability by the judge, 0 to 1."""
    observed: Estimate
    """Share that people call a success."""


class Calibration(Record):
    """Whether the judge's probabilities are what they say."""

    map: Map
    """How scores were made probabilities, fitted on other members."""
    error: Estimate
    """Expected calibration error over ten bins, 0 to 1; interval from all bins at once."""
    by_chance: float | None
    """What a judge without any error would show on as many attacks."""
    curve: tuple[Bin, ...]
    """The reliability curve, probabilities ascending; empty where there is none."""


def calibration(x: Floats, y: Floats, folds: Ints, members: Ints, how: Bootstrap) -> Calibration:
    """The reliability curve over attacks whose other folds allow a map.

    :param x: scores of labelled attacks, ``y`` their labels, ``folds`` from ``folds_of``.
    """
    p = out_of_fold(x, y, folds)
    there = ~np.isnan(p)
    p, y, members = p[there], y[there], members[there]
    found = calibration_error(p, y) if len(y) else None
    what = "share of successes"
    parts = bins_of(p) if len(p) else []
    reason: str | None = "not estimable: too few labels, or labels of one kind alone"
    ends = None
    if parts:
        joint = replace(how, level=1 - (1 - how.level) / len(parts))
        ends, reason = error_between(
            [float(p[part].mean()) for part in parts],
            [share(y[part], members[part], how=joint, what=what) for part in parts],
            [len(part) / len(p) for part in parts],
        )
    error = Estimate.of(
        None if found is None else found.error,
        ends,
        level=how.level,
        n=len(y),
        method="expected calibration error, ten bins of equal number; interval from those of all "
        "bins at once (Bonferroni)",
        reason=reason,
    )
    curve = tuple(
        Bin(
            predicted=float(p[part].mean()),
            observed=share(y[part], members[part], how=how, what=what),
        )
        for part in parts
    )
    return Calibration(
        map=map_for(len(x)),
        error=error,
        by_chance=None if found is None else found.by_chance,
        curve=curve,
    )


def error_between(
    predicted: Sequence[float], observed: Sequence[Estimate], shares: Sequence[float]
) -> tuple[tuple[float, float] | None, str | None]:
    """How small and how large the calibration error may be where all bins' shares lie within their
    intervals at once; or why nobody knows.

    :param shares: of the attacks in each bin.
    """
    low = high = 0.0
    for p, y, weight in zip(predicted, observed, shares, strict=True):
        if y.low is None or y.high is None:
            return None, f"interval not estimable: a bin has none ({y.reason})"
        low += weight * max(y.low - p, p - y.high, 0.0)
        high += weight * max(y.high - p, p - y.low)
    return (low, high), None
