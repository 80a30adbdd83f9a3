"""What chance alone makes of a difference between arms that were drawn at random.

Under the null hypothesis that the arm changes nothing, the labels of a member's attacks in one
round of assignment could as well have stood in any other order. Labels are permuted within such
strata, every attack keeping all its outcomes, missing ones too, and the contrast is computed anew:

    T = θ / se        p = (1 + #{|T*| ≥ |T|}) / (1 + permutations)

se is the standard error over members of :mod:`gadfly.analysis.statistics.joint`. Being studentised,
the test keeps its level for large samples where arms differ in spread but not in mean. It is exact
where outcomes of a member are exchangeable within a round: a coin biased towards balance makes some
orders likelier than others, which matters only if a member's attacks drift within a round. A
permutation that leaves a group empty counts as extreme. The one observed arrangement is counted
among the permutations, so p is never 0.

References: Phipson & Smyth 2010, "Permutation p-values should never be zero", doi
10.2202/1544-6115.1585; Chung & Romano 2013, "Exact and asymptotically robust permutation tests",
*Annals of Statistics* 41(2).

>>> import numpy as np
>>> p = permutation_p(
...     np.array([[0.0], [1.0], [0.1], [1.2]]),
...     members=np.array([0, 0, 1, 1]), groups=np.array([0, 1, 0, 1]),
...     strata=np.array([0, 0, 1, 1]), coefficients=np.array([[-1.0], [1.0]]),
...     permutations=99, seed=1,
... )
>>> 0 < float(p[0, 0]) < 1
True
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.joint import Totals, robust

__all__ = ["TIE", "permutation_p", "permuted", "shuffles"]

TIE = 1e-9
"""Share of |T| below which two of them are equal."""
_CELLS = 200_000  # sums held at once


def shuffles(strata: Ints, permutations: int, seed: int) -> Iterator[Ints]:
    """Orders of rows, each a uniform shuffle within strata: row i takes what row ``order[i]`` had.

    :param strata: number of each row's stratum, from 0.
    """
    rng = np.random.default_rng(seed)
    small = strata.astype(np.uint16) if strata.max(initial=0) < 2**16 else strata  # radix sort
    place = np.argsort(small, kind="stable")
    order = np.empty_like(place)
    for _ in range(permutations):
        mixed = rng.permutation(len(strata))
        order[place] = mixed[np.argsort(small[mixed], kind="stable")]
        yield order


def permuted(
    values: Floats,
    *,
    members: Ints,
    groups: Ints,
    strata: Ints,
    coefficients: Floats,
    permutations: int,
    seed: int,
) -> tuple[Floats, Iterator[Floats]]:
    """|T| as observed, [columns, contrasts], and in portions as permuted, [portion, ...] likewise.

    Infinite where it cannot be computed. Parameters are those of :func:`permutation_p`.
    """
    n_groups = len(coefficients)
    member = np.unique(members, return_inverse=True)[1]
    cells = member * n_groups + groups
    rows = np.argsort(cells, kind="stable")
    starts = np.flatnonzero(np.diff(cells[rows], prepend=-1))
    there = ~np.isnan(values[rows])
    whole = bool(there.all())  # then no permutation changes how many values a cell has
    table = values[rows] if whole else np.hstack([np.where(there, values[rows], 0.0), there])
    shape = (int(member.max(initial=0)) + 1, n_groups)
    filled = cells[rows][starts]
    fixed = np.bincount(cells, minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)

    def statistic(parts: list[Floats]) -> Floats:
        dense = np.zeros((len(parts), table.shape[1], shape[0] * shape[1]))
        dense[:, :, filled] = np.stack(parts).transpose(0, 2, 1)
        sums = dense.reshape(len(parts), -1, *shape)
        counts: Floats = fixed[None, None]
        if not whole:
            sums, counts = np.split(sums, 2, axis=1)
        found = robust(Totals(sums, counts, np.empty(0, dtype=np.int64)), coefficients)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(found.value / found.error)
        t[(found.value == 0) & (found.error == 0)] = 0.0
        return np.where(np.isnan(t), np.inf, t)

    def chance() -> Iterator[Floats]:
        chunk = max(1, _CELLS // (shape[0] * shape[1] * table.shape[1]))
        parts: list[Floats] = []
        for number, order in enumerate(shuffles(strata[rows], permutations, seed), start=1):
            parts.append(np.add.reduceat(table.take(order, axis=0), starts, axis=0))
            if len(parts) == chunk or number == permutations:
                yield statistic(parts)
                parts = []

    return statistic([np.add.reduceat(table, starts, axis=0)])[0], chance()


def permutation_p(
    values: Floats,
    *,
    members: Ints,
    groups: Ints,
    strata: Ints,
    coefficients: Floats,
    permutations: int,
    seed: int,
) -> Floats:
    """Two-sided p-values, [columns, contrasts]; NaN where a contrast is not estimable.

    :param values: [attacks, columns], NaN where missing, in an order that does not depend on the
        file's, because the seed shuffles places.
    :param groups: each attack's group, from 0; what is permuted within ``strata``.
    :param coefficients: [groups, contrasts].
    """
    observed, chance = permuted(
        values,
        members=members,
        groups=groups,
        strata=strata,
        coefficients=coefficients,
        permutations=permutations,
        seed=seed,
    )
    reached = sum((t >= observed * (1 - TIE)).sum(axis=0) for t in chance)
    return np.where(np.isinf(observed), np.nan, (1 + reached) / (1 + permutations))
