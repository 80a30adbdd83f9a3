"""The wild cluster bootstrap: intervals of means and regression coefficients when members are few.

For y = Xβ + u with clusters g and a null β_a = r: fit with the null imposed, flip the residuals of
each whole cluster by a random weight w_g of mean 0 and variance 1, refit, and compare the
cluster-robust t of the data with those of the refits. The interval is every r whose two-sided p is
above 1 - level, found by bisection from the estimate outwards. The mean of one arm is the case
X = 1: the estimate is over attacks, and members weigh by their attacks.

Weights are Rademacher's (±1), and Webb's six points (±√½, ±1, ±√1½) below 12 clusters, where
Rademacher's would leave too few different resamples.

All that is needed of a cluster is X_g'X_g and X_g'y_g. Everything is linear in r, so the weights
are drawn once and each r costs one pass over the resamples.

It speaks of means. A resample keeps the values of X and changes y by flipping residuals, which
leaves nothing of the shape of y, so there are no wild intervals for quantiles and tails.

References: Cameron, Gelbach & Miller 2008, "Bootstrap-based improvements for inference with
clustered errors", *Review of Economics and Statistics* 90(3); Webb 2023, "Reworking wild
bootstrap-based inference for clustered errors", *Canadian Journal of Economics* 56(3); MacKinnon &
Webb 2018, "The wild bootstrap for few (treated) clusters", *Econometrics Journal* 21(2).

>>> y, member = np.arange(24.0) % 7, np.arange(24) // 4
>>> found = wild_interval(y, np.ones((24, 1)), member, level=0.95, resamples=999, seed=1)
>>> bool(found[0] < y.mean() < found[1])
True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Floats, Ints

__all__ = ["Clusters", "Ends", "of_clusters", "of_contrast", "wild_interval"]

Ends = tuple[float, float]

_WEBB_BELOW = 12  # clusters
_WEBB = np.sqrt([0.5, 1.0, 1.5])
_FAR = 60.0  # standard errors from the estimate beyond which an end counts as infinite
_HALVINGS = 20


@dataclass(frozen=True)
class Clusters:
    """What a regression needs to know of each cluster."""

    xx: Floats
    """X_g'X_g, clusters × k × k."""
    xy: Floats
    """X_g'y_g, clusters × k."""

    @classmethod
    def of(cls, y: Floats, x: Floats, clusters: Ints) -> Clusters:
        """From values (n), regressors (n × k) and the label of each row's cluster."""
        _, codes = np.unique(clusters, return_inverse=True)
        count, k = int(codes.max()) + 1, x.shape[1]
        xx, xy = np.zeros((count, k, k)), np.zeros((count, k))
        np.add.at(xx, codes, x[:, :, None] * x[:, None, :])
        np.add.at(xy, codes, x * y[:, None])
        return cls(xx, xy)


def wild_interval(
    y: Floats,
    x: Floats,
    clusters: Ints,
    *,
    of: int = 0,
    level: float,
    resamples: int,
    seed: int,
) -> Ends | None:
    """The interval of coefficient ``of``; ``None`` where it has no finite end.

    :param x: regressors, n × k, of full rank; a column of ones where there is to be an intercept.
    """
    sums = Clusters.of(y, x, clusters)
    return of_clusters(sums, of=of, level=level, resamples=resamples, seed=seed)


def of_contrast(
    sums: Floats, counts: Floats, weights: Floats, *, level: float, resamples: int, seed: int
) -> Ends | None:
    """The interval of a weighted sum of means of groups, a coefficient of a regression on groups.

    :param sums: of the values by member and group; no group is empty.
    :param counts: number of values (or their weight), likewise.
    :param weights: of the means, [groups].
    """
    used = np.flatnonzero(np.abs(weights) > 1e-9 * np.abs(weights).max())
    there = counts[:, used].any(axis=1)
    sums, counts = sums[np.ix_(there, used)], counts[np.ix_(there, used)]
    turned = np.eye(len(used))  # β' = turned β has the contrast first, then the other means
    turned[0] = weights[used]
    back = np.linalg.inv(turned)
    xx = np.einsum("ga,mg,gb->mab", back, counts, back)
    return of_clusters(Clusters(xx, sums @ back), of=0, level=level, resamples=resamples, seed=seed)


