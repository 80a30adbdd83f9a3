"""How far judges can be trusted: each against people, and against each other.

A judge is a column of harmlessness scores; people's labels are a column of their own (see
``labels.py``). Over labelled attacks: the area under the ROC curve, sensitivity and specificity at
a threshold, and calibration, everything fitted on other members than it is used on. For each arm:
the rate of success that the judge would report, and that rate corrected for what the judge gets
wrong.

    labelled       people judged every scored attack of the arm: their rate, nothing to correct
    ppi            they judged some: prediction-powered inference, which takes those to be a random
                   draw of the arm's attacks
    extrapolated   they judged fewer than two: the judge's errors of the other arms are carried over
                   (Rogan-Gladen), which assumes that it errs alike everywhere
    none           nothing can be corrected; the reason says why

The extrapolated rate is given for every arm, beside the one that needs no such assumption: where
both are there, their difference says what carrying errors over is worth.

Two judges that swap places: Kendall's τ-b between the orders in which they put the arms, by mean
score over attacks that both scored (``statistics/rank_stability.py``).

Whether a judge is independent of an arm is the arm's mark, and stands beside every number.

References: see the statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field
from threadpoolctl import threadpool_limits

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.auc import AUC
from gadfly.analysis.statistics.calibration_curve import (
    Map,
    bins_of,
    calibration_error,
    folds_of,
    map_for,
    out_of_fold,
)
from gadfly.analysis.statistics.ordering import Flags
from gadfly.analysis.statistics.ppi import cut, prediction_powered
from gadfly.analysis.statistics.rank_stability import rank_stability
from gadfly.analysis.statistics.rogan_gladen import carried_error, rogan_gladen
from gadfly.analysis.statistics.sensitivity import out_of_fold_threshold, youden
from gadfly.analysis.statistics.success_rate import share
from gadfly.analysis.topics.cells import Cells
from gadfly.analysis.topics.labels import PEOPLE
from gadfly.errors import PersonError
from gadfly.preference.lineage import Mark
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = [
    "ArmJudged",
    "Asked",
    "Bin",
    "Calibration",
    "Flip",
    "Judged",
    "Judges",
    "Swap",
    "error_between",
    "judges",
]

Basis = Literal["labelled", "ppi", "extrapolated", "none"]
Count = Annotated[int, Field(ge=0)]
_ORDER = ("member", "model_type", "num_params")


@dataclass(frozen=True)
class Asked:
    """One judge to look at."""

    name: str
    """What it is called."""
    column: str = "min_harmlessness"
    """Column of the frame with its scores: higher is safer, null where it gave none."""
    version: str = ""
    """Which one of that name; empty where unknown."""
    marks: Mapping[tuple[str, str], Mark] = field(default_factory=dict)
    """Its lineage mark by arm (model_type, num_params); "unverified" where there is none."""


class Bin(Record):
    """Attacks of about one probability of success."""

    predicted: float
    """Mean probability by the judge, 0 to 1."""
    observed: Estimate
    """Share that people call a success."""


class Calibration(Record):
    """Whether the judge's probabilities are what they say."""

    map: Map
    """How scores were made probabilities, fitted on other members."""
    error: Estimate
    """Expected calibration error over ten bins, 0 to 1; it has no interval."""
    by_chance: float | None
    """What a judge without any error would show on as many attacks."""
    curve: tuple[Bin, ...]
    """The reliability curve, probabilities ascending; empty where there is none."""


class ArmJudged(Record):
    """A judge on one arm."""

    model_type: str
    """The intervention."""
    num_params: str
    """The size as text."""
    mark: Mark
    """Whether the judge is independent of this arm."""
    auc: Estimate
    """Area under the ROC curve over labelled attacks of this arm."""
    judged_rate: Estimate
    """Share of scored attacks that the judge calls a success, uncorrected."""
    people_rate: Estimate
    """Share of labelled attacks that people call a success."""
    corrected: Estimate
    """Rate of success corrected for the judge's errors."""
    basis: Basis
    """What the correction rests on."""
    tuning: float | None
    """λ of prediction-powered inference: 0 the labels alone, 1 the judge in full; null for other
    bases."""
    extrapolated: Estimate
    """The rate by the errors of the other arms alone."""
    carried_error: Estimate
    """It less the share of the arm's own labels: above or below 0 it would mislead."""


