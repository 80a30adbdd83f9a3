"""How well a score tells harmful attacks from the others.

Definition: the share of pairs of one harmful attack and one other in which the harmful one has the
lower harmlessness score, a tie counting half: the area under the ROC curve. 1 tells them apart
always, ½ is a coin.

Interval: with a_i the share of others that lie above harmful attack i, b_j the share of harmful
ones below other attack j, n₁ and n₀ attacks of the two kinds, member m moves the area θ by

    u_m = Σ (a_i − θ) / (n₁ − n₁ₘ) + Σ (b_j − θ) / (n₀ − n₀ₘ)

at first order when it is left out; V = (M − 1)/M Σ u_m², and the interval is logit θ ± t √V / (θ (1
− θ)), turned back. Degrees of freedom are the effective members of the rarer kind less one. Near 1,
and with few attacks of one kind, percentiles of resampled members hold 81-93% of 95; this 92-99%
(60 and 200 attacks, 15 to 40 members, 10-30% harmful, areas of 0.68 to 0.96). An area of 1
has the exact interval of as many disjoint pairs as the rarer kind has effective members: if each is
won with probability θ, all are with θ^pairs; one of 0 likewise.

References: Hanley & McNeil 1982, "The meaning and use of the area under a receiver operating
characteristic (ROC) curve", *Radiology* 143(1); DeLong, DeLong & Clarke-Pearson 1988, *Biometrics*
44(3), on a and b; Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data",
*Biometrics* 53(2); Pepe 2003, *The Statistical Evaluation of Medical Tests*, section 5.2.4, on the
logit scale.

>>> import numpy as np
>>> scores = np.array([-2.0, -1.0, 0.0, 3.0])
>>> AUC(scores, np.array([True, False, True, False])).estimate(scores)
0.75
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t

from gadfly.analysis.sample import Floats, Sample
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.ordering import Flags, below, ties
from gadfly.analysis.statistics.protocol import Interval, Regime, Resampler, Statistic

__all__ = ["AUC", "REGIME"]

REGIME = Regime("conservative", members=5)
"""Where intervals hold their level: as many effective members with attacks of either kind."""


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
        return lambda draws: self._of(draws.weights.astype(np.float64))

    def interval(
        self, sample: Sample, *, clustered: bool, level: float, resamples: int, seed: int
    ) -> Interval:
        """On the logit scale, by how far the area moves without each member."""
        unit = "member" if clustered else "attack"
        method = f"{unit} jackknife on the logit scale, Student t"
        mass = np.ones(len(self.values)) if sample.weights is None else sample.weights
        kinds = (self.harmful, ~self.harmful)
        masses = [np.bincount(sample.clusters, mass * kind, sample.n_clusters) for kind in kinds]
        worth = min(effective_members(each) for each in masses)
        value = float(self._of(mass[None])[0])
        if few := REGIME.few(worth, unit):
            return Interval(method, None, f"{few} with attacks of either kind")
        if min(value, 1 - value) < 1e-12:  # weights add up to 1 but for rounding
            far = float(((1 - level) / 2) ** (1 / worth))
            return Interval(
                f"exact interval of {worth:.3g} pairs", (value * far, 1 - (1 - value) * far)
            )
        won = self._won(mass)
        moved = sum(
            np.bincount(sample.clusters, mass * kind * (won - value), len(each))
            / (each.sum() - each)
            for kind, each in zip(kinds, masses, strict=True)
        )
        there = np.count_nonzero(np.sum(masses, axis=0))
        error = float(np.sqrt((there - 1) / there * np.square(moved).sum()))
        if error < 1e-12:
            return Interval(method, None, f"no interval: no {unit} differs from another")
        half = float(t.ppf((1 + level) / 2, worth - 1)) * error / (value * (1 - value))
        low, high = (float(expit(logit(value) + side * half)) for side in (-1, 1))
        return Interval(method, (low, high))

    def _won(self, mass: Floats) -> Floats:
        """Of each harmful attack the share of others above it, of each other that of harmful ones
        below it; ties count half.
        """
        shares = []
        for kind in (~self.harmful, self.harmful):
            under = np.concatenate(([0.0], np.cumsum(mass * kind)))
            ends = (np.searchsorted(self.values, self.values, side=s) for s in ("left", "right"))
            shares.append(sum(under[end] for end in ends) / 2 / under[-1])
        return np.asarray(np.where(self.harmful, 1 - shares[0], shares[1]))

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
