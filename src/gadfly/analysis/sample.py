"""One column of one arm, and what a resample of it looks like.

A resample draws clusters with replacement; every value of a cluster comes as often as its cluster.
So a resample is never written out: it is a row of integer weights beside the sorted values. Means
and rates are ratios of matrix products over clusters. Order statistics (quantiles, tails) are read
off the cumulative weights, exactly as if the resample had been expanded and sorted; the tests say
so against :func:`numpy.quantile`.

Values stand in a canonical order (by value, then cluster), so the order of rows in a file changes
neither an estimate nor an interval.

Every value counts once unless :meth:`Sample.by_member` says otherwise: then every cluster counts
once, and its values share its weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Draws", "Floats", "Ints", "Sample", "Weights", "alike"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weights = NDArray[Any]
"""Whole numbers where every value counts once, fractions where members do."""
_ROUNDING = 1e-6  # of a value's weight, by which sums of weights may be off


def alike(values: Floats) -> bool:
    """Whether values (at least one) differ by no more than rounding.

    >>> alike(np.array([0.3, 0.1 + 0.2])), alike(np.array([0.3, 0.4]))
    (True, False)
    """
    return not np.ptp(values) > 1e-12 * np.abs(values).max() + 1e-100


@dataclass(frozen=True)
class Sample:
    """Values in ascending order, each with the cluster that it comes and goes with."""

    values: Floats
    """The values, ascending, all finite."""
    clusters: Ints
    """Number of each value's cluster, from 0 without gaps."""
    n_clusters: int
    """How many clusters there are."""
    weights: Floats | None = None
    """Weight of each value, all above 0 and as many together as there are values; ``None``: one
    each."""

    @classmethod
    def of(cls, values: Floats, members: Ints | None) -> Sample:
        """A sample clustered by member, or with each value its own cluster (``None``)."""
        if members is None:
            ordered = np.sort(values)
            return cls(ordered, np.arange(len(ordered)), len(ordered))
        labels, codes = np.unique(members, return_inverse=True)
        order = np.lexsort((codes, values))
        return cls(values[order], codes[order].astype(np.int64), len(labels))

    def by_member(self) -> Sample:
        """The same with every cluster weighing as much as any other."""
        each = len(self.values) / self.n_clusters / self.sizes
        return replace(self, weights=each[self.clusters])

    @cached_property
    def sizes(self) -> Ints:
        """Number of values in each cluster."""
        return np.bincount(self.clusters, minlength=self.n_clusters)

    @cached_property
    def masses(self) -> Weights:
        """Weight of each cluster: its size, where each value counts once."""
        return self.sizes if self.weights is None else self.sums(np.ones(len(self.values)))

    def sums(self, values: Floats) -> Floats:
        """Sum of ``values`` (one for each value of the sample, same order) in each cluster, each
        by its weight.
        """
        values = values if self.weights is None else values * self.weights
        return np.asarray(np.bincount(self.clusters, values, self.n_clusters), dtype=np.float64)

    @cached_property
    def single(self) -> bool:
        """Whether each value is its own cluster, in the same order."""
        alone = self.weights is None and self.n_clusters == len(self.values)
        return alone and bool(np.all(np.diff(self.clusters) == 1))


class Draws:
    """Some resamples of a sample, as how often each cluster was drawn (a row per resample)."""

    def __init__(self, sample: Sample, multiplicities: Ints) -> None:
        self.sample = sample
        self.multiplicities = multiplicities

    def ratio(self, sums: Floats) -> Floats:
        """A mean in each resample, from its sum in each cluster."""
        return np.asarray(self.multiplicities.astype(np.float64) @ sums / self.totals)

    @cached_property
    def totals(self) -> Weights:
        """Size of each resample: clusters differ in size, so it varies."""
        return np.asarray(self.multiplicities @ self.sample.masses)

    @cached_property
    def weights(self) -> Weights:
        """How often each value stands in each resample, times its own weight."""
        return self._lowest(len(self.sample.values))

    def _lowest(self, count: int) -> Weights:
        """The weights of so many of the lowest values."""
        if self.sample.single:
            return self.multiplicities[:, :count]
        times = np.take(self.multiplicities, self.sample.clusters[:count], axis=1)
        weights = self.sample.weights
        return times if weights is None else times * weights[:count]

    @cached_property
    def _ends(self) -> Weights:
        """Cumulative weights of all resamples laid end to end: one array, always ascending."""
        return np.cumsum(self.weights.ravel())

    def position(self, rank: Weights) -> Ints:
        """Where the value of this rank (from 0) in each resample stands in the sample."""
        before = np.concatenate(([0], np.cumsum(self.totals)[:-1]))
        slack = 0 if self.sample.weights is None else _ROUNDING
        found = np.searchsorted(self._ends, before + rank + slack, side="right")
        size = len(self.sample.values)
        return np.asarray(np.clip(found - np.arange(len(rank)) * size, 0, size - 1))

    def lowest_sum(self, count: Floats) -> Floats:
        """Sum of the lowest ``count`` values of each resample, the last one by its fraction."""
        size, needed = len(self.sample.values), int(2 * count.max()) + 1
        while True:  # most resamples reach their count in few values
            weights = self._lowest(min(needed, size))
            reached = np.cumsum(weights, axis=1)
            if needed >= size or bool((reached[:, -1] >= count).all()):
                break
            needed *= 2
        taken = np.clip(count[:, None] - (reached - weights), 0, weights)
        return np.asarray(taken @ self.sample.values[: weights.shape[1]])
