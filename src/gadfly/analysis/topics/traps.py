"""Simpson traps: pooled orders that the order within strata contradicts.

A Simpson trap is a pair of sizes (or interventions) that the pooled means order one way, and the
means within interventions (or sizes), averaged, the other way: the arms are filled unevenly.

Reference: Simpson 1951, "The interpretation of interaction in contingency tables", *Journal of the
Royal Statistical Society B* 13(2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Ints
from gadfly.analysis.statistics.joint import Totals, contrasted, side
from gadfly.analysis.topics.cells import OUTCOMES, Cells, Outcome, Pair, compared
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["Trap", "traps"]


class Trap(Record):
    """A pooled order that the order within strata contradicts."""

    outcome: Outcome
    """What is compared."""
    compared: Literal["sizes", "interventions"]
    """What is compared; the strata are the other."""
    first: str
    """Size or intervention that is subtracted."""
    second: str
    """Size or intervention that it is subtracted from."""
    pooled: Estimate
    """Second less first over all attacks, whatever the stratum."""
    stratified: Estimate
    """The mean of the differences within the strata that have both, each with equal weight."""
    clear: bool
    """Whether both intervals exclude 0."""
    heaviest: str
    """The arm that fills the largest share of its side."""
    share: float
    """That share of the side's attacks, 0 to 1."""


@dataclass(frozen=True)
class _Sides:
    """Two sizes, or two interventions, as they are compared with and without strata."""

    compared: Literal["sizes", "interventions"]
    first: str
    second: str
    shared: tuple[list[int], list[int]]
    """Numbers of the arms of either side in strata that have both, in the same order."""


def _sides(arms: Sequence[Pair]) -> Iterator[_Sides]:
    """Every two sizes and every two interventions that share a stratum."""
    axes: tuple[tuple[Literal["sizes", "interventions"], Literal[0, 1]], ...] = (
        ("sizes", 1),
        ("interventions", 0),
    )
    for what, axis in axes:
        for a, b in compared(arms, axis):
            first, second = ([i for i, arm in enumerate(arms) if arm[axis] == x] for x in (a, b))
            strata = {arms[i][1 - axis]: i for i in second}
            both = [(i, strata[s]) for i in first if (s := arms[i][1 - axis]) in strata]
            if both:
                left, right = zip(*both, strict=True)
                yield _Sides(what, a, b, (list(left), list(right)))


def traps(totals: Sequence[Totals], cells: Cells, how: Bootstrap, what: str) -> Iterator[Trap]:
    """Every trap, from the totals of the outcomes by arm.

    :param what: what is computed, in words.
    """
    sides = [two for two in _sides(cells.arms) if any(_contradicted(two, t) for t in totals)]
    if not sides:
        return
    n_arms = len(cells.arms)
    unions = np.zeros((n_arms, 2 * len(sides)))
    matrix = np.zeros((n_arms + 2 * len(sides), 2 * len(sides)))
    for i, two in enumerate(sides):
        for sign, half in ((-1.0, 0), (1.0, 1)):
            unions[two.shared[half], 2 * i + half] = 1
            matrix[n_arms + 2 * i + half, 2 * i] = sign
            matrix[two.shared[half], 2 * i + 1] = sign / len(two.shared[half])
    merged = [column.merged(unions) for column in totals]
    found = contrasted(merged, matrix, how=how, seed=cells.seed, what=what)
    for outcome, column, row in zip(OUTCOMES, totals, found, strict=True):
        for i, two in enumerate(sides):
            pooled, stratified = row[2 * i].estimate, row[2 * i + 1].estimate
            if (pooled.estimate or 0) * (stratified.estimate or 0) < 0:
                yield _trap(outcome, two, pooled, stratified, cells.arms, column.n)


def _contradicted(two: _Sides, totals: Totals) -> bool:
    """Whether the means alone say so: of most pairs no more is asked."""
    sums, counts, means = totals.sums.sum(axis=0), totals.counts.sum(axis=0), totals.means()
    if np.isnan(means[two.shared[0] + two.shared[1]]).any():
        return False
    (pooled, within), (other, inside) = (
        (sums[half].sum() / counts[half].sum(), means[half].mean()) for half in two.shared
    )
    return bool((other - pooled) * (inside - within) < 0)


def _trap(
    outcome: Outcome,
    two: _Sides,
    pooled: Estimate,
    stratified: Estimate,
    arms: Sequence[Pair],
    n: Ints,
) -> Trap:
    share, heaviest = max((n[i] / n[half].sum(), i) for half in two.shared for i in half)
    return Trap(
        outcome=outcome,
        compared=two.compared,
        first=two.first,
        second=two.second,
        pooled=pooled,
        stratified=stratified,
        clear=side(pooled) * side(stratified) < 0,
        heaviest=" ".join(arms[heaviest]).strip(),
        share=float(share),
    )
