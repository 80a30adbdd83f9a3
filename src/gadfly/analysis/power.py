"""How likely a study is to find an effect, and the members, attacks of each and arms that it takes.

By simulation (:mod:`gadfly.analysis.trials`), because no formula holds for attacks that few members
make most of, that a biased coin spreads over arms within each member, and whose arms are drawn anew
for a p-value. What is found is what the report says is found: the contrasts are those that it makes
of these arms, corrected by Holm among those of their kind, so that more arms cost power twice, by
fewer attacks on each and by more contrasts. Of every kind the contrast with the fewest attacks is
simulated; trends are not, for their effect is a slope.

With ICC 0 and one attack of each member, power is that of Student's t-test; with members in one arm
each, the variance is 1 + (m − 1) ICC times as large (Kish 1965, section 5.4). The tests hold it to
both, and to the report's own verdicts on simulated frames.

Reference: Arnold, Hogan, Colford & Hubbard 2011, "Simulation methods to estimate design power",
*BMC Medical Research Methodology* 11:94.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise, product
from math import ceil, exp, log

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from gadfly.analysis.topics.contrasts import KINDS, Kind, Planned, planned
from gadfly.analysis.trials import Allocate, Assumed, Effect, Plan, PlannedArm, Trials
from gadfly.errors import PersonError
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["ContrastPower", "PowerPoint", "PowerResult", "power_of"]

Progress = Callable[[int, int], None]

_MEMBERS = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the planned ones
_EACH = (0.5, 1.0, 2.0)
_ARMS = (2, 3, 4, 6, 8, 12)
_MOST = 20_000  # attacks up to which members are doubled again until the target is reached
_TIMES = {4_000: 2.0, 10_000: 1.0}  # attacks above which only one is varied, and up to how much
_SEARCH = 5  # studies looked at for the smallest effect, about
_NEAR = 0.01  # share of the effect asked for to which the smallest is found


class ContrastPower(Record):
    """How likely a contrast of the report is found."""

    kind: Kind
    """What it compares."""
    first: str
    """Intervention or size that is subtracted."""
    second: str
    """Intervention or size that it is subtracted from, on which the effect is."""
    within: str | None
    """Size or intervention at which they are compared; null over all shared sizes."""
    attacks: tuple[int, int]
    """Attacks on either side; no contrast of the kind has fewer."""
    family_size: int
    """Contrasts of the kind in the report, among which Holm corrects."""
    power: Estimate
    """Share of simulated studies in which the report finds it."""
    width: float | None
    """Expected width of the report's interval of it; null where none of those looked at has one."""


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
    family_size: int
    """Contrasts among which Holm corrects."""
    power: Estimate
    """Of the contrast with the fewest attacks."""
    width: float | None
    """Expected width of its interval; null where none of those looked at has one."""


