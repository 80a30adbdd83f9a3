"""How many members the attacks of an arm are worth.

Definition: Kish's effective number, (Σ nₘ)² / Σ nₘ², with nₘ the number of attacks of member m.

It equals the number of members when all attacked equally often and falls towards 1 as one of them
made nearly all attacks. A mean over attacks by 300 members of whom ten made most is about as firm
as one over those ten.

Reference: Kish 1965, *Survey Sampling*, section 8.2.

>>> import numpy as np
>>> effective_members(np.array([5, 5, 5, 5]))
4.0
>>> round(effective_members(np.array([97, 1, 1, 1])), 2)
1.06
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.sample import Weights

__all__ = ["effective_members"]


def effective_members(attacks: Weights) -> float:
    """The effective number of members, from the attacks (or weight) of each; 0 for none."""
    sizes = np.asarray(attacks, dtype=np.float64)
    total = float(sizes.sum())
    return total * total / float(sizes @ sizes) if total else 0.0
