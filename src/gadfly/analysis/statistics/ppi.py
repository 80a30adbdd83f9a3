"""A rate that few people judged and a judge judged everywhere: prediction-powered inference.

Definition: with people's verdict yᵢ and the judge's fᵢ on n labelled attacks, and the judge's f̃ⱼ
alone on N others,

    θ = λ (1/N) Σ f̃ⱼ + (1/n) Σ (yᵢ − λ fᵢ),

the judge's rate where nobody looked, corrected by how far off the judge is where somebody did. It
is unbiased for any judge and any fixed λ, if the labelled attacks are a random draw of all. A judge
that knows nothing costs nothing, since the data choose λ (PPI++). λ = 1 is plain PPI, λ = 0 the
labelled attacks alone.

By attack (``members`` is ``None``), as the papers have it:

    λ = cov(y, f) / ((1 + n/N) var(f, f̃)), kept in 0 to 1,   V = λ² var(f̃)/N + var(y − λf)/n.

By member m, labelled and unlabelled attacks of one member together, with

    a_m = Σ (yᵢ − ȳ)/(n − n_m),   b_m = Σ (f̃ⱼ − mean f̃)/(N − N_m) − Σ (fᵢ − f̄)/(n − n_m),
    λ = −Σ a_m b_m / Σ b_m², kept in 0 to 1,   V = (M − 1)/M Σ (a_m + λ b_m)²,

by how much each mean moves when the member is left out (the jackknife), with the λ that makes V
smallest. A λ that the data chose is a slope that was fitted: V grows by (M − 1)/(M − 2).

The interval is θ ± z √V by attack, and by member with Student's t. Its degrees of freedom say how
many squares V rests on: those of ``likeness.py``, with w the effective members with labels, less
one for λ. It is approximate (docs/calibration.md); below ten effective members there is none.
With few labels of one kind it would be too narrow, and there is none.

References: Angelopoulos, Bates, Fannjiang, Jordan & Zrnic 2023, "Prediction-powered inference",
*Science* 382; Angelopoulos, Duchi & Zrnic 2023, "PPI++: Efficient Prediction-Powered Inference",
arXiv 2311.01453, section 3 and equation 9.

>>> import numpy as np
>>> people = np.array(5 * [1.0, 0.0, 1.0, 0.0, np.nan, np.nan, np.nan, np.nan])
>>> judge = np.array(5 * [1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
>>> found = prediction_powered(people, judge, members=None, level=0.95)
>>> round(found.estimate.estimate, 3), round(found.tuning, 3)
(0.378, 0.244)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.likeness import moved
from gadfly.analysis.statistics.ordering import Flags
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.estimate import Estimate

__all__ = ["REGIME", "Powered", "cut", "prediction_powered"]

REGIME = Regime("approximate", members=10, assumes="labelled attacks are a random draw")
"""Where intervals hold their level; they take as many labels of either kind, too."""
_FEW = REGIME.members


@dataclass(frozen=True)
class Powered:
    """A mean by prediction-powered inference."""

    estimate: Estimate
    """The mean of people's verdicts; ``n`` counts the labelled."""
    tuning: float
    """λ, 0 to 1: how much the judge was worth."""


def prediction_powered(
    people: Floats,
    judge: Floats,
    *,
    members: Ints | None,
    level: float,
    tuning: float | None = None,
) -> Powered:
    """The mean of ``people`` over all, where ``judge`` is known everywhere.

    :param people: verdicts 0 or 1 (or any numbers), NaN where nobody judged.
    :param judge: the judge's, one for each.
    :param members: number of each attack's member; ``None``: every attack by itself.
    :param tuning: λ; ``None``: the data choose.
    """
    there = ~np.isnan(people)
    n, others = int(there.sum()), int((~there).sum())
    if tuning is None and others and _spread(there, members) < REGIME.members:
        tuning = 0.0  # too few without a label to say what the judge makes of them
    method = "prediction-powered inference (PPI++)" if others else "mean of labelled attacks"
    method += ", t interval over members" if members is not None else ", normal interval"
    if n < 2:
        reason = "no attack has a human label" if not n else "only 1 attack has a human label"
        none = Estimate.of(None, None, level=level, n=n, method=method, reason=reason)
        return Powered(none, 0.0)
    y, f, unseen = people[there], judge[there], judge[~there]
    if members is None:
        power = _by_attack(y, f, unseen) if tuning is None else tuning
        variance = np.var(y - power * f) / n + (power**2 * np.var(unseen) / others if others else 0)
        reach, worth = float(stats.norm.ppf((1 + level) / 2)), float(n)
    else:
        a, b, weights = _by_member(there, people, judge, members)
        power = _ratio(float(-a @ b), float(b @ b)) if tuning is None else tuning
        power = power if others else 0.0
        count = len(weights)
        spent = 2 if tuning is None and power > 0 else 1  # the mean, and λ where the data chose it
        variance = ((a + power * b) ** 2).sum() * (count - 1) ** 2 / count / max(count - spent, 1)
        worth = effective_members(weights[weights > 0])
        moves = a + power * b
        df = moved(moves, worth)[1] if moves.any() else worth - 1
        reach = float(stats.t.ppf((1 + level) / 2, max(df + 1 - spent, 1.0)))
    value = float(y.mean() + (power * (unseen.mean() - f.mean()) if others else 0.0))
    half = reach * float(np.sqrt(variance))
    few = members is not None and worth < _FEW
    return Powered(_found(y, value, half, level, method, f"{worth:.1f}" if few else ""), power)