class PowerResult(Record):
    """What a study can find."""

    plan: Plan
    """The study as planned."""
    assumed: Assumed
    """What is taken to be true."""
    effect: Effect
    """The effect asked for, on every scale."""
    alpha: float
    """Two-sided error of each family of contrasts."""
    target: float
    """The power that is wanted."""
    simulations: int
    """Simulated studies behind every power."""
    seed: int
    """From which all follows."""
    contrasts: tuple[ContrastPower, ...]
    """As planned, one contrast of each kind that the report makes; the rest is about the first."""
    smallest_effect: Effect | None
    """Smallest effect found with the wanted power in the study as planned; null where none is."""
    curve: tuple[PowerPoint, ...]
    """More and fewer members, and attacks of each."""
    by_arms: tuple[PowerPoint, ...]
    """The planned members and attacks shared by so many equal interventions (or sizes)."""
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
    :param progress: told how much of the work is done, of how much.
    :raises PersonError: no two arms that the report compares, or an effect that cannot be.
    """
    for name, value in (("power", target), ("alpha", alpha)):
        if not 0 < value < 1:
            raise PersonError(f"{name}: got {value:g}; give a number between 0 and 1")
    asked = _compared(plan)
    if not asked:
        raise PersonError(
            "power is of a contrast that the report makes: of two interventions at one size, or "
            "of two sizes of one intervention; no two arms of this study share either"
        )
    effect = _effect(assumed)
    trials = Trials(assumed, allocate, alpha, simulations, seed)
    sizes, by_arms = _sizes(plan), _arms(plan, asked[0][0].kind)
    others = [size for _, size in sizes] + by_arms
    total = plan.attacks * (len(asked) + _SEARCH) + sum(p.attacks for p in others)
    done = 0

    def tell(work: int) -> None:
        nonlocal done
        done = min(done + work, total)
        if progress is not None:
            progress(done, total)

    attacks = trials.attacks(plan)

    @cache
    def planned_power(place: int, harm: float) -> tuple[Estimate, float | None]:
        found = trials.power(plan, attacks, *asked[place], harm)
        tell(plan.attacks)
        return found

    contrasts = [
        _contrast(plan, contrast, family, *planned_power(place, effect.harm))
        for place, (contrast, family) in enumerate(asked)
    ]
    smallest = _smallest(
        lambda harm: planned_power(0, harm)[0].estimate or 0, assumed, target, effect.harm
    )

    def point(size: Plan, each: float = 1.0) -> PowerPoint:
        contrast, family = _compared(size)[0]
        found = trials.power(size, trials.attacks(size), contrast, family, effect.harm)
        tell(size.attacks)
        return _point(size, each, family, *found)

    first = contrasts[0]
    at_plan = _point(plan, 1.0, first.family_size, first.power, first.width)
    curve = [*(point(size, each) for each, size in sizes), at_plan]
    curve += _onwards(plan, curve, target, point)
    shared = tuple(point(size) for size in by_arms)
    tell(total)
    return PowerResult(
        plan=plan,
        assumed=assumed,
        effect=effect,
        alpha=alpha,
        target=target,
        simulations=first.power.n,
        seed=seed,
        contrasts=tuple(contrasts),
        smallest_effect=smallest,
        curve=tuple(sorted(curve, key=lambda p: (p.times_each, p.members))),
        by_arms=shared,
        members_needed=_needed([(p.members, p.power) for p in curve if p.times_each == 1], target),
        attacks_needed=_needed(
            [(p.attacks_per_member, p.power) for p in curve if p.members == plan.members], target
        ),
        most_arms=max((p.arms for p in shared if (p.power.estimate or 0) >= target), default=None),
    )


def _compared(plan: Plan) -> list[tuple[Planned, int]]:
    """Of every kind but trends the contrast with the fewest attacks, and its family's size."""
    every = [contrast for task in planned(plan.pairs) for contrast in task]
    quotas = {(arm.model_type, arm.num_params): arm.quota for arm in plan.arms}

    def variance(contrast: Planned) -> float:
        return sum(weight**2 / quotas[pair] for pair, weight in contrast.weights.items())

    families = [[c for c in every if c.kind == kind] for kind in KINDS if kind != "trend"]
    return [(max(family, key=variance), len(family)) for family in families if family]


def _contrast(
    plan: Plan, contrast: Planned, family: int, power: Estimate, width: float | None
) -> ContrastPower:
    quotas = {(arm.model_type, arm.num_params): arm.quota for arm in plan.arms}
    sides = [
        sum(quotas[pair] for pair, weight in contrast.weights.items() if sign * weight > 0)
        for sign in (-1, 1)
    ]
    return ContrastPower(
        kind=contrast.kind,
        first=contrast.first,
        second=contrast.second,
        within=contrast.within,
        attacks=(sides[0], sides[1]),
        family_size=family,
        power=power,
        width=width,
    )


