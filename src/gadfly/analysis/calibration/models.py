"""Lines of mixed models: coefficients of arms, and of what members are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
from scipy.stats import t

from gadfly.analysis.calibration.arms import by_hand, owners
from gadfly.analysis.calibration.compared import PLAIN, apart, value
from gadfly.analysis.calibration.entry import Entry, Estimand, Method, Studies, parts
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.simulate import truth
from gadfly.analysis.statistics.mixed_linear import fit_linear
from gadfly.analysis.statistics.mixed_ordinal import fit_ordinal
from gadfly.analysis.statistics.protocol import Regime
from gadfly.analysis.topics import mixed_fit
from gadfly.records.estimate import Estimate

__all__ = ["LINES", "SHOWN"]


def _linear(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Intercept, arm, and a covariate of members (half have it) in the linear mixed model; the
    arm by errors over members.
    """
    members = owners(frame)
    x = np.column_stack(
        [
            np.ones(frame.height),
            (frame["model_type"] == "arm1").cast(pl.Float64).to_numpy(),
            members % 2,
        ]
    )
    fit = fit_linear(frame["min_harmlessness"].to_numpy(), x, members)
    wide = t.ppf(0.975, np.maximum(fit.worth - 1, 1)) * fit.robust
    robust = (float(fit.coefficients[1] - wide[1]), float(fit.coefficients[1] + wide[1]))
    return [
        *_wald(fit.coefficients, fit.se, x, members),
        by_hand(float(fit.coefficients[1]), robust, fit.n),
    ]


def _ordinal(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The same of a rating drawn from a cumulative-logit model; its lowest threshold is at −1."""
    rng, members = np.random.default_rng(seed), owners(frame)
    x = np.column_stack([(frame["model_type"] == "arm1").cast(pl.Float64).to_numpy(), members % 2])
    latent = x[:, 0] + rng.normal(size=members.max() + 1)[members] + rng.logistic(size=len(x))
    rating = np.searchsorted([-1.0, 0.0, 1.0, 2.0], latent)
    fit = fit_ordinal(rating, x, members)
    values = np.concatenate((fit.thresholds, fit.coefficients))
    columns = np.column_stack([np.ones((len(x), len(fit.thresholds))), x])
    return [_wald(values, fit.se, columns, members)[k] for k in (0, -2, -1)]


def _wald(values: Floats, se: Floats, x: Floats, members: Ints) -> list[Estimate]:
    """Coefficients with the intervals that the topic gives them."""
    return [
        by_hand(float(v), (float(v - half), float(v + half)), len(x))
        for v, half in zip(values, mixed_fit.reach(x, members, level=0.95) * se, strict=True)
    ]


_LINEAR = [
    Estimand("intercept of the score", partial(truth, quantity="mean_score"), _linear),
    Estimand("effect of an arm on the score", partial(apart, quantity="mean_score"), _linear),
    Estimand("effect of a group of members on the score", value, _linear),
]
_ORDINAL = [
    Estimand("lowest threshold, in logits", partial(value, value=-1.0), _ordinal),
    Estimand("effect of an arm, in logits", partial(value, value=1.0), _ordinal),
    Estimand("effect of a group of members, in logits", partial(value, value=0.0), _ordinal),
]
_MIXED = [Method("linear mixed model, Wald", mixed_fit.REGIME)] * 3
_ROBUST = Method(
    "linear mixed model, errors over members",
    Regime("approximate", members=mixed_fit.REGIME.members),
)
_LOGIT = [Method("cumulative-logit mixed model, Wald", mixed_fit.REGIME)] * 3
_TWELVE = Studies("12 members, every arm each", replace(PLAIN.settings, members=12, attacks=360))
_BY_ARM = Studies(
    "30 members, who meet arms with different success", replace(PLAIN.settings, interaction_sd=0.5)
)

LINES = [
    Entry("mixed model", replace(_LINEAR[1], part=1), _MIXED[1], PLAIN),
    Entry("mixed model, members differ by arm", replace(_LINEAR[1], part=3), _ROBUST, _BY_ARM),
    *parts("linear", _TWELVE, _LINEAR, _MIXED),
    *parts("ordinal", PLAIN, _ORDINAL, _LOGIT),
    *parts("ordinal", _TWELVE, _ORDINAL, _LOGIT),
]
"""What is claimed."""
SHOWN = [
    Entry(
        "mixed model, members differ by arm, Wald",
        replace(_LINEAR[1], part=1),
        replace(_MIXED[1], regime=None),
        _BY_ARM,
    )
]
"""What is not: members who differ by more than their level."""
