"""One judge on one arm: what rate it reports, and that rate corrected for what it gets wrong.

    labelled       people judged every scored attack of the arm: their rate, nothing to correct
    ppi            they judged some: prediction-powered inference, which takes those to be a random
                   draw of the arm's attacks
    extrapolated   they judged fewer than two: the judge's errors of the other arms are carried over
                   (Rogan-Gladen), which assumes that it errs alike everywhere
    none           nothing can be corrected; the reason says why

All of it takes labelled attacks to be a random draw. Whether that may be so is asked of the scores:
where those of labelled attacks lie clear of the others', in this arm or over all of them, nobody
knows what the unlabelled would have been called, and there is no interval. Where the attacks with
low scores were labelled first, intervals of the corrected rate held the truth far too seldom.

The extrapolated rate is given for every arm, beside the one that needs no such assumption: where
both are there, their difference says what carrying errors over is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.auc import AUC
from gadfly.analysis.statistics.jackknife import difference
from gadfly.analysis.statistics.joint import side
from gadfly.analysis.statistics.ordering import Flags
from gadfly.analysis.statistics.ppi import cut, prediction_powered
from gadfly.analysis.statistics.rogan_gladen import carried_error, rogan_gladen
from gadfly.analysis.statistics.success_rate import share
from gadfly.analysis.topics.cells import Cells
from gadfly.preference.lineage import Mark
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["ArmJudged", "Asked", "Verdicts", "arm_judged", "doubted"]

Basis = Literal["labelled", "ppi", "extrapolated", "none"]
_SURE = 0.99  # level at which scores of labelled attacks must differ from the others'


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


@dataclass(frozen=True)
class Verdicts:
    """What a judge and people say of every attack."""

    judge: Asked
    """The judge."""
    scores: Floats
    """Its scores, NaN where it gave none."""
    labels: Floats
    """People's labels, 1 a success, NaN where nobody judged."""
    cells: Cells
    """Member and arm of each attack."""
    how: Bootstrap
    """How intervals are made."""

    def owners(self, which: Flags) -> Ints | None:
        """Members of some attacks; ``None`` where each attack counts by itself."""
        return self.cells.member[which] if self.how.ci == "cluster" else None

    def chosen(self, which: Flags) -> str | None:
        """Why the labelled among these scored attacks are no random draw, if they are shown not to
        be: less the means of their arms their scores lie below the others', or above.
        """
        x, arm, labelled = self.scores[which], self.cells.arm[which], ~np.isnan(self.labels[which])
        if labelled.all() or not labelled.any():
            return None
        means = np.bincount(arm, x) / np.maximum(np.bincount(arm), 1)
        owners = self.owners(which)
        owners = np.arange(len(x)) if owners is None else owners
        clear = side(difference(x - means[arm], owners, labelled, level=_SURE))
        lie = "lower" if clear < 0 else "higher"
        return f"labels are of attacks with {lie} scores than the others" if clear else None

    def share(self, flags: Flags, which: Flags, what: str) -> Estimate:
        """The share of some attacks that a flag is set for."""
        members = self.cells.member[which]
        return share(flags[which].astype(np.float64), members, how=self.how, what=what)

    def auc(self, which: Flags, *names: str) -> Estimate:
        """How well the scores of some attacks tell successes from the others."""
        x, members = self.scores[which], self.cells.member[which]
        order = np.lexsort((members, x))
        sample = Sample.of(x, self.owners(which))
        auc = AUC(sample.values, self.labels[which][order] == 1)
        seed = seed_of(sample, self.how.ci, "judges", self.judge.name, *names)
        return bootstrap(sample, [auc], how=self.how, seed=seed)[0]


def doubted(estimate: Estimate, why: str | None) -> Estimate:
    """Without its interval, where there is a reason not to believe it."""
    if why is None or estimate.low is None:
        return estimate
    return estimate.model_copy(update={"low": None, "high": None, "reason": f"no interval: {why}"})


def arm_judged(
    number: int, of: Verdicts, verdicts: tuple[Floats, Floats], why: str | None
) -> ArmJudged:
    """One judge on one arm.

    :param number: of the arm among those of the cells.
    :param verdicts: at the threshold that all labels choose, and at that of other members' labels:
        errors at the first look smaller than they are, which would carry over.
    :param why: labels of all arms are no random draw, if they are not.
    """
    said, fair = verdicts
    judge, labels, cells = of.judge, of.labels, of.cells
    arm, level = cells.arms[number], of.how.level
    here = (cells.arm == number) & ~np.isnan(of.scores)
    told, known = here & ~np.isnan(said), here & ~np.isnan(labels)
    reach, away = (
        here & ~np.isnan(fair),
        (cells.arm != number) & ~np.isnan(fair) & ~np.isnan(labels),
    )
    extrapolated = rogan_gladen(
        fair[reach],
        fair[away],
        labels[away],
        members=of.owners(reach),
        other_members=of.owners(away),
        level=level,
    )
    error = carried_error(
        fair[reach],
        labels[reach],
        fair[away],
        labels[away],
        members=of.owners(reach),
        other_members=of.owners(away),
        level=level,
    )
    own = why or of.chosen(here)
    people_rate = of.share(labels == 1, known, "share of successes by labels")
    corrected, basis, tuning = _corrected(
        labels[told], said[told], of.owners(told), people_rate, extrapolated, level
    )
    return ArmJudged(
        model_type=arm[0],
        num_params=arm[1],
        mark=judge.marks.get(arm, "unverified"),
        auc=doubted(of.auc(known, *arm), own),
        judged_rate=of.share(said == 1, told, "share of successes by the judge"),
        people_rate=doubted(people_rate, own),
        corrected=doubted(corrected, why if basis == "extrapolated" else own),
        basis=basis,
        tuning=tuning,
        extrapolated=doubted(extrapolated, why),
        carried_error=doubted(error, own),
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
