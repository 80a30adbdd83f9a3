"""Min harmlessness beside turns: a minimum over more replies is lower, whatever the replies are.

Four views of each arm. The mean of the lowest score over the first k replies (all of them, where
there were fewer), for k from 1: what k replies of every arm had shown. The mean number of replies.
The mean min harmlessness at equal turns: attacks in strata by their number of replies, and in every
arm the strata weighted as they come over all arms (direct standardisation); strata that some arm
hardly has are left out, and how many attacks the others hold is said. And the correlation of min
harmlessness with turns. How long a dialogue runs is itself an outcome of the arm, so none of them
is "the" corrected value; an order of arms that changes between them is not settled.

Reference: Rothman, Greenland & Lash 2008, *Modern Epidemiology*, 3rd edition, chapter 3
(standardisation).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from gadfly.analysis.aggregation import Aggregation, of_replies
from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.correlation import pearson
from gadfly.analysis.statistics.joint import Totals, contrasted
from gadfly.analysis.topics.cells import Cells, sorted_attacks
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["ArmTurns", "Turns", "turns"]

_NEEDED = 5  # attacks of every arm in a stratum
_NO_SCORES = "scores by turn were not recorded"


class ArmTurns(Record):
    """One arm: its turns, and what they do to min harmlessness."""

    model_type: str
    """The intervention."""
    num_params: str
    """The size as text."""
    turns: Estimate
    """Mean number of replies of an attack with a score."""
    harmlessness: Estimate
    """Mean min harmlessness."""
    equal_turns: Estimate
    """It, with the strata of turns weighted as over all arms."""
    correlation: Estimate
    """Pearson's correlation of min harmlessness with the number of replies."""
    first: tuple[Estimate, ...]
    """Mean of the lowest score over the first k replies, for k = 1, 2, …"""


class Turns(Record):
    """Min harmlessness beside turns, over all arms."""

    seed: int
    """Seed of the resamples."""
    strata: tuple[int, ...]
    """Numbers of replies that every arm has; the last of ``most`` stands for so many or more."""
    most: int
    """The largest stratum, and the largest k."""
    covered: float
    """Share of scored attacks in these strata, 0 to 1."""
    arms: tuple[ArmTurns, ...]
    """The arms, in order."""


def turns(
    frame: pl.DataFrame, *, how: Bootstrap, most: int = 5, score: Aggregation = "min"
) -> Turns:
    """Min harmlessness beside turns, of a frame of attacks.

    :param most: replies from which attacks are one stratum, and the largest k of the first k.
    :param score: which number of a dialogue's scores ``harmlessness`` is.
    """
    how = replace(how, weighting="attack")
    attacks = sorted_attacks(frame)
    cells = Cells.of(attacks, how.ci, "turns")
    scores = attacks["min_harmlessness"].to_numpy()
    count = attacks["turns"].cast(pl.Float64).to_numpy()
    there = ~np.isnan(scores)
    strata = _Strata.of(np.minimum(count, most), there, cells)
    scored = np.where(there, count, np.nan)
    equal = strata.means(scores, cells, how)
    by_turn = pl.col("turn_scores").list
    first = attacks.select(
        of_replies(by_turn.head(k), score).alias(str(k)) for k in range(1, most + 1)
    )
    return Turns(
        seed=cells.seed,
        strata=tuple(strata.numbers),
        most=most,
        covered=strata.covered,
        arms=tuple(
            ArmTurns(
                model_type=arm[0],
                num_params=arm[1],
                turns=cells.mean(scored, a, how, column="turns", missing="no score"),
                harmlessness=cells.mean(scores, a, how, missing="no score"),
                equal_turns=equal[a],
                correlation=_correlation(count, scores, a, cells, how),
                first=tuple(
                    cells.mean(row.to_numpy(), a, how, missing=_NO_SCORES) for row in first
                ),
            )
            for a, arm in enumerate(cells.arms)
        ),
    )


@dataclass(frozen=True)
class _Strata:
    """Attacks by their number of replies."""

    numbers: list[int]
    """Numbers of replies that every arm has often enough."""
    weights: Floats
    """Their shares over all arms, summing to 1."""
    place: Ints
    """Place of each attack's stratum among them, -1 outside."""
    covered: float
    """Share of scored attacks in them."""

    @classmethod
    def of(cls, number: Floats, there: Ints, cells: Cells) -> _Strata:
        """The strata that all arms share."""
        found = [int(x) for x in np.unique(number[there])]
        counts = np.array(
            [
                np.bincount(cells.arm[there & (number == x)], minlength=len(cells.arms))
                for x in found
            ]
        ).reshape(len(found), len(cells.arms))
        kept = [i for i, row in enumerate(counts) if row.min() >= _NEEDED]
        numbers, held = [found[i] for i in kept], counts[kept].sum(axis=1)
        place = np.full(len(number), -1)
        for i, x in enumerate(numbers):
            place[there & (number == x)] = i
        return cls(
            numbers,
            held / max(int(held.sum()), 1),
            place,
            float(held.sum() / max(int(there.sum()), 1)),
        )

    def means(self, scores: Floats, cells: Cells, how: Bootstrap) -> list[Estimate]:
        """The weighted mean over strata of each arm."""
        n_arms, n = len(cells.arms), len(self.numbers)
        inside = np.where(self.place >= 0, scores, np.nan)
        groups = cells.arm * max(n, 1) + np.maximum(self.place, 0)
        totals = Totals.of(
            inside, members=cells.member, groups=groups, shape=(cells.n_members, n_arms * max(n, 1))
        )
        weights = self.weights[:, None] if n else np.ones((1, 1))
        matrix: Floats = np.kron(np.eye(n_arms), weights).astype(np.float64)
        found = contrasted(
            [totals],
            matrix,
            how=how,
            seed=cells.seed,
            what="mean over strata of turns, weighted as over all arms",
            missing=f"no number of turns has {_NEEDED} attacks of every arm",
        )
        return [arm.estimate for arm in found[0]]


def _correlation(x: Floats, y: Floats, arm: int, cells: Cells, how: Bootstrap) -> Estimate:
    """Pearson's correlation in one arm."""
    rows = (cells.arm == arm) & ~np.isnan(y)
    name = " ".join(cells.arms[arm])
    return pearson(x[rows], y[rows], cells.member[rows], how=how, name=f"turns, {name}")
