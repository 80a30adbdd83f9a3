"""What an intervention buys, and what size buys: differences between arms.

Compared are interventions at each size and over all sizes they share (with equal weight, so that
no busy size decides), each size with the next of the same intervention, and the trend of each
intervention in the logarithm of size, one point a model: the slope is of these models, whatever
else differs between them, and says nothing of models that were not attacked.

A difference is the second less the first. Members are resampled for all arms together.

Where arms were drawn at random with probabilities that were kept, only those attacks count for a
contrast to which every arm of it was open, with overlap weights and less their member's level
(:mod:`gadfly.analysis.statistics.overlap`): a quota that filled early, an arm that was added late
and a coin that differs between members then make no difference by themselves. So it need not be the
difference of the two arms' means. Of values so rare that their interval is MOVER's levels are left
in: it is made from counts. For the p-value the attacks draw their arms anew, with their chances and
among the arms that are compared; where chances were not kept arms are permuted within member and
round (and within size, for interventions). Where nothing was drawn at random differences are plain,
p is Student's t over members, or follows from MOVER's interval, and nothing makes a difference an
effect of the arm. p-values are corrected within a family: all contrasts of one outcome and kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.order import size_value
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.joint import Contrasted, Totals, contrasted
from gadfly.analysis.statistics.multiplicity import benjamini_hochberg, holm
from gadfly.analysis.statistics.overlap import less_level, overlap_weights
from gadfly.analysis.statistics.permutation import permutation_p
from gadfly.analysis.topics.cells import (
    OUTCOMES,
    Cells,
    Outcome,
    Pair,
    chances_of,
    compared,
    sorted_attacks,
)
from gadfly.analysis.topics.traps import Trap, traps
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = [
    "KINDS",
    "PERMUTATIONS",
    "Contrast",
    "Contrasts",
    "Kind",
    "Planned",
    "arranged",
    "contrasts",
    "differences",
    "enough",
    "matrix",
    "overlapping",
    "planned",
]

Design = Literal["observational", "randomised"]
Kind = Literal["intervention", "intervention_pooled", "size", "trend"]
Weighting = Literal["none", "overlap"]
KINDS: dict[Kind, str] = {
    "intervention": "intervention against intervention at each size",
    "intervention_pooled": "intervention against intervention over all shared sizes",
    "size": "size against the next within each intervention",
    "trend": "trend in log size of each intervention, conditional on these models",
}
"""What each kind of contrast compares, in words."""
PERMUTATIONS = 999
"""How often arms are drawn anew, or permuted, for a p-value, unless it is small and its family is
large (:func:`enough`)."""
_PLAIN = "difference of means, attack-weighted"
_OVERLAP = (
    "difference of means over attacks to which every arm compared was open, overlap-weighted by "
    "their probabilities, less members' levels (left in where rates are rare)"
)
_BY_INTERVAL = "where the interval is MOVER’s, 1 less the level at which it reaches 0"
_SMALL = 0.0105  # p-values below are permuted again where their family is large


class Contrast(Record):
    """One difference between arms."""

    outcome: Outcome
    """What is compared: mean rating, success rate, or mean min harmlessness."""
    kind: Kind
    """What kind of difference it is."""
    first: str
    """Intervention or size that is subtracted; the smallest size of a trend."""
    second: str
    """Intervention or size that it is subtracted from; the largest size of a trend."""
    within: str | None
    """Size or intervention at which they are compared; null over all shared sizes."""
    difference: Estimate
    """Second less first; of a trend the slope for a tenfold size."""
    left_out: int
    """Number of resamples in which a side had no value; they are not in the interval."""
    p: float | None
    """Two-sided p-value; null where nothing can be said."""
    p_holm: float | None
    """It, adjusted by Holm within its family."""
    p_bh: float | None
    """It, adjusted by Benjamini and Hochberg within its family."""
    family: str
    """Name of its family: outcome and kind."""
    family_size: int
    """Number of p-values in the family."""
    p_method: str
    """How the p-value was made."""
    design: Design
    """Whether its attacks were assigned to arms at random."""


class Contrasts(Record):
    """All differences between the arms of a study."""

    design: Design
    """Whether attacks were assigned to arms at random."""
    weighting: Weighting
    """Whether overlap weights make the comparisons fair, from the probabilities of arms."""
    permutations: int
    """How often arms were drawn anew, or permuted, for each p-value; 0: never."""
    seed: int
    """Seed of resamples and of arms drawn anew."""
    contrasts: tuple[Contrast, ...]
    """By outcome, then by kind, then in the order of arms."""
    traps: tuple[Trap, ...]
    """Pooled orders that the strata contradict."""


@dataclass(frozen=True)
class Planned:
    """One contrast before it is computed; its names are those of :class:`Contrast`."""

    kind: Kind
    first: str
    second: str
    within: str | None
    weights: dict[Pair, float]
    """What each arm's mean is multiplied by."""


