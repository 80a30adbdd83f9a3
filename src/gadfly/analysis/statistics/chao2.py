"""How many clusters members like these would reach, those that none of them reached included.

Definition: Ŝ = S + (m−1)/m · Q₁(Q₁−1) / 2(Q₂+1), S clusters reached by m members, Q₁ of them by
exactly one member, Q₂ by exactly two. It is a lower bound of the true number. Members are what is
counted, not attacks: a hundred attacks by one person show that one person goes there.

It has no interval: Chao's, log-normal around it, held the true number in one of eight studies of
members who each have a few topics (a lower bound lies below what it bounds).

References: Chao 1987, "Estimating the population size for capture-recapture data with unequal
catchability", *Biometrics* 43; Colwell, *EstimateS* user's guide, appendix B, for
the form without division by zero.

>>> import numpy as np
>>> chao2(np.array([5, 3, 1, 1, 2, 0]), members=9).estimate
5.444444444444445
"""

from __future__ import annotations

from gadfly.analysis.sample import Ints
from gadfly.records.estimate import Estimate

__all__ = ["chao2"]

_NAME = "Chao2 from clusters that one or two members reached"


def chao2(
    reached_by: Ints, *, members: int, most: int | None = None, level: float = 0.95
) -> Estimate:
    """The number of clusters within reach.

    :param reached_by: how many members reached each cluster.
    :param members: how many members there are.
    :param most: how many clusters there are, where that is known.
    """
    seen = int((reached_by > 0).sum())
    q1, q2 = float((reached_by == 1).sum()), float((reached_by == 2).sum())
    share = (members - 1) / members if members else 0.0
    unseen = share * q1 * (q1 - 1) / (2 * (q2 + 1))
    reason = "a lower bound, which has no interval"
    if most is not None and seen + unseen > most:
        unseen, reason = most - seen, f"no more than the {most:,} clusters that there are"
    if members < 2:
        reason = f"members are compared, there is {members}"
    elif unseen <= 0:
        reason = "nothing hints at a cluster that nobody reached"
    return Estimate(
        estimate=None if members < 2 else seen + unseen,
        low=None,
        high=None,
        level=level,
        n=members,
        method=_NAME,
        reason=reason,
    )
