"""Who made the attacks, and whose attacks worked: Figure 5 of Ganguli et al. 2022.

Efficacy of a member is the random intercept of the model of appendix A.3 for min harmlessness
(size x intervention, harmlessness of the task description, platform): how far below (more
effective) or above the average of comparable members the scores lie that a member's attacks reach.

Decisions:

- Intercepts are conditional modes: a member's mean deviation, shrunk towards 0 by as much as chance
  explains of it. ``half_at`` attacks keep half of it; who made few stands near 0 and is rarely told
  from the average. So few attacks do not make extremes, nor prove that a member is average.
- Intervals come from errors of prediction (``prediction_error.py``). The paper's most likely came
  from conditional variances, which take the model's parameters as known and are too short where
  members are few (docs/calibration.md). Below 10 members there are none. Nothing is corrected for
  looking at many members.
- Members are told apart by their rank alone; the result holds nobody's number or name.
- All members are shown (the paper shows 310 of 324 and does not say why).
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.activity import of_members
from gadfly.analysis.statistics.gini import gini, members_for, top_share
from gadfly.analysis.statistics.mixed_linear import LinearFit, NotFitted, fit_linear
from gadfly.analysis.statistics.prediction_error import REGIME, prediction_errors
from gadfly.analysis.topics.cells import attributed
from gadfly.analysis.topics.mixed import COVARIATES
from gadfly.analysis.topics.mixed_design import complete, design
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["Efficacy", "MemberEfficacy", "efficacy"]

Count = Annotated[int, Field(ge=0)]
_OUTCOME = "min_harmlessness"
_METHOD = (
    "random intercepts of a linear model on size × intervention and covariates (REML); "
    "intervals from errors of prediction (Prasad-Rao)"
)


class MemberEfficacy(Record):
    """One member, known by their place in the order alone."""

    attacks: Count
    """Attacks that the intercept rests on."""
    intercept: float
    """Deviation from the average in units of the score, shrunk; lower is more effective."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end of its interval."""


class Efficacy(Record):
    """Attacks and efficacy of members. Numbers of the model are null where ``reason`` says why."""

    attacks: tuple[int, ...]
    """Attacks of each member, most first."""
    gini: Estimate
    """Gini's coefficient of these, 0 where all made as many, towards 1 where one made all."""
    top_tenth: Annotated[float, Field(ge=0, le=1)] | None
    """Share of the attacks by the tenth of members (rounded up) who made most; null without any."""
    members_for_80: Count
    """The fewest members who made 80% of the attacks."""
    n: Count
    """Attacks that the model rests on."""
    dropped: Count
    """Attacks left out of it because a variable is missing."""
    left_out: dict[str, str]
    """Covariates that the model lacks, each with the reason."""
    members: tuple[MemberEfficacy, ...] = ()
    """Members of the model, most effective first."""
    sd_member: float | None = None
    """Standard deviation of the intercepts as the model estimates it, in units of the score."""
    sd_residual: float | None = None
    """Standard deviation of the residual."""
    sd_estimates: float | None = None
    """Standard deviation of the intercepts shown: smaller than ``sd_member``, for they are shrunk.
    The paper's is 0.378."""
    half_at: float | None = None
    """Attacks after which half of a member's deviation is kept: (sd_residual / sd_member)^2."""
    more_effective: int | None = None
    """Members whose interval lies below 0."""
    less_effective: int | None = None
    """Members whose interval lies above 0."""
    level: float
    """Confidence level of the intervals."""
    method: str = _METHOD
    """How the intercepts were made."""
    reason: str | None = None
    """Why there are no intercepts."""
    doubt: str | None = None
    """What speaks against the model, which takes a member's number of attacks as unrelated to its
    efficacy: then the average leans towards the busy."""


def efficacy(frame: pl.DataFrame, *, level: float = 0.95) -> Efficacy:
    """Attacks and efficacy of the members in a frame of attacks by one kind of attacker."""
    counts = attributed(frame)["member"].value_counts()["count"].sort(descending=True)
    made = counts.cast(pl.Float64).to_numpy()
    used = complete(frame, (_OUTCOME, *COVARIATES))
    found = Efficacy(
        attacks=tuple(counts),
        gini=gini(made, level=level),
        top_tenth=top_share(made, math.ceil(len(made) / 10)) if len(made) else None,
        members_for_80=members_for(made, 0.8) if len(made) else 0,
        n=used.frame.height,
        dropped=frame.height - used.frame.height,
        left_out={name: why for name, why in used.left_out.items() if name != _OUTCOME},
        level=level,
    )
    if _OUTCOME in used.left_out:
        return found.model_copy(update={"reason": f"the score is {used.left_out[_OUTCOME]}"})
    made_of = design(used.frame, [name for name in COVARIATES if name not in used.left_out])
    try:
        with threadpool_limits(1):  # a narrow matrix: threads would only wait for each other
            fit = fit_linear(used.frame[_OUTCOME].to_numpy(), made_of.x, used.members)
    except NotFitted as error:
        return found.model_copy(update={"reason": str(error)})
    if fit.boundary:
        reason = "members do not differ by more than chance explains: their variance is 0"
        return found.model_copy(update={"sd_member": 0.0, "reason": reason})
    if len(fit.modes) < REGIME.members:
        reason = f"not estimable: {len(fit.modes)} members, it takes {REGIME.members:g}"
        return found.model_copy(update={"reason": reason})
    return found.model_copy(update=_intercepts(fit, made_of.x, used.members, level))


def _intercepts(fit: LinearFit, x: Floats, members: Ints, level: float) -> dict[str, object]:
    """What the fitted model says of members."""
    order = np.argsort(fit.modes, kind="stable")
    modes = fit.modes[order]
    half = float(norm.ppf((1 + level) / 2)) * prediction_errors(fit, x, members)[order]
    low, high = modes - half, modes + half
    made = np.bincount(members)
    columns: tuple[Floats | Ints, ...] = (made[order], modes, low, high)
    seen = of_members(made, made * fit.modes, squares=float(made @ fit.modes**2))
    return {
        "doubt": seen.words if seen.doubt else None,
        "members": tuple(
            MemberEfficacy(attacks=int(a), intercept=float(m), low=float(lo), high=float(hi))
            for a, m, lo, hi in zip(*columns, strict=True)
        ),
        "sd_member": fit.sd_member,
        "sd_residual": fit.sigma,
        "sd_estimates": float(np.std(modes, ddof=1)),
        "half_at": (fit.sigma / fit.sd_member) ** 2,
        "more_effective": int((high < 0).sum()),
        "less_effective": int((low > 0).sum()),
    }
