"""How much is new against an earlier corpus: the share of attacks that are far from all of it.

Definition: an attack is new where its nearest earlier attack is farther than 95% of the earlier
attacks are from the nearest of the others. More of the same gives a share of 5%; the yardstick is
the earlier corpus itself, so no distance need be chosen. Distances are between vectors of length 1
(√(2 − 2·cosine)) in a space made of both. Of fewer than 20 earlier attacks none is beyond 95%.

At most 5,000 attacks and 5,000 earlier ones are asked for their nearest, drawn with the seed.

Reference: Tax 2001, *One-class classification* (the nearest-neighbour description).

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> earlier = np.hstack([rng.normal(size=(200, 3)), np.zeros((200, 1))])
>>> attacks = np.vstack([earlier[:5], [[0, 0, 0, 1.0]] * 5])
>>> is_new(attacks, earlier, seed=0)[1].tolist()
[False, False, False, False, False, True, True, True, True, True]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gadfly.analysis.embedding import neighbours
from gadfly.analysis.sample import Ints

__all__ = ["LEAST", "is_new"]

LEAST = 20
"""Fewest earlier attacks that are a yardstick."""
_MOST = 5000
_TOLERANCE = 0.95


def is_new(
    attacks: NDArray[Any], earlier: NDArray[Any], *, seed: int
) -> tuple[Ints, NDArray[np.bool_]]:
    """Rows of the attacks that were asked, and whether each is new.

    :param earlier: at least :data:`LEAST` vectors of the same width.
    """
    rng = np.random.default_rng(seed)
    rows, known = (np.sort(rng.permutation(len(x))[:_MOST]) for x in (attacks, earlier))
    apart = neighbours(earlier, earlier[known], 2)[0][:, 1]
    nearest = neighbours(earlier, attacks[rows], 1)[0][:, 0]
    return rows, nearest > np.quantile(apart, _TOLERANCE) + 1e-6
