"""A rate that only a judge judged, corrected by what the judge gets wrong elsewhere.

Definition: with p the share that the judge calls a success, s its sensitivity, c its specificity,

    θ = (p + c − 1) / (s + c − 1).

It holds if the judge errs here as it errs where people looked: that is an assumption, not a
finding, so every such rate is marked as extrapolated. Where s + c is not clearly above 1 the judge
is no better than a coin and nothing can be corrected. Outside 0 to 1 the rate is cut and says so
(:func:`gadfly.analysis.statistics.ppi.cut`).

Interval: the delta method over members, whose attacks in the arm and elsewhere go together. With
J = s + c − 1 member m adds

    u_m = (p_m − θ s_m + (1 − θ) c_m) / J

to θ at first order, p_m = Σ (f − p)/n over its attacks in the arm, s_m = Σ (f − s)/n₁ over its
labelled successes elsewhere, c_m = Σ (1 − f − c)/n₀ over its other labelled attacks elsewhere;
V = M/(M − 1) Σ u_m², θ ± t √V with the effective number of members less one degrees of freedom; in
studies with planted rates it held 94-97%. Below five effective members there is none. Where the
arm has labels of its own, how far θ is from their share ȳ has the interval of u_m − Σ (y − ȳ)/n,
since the same members, and attacks, are in both.

References: Rogan & Gladen 1978, "Estimating prevalence from the results of a screening test",
*American Journal of Epidemiology* 107(1); Lang & Reiczigel 2014, "Confidence limits for prevalence
of disease adjusted for estimated sensitivity and specificity", *Preventive Veterinary Medicine*
113(1), on the delta method's limits.

>>> import numpy as np
>>> elsewhere, said = np.array([1.0] * 10 + [0.0] * 10), np.array([1.0] * 9 + [0.0] * 10 + [1.0])
>>> found = rogan_gladen(
...     np.array([1.0] * 5 + [0.0] * 5), said, elsewhere, members=None, other_members=None,
...     level=0.95,
... )
>>> round(found.estimate, 3)
0.5
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.ordering import Flags
from gadfly.analysis.statistics.ppi import cut
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.estimate import Estimate

__all__ = ["REGIME", "carried_error", "rogan_gladen"]

REGIME = Regime("approximate", members=5, assumes="the judge errs in every arm alike")
"""Where intervals hold their level: as many effective members on either side."""
_LEAST = REGIME.members
_METHOD = "Rogan-Gladen correction by the judge's errors in other arms, delta method"


def rogan_gladen(
    judged: Floats,
    other_judged: Floats,
    other_people: Floats,
    *,
    members: Ints | None,
    other_members: Ints | None,
    level: float,
) -> Estimate:
    """The rate of an arm from the judge's verdicts there and its errors elsewhere.

    :param judged: the judge's verdicts in the arm, 0 or 1.
    :param other_judged: its verdicts on labelled attacks elsewhere.
    :param other_people: the labels of those, 0 or 1.
    :param members: number of each attack's member in the arm; ``None``: each by itself.
    :param other_members: the same elsewhere, numbers of the same members.
    """
    found = _found(judged, other_judged, other_people, members, other_members, level)
    method = _METHOD + (" over members" if members is not None else "")
    if isinstance(found, str):
        return Estimate.of(None, None, level=level, n=len(judged), method=method, reason=found)
    return cut(found.estimate(level, len(judged), method))


def carried_error(
    judged: Floats,
    labels: Floats,
    other_judged: Floats,
    other_people: Floats,
    *,
    members: Ints | None,
    other_members: Ints | None,
    level: float,
) -> Estimate:
    """By how much such a rate (uncut) is above the share of the arm's own labels.

    :param labels: of the arm's attacks, 0 or 1, NaN where nobody judged.
    """
    found = _found(judged, other_judged, other_people, members, other_members, level)
    known = ~np.isnan(labels)
    y = labels[known]
    method = "corrected rate less share of labels, delta method"
    if isinstance(found, str) or not len(y):
        reason = found if isinstance(found, str) else "no attack of this arm has a label"
        return Estimate.of(None, None, level=level, n=len(y), method=method, reason=reason)
    who = found.mine[known]
    own = np.bincount(who, y - y.mean(), len(found.u)) / len(y)
    worth = min(found.worth, effective_members(np.unique(who, return_counts=True)[1]))
    off = _Found(found.theta - float(y.mean()), found.u - own, found.mine, worth)
    return off.estimate(level, len(y), method)


@dataclass(frozen=True)
class _Found:
    """A rate, what each member adds to it at first order, whose each attack of the arm is, and
    what the fewest members are worth.
    """

    theta: float
    u: Floats
    mine: Ints
    worth: float

    def estimate(self, level: float, n: int, method: str) -> Estimate:
        """With its interval."""
        half = _reach(level, self.worth) * _error(self.u)
        reason = None
        if self.worth < _LEAST:
            reason = (
                f"interval not estimable: members count as {self.worth:.1f}, it takes {_LEAST:g}"
            )
        elif half < 1e-12:
            reason = "interval not estimable: no member differs from another"
        ends = None if reason else (self.theta - half, self.theta + half)
        return Estimate.of(self.theta, ends, level=level, n=n, method=method, reason=reason)


def _reach(level: float, worth: float) -> float:
    return float(stats.t.ppf((1 + level) / 2, max(worth - 1, 1e-9)))


def _error(u: Floats) -> float:
    return float(np.sqrt(len(u) / max(len(u) - 1, 1) * (u**2).sum()))


def _found(
    judged: Floats,
    other_judged: Floats,
    other_people: Floats,
    members: Ints | None,
    other_members: Ints | None,
    level: float,
) -> _Found | str:
    """The rate, or why there is none."""
    yes = other_people == 1
    if not len(judged):
        return "no attack of this arm has a score"
    if yes.all() or not yes.any():
        kind = "labels" if not len(yes) else "labels of both kinds"
        return f"not estimable: the other arms have no {kind}"
    parts, mine, worth = _parts(judged, other_judged, yes, members, other_members)
    p = float(judged.mean())
    s, c = float(other_judged[yes].mean()), 1 - float(other_judged[~yes].mean())
    j = s + c - 1
    if j <= _reach(level, worth) * _error(parts[:, 1] + parts[:, 2]):
        return (
            f"not estimable: sensitivity {s:.2f} and specificity {c:.2f} are not clearly better "
            "than a coin's"
        )
    theta = (p + c - 1) / j
    return _Found(theta, parts @ [1.0, -theta, 1 - theta] / j, mine, worth)


def _parts(
    judged: Floats,
    other_judged: Floats,
    yes: Flags,
    members: Ints | None,
    other_members: Ints | None,
) -> tuple[Floats, Ints, float]:
    """p_m, s_m and c_m of each member, whose each attack of the arm is, and what the fewest members
    of the three are worth.
    """
    if members is None or other_members is None:
        members = np.arange(len(judged))
        other_members = np.arange(len(judged), len(judged) + len(yes))
    codes = np.unique(np.concatenate([members, other_members]), return_inverse=True)[1]
    mine, theirs = codes[: len(judged)], codes[len(judged) :]
    count = int(codes.max()) + 1
    groups = (
        (judged, mine),
        (other_judged[yes], theirs[yes]),
        (1 - other_judged[~yes], theirs[~yes]),
    )
    columns = [np.bincount(who, x - x.mean(), count) / len(x) for x, who in groups]
    worth = min(effective_members(np.unique(who, return_counts=True)[1]) for _, who in groups)
    return np.stack(columns, axis=1), mine, worth
