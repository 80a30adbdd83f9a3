"""How well a score tells harmful attacks from the others.

Definition: the share of pairs of one harmful attack and one other in which the harmful one has the
lower harmlessness score, a tie counting half: the area under the ROC curve. 1 tells them apart
always, ½ is a coin.

Where members are drawn, the pairs are counted once for each two members: W_gh of member g's harmful
attacks against member h's others. A resample that draws member g w_g times then has
Σ_gh w_g w_h W_gh of them, which is the same number as counting again, and quicker.

Reference: Hanley & McNeil 1982, "The meaning and use of the area under a receiver operating
characteristic (ROC) curve", *Radiology* 143(1).

>>> import numpy as np
>>> scores = np.array([-2.0, -1.0, 0.0, 3.0])
>>> AUC(scores, np.array([True, False, True, False])).estimate(scores)
0.75
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.ordering import Flags, below, ties
from gadfly.analysis.statistics.protocol import Resampler, Statistic

__all__ = ["AUC"]

_NEEDED = 5  # attacks of either kind
_MEMBERS = 1_000  # up to which pairs are counted by member: a table of a million cells


@dataclass(frozen=True)
class AUC(Statistic):
    """The probability that a harmful attack has a lower score than another."""

    values: Floats
    """The values of the sample, ascending."""
    harmful: Flags
    """Whether each is harmful."""
    name: str = "area under the ROC curve"

    def estimate(self, values: Floats) -> float:
        """The share, 0 to 1."""
        return float(self._of(np.ones((1, len(values))))[0])

    def resampler(self, sample: Sample) -> Resampler:
        """The share in each resample; not a number where it has one kind alone."""
        if sample.single or sample.n_clusters > _MEMBERS:
            return lambda draws: self._of(draws.weights.astype(np.float64))
        won = self._won(sample)
        harmful = np.bincount(sample.clusters[self.harmful], minlength=sample.n_clusters)
        others = sample.sizes - harmful
        weight = sample.sums(np.ones(len(self.values))) / sample.sizes

        def each(draws: Draws) -> Floats:
            times = draws.multiplicities * weight
            pairs = (times @ harmful) * (times @ others)
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(((times @ won) * times).sum(axis=1) / pairs)

        return each

    def _won(self, sample: Sample) -> Floats:
        """W_gh: pairs of members that the harmful attacks of one win against the other's others."""
        scores, owners = self.values[self.harmful], sample.clusters[self.harmful]
        others, whose = self.values[~self.harmful], sample.clusters[~self.harmful]
        won = np.zeros((sample.n_clusters, sample.n_clusters))
        for other in np.unique(whose):
            theirs = others[whose == other]
            lower = np.searchsorted(theirs, scores) + np.searchsorted(theirs, scores, side="right")
            above = len(theirs) - lower / 2
            won[:, other] = np.bincount(owners, above, sample.n_clusters)
        return won

    def _of(self, weights: Floats) -> Floats:
        won = below(weights, ties(self.values), self.harmful, ~self.harmful)
        pairs = weights[:, self.harmful].sum(axis=1) * weights[:, ~self.harmful].sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(won / pairs)

    def missing(self, n: int) -> str | None:
        """There must be attacks of both kinds."""
        harmful = int(self.harmful.sum())
        if harmful and harmful < n:
            return None
        kind = "harmful" if not harmful else "not harmful"
        return f"none of {n:,} attacks is {kind}"

    def no_interval(self, n: int) -> str | None:
        """Too few attacks of one kind."""
        few = min(int(self.harmful.sum()), n - int(self.harmful.sum()))
        if few >= _NEEDED:
            return None
        return f"no interval: only {few} attacks of one kind, it takes {_NEEDED}"
