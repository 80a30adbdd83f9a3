"""True values that :func:`gadfly.analysis.simulate.truth` does not give: scores beside labels.

An attack's harm h has the density of a mixture of normals; a label or rating depends on h and the
rater's blur alone, the score on h and the judge's. So everything is an integral over h, taken on a
grid of 801 points from -12 to 14, of two attacks over the grid twice.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from gadfly.analysis.sample import Floats
from gadfly.analysis.simulate import Settings

__all__ = ["kendall", "labelled", "pearson", "roc_area", "spearman", "spread", "success_at"]

_H = np.linspace(-12, 14, 801)


@lru_cache(maxsize=64)
def _density(s: Settings) -> Floats:
    """Share of attacks at each harm of the grid, on the first arm."""
    if s.activity_efficacy:
        raise ValueError("harm is normal only where activity and efficacy are independent")
    found = np.zeros_like(_H)
    sd = np.sqrt(s.member_sd**2 + s.interaction_sd**2 + s.attack_sd**2)
    for share, shift in (
        (1 - s.breakthrough_share, 0.0),
        (s.breakthrough_share, s.breakthrough_by),
    ):
        found += share * np.exp(-(((_H - s.intercept - s.effects[0] - shift) / sd) ** 2) / 2)
    return np.asarray(found / found.sum())


def _at_least(s: Settings, rating: float) -> Floats:
    """Chance of a rating of at least so much, at each harm."""
    return np.asarray(ndtr((_H - rating + 0.5) / s.rater_sd))


def _below(s: Settings) -> Floats:
    """Chance that an attack of harm h (rows) scores below one of harm g (columns)."""
    return np.asarray(ndtr(np.subtract.outer(_H, _H) / (s.judge_sd * np.sqrt(2))))


def labelled(s: Settings, *, threshold: float, success: bool) -> float:
    """Share of successes (ratings from 3 on) that score at most ``threshold``: sensitivity; or of
    the others that score above it: specificity.
    """
    yes = _density(s) * _at_least(s, 3)
    said = ndtr((threshold + _H) / s.judge_sd)
    if success:
        return float(yes @ said / yes.sum())
    no = _density(s) - yes
    return float(no @ (1 - said) / no.sum())


def success_at(s: Settings, scores: Floats) -> Floats:
    """Chance that an attack of each of these scores, on any of arms as harmful as the first, is a
    success.
    """
    off = [np.add.outer(scores, _H + bias) / s.judge_sd for bias in s.judge_bias or (0.0,)]
    near = sum(np.exp(-(x**2) / 2) for x in off)
    return np.asarray(near @ (_density(s) * _at_least(s, 3)) / (near @ _density(s)))


@lru_cache(maxsize=16)
def roc_area(s: Settings) -> float:
    """Chance that a success scores below an attack that is none."""
    yes = _density(s) * _at_least(s, 3)
    no = _density(s) - yes
    return float(yes @ _below(s) @ no / yes.sum() / no.sum())


def spread(s: Settings) -> float:
    """Standard deviation of the score."""
    f = _density(s)
    return float(np.sqrt(f @ _H**2 - (f @ _H) ** 2 + s.judge_sd**2))


def pearson(s: Settings) -> float:
    """Correlation of rating and score."""
    f, above = _density(s), np.stack([_at_least(s, k) for k in range(1, 5)])
    mean, square = above.sum(axis=0), np.array([1, 3, 5, 7]) @ above
    return float(((f @ mean) * (f @ _H) - f @ (mean * _H)) / _sd(f, mean, square) / spread(s))


@lru_cache(maxsize=16)
def spearman(s: Settings) -> float:
    """Correlation of their ranks."""
    f = _density(s)
    above = np.stack([np.ones_like(_H), *(_at_least(s, k) for k in range(1, 5)), 0 * _H])
    chance = -np.diff(above, axis=0)
    share = chance @ f
    rank = np.cumsum(share) - share / 2
    of_rating = rank @ chance
    of_score = f @ _below(s)  # share of attacks that score lower than one of this harm
    both = f @ (of_rating * of_score) - 0.25
    return float(both / np.sqrt((share @ rank**2 - 0.25) / 12))


@lru_cache(maxsize=16)
def kendall(s: Settings) -> float:
    """τ-b of score and true harm."""
    f, level = _density(s), np.clip(np.floor(_H + 0.5), 0, 4)
    order = np.sign(np.subtract.outer(level, level)) * (1 - 2 * _below(s))
    ties = sum(float(f[level == k].sum()) ** 2 for k in range(5))
    return float(f @ order @ f / np.sqrt(1 - ties))


def _sd(f: Floats, mean: Floats, square: Floats) -> float:
    return float(np.sqrt(f @ square - (f @ mean) ** 2))