def contrasts(
    frame: pl.DataFrame,
    *,
    how: Bootstrap,
    design: Design,
    success_threshold: float = 3,
    permutations: int = PERMUTATIONS,
) -> Contrasts:
    """Every contrast of a frame of attacks, and its Simpson traps.

    :param permutations: behind each p-value of a randomised study; 0 for Student's t there too.
    """
    attacks = sorted_attacks(frame)
    cells = Cells.of(attacks, how.ci, "contrasts")
    values = _values(attacks, success_threshold)
    plain = [cells.totals(column) for column in values.T]
    tasks = list(planned(cells.arms))
    plans = [plan for task in tasks for plan in task]
    chances = chances_of(attacks, cells.arms) if design == "randomised" and plans else None
    found = differences(plans, values, chances, cells, how, plain=plain)
    permuted = design == "randomised" and bool(plans) and permutations > 0
    place = 0
    families = Counter(plan.kind for plan in plans)
    by_chance: dict[int, tuple[str, Floats]] = {}
    for task in tasks if permuted else ():
        places = range(place, place := place + len(task))
        more = enough(permutations, max(families[plan.kind] for plan in task))
        tested = _tested(task, attacks, values, cells, chances, permutations, more)
        if tested is not None:  # else no member attacked both in one round
            words = _by_chance(attacks, permutations, more, drawn=chances is not None)
            by_chance |= {k: (words, p) for k, p in zip(places, tested.T, strict=True)}
    rows = [
        _family(outcome, kind, plans, found[o], _p(found[o], o, by_chance, how), design=design)
        for o, outcome in enumerate(OUTCOMES)
        for kind in KINDS
    ]
    return Contrasts(
        design=design,
        weighting="none" if chances is None else "overlap",
        permutations=permutations if permuted else 0,
        seed=cells.seed,
        contrasts=tuple(row for family in rows for row in family),
        traps=tuple(traps(plain, cells, how, _PLAIN)),
    )


def differences(
    plans: Sequence[Planned],
    values: Floats,
    chances: Floats | None,
    cells: Cells,
    how: Bootstrap,
    *,
    plain: Sequence[Totals] | None = None,
) -> list[list[Contrasted]]:
    """The contrasts of each column of values, [attacks, columns], and so one interval of a
    difference wherever it stands.

    :param chances: of the arms where they were drawn with them, ``None`` where means are plain.
    :param cells: as ``Cells.of(attacks, how.ci, "contrasts")`` gives them.
    :param plain: totals of the columns, where they are there already.
    """
    if chances is None:
        against = plain or [cells.totals(x) for x in values.T], matrix(plans, cells.arms)
    else:
        against = overlapping(plans, chances, values, cells)
    what = _PLAIN if chances is None else _OVERLAP
    return contrasted(*against, how=how, seed=cells.seed, what=what)


def _values(attacks: pl.DataFrame, threshold: float) -> Floats:
    """The outcomes of each attack, NaN where missing, [attacks, outcomes]."""
    rating = attacks["rating"].to_numpy()
    success = np.where(np.isnan(rating), np.nan, rating >= threshold)
    return np.column_stack([rating, success, attacks["min_harmlessness"].to_numpy()])


def _legs(plan: Planned, arms: Sequence[Pair]) -> list[tuple[int, ...]]:
    """Numbers of the arms that are weighed against each other: those of each size where
    interventions are compared, else all.
    """
    by_size = plan.kind.startswith("intervention")
    legs: dict[str, list[int]] = {}
    for arm in plan.weights:
        legs.setdefault(arm[1] if by_size else "", []).append(arms.index(arm))
    return [tuple(leg) for leg in legs.values()]


