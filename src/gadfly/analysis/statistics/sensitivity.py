"""How often a judge is right: sensitivity and specificity at a threshold, and where to put it.

Definition: of the attacks that people call a success, the share that the judge calls one too
(sensitivity); of the others, the share that it does not (specificity). A judge that scores
harmlessness calls an attack a success where its score is at most the threshold.

Unless a threshold is given it is Youden's: the one with the highest sensitivity + specificity. It
is chosen on other members' attacks than those it is judged by, else it would flatter the judge.
Intervals of these shares are those of every rate (``success_rate.py``).

Reference: Youden 1950, "Index for rating diagnostic tests", *Cancer* 3(1).

>>> import numpy as np
>>> youden(np.array([-3.0, -1.0, 0.0, 2.0]), np.array([1.0, 1.0, 0.0, 0.0]))
-1.0
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.sample import Floats, Ints

__all__ = ["out_of_fold_threshold", "youden"]


def youden(scores: Floats, people: Floats) -> float | None:
    """The threshold with the highest sensitivity + specificity, the lowest of several; ``None``
    where labels are of one kind.

    :param scores: harmlessness, higher is safer.
    :param people: labels, 1 a success.
    """
    yes = people.sum()
    if not 0 < yes < len(people):
        return None
    order = np.argsort(scores, kind="stable")
    x, y = scores[order], people[order]
    last = np.append(np.diff(x) > 0, True)  # of each run of equal scores
    gain = np.cumsum(y) / yes - np.cumsum(1 - y) / (len(y) - yes)
    return float(x[last][gain[last].argmax()])


def out_of_fold_threshold(scores: Floats, people: Floats, folds: Ints) -> Floats:
    """For each attack the threshold that the other folds choose; NaN where they cannot."""
    found = np.full(len(scores), np.nan)
    for fold in np.unique(folds):
        chosen = youden(scores[folds != fold], people[folds != fold])
        found[folds == fold] = np.nan if chosen is None else chosen
    return found