def _effect(assumed: Assumed) -> Effect:
    """The effect asked for, on every scale.

    :raises PersonError: an effect that cannot be.
    """
    if assumed.effect == 0:
        raise PersonError("effect: got 0; give the difference that the study should find")
    sign = 1.0 if assumed.effect > 0 else -1.0

    def off(harm: float) -> float:
        return float(getattr(assumed.effect_of(sign * harm), assumed.outcome)) - assumed.effect

    if sign * off(assumed.widest) <= 0:
        most = assumed.effect + off(assumed.widest)
        raise PersonError(
            f"effect: got {assumed.effect:g}; with a success rate of {assumed.base:g} on the other "
            f"arms and effects that differ between members by {assumed.spread:g} of their size, "
            f"give {'less' if sign > 0 else 'more'} than {most:.2f}"
        )
    return assumed.effect_of(sign * float(brentq(off, 0, assumed.widest, xtol=1e-9)))


def _smallest(
    power_at: Callable[[float], float], assumed: Assumed, target: float, asked: float
) -> Effect | None:
    """The smallest effect that reaches the target; its sign is that of the effect asked for."""

    def beyond(times: float) -> float:
        share = power_at(times * asked) if times else 0.0
        return float(ndtri(np.clip(share, 1e-3, 1 - 1e-3)) - ndtri(target))

    low, high, most = 0.0, 1.0, assumed.widest / abs(asked)
    while beyond(high) < 0:
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    return assumed.effect_of(asked * float(brentq(beyond, low, high, xtol=_NEAR, rtol=_NEAR)))


def _sizes(plan: Plan) -> list[tuple[float, Plan]]:
    """Other numbers of members and (first) times the attacks of each; fewer where it is long."""
    most = min((times for limit, times in _TIMES.items() if plan.attacks > limit), default=4.0)
    found = []
    for each, times in product(_EACH, _MEMBERS):
        members = round(plan.members * times)
        along = most == 4 or (times * each <= most and 1 in (times, each))
        if along and members >= 2 and (times, each) != (1, 1):
            found.append((each, _resized(plan, members, each)))
    return found


def _onwards(
    plan: Plan, curve: list[PowerPoint], target: float, point: Callable[[Plan], PowerPoint]
) -> list[PowerPoint]:
    """More members than the curve has, doubled until the target is reached."""
    last = max((p for p in curve if p.times_each == 1), key=lambda p: p.members)
    found: list[PowerPoint] = []
    while (last.power.estimate or 0) < target:
        size = _resized(plan, 2 * last.members, 1.0)
        if size.attacks > _MOST:
            break
        last = point(size)
        found.append(last)
    return found


def _resized(plan: Plan, members: int, each: float) -> Plan:
    """So many members, each with so many times the planned attacks."""
    factor = each * members / plan.members
    arms = [
        arm.model_copy(update={"quota": max(1, round(arm.quota * factor))}) for arm in plan.arms
    ]
    return Plan(members=members, arms=tuple(arms), gini=plan.gini)


def _arms(plan: Plan, kind: Kind) -> list[Plan]:
    """The same attacks shared by other numbers of equal interventions, or of sizes."""
    numbers = [
        k for k in _ARMS if k <= plan.attacks and (plan.attacks <= min(_TIMES) or k in (2, 4, 8))
    ]
    found = []
    for arms in numbers:
        names = [str(k) for k in range(arms)]
        pairs = [("all", name) if kind == "size" else (name, "all") for name in names]
        quota = plan.attacks // arms
        of = tuple(PlannedArm(model_type=a, num_params=b, quota=quota) for a, b in pairs)
        found.append(Plan(members=plan.members, arms=of, gini=plan.gini))
    return found


def _point(
    size: Plan, each: float, family: int, power: Estimate, width: float | None
) -> PowerPoint:
    return PowerPoint(
        members=size.members,
        times_each=each,
        attacks_per_member=size.attacks / size.members,
        arms=len(size.arms),
        family_size=family,
        power=power,
        width=width,
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
