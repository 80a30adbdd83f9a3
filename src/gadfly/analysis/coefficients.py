"""The coefficients of agreement that one criterion has, by what its values are.

Numbers have an order: weighted κ, α ordinal and interval, AC2 and the ICC ask for one. Names of
classes have none, and two values have no steps between them, so there these are null. Fleiss' κ
takes the items with the most usual number of ratings.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.fleiss_kappa import fleiss_kappa
from gadfly.analysis.statistics.gwet import gwet_ac
from gadfly.analysis.statistics.icc import FORMS, Form, icc
from gadfly.analysis.statistics.krippendorff_alpha import krippendorff_alpha
from gadfly.analysis.statistics.weighted_kappa import Weights, weighted_kappa
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["MOST_RATERS", "MOST_VALUES", "Coefficients", "Scale", "coefficients", "kappa"]

Scale = Literal["binary", "nominal", "ordinal"]
MOST_VALUES = 50
"""Values of a rating; more are a measurement."""
MOST_RATERS = 30
"""Raters whose pairs are compared."""
_WEIGHTED = (
    "kappa_linear",
    "kappa_quadratic",
    "alpha_ordinal",
    "alpha_interval",
    "ac2_linear",
    "ac2_quadratic",
)


class Coefficients(Record):
    """Agreement on one criterion; each null with its reason where it is not defined."""

    fleiss_kappa: Estimate
    """Fleiss' κ, over the items with the most usual number of ratings."""
    kappa: Estimate
    """Cohen's κ of two raters, Light's of more; unweighted."""
    kappa_linear: Estimate
    """The same with linear weights."""
    kappa_quadratic: Estimate
    """The same with quadratic weights."""
    alpha_nominal: Estimate
    """Krippendorff's α: only the same value agrees."""
    alpha_ordinal: Estimate
    """Krippendorff's α: values have an order."""
    alpha_interval: Estimate
    """Krippendorff's α: values are numbers with equal steps."""
    ac1: Estimate
    """Gwet's AC1."""
    ac2_linear: Estimate
    """Gwet's AC2, linear weights."""
    ac2_quadratic: Estimate
    """Gwet's AC2, quadratic weights."""
    icc_1_1: Estimate
    """ICC(1,1): one rating, raters differ by item."""
    icc_2_1: Estimate
    """ICC(2,1): one rating, absolute agreement of the same raters."""
    icc_1_k: Estimate
    """ICC(1,k): the mean of all ratings of an item, raters differ by item."""
    icc_2_k: Estimate
    """ICC(2,k): the mean of all ratings of an item, the same raters."""


def coefficients(ratings: Floats, scale: Scale, how: Bootstrap, *, many: bool) -> Coefficients:
    """Every coefficient, or why it does not apply."""
    sizes = np.isfinite(ratings).sum(axis=1)
    usual = int(np.bincount(sizes[sizes > 1]).argmax()) if (sizes > 1).any() else 2
    weights: dict[str, Weights] = {"linear": "linear", "quadratic": "quadratic"}
    found: dict[str, Estimate] = {}
    if many:
        why = f"more than {MOST_VALUES} different values: a measurement, not a rating"
        names = [n for n in Coefficients.model_fields if n[:3] != "icc" and n != "alpha_interval"]
        found |= {name: _none(how, why) for name in names}
    else:
        found["fleiss_kappa"] = fleiss_kappa(ratings, raters=usual, how=how)
        found["alpha_nominal"] = krippendorff_alpha(ratings, scale="nominal", how=how)
        found["kappa"] = kappa(ratings, "unweighted", how)
        found["ac1"] = gwet_ac(ratings, how=how)
    if not many and scale == "ordinal":
        found["alpha_ordinal"] = krippendorff_alpha(ratings, scale="ordinal", how=how)
        for name, weight in weights.items():
            found[f"kappa_{name}"] = kappa(ratings, weight, how)
            found[f"ac2_{name}"] = gwet_ac(ratings, weights=weight, how=how)
    if scale == "ordinal":
        found["alpha_interval"] = krippendorff_alpha(ratings, scale="interval", how=how)
    no_steps = {
        "binary": "fewer than three values have no steps between them: see the unweighted one",
        "nominal": "the values are names of classes, which have no order",
    }
    for name in _WEIGHTED:
        if name not in found:
            found[name] = _none(how, no_steps[scale])
    for form in FORMS:
        found[f"icc_{form[1]}_{form[3]}"] = _icc(ratings, scale, form, how, many=many)
    return Coefficients(**found)


def _icc(ratings: Floats, scale: Scale, form: Form, how: Bootstrap, *, many: bool) -> Estimate:
    if scale == "nominal":
        return _none(how, "the values are names of classes, which have no variance")
    return icc(ratings, form=form, level=how.level, how=None if many else how)


def kappa(
    ratings: Floats, weights: Weights, how: Bootstrap, of_rater: int | None = None
) -> Estimate:
    """Light's κ, where the pairs of raters are not too many."""
    if ratings.shape[1] > MOST_RATERS:
        why = f"{ratings.shape[1]} raters make too many pairs to compare (at most {MOST_RATERS})"
        return _none(how, why)
    return weighted_kappa(ratings, weights=weights, of_rater=of_rater, how=how)


def _none(how: Bootstrap, reason: str) -> Estimate:
    return Estimate.of(None, None, level=how.level, n=0, method="none", reason=reason)
