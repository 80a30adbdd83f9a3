"""How unevenly members share the attacks: Gini's coefficient, shares of the top, members for 80%.

Gini's coefficient of n counts in ascending order, x₁ ≤ … ≤ xₙ:

    G = 2 Σ i xᵢ / (n Σ xᵢ) − (n + 1) / n

0 where all made as many, towards 1 where one made all ((n − 1) / n exactly). No correction by
n / (n − 1): it is the number that Ganguli et al. 2022 (figure 5) call 0.80. It describes these
members, and has no interval: resampling members as uneven as the paper's held the coefficient of
their population in 78-87% of studies, for the busiest of them are rarely drawn.

References: Gini 1912; Gastwirth 1972, "The estimation of the Lorenz curve and Gini index",
*Review of Economics and Statistics* 54(3).

>>> import numpy as np
>>> counts = np.array([97.0, 1.0, 1.0, 1.0])
>>> round(gini(counts).estimate, 2), top_share(counts, 1), members_for(counts, 0.8)
(0.72, 0.97, 1)
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.sample import Floats
from gadfly.records.estimate import Estimate

__all__ = ["gini", "members_for", "top_share"]


def gini(counts: Floats, *, level: float = 0.95) -> Estimate:
    """The coefficient, 0 to 1, of two counts or more that are not all 0."""
    x, n = np.sort(counts), len(counts)
    value = None
    reason = f"not estimable: it takes 2 members, there is {n}"
    if n > 1 and not x.any():
        reason = "not estimable: nobody has any"
    elif n > 1:
        value = float(2 * (np.arange(1, n + 1) @ x) / (n * x.sum()) - (n + 1) / n)
        reason = "it describes these members, and has no interval"
    return Estimate(
        estimate=value,
        low=None,
        high=None,
        level=level,
        n=n,
        method="Gini coefficient",
        reason=reason,
    )


def top_share(counts: Floats, top: int) -> float:
    """Share of all that the ``top`` members with the most hold, 0 to 1."""
    return float(np.sort(counts)[::-1][:top].sum() / counts.sum())


def members_for(counts: Floats, share: float) -> int:
    """The fewest members who hold at least this share (0 to 1) of all."""
    held = np.cumsum(np.sort(counts)[::-1]) / counts.sum()
    return int(np.searchsorted(held, share - 1e-12) + 1)
