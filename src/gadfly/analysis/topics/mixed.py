"""Whether the arms still differ once members and covariates are taken into account.

The models of Ganguli et al. 2022, appendix A.3: self-rated success and min harmlessness, each on
size x intervention, the harmlessness of the task description and whether the member works on
Mturk, with a random intercept for each member. Three versions: the arms alone, with the covariates
(the paper's), with the other metric as one more covariate (the paper's second). The rating is also
fitted as ordered (cumulative logit), because its steps need not be equal.

Decisions:

- Dummy coding. The reference is ``plain lm``, or the first type in the order of arms where there is
  none, at the smallest size. An interaction is how much more (or less) than at the reference size
  a type differs from the reference type.
- All models rest on the same attacks: those with every variable that is used. A covariate that was
  never recorded, or is the same for all, is left out, and ``left_out`` says so.
- Intervals are Wald's, as lme4 gives them: with few members they would be too narrow, and there is
  none. They assume that members differ by their level alone. Of 60 members who meet arms with
  different success (standard deviation 0.3 beside 1 of the residual) they hold in 79 of 100
  studies, so linear models have a second interval, by errors over members, which holds in 96.
- The ordinal model has the covariates that there are, and the arms alone where there are none.
- A model that cannot be fitted has its reason and no number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field
from scipy.stats import norm, t
from threadpoolctl import threadpool_limits

from gadfly.analysis.aggregation import named
from gadfly.analysis.order import arms_in_order, size_value
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.jackknife import METHOD
from gadfly.analysis.statistics.mixed_linear import NotFitted, fit_linear, member_means
from gadfly.analysis.statistics.mixed_ordinal import fit_ordinal
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = [
    "COVARIATES",
    "OUTCOMES",
    "REGIME",
    "Change",
    "Design",
    "MixedModel",
    "MixedModels",
    "Term",
    "complete",
    "design",
    "mixed_models",
    "reach",
]

Outcome = Literal["rating", "harmlessness"]
Version = Literal["arms", "covariates", "other metric"]
Kind = Literal["intercept", "threshold", "size", "type", "covariate", "interaction"]
Count = Annotated[int, Field(ge=0)]

OUTCOMES: tuple[Outcome, ...] = ("rating", "harmlessness")
"""Self-rated success, 0-4, and the min harmlessness score."""
COVARIATES = ("task_description_harmlessness", "is_mturk")
"""Covariates of the paper; ``is_mturk`` is 1 for members of MTurk, 0 for Upwork."""
_VERSIONS: tuple[Version, ...] = ("arms", "covariates", "other metric")
_OF_ARMS = ("size", "type", "interaction")
REGIME = Regime("approximate", members=10, assumes="the model holds")
"""Where Wald's intervals hold their level."""
_PLAIN = "plain lm"


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


class MixedModel(Record):
    """One model as fitted; everything is null or empty where ``reason`` says why it is not."""

    outcome: Outcome
    """What is explained."""
    version: Version
    """By what: the arms; and the covariates; and the other metric."""
    scale: Literal["linear", "ordinal"]
    """The rating as a number, or as ordered."""
    terms: tuple[Term, ...] = ()
    """Coefficients, thresholds first."""
    aliased: tuple[str, ...] = ()
    """Terms left out because others determine them, such as an arm that nobody attacked."""
    sd_member: float | None = None
    """Standard deviation of the members' intercepts; 0 where the data show no variance."""
    sd_residual: float | None = None
    """Standard deviation of the residual; null for the ordinal model, where it is fixed."""
    icc: float | None = None
    """Share of the remaining variance between members, 0-1; latent for the ordinal model."""
    log_likelihood: float | None = None
    """Log likelihood, restricted (REML) for the linear models."""
    method: str
    """How it was fitted."""
    reason: str | None = None
    """Why it is not fitted."""


class Change(Record):
    """What one more set of covariates does to the coefficients of arms (linear models)."""

    outcome: Outcome
    """The outcome of both models."""
    before: Version
    """The smaller model."""
    after: Version
    """The larger model."""
    term: str
    """The coefficient of size, type or both that changes most."""
    change: float
    """By how much, in units of the outcome."""
    differ: tuple[str, ...] | None
    """Coefficients whose interval lies above, below or around 0 in one model and elsewhere in the
    other; null where there are no intervals."""


