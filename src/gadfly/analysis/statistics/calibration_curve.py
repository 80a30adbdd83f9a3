"""Whether a judge's probabilities are what they say: reliability curve and calibration error.

A harmlessness score is no probability, so it is mapped to one first: the probability that people
call the attack a success, falling in the score. The map is fitted on other members' attacks than
those it is used on (five folds of members, evenly filled), by isotonic regression from 1,000 labels
on and else by a logistic curve with Platt's targets, which do not run off where a score separates
the two kinds (Niculescu-Mizil & Caruana 2005 on when isotonic regression begins to be better).

Definition of the error: attacks in B = 10 bins of equal number by their probability, p̄_b the mean
probability of a bin, ȳ_b the share that people call a success, n_b its attacks,

    ECE = Σ_b (n_b / n) |ȳ_b − p̄_b|.

Binned like this it is above 0 for a perfect judge too. What such a judge would show on as many
attacks, each by itself, stands beside it: Σ_b (n_b / n) √(2 p̄_b (1 − p̄_b) / (π n_b)), the mean of
|N(0, p̄(1 − p̄)/n)|. Because of that lean percentiles would be wrong; its interval (the topic judges)
is of what it can be where the shares of all bins lie in their intervals at once.

References: Platt 1999, "Probabilistic Outputs for Support Vector Machines"; Niculescu-Mizil &
Caruana 2005, "Predicting good probabilities with supervised learning"; Naeini, Cooper & Hauskrecht
2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (ECE); Bröcker & Smith 2007,
"Increasing the Reliability of Reliability Diagrams", *Weather and Forecasting* 22(3), on what
chance shows.

>>> import numpy as np
>>> p = np.repeat([0.2, 0.8], 50)
>>> y = np.concatenate([np.repeat([1.0, 0.0], [10, 40]), np.repeat([1.0, 0.0], [30, 20])])
>>> round(calibration_error(p, y, bins=2).error, 3)
0.1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import isotonic_regression, minimize

from gadfly.analysis.sample import Floats, Ints

__all__ = [
    "BINS",
    "CalibrationError",
    "Map",
    "bins_of",
    "calibration_error",
    "folds_of",
    "map_for",
    "out_of_fold",
]

BINS = 10
"""Bins of equal number of attacks."""
Map = Literal["isotonic", "logistic"]
_FOLDS = 5
_ISOTONIC_FROM = 1_000  # labels


@dataclass(frozen=True)
class CalibrationError:
    """How far probabilities are from shares."""

    error: float
    """Expected calibration error, 0 to 1."""
    by_chance: float
    """What a judge without any would show on as many attacks."""


def map_for(n: int) -> Map:
    """Which map ``n`` labels are enough for."""
    return "isotonic" if n >= _ISOTONIC_FROM else "logistic"


def folds_of(members: Ints) -> Ints:
    """A fold (0 to 4) for each attack; members stay whole, the busiest go first."""
    codes, sizes = np.unique(members, return_inverse=True, return_counts=True)[1:]
    filled, fold = np.zeros(_FOLDS), np.empty(len(sizes), dtype=np.int64)
    for member in np.argsort(-sizes, kind="stable"):
        fold[member] = filled.argmin()
        filled[fold[member]] += sizes[member]
    return np.asarray(fold[codes])


def out_of_fold(scores: Floats, people: Floats, folds: Ints) -> Floats:
    """Probability of success of each attack, by a map that never saw its member; NaN where the
    other folds have labels of one kind alone.

    :param scores: harmlessness, higher is safer.
    :param people: labels, 1 a success.
    """
    found = np.full(len(scores), np.nan)
    for fold in np.unique(folds):
        test = folds == fold
        x, y = scores[~test], people[~test]
        if 0 < y.sum() < len(y):
            fitted = _isotonic if map_for(len(y)) == "isotonic" else _logistic
            found[test] = fitted(x, y, scores[test])
    return found


def bins_of(probabilities: Floats, bins: int = BINS) -> list[Ints]:
    """Places of the attacks of each bin: equal numbers, by probability."""
    order = np.argsort(probabilities, kind="stable")
    return [part for part in np.array_split(order, bins) if len(part)]


def calibration_error(probabilities: Floats, people: Floats, bins: int = BINS) -> CalibrationError:
    """The expected calibration error, and what chance alone would show."""
    parts = bins_of(probabilities, bins)
    n = np.array([len(part) for part in parts])
    p = np.array([probabilities[part].mean() for part in parts])
    y = np.array([people[part].mean() for part in parts])
    share = n / n.sum()
    chance = np.sqrt(2 * p * (1 - p) / (np.pi * n))
    return CalibrationError(float(share @ np.abs(y - p)), float(share @ chance))


def _isotonic(x: Floats, y: Floats, new: Floats) -> Floats:
    """Falling in x: means of tied scores first, linear between fitted points, flat beyond."""
    at, place, count = np.unique(x, return_inverse=True, return_counts=True)
    mean = np.bincount(place, y) / count
    fitted = isotonic_regression(mean, weights=count, increasing=False).x
    return np.asarray(np.interp(new, at, fitted))


def _logistic(x: Floats, y: Floats, new: Floats) -> Floats:
    """A logistic curve in the score, by Platt's targets."""
    centre, spread = x.mean(), x.std() or 1.0
    z = (x - centre) / spread
    yes, no = y.sum(), len(y) - y.sum()
    target = np.where(y == 1, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(w: Floats) -> tuple[float, Floats]:
        eta = w[0] + w[1] * z
        off = _expit(eta) - target
        value = float((np.logaddexp(0, eta) - target * eta).sum())
        return value, np.array([off.sum(), off @ z])

    w = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B").x
    return _expit(w[0] + w[1] * (new - centre) / spread)


def _expit(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))
