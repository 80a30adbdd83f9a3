"""Lines of raters beside raters: every coefficient of agreement."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl

from gadfly.analysis.calibration.arms import IID
from gadfly.analysis.calibration.entry import Entry, Estimand, Method, Studies, parts
from gadfly.analysis.coefficients import Coefficients, coefficients
from gadfly.analysis.sample import Floats
from gadfly.analysis.simulate import Settings, truth
from gadfly.analysis.statistics import agreement
from gadfly.analysis.statistics.agreement import closeness
from gadfly.analysis.statistics.krippendorff_alpha import krippendorff_alpha, tag_alpha
from gadfly.records.estimate import Estimate

__all__ = ["LINES"]

_ITEMS = replace(IID, unit="item")
_SETS = [frozenset(tags) for tags in ("", "a", "ab", "b", "abc")]


def _seen(frame: pl.DataFrame, seed: int, reviewers: int, missing: float = 0.0) -> Floats:
    """What reviewers say who see true harm, or in 30% of cases answer anything."""
    rng, shape = np.random.default_rng(seed), (frame.height, reviewers)
    harm = frame["true_harm"].to_numpy().astype(int)[:, None]
    seen = np.where(rng.random(shape) < 0.7, harm, rng.integers(0, 5, shape)).astype(np.float64)
    if missing:
        seen[rng.random(shape) < missing] = np.nan
    return seen


def _alpha(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    seen = _seen(frame, seed, 3).astype(int)
    return [krippendorff_alpha(seen.tolist(), scale="nominal", how=_ITEMS)]


def _coefficients(
    frame: pl.DataFrame, seed: int, *, reviewers: int, missing: float = 0.0
) -> list[Estimate]:
    """Every coefficient, and alpha of sets of tags."""
    seen = _seen(frame, seed, reviewers, missing)
    found = coefficients(seen, "ordinal", _ITEMS, many=False)
    tags = [[None if np.isnan(x) else _SETS[int(x)] for x in row] for row in seen]
    return [
        *(getattr(found, name) for name in Coefficients.model_fields),
        tag_alpha(tags, how=_ITEMS),
    ]


def _pairs(settings: Settings) -> Floats:
    """How often one reviewer says c and another k, over all attacks that there could be."""
    above = [1.0, *(truth(settings, "harm_rate", threshold=k) for k in range(1, 5)), 0.0]
    said = 0.7 * np.eye(5) + 0.06
    return np.asarray(said.T @ np.diag(-np.diff(above)) @ said)


def _agreement(settings: Settings, *, name: str = "alpha_nominal", reviewers: int = 3) -> float:
    """A coefficient of those reviewers."""
    both = _pairs(settings)
    share, values = both.sum(axis=1), np.arange(5.0)
    power = {"linear": 1, "quadratic": 2, "interval": 2}.get(name.rpartition("_")[2], 0)
    near = closeness(values, power)
    if name.startswith("ac"):
        chance = near.sum() / 20 * (share @ (1 - share))
        return float(((near * both).sum() - chance) / (1 - chance))
    apart = 1 - near
    if name.startswith("icc"):
        apart = np.subtract.outer(values, values) ** 2
    if name == "alpha_ordinal":
        rank = np.cumsum(share) - share / 2
        apart = np.subtract.outer(rank, rank) ** 2
    if name == "tags":
        apart = np.array([[_masi(a, b) for a in _SETS] for b in _SETS])
    value = float(1 - (apart * both).sum() / (share @ apart @ share))
    return reviewers * value / (1 + (reviewers - 1) * value) if name.endswith("_k") else value


def _masi(a: frozenset[str], b: frozenset[str]) -> float:
    """MASI distance (Passonneau 2006)."""
    if a == b:
        return 0.0
    nested = 2 / 3 if a <= b or b <= a else 1 / 3 if a & b else 0.0
    return 1 - nested * len(a & b) / len(a | b)


_NAMES = (*Coefficients.model_fields, "tags")


def _of_raters(reviewers: int, missing: float = 0.0) -> list[Estimand]:
    made = partial(_coefficients, reviewers=reviewers, missing=missing)
    words = [name.replace("_", " ") for name in _NAMES[:-1]] + ["alpha of sets of tags"]
    return [
        Estimand(word, partial(_agreement, name=name, reviewers=reviewers), made)
        for name, word in zip(_NAMES, words, strict=True)
    ]


_OVER_ITEMS = Method("bootstrap of items, expanded percentiles", agreement.REGIME)
_BY_ITEM = [_OVER_ITEMS] * len(_NAMES)
_RATED = [Studies(f"{n} items, 3 reviewers", Settings(members=n, attacks=n)) for n in (60, 200)]
_GAPS = Studies("100 items, 5 reviewers, a quarter missing", Settings(members=100, attacks=100))
_WITH_GAPS = [k for k, name in enumerate(_NAMES) if not name.startswith(("icc", "fleiss"))]

LINES = [
    Entry(
        "agreement", Estimand("Krippendorff's alpha", _agreement, _alpha), _OVER_ITEMS, _RATED[0]
    ),
    *(e for on in _RATED for e in parts("raters", on, _of_raters(3), _BY_ITEM)),
    *parts("raters", _GAPS, _of_raters(5, 0.25), _BY_ITEM, only=_WITH_GAPS),
]
"""What is claimed."""
