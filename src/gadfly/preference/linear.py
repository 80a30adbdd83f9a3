"""The linear preference model: score(reply | context) = w · φ(reply, context) − centre.

φ are the features of :mod:`gadfly.preference.features`. The probability that reply a is preferred
to reply b in one context is σ(score(a) − score(b)), the model of Bradley and Terry (1952) with a
linear strength; the centre cancels. w is fitted by logistic regression on φ(chosen) − φ(rejected)
without an intercept: which reply is called "chosen" is a matter of naming, and swapping the names
must turn p into 1 − p. The loss is that of Bai et al. 2022, log(1 + exp(r_bad − r_good)), plus
|v|² / 2C, v = w in units of each dense feature's spread over the training replies.

The centre is the mean score over the training replies, so that 0 is an ordinary reply *of the
training data*. It does not make two models comparable.

Saved as ``weights.npz`` (plain arrays, read with ``allow_pickle=False``) beside ``model.json``; see
:mod:`gadfly.preference.folder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gadfly.errors import PersonError
from gadfly.preference.features import DENSE_NAMES, VERSION, matrix
from gadfly.preference.folder import Saved
from gadfly.preference.lineage import Lineage
from gadfly.preference.words import Replies, gather
from gadfly.records.canonical import sha256
from gadfly.records.values import Message

__all__ = ["BITS", "KIND", "LinearScorer", "fit", "from_saved", "pair_features"]

KIND = "linear"
BITS = 18
"""log2 of the number of hashed columns."""
_DENSE_SCALE = 0.6  # spread of a dense column against a present n-gram; fixed before fitting
_LARGEST = 1e6  # no weight of a sound fit comes near
_BATCH = 4_096  # replies at a time: bounds memory, and keeps sorting in the cache

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearScorer:
    """A fitted model."""

    weights: Floats
    """One for each dense column, then for each hashed column; in logits per unit of feature."""
    centre: float
    """Mean of w · φ over the training replies."""
    bits: int
    """log2 of the number of hashed columns."""
    lineage: Lineage
    """What it was made from."""
    name: str = "gadfly-linear"

    @cached_property
    def version(self) -> str:
        """The package that made it, and the beginning of the hash of its weights."""
        digest = sha256(self.weights.tobytes() + np.float64(self.centre).tobytes())
        return f"{self.lineage.package_version}+{digest.removeprefix('sha256:')[:12]}"

    def score(self, conversations: Sequence[Sequence[Message]]) -> list[tuple[float, ...]]:
        """One score per assistant message, conditioned on everything before it."""
        replies, sizes = gather(conversations)
        values = iter(self.score_replies(replies).tolist())
        return [tuple(next(values) for _ in range(size)) for size in sizes]

    def score_replies(self, replies: Replies) -> Floats:
        """The score of each reply; the same to the last bit in whatever batch it stands."""
        parts = [
            matrix(batch, self.bits) @ self.weights - self.centre
            for batch in replies.batches(_BATCH)
        ]
        return np.concatenate([np.zeros(0), *parts])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What ``weights.npz`` holds, beside the training conversations."""
        return {"weights": self.weights, "centre": np.array([self.centre])}


def pair_features(contexts: Sequence[Sequence[Message]], pairs: Sequence[tuple[str, str]]) -> Any:
    """φ of each reply, two rows for each pair: chosen, then rejected."""
    replies = Replies()
    for messages, pair in zip(contexts, pairs, strict=True):
        replies.add(messages, pair)
    return matrix(replies, BITS)


@dataclass(frozen=True)
class Fitted:
    """The numbers of a fit."""

    weights: Floats
    """As in :class:`LinearScorer`."""
    centre: float
    """As in :class:`LinearScorer`."""


def fit(phi: Any, penalty: float) -> Fitted:
    """Fit w to rows of φ, chosen and rejected in turn; ``penalty`` is C of the logistic regression.

    Every second difference enters with its sign turned and the label 0, which changes nothing of
    the loss and gives the solver its two classes.
    """
    from sklearn.linear_model import LogisticRegression

    scale = np.ones(phi.shape[1])
    dense = len(DENSE_NAMES)
    spread = phi[:, :dense].toarray().std(axis=0)
    scale[:dense] = np.where(spread > 1e-9, _DENSE_SCALE / np.maximum(spread, 1e-9), 0.0)
    difference = (phi[0::2] - phi[1::2]).tocsc()
    used = np.flatnonzero(np.diff(difference.indptr) * (scale > 0))
    sign = np.where(np.arange(difference.shape[0]) % 2 == 0, 1.0, -1.0)
    rows = difference[:, used].multiply(scale[used]).tocsr().multiply(sign[:, None]).tocsr()
    weights = np.zeros(phi.shape[1])
    if not len(used):  # no pair differs in any feature: nothing to learn
        return Fitted(weights, 0.0)
    if len(sign) == 1:  # one pair has one class; its mirror image says the same
        rows, sign = _with_mirror(rows), np.array([1.0, -1.0])
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    # newton-cg: a sixth of lbfgs's time at more columns than rows, and nearer to the optimum
    solver = LogisticRegression(
        C=penalty, fit_intercept=False, solver="newton-cg", max_iter=1_000, tol=1e-6
    )
    solver.fit(rows, sign > 0)
    weights[used] = solver.coef_[0] * scale[used]
    return Fitted(weights, float(np.mean(phi @ weights)))


def _with_mirror(rows: Any) -> Any:
    from scipy import sparse

    return sparse.vstack([rows, -rows]).tocsr()


def from_saved(saved: Saved) -> LinearScorer:
    """The model in a folder, checked: its feature version, shapes, and every number."""
    features = saved.lineage.features
    if features.get("version") != VERSION:
        raise PersonError(
            f"{saved.folder}: was made with features of version {features.get('version')!r}; "
            f"this Gadfly has version {VERSION}; train it again"
        )
    bits = features.get("bits")
    if not isinstance(bits, int) or isinstance(bits, bool) or not 1 <= bits <= 24:
        raise PersonError(f"{saved.folder}: got bits {bits!r}; allowed: 1 to 24")
    weights = _floats(saved.folder, saved.arrays, "weights", len(DENSE_NAMES) + 2**bits)
    centre = _floats(saved.folder, saved.arrays, "centre", 1)
    return LinearScorer(weights, float(centre[0]), bits, saved.lineage)


def _floats(folder: Path, arrays: dict[str, NDArray[Any]], name: str, size: int) -> Floats:
    array = arrays.get(name)
    if array is None or array.dtype != np.float64 or array.shape != (size,):
        got = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
        raise PersonError(f"{folder}: {name}: got {got}; allowed: float64 of shape ({size},)")
    if not np.isfinite(array).all() or np.abs(array).max() > _LARGEST:
        raise PersonError(
            f"{folder}: {name}: holds numbers that are not finite or beyond ±{_LARGEST:g}; "
            "the model is damaged, train it again"
        )
    return array
