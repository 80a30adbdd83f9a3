"""p-values corrected for how many there are.

With the p-values of a family in ascending order p₍₁₎ ≤ … ≤ p₍ₖ₎:

    Holm                 p̃₍ᵢ₎ = max over j ≤ i of min(1, (k − j + 1) p₍ⱼ₎)
    Benjamini-Hochberg   p̃₍ᵢ₎ = min over j ≥ i of min(1, (k / j) p₍ⱼ₎)

Holm holds the chance of one false finding or more in the family, under any dependence. Benjamini
and Hochberg hold the expected share of false findings among those made, for independent or
positively dependent p-values.

References: Holm 1979, "A simple sequentially rejective multiple test procedure", *Scandinavian
Journal of Statistics* 6(2); Benjamini & Hochberg 1995, *Journal of the Royal Statistical Society B*
57(1).

>>> import numpy as np
>>> [round(p, 3) for p in holm(np.array([0.03, 0.01, 0.5])).tolist()]
[0.06, 0.03, 0.5]
>>> [round(p, 3) for p in benjamini_hochberg(np.array([0.03, 0.01, 0.5])).tolist()]
[0.045, 0.03, 0.5]
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.sample import Floats

__all__ = ["benjamini_hochberg", "holm"]


def holm(p: Floats) -> Floats:
    """p-values of one family adjusted by Holm, in the order given; 0 to 1."""
    order = np.argsort(p, kind="stable")
    steps = np.arange(len(p), 0, -1) * p[order]
    return _back(np.maximum.accumulate(steps), order)


def benjamini_hochberg(p: Floats) -> Floats:
    """p-values of one family adjusted by Benjamini and Hochberg, in the order given; 0 to 1."""
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _back(np.minimum.accumulate(steps[::-1])[::-1], order)


def _back(adjusted: Floats, order: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    found = np.empty(len(adjusted))
    found[order] = np.minimum(adjusted, 1.0)
    return found
