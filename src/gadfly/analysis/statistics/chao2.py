"""How many clusters members like these would reach, those that none of them reached included.

Definition: Ŝ = S + (m−1)/m · Q₁(Q₁−1) / 2(Q₂+1), S clusters reached by m members, Q₁ of them by
exactly one member, Q₂ by exactly two. It is a lower bound of the true number. Members are what is
counted, not attacks: a hundred attacks by one person show that one person goes there.

Interval: for T = Ŝ − S log-normal, S + T/C to S + T·C with C = exp(z √ln(1 + v/T²)) and v the
variance that Chao derived for this form. Where each cluster has two members or more, T is 0 and
there is no interval: nothing hints at a cluster unseen.

References: Chao 1987, "Estimating the population size for capture-recapture data with unequal
catchability", *Biometrics* 43; Colwell, *EstimateS* user's guide, appendix B, for
the form without division by zero and its variance.

>>> import numpy as np
>>> chao2(np.array([5, 3, 1, 1, 2, 0]), members=9).estimate
5.444444444444445
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from gadfly.analysis.sample import Ints
from gadfly.records.estimate import Estimate

__all__ = ["chao2"]

_NAME = "Chao2 from clusters that one or two members reached; log-normal interval"


def chao2(reached_by: Ints, *, members: int, level: float = 0.95) -> Estimate:
    """The number of clusters within reach.

    :param reached_by: how many members reached each cluster.
    :param members: how many members there are.
    """
    seen = int((reached_by > 0).sum())
    q1, q2 = float((reached_by == 1).sum()), float((reached_by == 2).sum())
    share = (members - 1) / members if members else 0.0
    unseen = share * q1 * (q1 - 1) / (2 * (q2 + 1))
    low = high = reason = None
    if members < 2:
        reason = f"members are compared, there is {members}"
    elif unseen <= 0:
        reason = "no interval: nothing hints at a cluster that nobody reached"
    else:
        spread = _variance(q1, q2, share, seen + unseen)
        z = float(ndtri((1 + level) / 2))
        factor = float(np.exp(z * np.sqrt(np.log(1 + spread / unseen**2))))
        low, high = seen + unseen / factor, seen + unseen * factor
    return Estimate(
        estimate=None if members < 2 else seen + unseen,
        low=low,
        high=high,
        level=level,
        n=members,
        method=_NAME,
        reason=reason,
    )


def _variance(q1: float, q2: float, share: float, total: float) -> float:
    """Of the estimate; the second form where no cluster has exactly two members."""
    if q2 > 0:
        first = share * q1 * (q1 - 1) / (2 * (q2 + 1))
        second = share**2 * q1 * (2 * q1 - 1) ** 2 / (4 * (q2 + 1) ** 2)
        third = share**2 * q1**2 * q2 * (q1 - 1) ** 2 / (4 * (q2 + 1) ** 4)
        return first + second + third
    first = share * q1 * (q1 - 1) / 2
    second = share**2 * q1 * (2 * q1 - 1) ** 2 / 4
    return first + second - share**2 * q1**4 / (4 * total)
