"""One mixed model as fitted, linear or ordinal, and its coefficients with intervals.

Intervals are Wald's, as lme4 gives them: with few members they would be too narrow, and there is
none. They assume that members differ by their level alone. Of 60 members who meet arms with
different success (standard deviation 0.3 beside 1 of the residual) they hold in 79 of 100 studies,
so linear models have a second interval, by errors over members, which holds in 96.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.stats import norm, t

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.jackknife import METHOD
from gadfly.analysis.statistics.mixed_linear import fit_linear, member_means
from gadfly.analysis.statistics.mixed_ordinal import fit_ordinal
from gadfly.analysis.statistics.protocol import Regime
from gadfly.analysis.topics.mixed_design import Complete, Design, Kind
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["REGIME", "Fitted", "Term", "linear", "ordinal", "reach", "terms"]

REGIME = Regime("approximate", members=10, assumes="the model holds")
"""Where Wald's intervals hold their level."""


class Term(Record):
    """One coefficient."""

    name: str
    """The size, type, both ("13B × rlhf"), covariate, or "0|1" for a threshold."""
    kind: Kind
    """What it stands for."""
    estimate: Estimate
    """In units of the outcome (linear) or logits (ordinal), with its Wald interval."""
    robust: Estimate | None
    """It with an interval by errors over members (linear models), which holds also where a member
    meets one arm with more success than another."""
    se: float
    """Standard error that Wald's interval rests on."""
    statistic: float
    """Estimate by standard error: t as lme4 prints it (linear), z (ordinal)."""


@dataclass(frozen=True)
class Fitted:
    """What both kinds of model have in common."""

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    values: Floats
    se: Floats
    robust: tuple[Floats, Floats] | None
    """Errors over members, and effective members that each rests on."""
    columns: Floats
    aliased: tuple[str, ...]
    sd_member: float
    sd_residual: float | None
    icc: float
    log_likelihood: float


def linear(y: Floats, made: Design, members: Ints) -> Fitted:
    """A linear model; raises NotFitted where there is none."""
    fit = fit_linear(y, made.x, members)
    return Fitted(
        names=tuple(made.names[j] for j in fit.kept),
        kinds=tuple(made.kinds[j] for j in fit.kept),
        values=fit.coefficients,
        se=fit.se,
        robust=(fit.robust, fit.worth),
        columns=made.x[:, fit.kept],
        aliased=tuple(made.names[j] for j in fit.aliased),
        sd_member=fit.sd_member,
        sd_residual=fit.sigma,
        icc=fit.icc,
        log_likelihood=fit.log_likelihood,
    )


def ordinal(y: Floats, made: Design, members: Ints, nodes: int) -> Fitted:
    """A cumulative-logit model; raises NotFitted where there is none."""
    fit = fit_ordinal(y, made.x[:, 1:], members, nodes=nodes)
    cuts = tuple(f"{low:g}|{high:g}" for low, high in pairwise(fit.categories))
    threshold: Kind = "threshold"
    return Fitted(
        names=(*cuts, *(made.names[j + 1] for j in fit.kept)),
        kinds=(*(threshold for _ in cuts), *(made.kinds[j + 1] for j in fit.kept)),
        values=np.concatenate((fit.thresholds, fit.coefficients)),
        se=fit.se,
        robust=None,
        columns=np.column_stack((np.ones((len(y), len(cuts))), made.x[:, 1:][:, fit.kept])),
        aliased=tuple(made.names[j + 1] for j in fit.aliased),
        sd_member=fit.sd_member,
        sd_residual=None,
        icc=fit.icc,
        log_likelihood=fit.log_likelihood,
    )


def reach(x: Floats, members: Ints, *, level: float) -> Floats:
    """Standard errors that an interval of each coefficient reaches to either side.

    Normal for columns that change within members. What is the same for all attacks of a member,
    the constant among it, rests on the differences between members: Student's t with as many
    degrees of freedom as they leave (Pinheiro & Bates 2000, *Mixed-Effects Models in S and S-PLUS*,
    section 2.4.2), one at least, or nothing would be fitted.

    :param x: columns of the model, the constant among them, [attacks, coefficients].
    """
    means = member_means(x, members)
    whole = np.abs(x - means[members]).max(axis=0) < 1e-9
    df = len(means) - np.linalg.matrix_rank(means[:, whole])
    tail = (1 + level) / 2
    return np.where(whole, float(t.ppf(tail, max(df, 1))), float(norm.ppf(tail)))


def terms(found: Fitted, used: Complete, level: float, method: str) -> tuple[Term, ...]:
    """The coefficients of a model with their intervals, as ``method`` has it."""
    members = len(np.unique(used.members))
    sound = members >= REGIME.members
    few = f"interval not estimable: {members} members, Wald's takes {REGIME.members:g}"

    def estimate(k: int, half: float, method: str) -> Estimate:
        value = float(found.values[k])
        return Estimate(
            estimate=value,
            low=value - half if sound else None,
            high=value + half if sound else None,
            level=level,
            n=used.frame.height,
            method=method,
            reason=None if sound else few,
        )

    halves = reach(found.columns, used.members, level=level) * found.se
    wide: Floats | None = None
    if found.robust:
        errors, worth = found.robust
        wide = errors * t.ppf((1 + level) / 2, np.maximum(worth - 1, 1))
    over = method.replace("Wald interval", METHOD)
    return tuple(
        Term(
            name=name,
            kind=kind,
            estimate=estimate(k, float(halves[k]), method),
            robust=None if wide is None else estimate(k, float(wide[k]), over),
            se=float(se),
            statistic=float(value / se),
        )
        for k, (name, kind, value, se) in enumerate(
            zip(found.names, found.kinds, found.values, found.se, strict=True)
        )
    )