class Judged(Record):
    """One judge against people."""

    name: str
    """What it is called; hostile."""
    version: str
    """Which one of that name; empty where unknown."""
    scored: Count
    """Number of attacks with a score by it."""
    labelled: Count
    """Number of those that people judged as well."""
    threshold: float | None
    """Score at or below which it calls an attack a success: Youden's over all labelled attacks,
    unless given. Sensitivity, specificity and the extrapolated rates are at the choice of other
    members' labels."""
    threshold_given: bool
    """Whether the caller gave the threshold."""
    auc: Estimate
    """Area under the ROC curve over all arms: 1 tells successes apart always, ½ is a coin."""
    sensitivity: Estimate
    """Share of people's successes that it calls one."""
    specificity: Estimate
    """Share of the others that it does not."""
    calibration: Calibration
    """Whether its probabilities are what they say."""
    arms: tuple[ArmJudged, ...]
    """Arm by arm."""


class Flip(Record):
    """Two arms that two judges put in opposite orders."""

    first: tuple[str, str]
    """Arm (model_type, num_params) that the first judge puts lower, the less safe."""
    second: tuple[str, str]
    """Arm that the second judge puts lower."""
    opposite: float | None
    """Share of resamples in which they disagree about the two, 0 to 1; null without resamples."""


class Swap(Record):
    """One judge in the place of another."""

    first: str
    """Name of a judge."""
    second: str
    """Name of the other."""
    attacks: Count
    """Number of attacks that both scored."""
    tau: Estimate
    """Kendall's τ-b between their orders of the arms; 1 the same order, −1 the reverse; ``n``
    counts arms."""
    top_changes: float | None
    """Share of resamples in which they name different arms as the safest; null without any."""
    bottom_changes: float | None
    """The same of the least safe."""
    left_out: Count
    """Resamples left out because an arm was empty in them."""
    flips: tuple[Flip, ...]
    """Pairs of arms that they order opposite."""


class Judges(Record):
    """All judges of a study."""

    people: str
    """Whose labels they are held against."""
    judges: tuple[Judged, ...]
    """In the order asked."""
    swaps: tuple[Swap, ...]
    """Each two of them; empty with one judge."""


def judges(
    frame: pl.DataFrame,
    *,
    asked: Sequence[Asked],
    people: str,
    how: Bootstrap,
    threshold: float | None = None,
) -> Judges:
    """Judges of a frame of attacks by one kind of attacker, with labels in the column "people".

    :param people: whose labels they are, in words: "the attackers themselves".
    :param threshold: score at or below which a judge calls an attack a success; only for a single
        judge, since scores of two have no common unit.
    """
    if threshold is not None and len(asked) > 1:
        raise PersonError(
            f"threshold: got {threshold} for {len(asked)} judges; scores of two judges have no "
            "common unit: leave it out, so that each gets its own, or ask for one judge"
        )
    columns = list(dict.fromkeys([*_ORDER, PEOPLE, *(judge.column for judge in asked)]))
    rows = frame.select(columns).sort(columns, maintain_order=True)
    cells = Cells.of(rows, how.ci, "judges")
    labels = _column(rows, PEOPLE)
    scores = {judge.column: _column(rows, judge.column) for judge in asked}
    with threadpool_limits(1):  # tables of members are small: threads cost more than they bring
        return Judges(
            people=people,
            judges=tuple(
                _judged(j, scores[j.column], labels, cells, how, threshold) for j in asked
            ),
            swaps=tuple(
                _swap((a.name, b.name), (scores[a.column], scores[b.column]), cells, how)
                for a, b in combinations(asked, 2)
            ),
        )


