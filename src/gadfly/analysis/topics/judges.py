"""How far judges can be trusted: each against people, and against each other.

A judge is a column of harmlessness scores; people's labels are a column of their own (see
``labels.py``). Over labelled attacks: the area under the ROC curve, sensitivity and specificity at
a threshold, and calibration, everything fitted on other members than it is used on. For each arm:
the rate of success that the judge would report, and that rate corrected for what the judge gets
wrong (``judge_arm.py``).

Two judges that swap places: Kendall's τ-b between the orders in which they put the arms, by mean
score over attacks that both scored (``statistics/rank_stability.py``).

Whether a judge is independent of an arm is the arm's mark, and stands beside every number.

References: see the statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field
from threadpoolctl import threadpool_limits

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.calibration_curve import folds_of
from gadfly.analysis.statistics.rank_stability import rank_stability
from gadfly.analysis.statistics.sensitivity import out_of_fold_threshold, youden
from gadfly.analysis.topics.cells import Cells
from gadfly.analysis.topics.judge_arm import ArmJudged, Asked, Verdicts, arm_judged, doubted
from gadfly.analysis.topics.judge_calibration import Calibration, calibration
from gadfly.analysis.topics.labels import PEOPLE
from gadfly.errors import PersonError
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["Asked", "Flip", "Judged", "Judges", "Swap", "judges"]

Count = Annotated[int, Field(ge=0)]
_ORDER = ("member", "model_type", "num_params")


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
                _judged(Verdicts(j, scores[j.column], labels, cells, how), threshold) for j in asked
            ),
            swaps=tuple(
                _swap((a.name, b.name), (scores[a.column], scores[b.column]), cells, how)
                for a, b in combinations(asked, 2)
            ),
        )


def _column(frame: pl.DataFrame, name: str) -> Floats:
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _judged(of: Verdicts, threshold: float | None) -> Judged:
    """One judge against people."""
    judge, scores, labels, cells = of.judge, of.scores, of.labels, of.cells
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
    why = of.chosen(scored)

    def accuracy(kind: float, what: str) -> Estimate:
        which = told & (labels == kind)
        return doubted(of.share(right, which, what), why)

    return Judged(
        name=judge.name,
        version=judge.version,
        scored=int(scored.sum()),
        labelled=len(y),
        threshold=chosen,
        threshold_given=threshold is not None,
        auc=doubted(of.auc(both), why),
        sensitivity=accuracy(1.0, "sensitivity"),
        specificity=accuracy(0.0, "specificity"),
        calibration=calibration(x, y, folds, cells.member[both], of.how),
        arms=tuple(
            arm_judged(number, of, (verdicts, fair), why) for number in range(len(cells.arms))
        ),
    )


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