class MixedModels(Record):
    """All models of a study."""

    n: Count
    """Attacks that every model rests on."""
    members: Count
    """Members who made them."""
    dropped: Count
    """Attacks left out because a variable is missing."""
    reference_type: str | None
    """The type that others are compared with; null where nothing was attacked."""
    reference_size: str | None
    """The size that others are compared with; null where nothing was attacked."""
    left_out: dict[str, str]
    """Covariates and metrics that no model has, each with the reason."""
    models: tuple[MixedModel, ...]
    """By outcome and version; the ordinal model last."""
    changes: tuple[Change, ...]
    """Changes from version to version, where both are fitted."""


@dataclass(frozen=True)
class Design:
    """The columns of a model."""

    x: Floats
    """One row per attack, the constant first."""
    names: tuple[str, ...]
    """Names of the columns."""
    kinds: tuple[Kind, ...]
    """What each stands for."""


@dataclass(frozen=True)
class Complete:
    """The attacks that models rest on."""

    frame: pl.DataFrame
    """Attacks with every variable that is used."""
    members: Ints
    """Number of each attack's member."""
    left_out: dict[str, str]
    """Variables that are not used, each with the reason."""


def complete(frame: pl.DataFrame, columns: Sequence[str]) -> Complete:
    """Attacks that have all of the columns which vary; ``is_mturk`` is made of ``is_upworker``."""
    frame = frame.with_columns(is_mturk=~pl.col("is_upworker"))
    left_out: dict[str, str] = {}
    for column in columns:
        different = frame[column].drop_nulls().n_unique()
        if different < 2:
            left_out[column] = "the same for every attack" if different else "never recorded"
    frame = frame.drop_nulls([column for column in columns if column not in left_out])
    for column in columns:
        if column not in left_out and frame[column].n_unique() < 2:
            left_out[column] = "the same for every attack that has all variables"
    members = frame["member"].rank("dense").cast(pl.Int64).to_numpy() - 1
    return Complete(frame, members, left_out)


def design(frame: pl.DataFrame, covariates: Sequence[str]) -> Design:
    """Dummy-coded size x type with covariates, in the order of R's model matrix."""
    sizes, types = _levels(frame)
    factors: dict[Kind, dict[str, Floats]] = {
        "size": {s: _column(frame["num_params"] == s) for s in sizes[1:]},
        "type": {t: _column(frame["model_type"] == t) for t in types[1:]},
        "covariate": {name: _column(frame[name]) for name in covariates},
    }
    factors["interaction"] = {
        f"{size} × {kind}": factors["size"][size] * factors["type"][kind]
        for kind, size in product(types[1:], sizes[1:])
    }
    named = [(k, name, column) for k, found in factors.items() for name, column in found.items()]
    x = np.column_stack([np.ones(frame.height), *(column for _, _, column in named)])
    return Design(
        x, ("intercept", *(name for _, name, _ in named)), ("intercept", *(k for k, _, _ in named))
    )


def mixed_models(frame: pl.DataFrame, *, level: float = 0.95, nodes: int = 10) -> MixedModels:
    """Every model of A.3 of attacks by one kind of attacker; ``nodes`` of the ordinal model."""
    used = complete(named(frame), (*OUTCOMES, *COVARIATES))

    def ordinal(y: Floats, made: Design, members: Ints) -> _Fitted:
        return _ordinal(y, made, members, nodes)

    with threadpool_limits(1):  # matrices are narrow: threads would only wait for each other
        models = [
            _model(used, outcome, version, _linear, level=level)
            for outcome in OUTCOMES
            for version in _VERSIONS
        ]
        none = all(name in used.left_out for name in COVARIATES)
        version: Version = "arms" if none else "covariates"
        models.append(_model(used, "rating", version, ordinal, level=level))
    sizes, types = _levels(used.frame)
    return MixedModels(
        n=used.frame.height,
        members=len(np.unique(used.members)),
        dropped=frame.height - used.frame.height,
        reference_type=types[0] if types else None,
        reference_size=sizes[0] if sizes else None,
        left_out=used.left_out,
        models=tuple(models),
        changes=tuple(_changes(models)),
    )


@dataclass(frozen=True)
class _Fitted:
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


