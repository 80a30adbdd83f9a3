"""Whether two judges put the same arms first: rank stability when the judge is swapped.

Definition: with the signs s_ab of mean_a − mean_b over all pairs of arms, by either judge,

    τ_b = Σ s_ab s'_ab / √(Σ s_ab² Σ s'_ab²),

1 for the same order, −1 for the reverse. Members are resampled once for both judges and all arms,
so what the arms share cancels. Resampling adds noise to both orders: the interval lies lower than
the estimate more often than not. A resample in which an arm is empty is left out and counted.

Beside it: the share of resamples in which the judges name different arms as highest, and as lowest;
and the pairs of arms that they order opposite, each with the share of resamples in which they do.

Reference: Kendall 1945, "The treatment of ties in ranking problems", *Biometrika* 33(3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap, resample
from gadfly.analysis.sample import Floats, Sample
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.joint import Totals, percentile
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.estimate import Estimate

__all__ = ["REGIME", "Opposite", "RankStability", "rank_stability", "resampled_means"]

REGIME = Regime("conservative", members=10)
"""Where intervals hold their level."""


@dataclass(frozen=True)
class Opposite:
    """Two arms that the judges order opposite."""

    first: int
    """Number of the arm that the first judge puts lower."""
    second: int
    """Number of the arm that the second judge puts lower."""
    share: float | None
    """Share of resamples in which they disagree about the two; ``None`` without resamples."""


@dataclass(frozen=True)
class RankStability:
    """The orders of arms by two judges."""

    tau: Estimate
    """Kendall's τ-b; ``n`` counts arms."""
    top_changes: float | None
    """Share of resamples with different arms on top; ``None`` without resamples."""
    bottom_changes: float | None
    """The same at the bottom."""
    left_out: int
    """Number of resamples left out."""
    opposite: tuple[Opposite, ...]
    """Pairs of arms in opposite orders."""


def rank_stability(first: Totals, second: Totals, *, how: Bootstrap, seed: int) -> RankStability:
    """Two judges' totals by member and arm over the same attacks; empty arms are left out."""
    arms = np.flatnonzero(first.n)
    sums = np.stack([first.sums[:, arms], second.sums[:, arms]])
    counts = first.counts[:, arms]
    a, b = np.triu_indices(len(arms), 1)
    means = resampled_means(sums, counts, how=how, seed=seed)
    drawn = np.sign(means[..., a] - means[..., b])
    whole = sums.sum(axis=1) / counts.sum(axis=0)
    seen = np.sign(whole[:, a] - whole[:, b])
    busy = counts.sum(axis=1)
    tau, left_out = percentile(
        float(_tau(seen)),
        _tau(drawn),
        members=effective_members(busy[busy > 0]),
        n=len(arms),
        how=how,
        least=REGIME.members,
        method=f"Kendall's tau-b of arms by mean score; joint {how.method}",
    )
    if tau.estimate is None:
        reason = "not estimable: it takes two arms that neither judge puts level"
        tau = tau.model_copy(update={"reason": reason})
    elif tau.low is not None and tau.low == tau.high:
        reason = "the interval is a point: in every resample the orders agree as much"
        tau = tau.model_copy(update={"reason": reason})
    kept = means[:, np.isfinite(means).all(axis=(0, 2))]
    drawn = np.sign(kept[..., a] - kept[..., b])
    opposite = drawn[0] * drawn[1] < 0
    pairs = [
        Opposite(
            int(arms[(a if seen[0, k] < 0 else b)[k]]),
            int(arms[(b if seen[0, k] < 0 else a)[k]]),
            float(opposite[:, k].mean()) if len(opposite) else None,
        )
        for k in np.flatnonzero(seen[0] * seen[1] < 0)
    ]
    top, bottom = (
        float((end(kept[0], axis=1) != end(kept[1], axis=1)).mean()) if kept.size else None
        for end in (np.argmax, np.argmin)
    )
    return RankStability(tau, top, bottom, left_out, tuple(pairs))


def resampled_means(sums: Floats, counts: Floats, *, how: Bootstrap, seed: int) -> Floats:
    """Means of each arm in each resample of members, [..., resamples, arms]; NaN where empty.

    :param sums: of each member and arm, [..., members, arms].
    :param counts: number of values, [members, arms].
    """
    members = len(counts)
    units = Sample(np.arange(members, dtype=np.float64), np.arange(members), members)
    found = [np.empty((*sums.shape[:-2], 0, counts.shape[1]))]
    for draws in resample(units, how.resamples if members > 1 else 0, seed):
        times = draws.multiplicities.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append((times @ sums) / (times @ counts))
    return np.concatenate(found, axis=-2)


def _tau(signs: Floats) -> Floats:
    """τ-b from the signs of all pairs of arms by two judges, [2, ..., pairs]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.sqrt((signs[0] ** 2).sum(axis=-1) * (signs[1] ** 2).sum(axis=-1))
        return np.asarray((signs[0] * signs[1]).sum(axis=-1) / weight)