def _column(frame: pl.DataFrame, name: str) -> Floats:
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _judged(
    judge: Asked,
    scores: Floats,
    labels: Floats,
    cells: Cells,
    how: Bootstrap,
    threshold: float | None,
) -> Judged:
    """One judge against people."""
    scored = ~np.isnan(scores)
    both = scored & ~np.isnan(labels)
    x, y = scores[both], labels[both]
    folds = folds_of(cells.member[both])
    chosen = youden(x, y) if threshold is None else threshold
    by_member = np.full(cells.n_members, np.nan if chosen is None else chosen)
    if threshold is None:  # by labels of other members alone
        by_member[cells.member[both]] = out_of_fold_threshold(x, y, folds)
    cuts = by_member[cells.member]
    told = both & ~np.isnan(cuts)
    fair = np.where(scored & ~np.isnan(cuts), scores <= cuts, np.nan)
    said = scores <= (np.nan if chosen is None else chosen)
    verdicts = np.where(scored & (chosen is not None), said.astype(np.float64), np.nan)
    right = (scores <= cuts) == (labels == 1)

    def accuracy(kind: float, what: str) -> Estimate:
        which = told & (labels == kind)
        return _share(right, which, cells, how, what)

    return Judged(
        name=judge.name,
        version=judge.version,
        scored=int(scored.sum()),
        labelled=len(y),
        threshold=chosen,
        threshold_given=threshold is not None,
        auc=_auc(scores, labels, both, cells, how, judge.name),
        sensitivity=accuracy(1.0, "sensitivity"),
        specificity=accuracy(0.0, "specificity"),
        calibration=_calibration(x, y, folds, cells.member[both], how),
        arms=tuple(
            _arm(number, judge, scores, labels, (verdicts, fair), cells, how)
            for number in range(len(cells.arms))
        ),
    )


def _share(flags: Flags, which: Flags, cells: Cells, how: Bootstrap, what: str) -> Estimate:
    """The share of some attacks that a flag is set for."""
    return share(flags[which].astype(np.float64), cells.member[which], how=how, what=what)


def _owners(cells: Cells, which: Flags, how: Bootstrap) -> Ints | None:
    """Members of some attacks; ``None`` where each attack counts by itself."""
    return cells.member[which] if how.ci == "cluster" else None


def _auc(
    scores: Floats,
    labels: Floats,
    which: Flags,
    cells: Cells,
    how: Bootstrap,
    *names: str,
) -> Estimate:
    """How well the scores tell successes from the others."""
    x, members = scores[which], cells.member[which]
    order = np.lexsort((members, x))
    sample = Sample.of(x, members if how.ci == "cluster" else None)
    auc = AUC(sample.values, labels[which][order] == 1)
    seed = seed_of(sample, how.ci, "judges", *names)
    return bootstrap(sample, [auc], how=how, seed=seed)[0]


def _calibration(x: Floats, y: Floats, folds: Ints, members: Ints, how: Bootstrap) -> Calibration:
    """The reliability curve over attacks whose other folds allow a map."""
    p = out_of_fold(x, y, folds)
    there = ~np.isnan(p)
    p, y, members = p[there], y[there], members[there]
    found = calibration_error(p, y) if len(y) else None
    what = "share of successes"
    parts = bins_of(p) if len(p) else []
    reason: str | None = "not estimable: too few labels, or labels of one kind alone"
    ends = None
    if parts:
        joint = replace(how, level=1 - (1 - how.level) / len(parts))
        ends, reason = error_between(
            [float(p[part].mean()) for part in parts],
            [share(y[part], members[part], how=joint, what=what) for part in parts],
            [len(part) / len(p) for part in parts],
        )
    error = Estimate.of(
        None if found is None else found.error,
        ends,
        level=how.level,
        n=len(y),
        method="expected calibration error, ten bins of equal number; interval from those of all "
        "bins at once (Bonferroni)",
        reason=reason,
    )
    curve = tuple(
        Bin(
            predicted=float(p[part].mean()),
            observed=share(y[part], members[part], how=how, what=what),
        )
        for part in parts
    )
    return Calibration(
        map=map_for(len(x)),
        error=error,
        by_chance=None if found is None else found.by_chance,
        curve=curve,
    )


