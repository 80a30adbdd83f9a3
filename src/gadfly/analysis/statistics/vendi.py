"""How many different attacks a set is worth: the Vendi score.

Definition: exp(−Σ λᵢ ln λᵢ), λᵢ the eigenvalues of K/n, K the cosines of all pairs of n vectors.
With vectors of length 1 in d dimensions they are those of the d × d matrix XᵀX/n as well, so it is
exact and takes n·d² steps instead of n³. n equal vectors are worth 1, n orthogonal ones n.

It grows with n towards a limit of at most d: compare sets of one size (``rarefied``) only.

Reference: Friedman & Dieng 2023, "The Vendi Score: A Diversity Evaluation Metric for Machine
Learning", definition 3.1 and its section on embeddings.

>>> import numpy as np
>>> vendi(np.eye(4)), vendi(np.ones((9, 1)))
(4.0, 1.0)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["vendi"]


def vendi(vectors: NDArray[Any]) -> float:
    """The Vendi score of vectors [n, d] of length 1, from 1 to min(n, d); 0 for none.

    A vector of zeros (a text without a word) is like none of the others and left out.
    """
    there = np.asarray(vectors, dtype=np.float64)
    there = there[np.abs(there).sum(axis=1) > 0]
    if not len(there):
        return 0.0
    wide = there.shape[1] > len(there)
    worth = np.linalg.eigvalsh((there @ there.T if wide else there.T @ there) / len(there))
    worth = worth[worth > 1e-12]
    return float(np.exp(-(worth * np.log(worth)).sum()) + 0.0)