def _linear(y: Floats, made: Design, members: Ints) -> _Fitted:
    fit = fit_linear(y, made.x, members)
    return _Fitted(
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


def _ordinal(y: Floats, made: Design, members: Ints, nodes: int) -> _Fitted:
    fit = fit_ordinal(y, made.x[:, 1:], members, nodes=nodes)
    cuts = tuple(f"{low:g}|{high:g}" for low, high in pairwise(fit.categories))
    threshold: Kind = "threshold"
    return _Fitted(
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


def _model(
    used: Complete,
    outcome: Outcome,
    version: Version,
    fit: Callable[[Floats, Design, Ints], _Fitted],
    *,
    level: float,
) -> MixedModel:
    """One model, or the reason why there is none."""
    linear = fit is _linear
    how = "REML" if linear else "adaptive Gauss-Hermite quadrature"
    kind = "linear" if linear else "cumulative-logit"
    method = f"{kind} model with a random intercept per member, {how}; Wald interval"
    blank = MixedModel(
        outcome=outcome, version=version, scale="linear" if linear else "ordinal", method=method
    )
    other = OUTCOMES[1 - OUTCOMES.index(outcome)]
    wanted = {"arms": (), "covariates": COVARIATES, "other metric": (*COVARIATES, other)}[version]
    reason = _refused(used, outcome, version, other)
    if reason is not None:
        return blank.model_copy(update={"reason": reason})
    made = design(used.frame, [name for name in wanted if name not in used.left_out])
    try:
        found = fit(_column(used.frame[outcome]), made, used.members)
    except NotFitted as error:
        return blank.model_copy(update={"reason": str(error)})
    return blank.model_copy(
        update={
            "terms": _terms(found, used, level, method),
            "aliased": found.aliased,
            "sd_member": found.sd_member,
            "sd_residual": found.sd_residual,
            "icc": found.icc,
            "log_likelihood": found.log_likelihood,
        }
    )


def _refused(used: Complete, outcome: Outcome, version: Version, other: Outcome) -> str | None:
    """Why a model is not even tried."""
    if outcome in used.left_out:
        return f"the outcome is {used.left_out[outcome]}"
    if not used.frame.height:
        return "no attack has all variables"
    if version == "other metric" and other in used.left_out:
        return f"the other metric is {used.left_out[other]}"
    if used.frame.select("model_type", "num_params").n_unique() < 2:
        return "there is one arm, so nothing to compare"
    if version == "covariates" and all(name in used.left_out for name in COVARIATES):
        return "there are no covariates"
    return None


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


def _terms(found: _Fitted, used: Complete, level: float, method: str) -> tuple[Term, ...]:
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


def _changes(models: Sequence[MixedModel]) -> list[Change]:
    """Each linear model beside the last smaller one of its outcome."""
    found: list[Change] = []
    fitted = [model for model in models if model.scale == "linear" and model.reason is None]
    for before, after in pairwise(fitted):
        if before.outcome != after.outcome:
            continue
        pairs = [
            (old, new)
            for old in before.terms
            for new in after.terms
            if old.name == new.name and old.kind == new.kind and old.kind in _OF_ARMS
        ]
        if pairs:
            old, new = max(pairs, key=lambda pair: abs(_shift(*pair)))
            known = all(term.estimate.low is not None for pair in pairs for term in pair)
            differ = tuple(a.name for a, b in pairs if _side(a) != _side(b)) if known else None
            found.append(
                Change(
                    outcome=before.outcome,
                    before=before.version,
                    after=after.version,
                    term=new.name,
                    change=_shift(old, new),
                    differ=differ,
                )
            )
    return found


def _shift(old: Term, new: Term) -> float:
    return (new.estimate.estimate or 0.0) - (old.estimate.estimate or 0.0)


def _side(term: Term) -> int:
    """1 above 0, -1 below 0, 0 where the interval holds 0."""
    best = term.robust or term.estimate
    low, high = best.low or 0.0, best.high or 0.0
    return (low > 0) - (high < 0)


def _levels(frame: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Sizes and types, each with the reference first."""
    present = list(frame.select("model_type", "num_params").unique(maintain_order=True).rows())
    arms = arms_in_order(present)
    types = list(dict.fromkeys(kind for kind, _ in arms))
    if _PLAIN in types:
        types.insert(0, types.pop(types.index(_PLAIN)))
    sizes = list(dict.fromkeys(size for _, size in arms))
    numbers = {size: size_value(size) for size in sizes}
    sizes.sort(key=lambda s: float("inf") if numbers[s] is None else float(numbers[s] or 0))
    return sizes, types


def _column(series: pl.Series) -> Floats:
    return np.asarray(series.cast(pl.Float64).to_numpy(), dtype=np.float64)
