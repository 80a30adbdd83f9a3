"""How evenly labels are spread: Shannon's entropy with the correction of Miller and Madow.

Definition: Ĥ = −Σ pₖ ln pₖ + (K − 1) / 2N in nats, pₖ the share of label k among N labels, K how
many labels there are. Without the correction it is too low for small N, by about that much. It
corrects the labels that were seen, and knows nothing of those that were not; 0 where all are equal.

In a resample of members entropy is lower once more, by more than the correction knows where members
have tags of their own. So percentiles would lie below the estimate. The interval is the bootstrap's
of t around the estimate (:mod:`gadfly.analysis.bootstrap`), which that makes wider.

Where more than a tenth of the labels occur once, there are others that nobody gave yet: by Good and
Turing that share is the chance that the next label is a new one. No correction knows them, so there
is no interval.

The values of the sample are codes of labels; their order has no meaning.

References: Miller 1955, "Note on the bias of information estimates"; Good 1953, "The population
frequencies of species and the estimation of population parameters", *Biometrika* 40.

>>> import numpy as np
>>> round(Entropy().estimate(np.array([0.0, 0, 1, 1])), 4)  # ln 2 + 1/8
0.8181
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.protocol import Interval, Resampler, Statistic

__all__ = ["Entropy"]

_ONCE = 0.1  # share of labels that occur once from which too many are unseen


@dataclass(frozen=True)
class Entropy(Statistic):
    """The entropy of labels, in nats."""

    name: str = "entropy in nats with the Miller-Madow correction"

    def estimate(self, values: Floats) -> float:
        """The entropy of coded labels."""
        counts = np.unique(values, return_counts=True)[1]
        return float(_entropy(counts[None].astype(np.float64))[0])

    def resampler(self, sample: Sample) -> Resampler:
        """The entropy of each resample."""
        counts = self._counts(sample)

        def of(draws: Draws) -> Floats:
            return _entropy(draws.multiplicities.astype(np.float64) @ counts)

        return of

    def interval(
        self, sample: Sample, *, clustered: bool, level: float, resamples: int, seed: int
    ) -> Interval | None:
        """None where too many labels were not seen."""
        once = int((np.unique(sample.values, return_counts=True)[1] == 1).sum())
        if once <= _ONCE * len(sample.values):
            return None
        reason = f"no interval: {once:,} of {len(sample.values):,} occur once, others are unseen"
        return Interval("bootstrap", None, reason)

    def errors(self, sample: Sample) -> Resampler:
        """The standard error of each resample, from what each cluster adds at first order:
        u = Σₖ cₖ (−ln pₖ − Ĥ) / N over its counts cₖ.
        """
        counts = self._counts(sample)

        def each(draws: Draws) -> Floats:
            times = draws.multiplicities.astype(np.float64)
            total = times @ counts
            n = total.sum(axis=1, keepdims=True)
            surprise = -np.log(total / n, where=total > 0, out=np.zeros_like(total))
            plain = (total * surprise).sum(axis=1, keepdims=True) / n
            adds = (surprise - plain) @ counts.T
            return np.asarray(np.sqrt((times * adds**2).sum(axis=1)) / n[:, 0])

        return each

    def _counts(self, sample: Sample) -> Floats:
        """How often each cluster has each label."""
        labels, codes = np.unique(sample.values, return_inverse=True)
        counts = np.zeros((sample.n_clusters, len(labels)))
        np.add.at(counts, (sample.clusters, codes), 1)
        return counts


def _entropy(counts: Floats) -> Floats:
    """Of each row of counts."""
    total = counts.sum(axis=1)
    share = counts / total[:, None]
    log = np.log(share, where=share > 0, out=np.zeros_like(share))
    plain = -(share * log).sum(axis=1)
    return np.asarray(plain + ((counts > 0).sum(axis=1) - 1) / (2 * total))
