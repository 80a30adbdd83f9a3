"""How likely a study is to find an effect, and the members, attacks of each and arms that it takes.

By simulation (:mod:`gadfly.analysis.trials`), because no formula holds for attacks that few members
make most of and that a biased coin spreads over arms within each member. With ICC 0 and one attack
of each member, power is that of Student's t-test; with members in one arm each, the variance is
1 + (m − 1) ICC times as large (Kish 1965, section 5.4). The tests hold it to both.

Reference: Arnold, Hogan, Colford & Hubbard 2011, "Simulation methods to estimate design power",
*BMC Medical Research Methodology* 11:94.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product
from math import ceil, exp, log

import numpy as np
from scipy.special import ndtri

from gadfly.analysis.sample import Ints
from gadfly.analysis.trials import Allocate, Assumed, Plan, Trials
from gadfly.errors import PersonError
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["ContrastPower", "PowerPoint", "PowerResult", "power_of"]

Progress = Callable[[int, int], None]

_MEMBERS = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the planned ones
_EACH = (0.5, 1.0, 2.0)
_ARMS = (2, 3, 4, 6, 8, 12)
_TIMES = {4_000: 2.0, 10_000: 1.0}  # attacks above which only one is varied, and up to how much
_HALVINGS = 14
_WIDEST = 4.0  # the largest effect looked for, in standard deviations


class ContrastPower(Record):
    """How likely a difference from the first arm is found."""

    arm: str
    """Which arm differs."""
    attacks: int
    """Attacks on it."""
    power: Estimate
    """Share of simulated studies whose interval excludes 0."""


class PowerPoint(Record):
    """Power of a study of another size."""

    members: int
    """Members."""
    times_each: float
    """Attacks of a member, as a multiple of the planned ones, but for rounding."""
    attacks_per_member: float
    """Attacks of a member, on average, over all arms."""
    arms: int
    """Arms that share them."""
    power: Estimate
    """Of the contrast that the study as planned finds least often."""


class PowerResult(Record):
    """What a study can find."""

    plan: Plan
    """The study as planned."""
    assumed: Assumed
    """What is taken to be true."""
    alpha: float
    """Two-sided error of each contrast; nothing is corrected for several."""
    target: float
    """The power that is wanted."""
    simulations: int
    """Simulated studies behind every power."""
    seed: int
    """From which all follows."""
    contrasts: tuple[ContrastPower, ...]
    """As planned, every arm against the first."""
    smallest_effect: float | None
    """Smallest effect found with the wanted power in the study as planned; null beyond four
    standard deviations (or a rate of 1)."""
    curve: tuple[PowerPoint, ...]
    """More and fewer members, and attacks of each."""
    by_arms: tuple[PowerPoint, ...]
    """The planned members and attacks shared by so many equal arms."""
    members_needed: int | None
    """Members needed at the planned attacks of each, read off the curve; null if off it."""
    attacks_needed: int | None
    """Attacks of each member needed at the planned members; null if off the curve."""
    most_arms: int | None
    """The most arms, of those simulated, that reach the wanted power; null where none does."""


def power_of(
    plan: Plan,
    assumed: Assumed,
    allocate: Allocate,
    *,
    target: float = 0.8,
    alpha: float = 0.05,
    simulations: int = 2000,
    seed: int = 0,
    progress: Progress | None = None,
) -> PowerResult:
    """What a study as planned finds, what it could find, and what it would take.

    :param allocate: assigns attacks as the study does.
    :param progress: told how many attacks are assigned, of how many.
    :raises PersonError: fewer than two arms, or an effect that cannot be.
    """
    _check(plan, assumed, target, alpha)
    trials = Trials(assumed, allocate, alpha, simulations, seed)
    names = list(plan.quotas)
    arm = min(range(1, len(names)), key=lambda k: plan.quotas[names[k]])
    sizes, by_arms = _sizes(plan), _arms(plan)
    total = sum(p.attacks for p in (plan, *(size for _, size in sizes), *by_arms))
    done = 0

    def tell(size: Plan) -> None:
        nonlocal done
        done += size.attacks
        if progress is not None:
            progress(done, total)

    planned = trials.counts(plan)
    contrasts = tuple(
        ContrastPower(arm=name, attacks=plan.quotas[name], power=trials.power(planned, k))
        for k, name in enumerate(names)
        if k
    )
    tell(plan)
    smallest = _smallest(trials, planned, arm, target)

    def point(size: Plan, place: int, each: float = 1.0) -> PowerPoint:
        found = _point(size, each, trials.power(trials.counts(size), place))
        tell(size)
        return found

    at_plan = _point(plan, 1.0, contrasts[arm - 1].power)
    curve = (*(point(size, arm, each) for each, size in sizes), at_plan)
    shared = tuple(point(size, 1) for size in by_arms)
    return PowerResult(
        plan=plan,
        assumed=assumed,
        alpha=alpha,
        target=target,
        simulations=contrasts[0].power.n,
        seed=seed,
        contrasts=contrasts,
        smallest_effect=smallest,
        curve=tuple(sorted(curve, key=lambda p: (p.times_each, p.members))),
        by_arms=shared,
        members_needed=_needed([(p.members, p.power) for p in curve if p.times_each == 1], target),
        attacks_needed=_needed(
            [(p.attacks_per_member, p.power) for p in curve if p.members == plan.members], target
        ),
        most_arms=max((p.arms for p in shared if (p.power.estimate or 0) >= target), default=None),
    )


def _check(plan: Plan, assumed: Assumed, target: float, alpha: float) -> None:
    if len(plan.quotas) < 2:
        raise PersonError("power is of a difference between arms: the study needs two arms or more")
    if assumed.effect == 0:
        raise PersonError("effect: got 0; give the difference that the study should find")
    if assumed.outcome == "success" and not 0 < assumed.base + assumed.effect < 1:
        raise PersonError(
            f"effect: got {assumed.effect:g}; with a success rate of {assumed.base:g} on the first "
            f"arm, give more than {-assumed.base:g} and less than {1 - assumed.base:g}"
        )
    for name, value in (("power", target), ("alpha", alpha)):
        if not 0 < value < 1:
            raise PersonError(f"{name}: got {value:g}; give a number between 0 and 1")


def _smallest(trials: Trials, counts: Ints, arm: int, target: float) -> float | None:
    """By halving; the sign is that of the effect asked for."""
    assumed = trials.assumed
    sign = 1.0 if assumed.effect > 0 else -1.0
    room = (1 - assumed.base) if sign > 0 else assumed.base
    low, high = 0.0, _WIDEST * assumed.sd if assumed.outcome == "rating" else room * 0.999
    if (trials.power(counts, arm, sign * high).estimate or 0) < target:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = (trials.power(counts, arm, sign * middle).estimate or 0) >= target
        low, high = (low, middle) if enough else (middle, high)
    return sign * high


def _sizes(plan: Plan) -> list[tuple[float, Plan]]:
    """Other numbers of members and (first) times the attacks of each; fewer where it is long."""
    most = min((times for limit, times in _TIMES.items() if plan.attacks > limit), default=4.0)
    found = []
    for each, times in product(_EACH, _MEMBERS):
        members = round(plan.members * times)
        along = most == 4 or (times * each <= most and 1 in (times, each))
        if along and members >= 2 and (times, each) != (1, 1):
            factor = each * members / plan.members
            quotas = {name: max(1, round(n * factor)) for name, n in plan.quotas.items()}
            found.append((each, Plan(members=members, quotas=quotas, gini=plan.gini)))
    return found


def _arms(plan: Plan) -> list[Plan]:
    """The same attacks shared by other numbers of equal arms."""
    numbers = [
        k for k in _ARMS if k <= plan.attacks and (plan.attacks <= min(_TIMES) or k in (2, 4, 8))
    ]
    return [
        Plan(
            members=plan.members,
            quotas={str(k): plan.attacks // arms for k in range(arms)},
            gini=plan.gini,
        )
        for arms in numbers
    ]


def _point(size: Plan, each: float, power: Estimate) -> PowerPoint:
    return PowerPoint(
        members=size.members,
        times_each=each,
        attacks_per_member=size.attacks / size.members,
        arms=len(size.quotas),
        power=power,
    )


def _needed(points: Sequence[tuple[float, Estimate]], target: float) -> int | None:
    """Where the curve reaches the target: straight between points, in logarithm and probit."""
    known = sorted((size, float(power.estimate or 0)) for size, power in points)
    for (low, below), (high, above) in pairwise(known):
        if below < target <= above:
            ends = ndtri(np.clip([below, target, above], 1e-4, 1 - 1e-4))
            part = float((ends[1] - ends[0]) / (ends[2] - ends[0]))
            return ceil(exp(log(low) + part * (log(high) - log(low))) - 1e-9)
    return None
