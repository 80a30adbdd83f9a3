"""How often the scores of some attacks lie below those of others: what order statistics count.

W(A, B) = Σ over pairs (i in A, j in B) of 1 where xᵢ < xⱼ and ½ where xᵢ = xⱼ, each pair with the
product of its weights: Mann and Whitney's U, for every resample at once.

>>> import numpy as np
>>> x = np.array([0.0, 1.0, 1.0, 2.0])
>>> first = np.array([True, True, False, False])
>>> below(np.ones((1, 4)), ties(x), first, ~first).tolist()
[3.5]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gadfly.analysis.sample import Floats, Ints

__all__ = ["below", "runs", "ties"]

Flags = NDArray[np.bool_]


def ties(values: Floats) -> Ints:
    """Where each run of equal values begins, in values in ascending order."""
    return np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1)).astype(np.int64)


def runs(weights: Floats, starts: Ints) -> Floats:
    """The sum of the weights of each run of equal values."""
    if len(starts) == weights.shape[1]:
        return weights
    return np.asarray(np.add.reduceat(weights, starts, axis=1))


def below(weights: Floats, starts: Ints, first: Flags, second: Flags) -> Floats:
    """W(first, second) under each row of weights, one weight for each value in ascending order.

    :param starts: from :func:`ties`.
    """
    a, b = runs(weights * first, starts), runs(weights * second, starts)
    return np.asarray((b * (np.cumsum(a, axis=1) - a / 2)).sum(axis=1))
