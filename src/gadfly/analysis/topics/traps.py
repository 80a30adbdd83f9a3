"""Simpson traps: pooled orders that the order within strata contradicts.

A Simpson trap is a pair of sizes (or interventions) that the pooled means order one way, and

- the means within interventions (or sizes), averaged, the other way: arms are filled unevenly; or
- the differences within members the other way: not the same members attacked both. The difference
  within member m counts by n₁ n₂ / (n₁ + n₂), from its n₁ and n₂ attacks on either side, as where
  each member has a level of its own in a regression. It is named where it differs from the pooled
  difference by more than chance: nobody meets two arms equally often.

A trap is clear where both differences are beyond chance among all that are compared: where no arm
had an effect within members, one study in four of twelve arms had one by its two intervals alone.

Reference: Simpson 1951, "The interpretation of interaction in contingency tables", *Journal of the
Royal Statistical Society B* 13(2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import block_diag

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.joint import Totals, contrasted, side
from gadfly.analysis.topics.cells import OUTCOMES, Cells, Outcome, Pair, compared
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["Trap", "traps"]

_Axis = Literal["sizes", "interventions"]


class Trap(Record):
    """A pooled order that the order within strata contradicts."""

    outcome: Outcome
    """What is compared."""
    compared: Literal["sizes", "interventions"]
    """What is compared."""
    strata: Literal["interventions", "sizes", "members"]
    """Within what it is compared."""
    first: str
    """Size or intervention that is subtracted."""
    second: str
    """Size or intervention that it is subtracted from."""
    pooled: Estimate
    """Second less first over all attacks, whatever the stratum."""
    stratified: Estimate
    """The mean of the differences within the strata that have both: within interventions or sizes
    each with equal weight, within members by the information on it."""
    clear: bool
    """Whether both intervals exclude 0, and both p-values are small enough for all
    that are compared (Bonferroni)."""
    heaviest: str | None
    """The arm that fills the largest share of its side; null within members."""
    share: float
    """That share of the side's attacks; within members, the share of attacks by those who attacked
    both. 0 to 1."""


@dataclass(frozen=True)
class _Sides:
    """Two sizes, or two interventions, as they are compared with and without strata."""

    compared: _Axis
    strata: Literal["interventions", "sizes", "members"]
    first: str
    second: str
    shared: tuple[list[int], list[int]]
    """Numbers of the arms of either side in strata that have both, in the same order."""

    @property
    def signs(self) -> Floats:
        """Coefficients of the groups of :meth:`totals`: pooled, stratified, their gap."""
        strata = 1 if self.strata == "members" else len(self.shared[0])
        both = block_diag([[-1.0], [1.0]], np.repeat([-1.0, 1.0], strata)[:, None] / strata)
        return np.column_stack([both, both @ [1.0, -1.0]])

    def totals(self, every: Totals) -> Totals:
        """Both sides pooled, then the strata of the first, then those of the second."""
        sums, counts, hits = (
            np.stack([x[:, half].sum(axis=1) for half in self.shared], axis=1)
            for x in (every.sums, every.counts, every.steps.hits)
        )
        n = np.array([every.n[half].sum() for half in self.shared])
        pooled = Totals(sums, counts, n, every.steps.over(hits))
        if self.strata != "members":
            arms = self.shared[0] + self.shared[1]
            steps = every.steps.over(every.steps.hits[:, arms])
            apart = Totals(every.sums[:, arms], every.counts[:, arms], every.n[arms], steps)
            return pooled.beside(apart)
        both = counts.all(axis=1)
        safe = np.where(counts > 0, counts, 1.0)
        weight = np.where(both, safe.prod(axis=1) / safe.sum(axis=1), 0.0)[:, None]
        own = counts[both].sum(axis=0).astype(np.int64)
        steps = every.steps.over(hits / safe[:, :, None] * weight[:, :, None])
        within = Totals(sums / safe * weight, np.repeat(weight, 2, axis=1), own, steps)
        return pooled.beside(within)


def _sides(arms: Sequence[Pair]) -> Iterator[_Sides]:
    """Every two sizes and every two interventions that share a stratum."""
    axes: tuple[tuple[_Axis, _Axis, Literal[0, 1]], ...] = (
        ("sizes", "interventions", 1),
        ("interventions", "sizes", 0),
    )
    for what, other, axis in axes:
        for a, b in compared(arms, axis):
            first, second = ([i for i, arm in enumerate(arms) if arm[axis] == x] for x in (a, b))
            strata = {arms[i][1 - axis]: i for i in second}
            both = [(i, strata[s]) for i in first if (s := arms[i][1 - axis]) in strata]
            if both:
                left, right = zip(*both, strict=True)
                yield _Sides(what, other, a, b, (list(left), list(right)))
                yield _Sides(what, "members", a, b, (list(left), list(right)))


def traps(totals: Sequence[Totals], cells: Cells, how: Bootstrap, what: str) -> Iterator[Trap]:
    """Every trap, from the totals of the outcomes by arm.

    :param what: what is computed, in words.
    """
    every = list(_sides(cells.arms))
    small = (1 - how.level) / max(len(every) * len(totals), 1)
    sides = [two for two in every if any(_contradicted(two, t) for t in totals)]
    if how.ci == "iid":  # then a member is an attack
        sides = [two for two in sides if two.strata != "members"]
    if not sides:
        return
    parts = [[two.totals(column) for two in sides] for column in totals]
    merged = [own[0].beside(*own[1:]) for own in parts]
    matrix = block_diag(*(two.signs for two in sides))
    found = contrasted(merged, matrix, how=how, seed=cells.seed, what=what)
    for outcome, column, row in zip(OUTCOMES, totals, found, strict=True):
        for i, two in enumerate(sides):
            own = row[3 * i : 3 * i + 3]
            pooled, stratified, apart = (c.estimate for c in own)
            firm = all(c.p is not None and c.p <= small for c in own[:2])
            chance = two.strata == "members" and not side(apart)
            if (pooled.estimate or 0) * (stratified.estimate or 0) < 0 and not chance:
                clear = firm and side(pooled) * side(stratified) < 0
                yield _trap(outcome, two, pooled, stratified, cells.arms, column.n, clear=clear)


def _contradicted(two: _Sides, totals: Totals) -> bool:
    """Whether the means alone say so: of most pairs no more is asked."""
    pooled, stratified, _ = two.totals(totals).means() @ two.signs
    return bool(pooled * stratified < 0)


def _trap(
    outcome: Outcome,
    two: _Sides,
    pooled: Estimate,
    stratified: Estimate,
    arms: Sequence[Pair],
    n: Ints,
    *,
    clear: bool,
) -> Trap:
    share, heaviest = max((n[i] / n[half].sum(), i) for half in two.shared for i in half)
    if two.strata == "members":
        share = stratified.n / pooled.n
    return Trap(
        outcome=outcome,
        compared=two.compared,
        strata=two.strata,
        first=two.first,
        second=two.second,
        pooled=pooled,
        stratified=stratified,
        clear=clear,
        heaviest=None if two.strata == "members" else " ".join(arms[heaviest]).strip(),
        share=float(share),
    )