def of_clusters(sums: Clusters, *, of: int, level: float, resamples: int, seed: int) -> Ends | None:
    """The same from sums over clusters."""
    inverse = np.linalg.inv(sums.xx.sum(axis=0))
    beta = inverse @ sums.xy.sum(axis=0)
    row = inverse[of]
    error = float(np.sqrt((((sums.xy - sums.xx @ beta) @ row) ** 2).sum()))
    if not error > 0:
        return None
    t2 = _Resampled(sums, inverse, of, _weights(len(sums.xx), resamples, seed))

    def kept(r: float) -> bool:
        bound = ((beta[of] - r) / error) ** 2 * (1 - 1e-9)  # a weight of all ones gives equality
        return float((t2.at(r) >= bound).mean()) > 1 - level

    ends = [_end(kept, float(beta[of]), side * error) for side in (-1, 1)]
    low, high = ends
    return None if low is None or high is None else (low, high)


class _Resampled:
    """Squared t of every resample under the null β_a = r, a ratio of two parabolas in r."""

    def __init__(self, sums: Clusters, inverse: Floats, of: int, weights: Floats) -> None:
        k = len(inverse)
        rest = [i for i in range(k) if i != of]
        total, xy = sums.xx.sum(axis=0), sums.xy.sum(axis=0)
        fixed, slope = np.zeros(k), np.zeros(k)  # β with the null imposed: fixed + r · slope
        slope[of] = 1.0
        if rest:
            inner = np.linalg.inv(total[np.ix_(rest, rest)])
            fixed[rest], slope[rest] = inner @ xy[rest], -inner @ total[rest, of]
        moved = inverse[of] @ sums.xx @ inverse  # by how much a refit moves each cluster's score
        scores = [sums.xy - sums.xx @ fixed, -(sums.xx @ slope)]
        own = [score @ inverse[of] for score in scores]
        pull = [mine[:, None] * moved for mine in own]
        columns = [*scores, *pull, *(mine[:, None] for mine in own)]
        drawn = weights @ np.hstack(columns)  # one pass over the weights for all
        *shift_drag, first, second = np.split(drawn, [k, 2 * k, 3 * k, 4 * k, 4 * k + 1], axis=1)
        shift, drag = shift_drag[:2], shift_drag[2:]
        self._top = [np.ascontiguousarray(first[:, 0]), np.ascontiguousarray(second[:, 0])]
        even = len(own[0]) >= _WEBB_BELOW  # Rademacher's weights have the square 1

        def product(i: int, j: int) -> Floats:
            """Σ_g h_i h_j, h_g = w_g own_g - moved_g · shift: without an array of all clusters."""
            both = own[i] * own[j]
            squares = both.sum() if even else weights**2 @ both
            crossed = shift[i] * drag[j] + shift[j] * drag[i]
            inner = (shift[i] @ (moved.T @ moved)) * shift[j]
            return np.asarray(squares + (inner - crossed).sum(axis=1))

        self._parabola = (product(0, 0), 2 * product(0, 1), product(1, 1))

    def at(self, r: float) -> Floats:
        """t² of each resample; infinite where the resample has no spread."""
        a, b, c = self._parabola
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.maximum(a + r * b + r * r * c, 0)
            found = (self._top[0] + r * self._top[1]) ** 2 / spread
        return np.asarray(np.nan_to_num(found, nan=np.inf, posinf=np.inf))


def _weights(clusters: int, resamples: int, seed: int) -> Floats:
    """A weight for each cluster in each resample."""
    rng, size = np.random.default_rng(seed), (resamples, clusters)
    if clusters < _WEBB_BELOW:
        return np.concatenate([-_WEBB, _WEBB])[rng.integers(6, size=size)]
    return np.asarray(2.0 * rng.integers(2, size=size, dtype=np.int8) - 1, dtype=np.float64)


def _end(kept: Callable[[float], bool], start: float, step: float) -> float | None:
    """Where ``kept`` ends on one side of ``start``; ``None`` where it goes on and on."""
    inside, reach = 0.0, 1.0
    while kept(start + reach * step):
        inside, reach = reach, 1.5 * reach
        if reach > _FAR:
            return None
    for _ in range(_HALVINGS):
        middle = (inside + reach) / 2
        inside, reach = (middle, reach) if kept(start + middle * step) else (inside, middle)
    return start + inside * step
