"""The coin by which studies draw arms, for many simulated studies at once.

The rule and its constants are those of :mod:`gadfly.redteam.assignment`, which an analysis may not
import: it reads records, whoever assigned them. A test holds the two to the same probabilities.
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.sample import Floats, Ints

__all__ = ["coin_probabilities"]

_WITHIN, _ACROSS, _FLOOR = 2.0, 0.25, 0.02


def coin_probabilities(quota: Ints, assigned: Ints, by_member: Ints) -> Floats:
    """The probability of each arm in each simulated study; some arm is open in all of them.

    :param quota: of each arm.
    :param assigned: so far, (studies, arms).
    :param by_member: those of the member who is to attack, (studies, arms).
    """
    still = assigned < quota
    share = assigned.sum(axis=1, keepdims=True) / quota.sum()
    ahead = np.where(still, assigned - share * quota, np.inf)
    met = np.where(still, by_member, np.iinfo(np.int64).max)
    favour = _WITHIN * (met - met.min(axis=1, keepdims=True)) + _ACROSS * (
        ahead - ahead.min(axis=1, keepdims=True)
    )
    weight = np.exp(-favour)
    free = 1 - _FLOOR * still.sum(axis=1, keepdims=True)
    spread = _FLOOR + free * weight / weight.sum(axis=1, keepdims=True)
    return np.where(still, spread, 0.0)
