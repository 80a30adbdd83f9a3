"""Training the linear preference model, with an honest estimate of how well it does.

The estimate is from k-fold cross-validation by conversation: each pair is judged by a model that
saw no pair of its conversation, and accuracy is taken over all pairs judged so. The penalty is
chosen anew within each fold's training part, by log loss of a grouped cross-validation inside it,
so the pairs judged have no say in it. The model itself is then fitted on all pairs, its penalty
chosen in the same way. The interval resamples conversations and takes the k fits as given: it does
not hold the chance of having drawn other training data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gadfly.preference.evaluate import Evaluation, evaluate_margins
from gadfly.preference.features import VERSION
from gadfly.preference.lineage import Lineage, lineage_hash, package_version
from gadfly.preference.linear import BITS, KIND, LinearScorer, fit, pair_features
from gadfly.preference.measures import Resampling
from gadfly.preference.pairs import Prepared, folds, prepare
from gadfly.records.values import PreferencePair

__all__ = ["PENALTIES", "Training", "train_linear"]

PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1)
"""C of the logistic regression, strongest penalty first; the inner folds choose."""
_DEFAULT_PENALTY = 0.01  # where there are too few conversations to choose
_INNER_FOLDS = 3

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Training:
    """A model, and what is known of it."""

    scorer: LinearScorer
    """Fitted on all pairs."""
    cross_validation: Evaluation
    """Out-of-fold estimate for models made in this way."""
    penalty: float
    """C of the model."""
    prepared: Prepared
    """What it learned from, and what was left out."""


def train_linear(
    pairs: Sequence[PreferencePair],
    *,
    training_data: Iterable[str] = (),
    dropped: Mapping[str, int] | None = None,
    members: Iterable[str] | None = None,
    seed: int = 0,
    k: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> Training:
    """Train on pairs; ``training_data`` are the hashes of their files, ``dropped`` is what their
    reader left out already.

    ``members`` are the study members whose picks the pairs are, where that is known.
    """
    from sklearn import linear_model  # noqa: F401 - first, so that its threads are limited too
    from threadpoolctl import threadpool_limits

    prepared = prepare(pairs, dropped)
    fold = folds(prepared.conversation, k, seed)
    texts = [(pair.chosen, pair.rejected) for pair in prepared.pairs]
    phi = pair_features(prepared.contexts, texts)
    tell = progress or (lambda done, total: None)
    steps = int(fold.max()) + 2
    found = np.zeros(len(fold))
    with threadpool_limits(1):  # the vectors are short: more threads only wait for each other
        for number in range(steps - 1):
            tell(number, steps)
            inside = fold != number
            penalty = _choose_penalty(_rows(phi, inside), prepared.conversation[inside], seed)
            weights = fit(_rows(phi, inside), penalty).weights
            found[~inside] = _margins(_rows(phi, ~inside), weights)
        tell(steps - 1, steps)
        penalty = _choose_penalty(phi, prepared.conversation, seed)
        fitted = fit(phi, penalty)
    lineage = _lineage(prepared, training_data, members, seed=seed, penalty=penalty)
    scorer = LinearScorer(fitted.weights, fitted.centre, BITS, lineage)
    tell(steps, steps)
    judged = evaluate_margins(
        found,
        prepared,
        scorer=(scorer.name, scorer.version, lineage_hash(lineage)),
        seen=np.zeros(len(fold), dtype=np.bool_),
        resampling=Resampling(
            seed=seed, note=f"{steps - 1}-fold cross-validation by first human turn, pooled; "
        ),
    )
    return Training(scorer, judged, penalty, prepared)


def _rows(phi: Any, which: NDArray[np.bool_]) -> Any:
    """The two rows of each pair that is wanted."""
    return phi[np.flatnonzero(np.repeat(which, 2))]


def _margins(phi: Any, weights: Floats) -> Floats:
    values = phi @ weights
    return np.asarray(values[0::2] - values[1::2], dtype=np.float64)


def _choose_penalty(phi: Any, conversation: Keys, seed: int) -> float:
    """The C of least log loss over inner folds; the stronger penalty where two are equal."""
    if len(set(conversation.tolist())) < 2 * _INNER_FOLDS:
        return _DEFAULT_PENALTY
    fold = folds(conversation, _INNER_FOLDS, seed + 1)
    losses = dict.fromkeys(PENALTIES, 0.0)
    for number in range(_INNER_FOLDS):
        inside = fold != number
        learn, judge = _rows(phi, inside), _rows(phi, ~inside)
        for penalty in PENALTIES:
            margin = _margins(judge, fit(learn, penalty).weights)
            losses[penalty] += float(np.logaddexp(0.0, -margin).sum())
    return min(PENALTIES, key=losses.__getitem__)


def _lineage(
    prepared: Prepared,
    training_data: Iterable[str],
    members: Iterable[str] | None,
    *,
    seed: int,
    penalty: float,
) -> Lineage:
    return Lineage(
        kind=KIND,
        package_version=package_version(),
        features={"version": VERSION, "bits": BITS, "penalty": penalty},
        training_data=tuple(sorted(set(training_data))),
        seed=seed,
        mix=prepared.mix,
        base=None,
        conversations=tuple(sorted(set(prepared.conversation.tolist()))),
        members=None if members is None else tuple(sorted(set(members))),
    )