def overlapping(
    plans: Sequence[Planned], chances: Floats, values: Floats, cells: Cells
) -> tuple[list[Totals], Floats]:
    """Overlap-weighted totals of the arms of every leg, and the contrasts' coefficients of them."""
    legs = list(dict.fromkeys(leg for plan in plans for leg in _legs(plan, cells.arms)))
    starts = dict(zip(legs, np.cumsum([0, *map(len, legs)])[:-1].tolist(), strict=True))
    rows, groups, weights = [], [], []
    for leg in legs:
        place = np.full(len(cells.arms), -1)
        place[list(leg)] = np.arange(len(leg))
        own = np.flatnonzero(place[cells.arm] >= 0)
        weight = overlap_weights(chances[own][:, list(leg)], place[cells.arm[own]])
        own, weight = own[weight > 0], weight[weight > 0]
        rows.append(own)
        groups.append(starts[leg] + place[cells.arm[own]])
        weights.append(weight)
    row, group, weight = (np.concatenate(parts) for parts in (rows, groups, weights))
    shape = (cells.n_members, sum(map(len, legs)))
    of = partial(Totals.of, members=cells.member[row], groups=group, shape=shape, weights=weight)
    leg_of = np.repeat(np.arange(len(legs)), [len(leg) for leg in legs])
    totals = []
    for column in values.T:
        whole = of(column[row])
        kept = np.isin(
            leg_of, leg_of[whole.steps.rare(whole.counts)]
        )  # of rare values the exact ends are worth more
        less = less_level(column, cells.member, cells.arm)[row]
        mixed = of(np.where(kept[group], column[row], less))
        if kept.any():
            gaps = np.where(kept[:, None], whole.steps.gaps, 0.0)
            mixed = replace(mixed, steps=replace(whole.steps, gaps=gaps))
        totals.append(mixed)
    coefficients = np.zeros((shape[1], len(plans)))
    for k, plan in enumerate(plans):
        for leg in _legs(plan, cells.arms):
            for at, arm in enumerate(leg):
                coefficients[starts[leg] + at, k] = plan.weights[cells.arms[arm]]
    return totals, coefficients


def enough(permutations: int, family: int) -> int:
    """Permutations behind a small p-value: so many that Holm's can fall to 1/40 in its family."""
    return max(permutations, 40 * family - 1)


def planned(arms: Sequence[Pair]) -> Iterator[list[Planned]]:
    """The contrasts of arms that are in order, together where one shuffle serves them all."""
    sizes: dict[str, list[str]] = {}
    for kind, size in arms:
        sizes.setdefault(kind, []).append(size)
    for a, b in compared(arms):
        shared = [size for size in sizes[a] if size in sizes[b]]
        task = [
            Planned("intervention", a, b, size, {(a, size): -1.0, (b, size): 1.0})
            for size in shared
        ]
        if len(shared) > 1:
            weights = {arm: x / len(shared) for plan in task for arm, x in plan.weights.items()}
            task.append(Planned("intervention_pooled", a, b, None, weights))
        if task:
            yield task
    for kind, own in sizes.items():
        for small, large in pairwise(own):
            yield [Planned("size", small, large, kind, {(kind, small): -1.0, (kind, large): 1.0})]
        yield from _trend(kind, own)


def _trend(kind: str, sizes: Sequence[str]) -> Iterator[list[Planned]]:
    """Least squares of arm means on log10 size, where two sizes or more are numbers."""
    known = {size: value for size in sizes if (value := size_value(size))}
    x = np.log10(list(known.values()))
    if len(set(x)) < 2:
        return
    slope = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    weights = {(kind, size): float(c) for size, c in zip(known, slope, strict=True)}
    names = list(known)
    yield [Planned("trend", names[0], names[-1], kind, weights)]


def matrix(plans: Sequence[Planned], arms: Sequence[Pair]) -> Floats:
    """Coefficients, [arms, contrasts]."""
    columns = [[plan.weights.get(arm, 0.0) for arm in arms] for plan in plans]
    return np.array(columns, dtype=np.float64).reshape(len(plans), len(arms)).T


def _tested(
    task: list[Planned],
    attacks: pl.DataFrame,
    values: Floats,
    cells: Cells,
    chances: Floats | None,
    permutations: int,
    more: int,
) -> Floats | None:
    """As :func:`_permuted`, small p-values by ``more`` permutations in place of the first ones.

    Either has its level, so whoever is below a bound by both has it as well.
    """
    found = _permuted(task, attacks, values, cells, chances, permutations)
    if found is None or more == permutations or not (found < _SMALL).any():
        return found
    again = _permuted(task, attacks, values, cells, chances, more)
    return found if again is None else np.where(found < _SMALL, again, found)


def _permuted(
    task: list[Planned],
    attacks: pl.DataFrame,
    values: Floats,
    cells: Cells,
    chances: Floats | None,
    permutations: int,
) -> Floats | None:
    """p-values of a task, [outcomes, contrasts]: its arms are drawn anew or permuted, no others;
    ``None`` where none can change.
    """
    found = arranged(task, attacks, values, cells, chances)
    if found is None:
        return None
    return permutation_p(**found, permutations=permutations, seed=cells.seed)