def error_between(
    predicted: Sequence[float], observed: Sequence[Estimate], shares: Sequence[float]
) -> tuple[tuple[float, float] | None, str | None]:
    """How small and how large the calibration error may be where all bins' shares lie within their
    intervals at once; or why nobody knows.

    :param shares: of the attacks in each bin.
    """
    low = high = 0.0
    for p, y, weight in zip(predicted, observed, shares, strict=True):
        if y.low is None or y.high is None:
            return None, "interval not estimable: a bin has too few effective members"
        low += weight * max(y.low - p, p - y.high, 0.0)
        high += weight * max(y.high - p, p - y.low)
    return (low, high), None


def _arm(
    number: int,
    judge: Asked,
    scores: Floats,
    labels: Floats,
    verdicts: tuple[Floats, Floats],
    cells: Cells,
    how: Bootstrap,
) -> ArmJudged:
    """One judge on one arm.

    :param verdicts: at the threshold that all labels choose, and at that of other members' labels:
        errors at the first look smaller than they are, which would carry over.
    """
    said, fair = verdicts
    arm = cells.arms[number]
    here = (cells.arm == number) & ~np.isnan(scores)
    told, known = here & ~np.isnan(said), here & ~np.isnan(labels)
    reach, away = (
        here & ~np.isnan(fair),
        (cells.arm != number) & ~np.isnan(fair) & ~np.isnan(labels),
    )
    level = how.level
    extrapolated = rogan_gladen(
        fair[reach],
        fair[away],
        labels[away],
        members=_owners(cells, reach, how),
        other_members=_owners(cells, away, how),
        level=level,
    )
    error = carried_error(
        fair[reach],
        labels[reach],
        fair[away],
        labels[away],
        members=_owners(cells, reach, how),
        other_members=_owners(cells, away, how),
        level=level,
    )
    people_rate = _share(labels == 1, known, cells, how, "share of successes by labels")
    corrected, basis, tuning = _corrected(
        labels[told], said[told], _owners(cells, told, how), people_rate, extrapolated, level
    )
    return ArmJudged(
        model_type=arm[0],
        num_params=arm[1],
        mark=judge.marks.get(arm, "unverified"),
        auc=_auc(scores, labels, known, cells, how, judge.name, *arm),
        judged_rate=_share(said == 1, told, cells, how, "share of successes by the judge"),
        people_rate=people_rate,
        corrected=corrected,
        basis=basis,
        tuning=tuning,
        extrapolated=extrapolated,
        carried_error=error,
    )


def _corrected(
    labels: Floats,
    verdicts: Floats,
    members: Ints | None,
    people_rate: Estimate,
    extrapolated: Estimate,
    level: float,
) -> tuple[Estimate, Basis, float | None]:
    """The corrected rate of an arm, what it rests on, and λ."""
    known = ~np.isnan(labels)
    if known.sum() < 2:
        found: Basis = "none" if extrapolated.estimate is None else "extrapolated"
        return extrapolated, found, None
    if known.all():
        return people_rate, "labelled", None
    if len(np.unique(labels[known])) == 1:
        said = "every label is the same, so the judge's errors are not known: the labels alone"
        reason = "; ".join(part for part in (said, people_rate.reason) if part)
        return people_rate.model_copy(update={"reason": reason}), "ppi", 0.0
    powered = prediction_powered(labels, verdicts, members=members, level=level)
    if not powered.tuning:  # the labels alone, of which there is one interval
        return people_rate, "ppi", 0.0
    return cut(powered.estimate), "ppi", powered.tuning


def _swap(
    names: tuple[str, str], scores: tuple[Floats, Floats], cells: Cells, how: Bootstrap
) -> Swap:
    """The orders of the arms by two judges, over attacks that both scored."""
    both = ~np.isnan(scores[0]) & ~np.isnan(scores[1])
    first, second = (cells.totals(np.where(both, x, np.nan)) for x in scores)
    found = rank_stability(first, second, how=how, seed=cells.seed)
    return Swap(
        first=names[0],
        second=names[1],
        attacks=int(both.sum()),
        tau=found.tau,
        top_changes=found.top_changes,
        bottom_changes=found.bottom_changes,
        left_out=found.left_out,
        flips=tuple(
            Flip(first=cells.arms[p.first], second=cells.arms[p.second], opposite=p.share)
            for p in found.opposite
        ),
    )