def cut(estimate: Estimate) -> Estimate:
    """A rate and its interval kept within 0 and 1; the reason names a rate that lay outside.

    Where the whole interval lies outside, what was assumed of the judge does not hold, and there is
    no rate.
    """
    value, low, high = estimate.estimate, estimate.low, estimate.high
    if value is None or 0 <= value <= 1:
        ends = [None if end is None else min(max(end, 0.0), 1.0) for end in (low, high)]
        return estimate.model_copy(update={"low": ends[0], "high": ends[1]})
    if low is not None and high is not None and (high < 0 or low > 1):
        said = f"not estimable: corrected it is {value:.3f}, its whole interval outside 0 to 1"
        update = {"estimate": None, "low": None, "high": None, "reason": said}
        return estimate.model_copy(update=update)
    said = f"corrected it is {value:.3f}, cut to the nearest rate that there is"
    return estimate.model_copy(
        update={
            "estimate": min(max(value, 0.0), 1.0),
            "low": None if low is None else max(low, 0.0),
            "high": None if high is None else min(high, 1.0),
            "reason": "; ".join(part for part in (said, estimate.reason) if part),
        }
    )


def _spread(there: Flags, members: Ints | None) -> float:
    """Effective number of members, or of attacks, without a label."""
    if members is None:
        return float((~there).sum())
    return effective_members(np.unique(members[~there], return_counts=True)[1])


def _by_attack(y: Floats, f: Floats, unseen: Floats) -> float:
    """λ where every attack counts by itself."""
    if not len(unseen):
        return 0.0
    together = np.var(np.concatenate([f, unseen]), ddof=1)
    covariance = ((y - y.mean()) * (f - f.mean())).mean()
    return _ratio(float(covariance), float((1 + len(y) / len(unseen)) * together))


def _by_member(
    there: Flags, people: Floats, judge: Floats, members: Ints
) -> tuple[Floats, Floats, Ints]:
    """a and b of each member, and its number of labelled attacks."""
    codes = np.unique(members, return_inverse=True)[1]
    count = int(codes.max()) + 1
    y, f, unseen = people[there], judge[there], judge[~there]

    def summed(values: Floats, which: Ints) -> Floats:
        rest = len(values) - np.bincount(which, minlength=count)
        return np.asarray(np.bincount(which, values, count) / np.maximum(rest, 1))

    a = summed(y - y.mean(), codes[there])
    b = -summed(f - f.mean(), codes[there])
    if len(unseen):
        b = b + summed(unseen - unseen.mean(), codes[~there])
    return a, b, np.bincount(codes[there], minlength=count)


def _ratio(top: float, bottom: float) -> float:
    """λ within 0 and 1; 0 where the judge says the same of everything."""
    return min(max(float(top / bottom), 0.0), 1.0) if bottom > 0 else 0.0


def _found(y: Floats, value: float, half: float, level: float, method: str, few: str) -> Estimate:
    """The estimate with what there is of an interval; ``few``: what too few members count as."""
    rare = min(int((y != y.min()).sum()), int((y != y.max()).sum()))
    reason = None
    if few:
        reason = f"interval not estimable: members with labels count as {few}, it takes {_FEW:g}"
    elif not half > 0:
        reason = "no interval: every label is the same"
    elif rare < _FEW:
        reason = f"interval not estimable: labels of the rarer kind: {rare}, it takes {_FEW:g}"
    ends = (value - half, value + half) if reason is None else None
    return Estimate.of(value, ends, level=level, n=len(y), method=method, reason=reason)