def arranged(
    task: list[Planned],
    attacks: pl.DataFrame,
    values: Floats,
    cells: Cells,
    chances: Floats | None,
) -> dict[str, Any] | None:
    """What :func:`permutation_p` takes; ``None`` where no attack can change its arm.

    Where probabilities were kept, the attacks are those that the estimates are of, less a level of
    their member that no arm changes.

    :param attacks: of which member, round and num_params are read.
    """
    involved = [arm for arm in cells.arms if any(arm in plan.weights for plan in task)]
    number = {cells.arms.index(arm): place for place, arm in enumerate(involved)}
    counts = np.isin(cells.arm, list(number))
    own = None
    if chances is not None:
        own = np.zeros((len(counts), len(involved)))
        for leg in dict.fromkeys(leg for plan in task for leg in _legs(plan, cells.arms)):
            open_to = (chances[:, list(leg)] > 0).all(axis=1) & np.isin(cells.arm, leg)
            at = np.flatnonzero(open_to)[:, None]
            own[at, [number[arm] for arm in leg]] = chances[at, list(leg)]
        counts = np.asarray((own > 0).any(axis=1))
        values = np.column_stack([less_level(column, cells.member) for column in values.T])
    rows = np.flatnonzero(counts)
    if not len(rows):
        return None
    chosen = attacks[rows]
    within = ["member", "round"]
    within += ["num_params"] if task[0].kind.startswith("intervention") else []
    codes = chosen.select(pl.col(within).rank("dense").fill_null(0)).to_numpy()
    groups = np.array([number[arm] for arm in cells.arm[rows]])
    strata = np.unique(codes, axis=0, return_inverse=True)[1].ravel()
    fixed = len(np.unique(np.column_stack([strata, groups]), axis=0)) == len(np.unique(strata))
    if fixed and own is None:
        return None
    return {
        "values": values[rows],
        "members": codes[:, 0].astype(np.int64),
        "groups": groups,
        "strata": strata,
        "coefficients": matrix(task, involved),
        "chances": None if own is None else own[rows],
    }


def _p(
    found: Sequence[Contrasted],
    outcome: int,
    by_chance: dict[int, tuple[str, Floats]],
    how: Bootstrap,
) -> list[tuple[str, float | None]]:
    """How the p-value of each contrast of an outcome was made, and it."""
    unit = "member" if how.ci == "cluster" else how.unit
    by_t = f"Student’s t, {unit} jackknife (CV3), degrees of freedom: effective {unit}s less 1"
    tests: list[tuple[str, float | None]] = []
    for k, contrast in enumerate(found):
        if k in by_chance:
            words, p = by_chance[k]
            tests.append((words, None if np.isnan(p[outcome]) else float(p[outcome])))
        else:
            tests.append((_BY_INTERVAL if contrast.exact else by_t, contrast.p))
    return tests


def _by_chance(attacks: pl.DataFrame, times: int, more: int, *, drawn: bool) -> str:
    small = f" ({more:,} for p below {_SMALL:.2f})" if more > times else ""
    if drawn:
        return f"arms drawn anew by their probabilities, studentised, {times:,} draws{small}"
    rounds = "member and round"
    if attacks["round"].null_count():
        rounds = "member and round (where a round was recorded)"
    return f"permutation of arms within {rounds}, studentised, {times:,} permutations{small}"


def _family(
    outcome: Outcome,
    kind: Kind,
    plans: Sequence[Planned],
    found: Sequence[Contrasted],
    tests: Sequence[tuple[str, float | None]],
    *,
    design: Design,
) -> Iterator[Contrast]:
    """The contrasts of one outcome and kind, their p-values adjusted together."""
    places = [k for k, plan in enumerate(plans) if plan.kind == kind]
    known = [k for k in places if tests[k][1] is not None]
    raw = np.array([tests[k][1] for k in known], dtype=np.float64)
    by_holm = dict(zip(known, holm(raw).tolist(), strict=True))
    by_bh = dict(zip(known, benjamini_hochberg(raw).tolist(), strict=True))
    for k in places:
        yield Contrast(
            outcome=outcome,
            kind=kind,
            first=plans[k].first,
            second=plans[k].second,
            within=plans[k].within,
            difference=found[k].estimate,
            left_out=found[k].empty,
            p=tests[k][1],
            p_holm=by_holm.get(k),
            p_bh=by_bh.get(k),
            family=f"{outcome}: {KINDS[kind]}",
            family_size=len(known),
            p_method=tests[k][0],
            design=design,
        )
