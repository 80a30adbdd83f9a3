"""What chance alone makes of a difference between arms that were drawn at random.

Under the null hypothesis that the arm changes nothing, every attack would have gone as it did
whatever arm it had met. So arms are given out anew, every attack keeping all its outcomes, missing
ones too, and the contrast is computed again:

    T = θ / se        p = (1 + #{|T*| ≥ |T|}) / (1 + times)

se is the standard error over members of :mod:`gadfly.analysis.statistics.joint`. Being studentised,
the test keeps its level for large samples where arms differ in spread but not in mean.

Where the chances of arms were kept, each attack draws its arm again with those that it had, and θ
has overlap weights (:mod:`gadfly.analysis.statistics.overlap`): the chances of an attack follow
from what was drawn before it and stay as they were, so each term of θ has the mean 0 given all that
came before, observed or drawn again. A member who learns or tires while arms come and go makes no
difference by that. Without chances the labels of a member's attacks in one round of assignment are
permuted, which is exact where they are exchangeable: where a member's attacks do not drift within a
round, or arms came in any order equally often.

Arms that leave a group empty count as extreme. The one observed arrangement is counted among the
drawn ones, so p is never 0.

References: Phipson & Smyth 2010, "Permutation p-values should never be zero", doi
10.2202/1544-6115.1585; Chung & Romano 2013, "Exact and asymptotically robust permutation tests",
*Annals of Statistics* 41(2); Bojinov & Shephard 2019, "Time series experiments and causal
estimands: exact randomization tests and trading", doi 10.1080/01621459.2018.1527225, on drawing
anew with the chances that the past gave.

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

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.joint import Totals, robust
from gadfly.analysis.statistics.overlap import every_weight

__all__ = ["TIE", "permutation_p", "permuted", "redrawn", "shuffles"]

Labels = NDArray[np.unsignedinteger[Any]]
"""Numbers of groups, as short as they may be."""
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


def redrawn(chances: Floats, times: int, seed: int) -> Iterator[Labels]:
    """Groups drawn anew, each row by its own chances.

    :param chances: [rows, groups], no row all 0; they need not add up to 1.
    """
    rng, ends = np.random.default_rng(seed), np.ascontiguousarray(np.cumsum(chances, axis=1).T)
    for _ in range(times):
        where = rng.random(len(chances)) * ends[-1]
        group = np.zeros(len(chances), dtype=np.min_scalar_type(len(ends)))
        for end in ends[:-1]:
            group += where >= end
        yield group


def permuted(
    values: Floats,
    *,
    members: Ints,
    groups: Ints,
    strata: Ints,
    coefficients: Floats,
    permutations: int,
    seed: int,
    chances: Floats | None = None,
) -> tuple[Floats, Iterator[Floats]]:
    """|T| as observed, [columns, contrasts], and as drawn anew, in portions [times, ...] likewise.

    Infinite where it cannot be computed. Parameters are those of :func:`permutation_p`.
    """
    member = np.unique(members, return_inverse=True)[1]
    shape = (int(member.max(initial=0)) + 1, len(coefficients))
    there = ~np.isnan(values)
    counted = there[:, :1] if there.all() else there  # then one column of counts serves all
    table, columns = np.hstack([np.where(there, values, 0.0), counted]), values.shape[1]
    if chances is None:
        met = np.zeros((int(strata.max(initial=0)) + 1, shape[1]))
        met[strata, groups] = 1.0
        weights = met[strata]  # 0 where no label of its stratum is the group's
    else:
        weights = every_weight(chances)
    parts = _summing(table, member, weights)

    def statistic(drawn: Sequence[Labels]) -> Floats:
        group = np.stack(drawn, axis=1)
        held = np.stack(
            [x @ (group[rows] == g).astype(np.float64) for g, (rows, x) in enumerate(parts)]
        )
        held = held.reshape(shape[1], shape[0], table.shape[1], len(drawn)).transpose(3, 2, 1, 0)
        totals = Totals(held[:, :columns], held[:, columns:], np.empty(0, dtype=np.int64))
        found = robust(totals, coefficients)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(found.value / found.error)
        t[(found.value == 0) & (found.error == 0)] = 0.0
        return np.where(np.isnan(t), np.inf, t)

    labels = groups.astype(np.min_scalar_type(shape[1]))
    orders = (labels[order] for order in shuffles(strata, permutations, seed))
    anew: Iterator[Labels] = orders if chances is None else redrawn(chances, permutations, seed)
    chunk = max(1, _CELLS // max(shape[0] * shape[1] * table.shape[1], len(values)))
    return statistic([labels])[0], map(statistic, iter(lambda: list(islice(anew, chunk)), []))


def _summing(table: Floats, member: Ints, weights: Floats) -> list[tuple[Ints, csr_array]]:
    """For each group the rows that may be of it, and what makes the sums of each member's columns
    of who of them is in it.
    """
    columns, parts = table.shape[1], []
    place = member[:, None] * columns + np.arange(columns)
    size = int(place.max(initial=-1)) + 1
    for weight in weights.T:
        rows = np.flatnonzero(weight)
        where = place[rows].ravel(), np.repeat(np.arange(len(rows)), columns)
        part = (weight[rows, None] * table[rows]).ravel()
        parts.append((rows, csr_array((part, where), shape=(size, len(rows)))))
    return parts


def permutation_p(
    values: Floats,
    *,
    members: Ints,
    groups: Ints,
    strata: Ints,
    coefficients: Floats,
    permutations: int,
    seed: int,
    chances: Floats | None = None,
) -> Floats:
    """Two-sided p-values, [columns, contrasts]; NaN where a contrast is not estimable.

    :param values: [attacks, columns], NaN where missing, in an order that does not depend on the
        file's, because the seed shuffles places.
    :param groups: each attack's group, from 0; what is drawn anew, or permuted within ``strata``.
    :param coefficients: [groups, contrasts].
    :param chances: of the groups that an attack is compared by, 0 of others, [attacks, groups]:
        then arms are drawn anew and weighted; ``None``: they are permuted.
    """
    observed, chance = permuted(
        values,
        members=members,
        groups=groups,
        strata=strata,
        coefficients=coefficients,
        permutations=permutations,
        seed=seed,
        chances=chances,
    )
    reached = sum((t >= observed * (1 - TIE)).sum(axis=0) for t in chance)
    return np.where(np.isinf(observed), np.nan, (1 + reached) / (1 + permutations))
