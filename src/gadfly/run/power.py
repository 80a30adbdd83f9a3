"""What a study can find: its file as a plan, and its biased coin for many simulated studies.

:func:`biased_coin` is the rule of :mod:`gadfly.redteam.assignment` in arrays, one row for each
simulated study.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from gadfly.analysis.coin import coin_probabilities
from gadfly.analysis.order import arms_in_order
from gadfly.analysis.power import PowerResult, power_of
from gadfly.analysis.sample import Floats
from gadfly.analysis.trials import Assumed, Attacks, Plan, PlannedArm
from gadfly.errors import PersonError
from gadfly.study.protocol import Study, load_study

__all__ = ["biased_coin", "plan_of", "study_power"]

_PUBLISHED_GINI = 0.80  # of the members of Ganguli et al. 2022, where nothing better is known


def study_power(
    path: Path,
    assumed: Assumed,
    *,
    gini: float | None = None,
    members: int | None = None,
    **options: Any,
) -> PowerResult:
    """The power of the study that a file plans.

    :param gini: how unevenly members attack; the population's of simulated members, or 0.80.
    :param members: how many members, if not as many as the file says.
    :param options: of :func:`gadfly.analysis.power.power_of`.
    :raises PersonError: a fault of the file, or of what is assumed.
    """
    study = load_study(path).study
    plan = plan_of(study, gini=gini, members=members)
    assumed = assumed.model_copy(update={"threshold": study.success_threshold})
    return power_of(plan, assumed, biased_coin, **({"seed": study.seed} | options))


def plan_of(study: Study, *, gini: float | None = None, members: int | None = None) -> Plan:
    """A study as far as its power goes.

    :raises PersonError: an unevenness that cannot be.
    """
    if gini is not None and not 0 <= gini < 1:
        raise PersonError(f"--gini: got {gini:g}; give a number from 0 to below 1")
    if gini is None and study.members.kind == "simulated":
        gini = float(2 * ndtr(study.members.population.activity_sd / np.sqrt(2)) - 1)
    quotas = {(arm.arm.model_type, arm.arm.num_params): arm.quota for arm in study.arms}
    return Plan(
        members=max(2, study.members.count if members is None else members),
        arms=tuple(
            PlannedArm(model_type=kind, num_params=size, quota=quotas[kind, size])
            for kind, size in arms_in_order(list(quotas))
        ),
        gini=_PUBLISHED_GINI if gini is None else gini,
    )


def biased_coin(activity: Floats, quotas: Sequence[int], rng: np.random.Generator) -> Attacks:
    """Attacks assigned one by one.

    :param activity: how busy members are, (allocations, members).
    """
    allocations, members = activity.shape
    rows, quota = np.arange(allocations), np.array(quotas)
    ends = np.cumsum(activity, axis=1)
    counts = np.zeros((allocations, members, len(quotas)), dtype=np.int64)
    assigned = np.zeros((allocations, len(quotas)), dtype=np.int64)
    made = np.empty((3, allocations, int(quota.sum())), dtype=np.int64)
    chances = np.empty((allocations, int(quota.sum()), len(quotas)), dtype=np.float64)
    chance = rng.random((made.shape[2], 2, allocations))
    turns = [
        np.searchsorted(e, u * e[-1], side="right")
        for e, u in zip(ends, chance[:, 0].T, strict=True)
    ]
    for place, who in enumerate(np.stack(turns, axis=1)):
        p = coin_probabilities(quota, assigned, counts[rows, who])
        upto = np.cumsum(p, axis=1)
        arm = (upto <= chance[place, 1][:, None] * upto[:, -1:]).sum(axis=1)
        chances[:, place] = p
        made[:, :, place] = who, arm, (assigned >= quota).sum(axis=1)
        counts[rows, who, arm] += 1
        assigned[rows, arm] += 1
    who, arm, number = made
    return Attacks(who, arm, number, chances)
