"""How evenly labels are spread: Shannon's entropy with the correction of Miller and Madow.

Definition: Ĥ = −Σ pₖ ln pₖ + (K − 1) / 2N in nats, pₖ the share of label k among N labels, K how
many labels there are. Without the correction it is too low for small N, by about that much. It
corrects the labels that were seen, and knows nothing of those that were not; 0 where all are equal.

The values of the sample are codes of labels; their order has no meaning.

Reference: Miller 1955, "Note on the bias of information estimates".

>>> import numpy as np
>>> round(Entropy().estimate(np.array([0.0, 0, 1, 1])), 4)  # ln 2 + 1/8
0.8181
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.protocol import Resampler, Statistic

__all__ = ["Entropy"]


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
        labels, codes = np.unique(sample.values, return_inverse=True)
        counts = np.zeros((sample.n_clusters, len(labels)))
        np.add.at(counts, (sample.clusters, codes), 1)

        def of(draws: Draws) -> Floats:
            return _entropy(draws.multiplicities.astype(np.float64) @ counts)

        return of


def _entropy(counts: Floats) -> Floats:
    """Of each row of counts."""
    total = counts.sum(axis=1)
    share = counts / total[:, None]
    log = np.log(share, where=share > 0, out=np.zeros_like(share))
    plain = -(share * log).sum(axis=1)
    return np.asarray(plain + ((counts > 0).sum(axis=1) - 1) / (2 * total))
