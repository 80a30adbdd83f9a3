"""Whether the arms still differ once members and covariates are taken into account.

The models of Ganguli et al. 2022, appendix A.3: self-rated success and min harmlessness, each on
size x intervention, the harmlessness of the task description and whether the member works on
Mturk, with a random intercept for each member. Three versions: the arms alone, with the covariates
(the paper's), with the other metric as one more covariate (the paper's second). The rating is also
fitted as ordered (cumulative logit), because its steps need not be equal.

Decisions:

- Dummy coding (``mixed_design.py``).
- All models rest on the same attacks: those with every variable that is used. A covariate that was
  never recorded, or is the same for all, is left out, and ``left_out`` says so.
- Coefficients have Wald's intervals, those of linear models also by errors over members
  (``mixed_fit.py``).
- The ordinal model has the covariates that there are, and the arms alone where there are none.
- A model that cannot be fitted has its reason and no number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field
from threadpoolctl import threadpool_limits

from gadfly.analysis.aggregation import named
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.mixed_linear import NotFitted
from gadfly.analysis.topics.cells import attributed
from gadfly.analysis.topics.mixed_design import (
    Complete,
    Design,
    column_of,
    complete,
    design,
    levels,
)
from gadfly.analysis.topics.mixed_fit import Fitted, Term, linear, ordinal, terms
from gadfly.records.canonical import Record

__all__ = ["COVARIATES", "OUTCOMES", "Change", "MixedModel", "MixedModels", "mixed_models"]

Outcome = Literal["rating", "harmlessness"]
Version = Literal["arms", "covariates", "other metric"]
Count = Annotated[int, Field(ge=0)]

OUTCOMES: tuple[Outcome, ...] = ("rating", "harmlessness")
"""Self-rated success, 0-4, and the min harmlessness score."""
COVARIATES = ("task_description_harmlessness", "is_mturk")
"""Covariates of the paper; ``is_mturk`` is 1 for members of MTurk, 0 for Upwork."""
_VERSIONS: tuple[Version, ...] = ("arms", "covariates", "other metric")
_OF_ARMS = ("size", "type", "interaction")


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


def mixed_models(frame: pl.DataFrame, *, level: float = 0.95, nodes: int = 10) -> MixedModels:
    """Every model of A.3 of attacks by one kind of attacker; ``nodes`` of the ordinal model."""
    used = complete(named(attributed(frame)), (*OUTCOMES, *COVARIATES))

    def ordered(y: Floats, made: Design, members: Ints) -> Fitted:
        return ordinal(y, made, members, nodes)

    with threadpool_limits(1):  # matrices are narrow: threads would only wait for each other
        models = [
            _model(used, outcome, version, linear, level=level)
            for outcome in OUTCOMES
            for version in _VERSIONS
        ]
        none = all(name in used.left_out for name in COVARIATES)
        version: Version = "arms" if none else "covariates"
        models.append(_model(used, "rating", version, ordered, level=level))
    sizes, types = levels(used.frame)
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


def _model(
    used: Complete,
    outcome: Outcome,
    version: Version,
    fit: Callable[[Floats, Design, Ints], Fitted],
    *,
    level: float,
) -> MixedModel:
    """One model, or the reason why there is none."""
    as_number = fit is linear
    how = "REML" if as_number else "adaptive Gauss-Hermite quadrature"
    kind = "linear" if as_number else "cumulative-logit"
    method = f"{kind} model with a random intercept per member, {how}; Wald interval"
    blank = MixedModel(
        outcome=outcome, version=version, scale="linear" if as_number else "ordinal", method=method
    )
    other = OUTCOMES[1 - OUTCOMES.index(outcome)]
    wanted = {"arms": (), "covariates": COVARIATES, "other metric": (*COVARIATES, other)}[version]
    reason = _refused(used, outcome, version, other)
    if reason is not None:
        return blank.model_copy(update={"reason": reason})
    made = design(used.frame, [name for name in wanted if name not in used.left_out])
    try:
        found = fit(column_of(used.frame[outcome]), made, used.members)
    except NotFitted as error:
        return blank.model_copy(update={"reason": str(error)})
    return blank.model_copy(
        update={
            "terms": terms(found, used, level, method),
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
