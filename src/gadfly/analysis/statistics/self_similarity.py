"""How alike attacks are: the mean cosine of two of them.

Definition: (|Σ xᵢ|² − Σ |xᵢ|²) / n(n − 1), the mean of xᵢ·xⱼ over all pairs i ≠ j of vectors of
length 1. This sum over members stands for that over pairs, so no pair need be drawn and it is
exact. 1 where all are the same, near 0 where they have nothing in common.

It takes the place of self-BLEU (Zhu et al. 2018, "Texygen"), which compares every text with all
others word by word: quadratic, and of no unit that could be compared between languages or lengths.

In a resample two copies of one attack are no pair: with them, any set would look more alike than it
is. With wₘ how often member m is drawn, sₘ the sum, qₘ the squared lengths and nₘ the number of the
member's vectors: (|Σ wₘ sₘ|² − Σ wₘ² qₘ) / ((Σ wₘ nₘ)² − Σ wₘ² nₘ).

The values of the sample are the vectors' row numbers.

>>> import numpy as np
>>> SelfSimilarity(np.eye(3)).estimate(np.arange(3.0))
0.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.protocol import Resampler, Statistic

__all__ = ["SelfSimilarity"]


@dataclass(frozen=True, eq=False)
class SelfSimilarity(Statistic):
    """The mean cosine of two attacks, −1 to 1."""

    vectors: NDArray[Any]
    """[attacks, dimensions], of length 1."""
    name: str = "mean cosine of all pairs"

    def estimate(self, values: Floats) -> float:
        """Of the vectors in these rows."""
        there = np.asarray(self.vectors[values.astype(np.int64)], dtype=np.float64)
        pairs = len(there) * (len(there) - 1)
        found = (np.square(there.sum(axis=0)).sum() - np.square(there).sum()) / pairs
        return float(min(max(found, -1.0), 1.0))  # rounding

    def resampler(self, sample: Sample) -> Resampler:
        """Of each resample, from sums over each cluster."""
        there = np.asarray(self.vectors[sample.values.astype(np.int64)], dtype=np.float64)
        sums = self._sums(sample)
        squares, sizes = sample.sums(np.square(there).sum(axis=1)), sample.sizes

        def of(draws: Draws) -> Floats:
            w = draws.multiplicities.astype(np.float64)
            alike = np.square(w @ sums).sum(axis=1) - np.square(w) @ squares
            pairs = np.square(w @ sizes) - np.square(w) @ sizes
            return np.asarray(alike / np.where(pairs > 0, pairs, np.nan))

        return of

    def errors(self, sample: Sample) -> Resampler:
        """The standard error of each resample, from what each cluster adds at first order:
        2 (s·S − θ n N) / N² with S and N the sums over all.
        """
        sums, sizes = self._sums(sample), sample.sizes

        def each(draws: Draws) -> Floats:
            w = draws.multiplicities.astype(np.float64)
            whole, n = w @ sums, (w @ sizes)[:, None]
            alike = np.square(whole).sum(axis=1, keepdims=True) / n**2
            adds = 2 * (whole @ sums.T - alike * n * sizes) / n**2
            return np.asarray(np.sqrt((w * adds**2).sum(axis=1)))

        return each

    def _sums(self, sample: Sample) -> Floats:
        """The sum of the vectors of each cluster."""
        sums = np.zeros((sample.n_clusters, self.vectors.shape[1]))
        np.add.at(sums, sample.clusters, self.vectors[sample.values.astype(np.int64)])
        return sums

    def missing(self, n: int) -> str | None:
        """Two attacks make a pair."""
        return None if n > 1 else f"a pair needs 2 attacks, there is {n}" if n else "no attack"
