"""The member jackknife: what a slope or a difference would be without each member in turn.

With θ the estimate from all G members and θ₍₋g₎ that without member g,

    v = (G − 1) / G · Σ_g (θ₍₋g₎ − θ)²

is the cluster-robust variance CV3, and θ ± t √v an interval. It is exact arithmetic, needs no
draws, and errs on the wide side where other cluster-robust variances are too small: few members, or
few who made most of the attacks. Degrees of freedom are the effective members less one (Kish's
number of the weights that members have in the estimate, the smaller of the two means' for a
difference), not G − 1: a hundred members of whom three did everything are three.

Difference: the mean over the attacks of one group less that of the other (attack-weighted). Members
may be in both groups, as where each attacks every arm, or in one, as with briefs.

Slope: of y on x in y = member + controls + slope · x, by least squares. Each member has a level of
its own, so that only what changes within a member counts, and the mix of members over x does not.

References: MacKinnon, Nielsen & Webb 2023, "Cluster-robust inference: A guide to empirical
practice", *Journal of Econometrics* 232(2), which recommends CV3; Carter, Schnepel & Steigerwald
2017, "Asymptotic behavior of a t-test robust to cluster heterogeneity", *Review of Economics and
Statistics* 99(4), on effective clusters.

>>> import numpy as np
>>> y = np.array([1.0, 2.0, 2.0, 3.0, 1.0, 3.0])
>>> found = difference(y, np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1], dtype=bool))
>>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
(1.333, -0.101, 2.768)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.estimate import Estimate

__all__ = [
    "METHOD",
    "REGIME",
    "difference",
    "mean_errors",
    "mean_freedom",
    "standard_errors",
    "within_slope",
]

METHOD = "member jackknife (CV3), Student t with effective members less one"
REGIME = Regime("conservative", members=2)
"""Where intervals hold their level."""
_FLAT = 1e-9  # of x's variance that the other columns must leave
_ROUNDING = 1e-12  # of the means, below which a difference or an error is none


def difference(
    values: Floats,
    members: Ints,
    second: NDArray[np.bool_],
    *,
    level: float = 0.95,
    what: str = "difference of means",
) -> Estimate:
    """Mean of the values in the second group less that of the others; ``n`` is all of them.

    :param second: whether each value is in the second group.
    """
    _, codes = np.unique(members, return_inverse=True)
    count = int(codes.max(initial=-1)) + 1
    sides = (codes[~second], codes[second])
    of = (values[~second], values[second])
    n: Floats = np.stack([np.bincount(side, np.ones(len(side)), count) for side in sides])
    s: Floats = np.stack([np.bincount(side, y, count) for side, y in zip(sides, of, strict=True)])
    if not n.sum(axis=1).all():
        return _missing(what, len(values), level, "not estimable: one of the groups is empty")
    found, error, df = standard_errors(s, n)
    return _estimate(what, len(values), level, float(found), float(error), float(df))


def standard_errors(sums: Floats, counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Differences of means, their standard errors and degrees of freedom, many at once.

    :param sums: of the values, (..., 2, members): first and second group.
    :param counts: of the values, likewise; each group has some.
    :returns: three arrays of the leading shape; an error is infinite where one member made a whole
        group, for nobody knows what the others would have done.
    """
    mean, left = _left_out(sums, counts)
    worth = _worth(counts).min(axis=-1)
    found = mean[..., 1, 0] - mean[..., 0, 0]
    with np.errstate(invalid="ignore"):
        apart = left[..., 1, :] - left[..., 0, :] - found[..., None]
    error = _error(apart, counts.sum(axis=-2) > 0)
    rounding = _ROUNDING * np.abs(mean).max(axis=(-2, -1))
    found, error = (np.where(np.abs(x) <= rounding, 0.0, x) for x in (found, error))
    return found, error, np.maximum(worth - 1, 0)


def mean_errors(sums: Floats, counts: Floats) -> tuple[Floats, Floats, Floats]:
    """The same of means, from arrays (..., members)."""
    mean, left = _left_out(sums, counts)
    with np.errstate(invalid="ignore"):
        apart = left - mean
    return mean[..., 0], _error(apart, counts > 0), np.maximum(_worth(counts) - 1, 0)


def mean_freedom(sums: Floats, counts: Floats) -> Floats:
    """Degrees of freedom of the error of a mean where few members may have had all that is not
    common, from arrays (..., members): 1/d = 1/(effective members − 1) + (κ − 1)/(2G), with κ the
    kurtosis of how far the mean moves without each of the G members (``korn_graubard.py``).
    """
    mean, left = _left_out(sums, counts)
    there = counts > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(there & np.isfinite(left), left - mean, 0.0) ** 2
        g = there.sum(axis=-1)
        kurtosis = g * (squares**2).sum(axis=-1) / squares.sum(axis=-1) ** 2
        found = 1 / (1 / (_worth(counts) - 1) + (kurtosis - 1) / (2 * g))
    return np.where(np.isfinite(found), np.maximum(found, 0), 0.0)


def _left_out(sums: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Means over members, and without each; infinite where nothing is left."""
    total, number = sums.sum(axis=-1, keepdims=True), counts.sum(axis=-1, keepdims=True)
    without = number - counts
    with np.errstate(divide="ignore", invalid="ignore"):
        return total / number, np.where(without > 0, (total - sums) / without, np.inf)


def _error(apart: Floats, there: NDArray[np.bool_]) -> Floats:
    """CV3's root, from how far the estimate moves without each member who is there."""
    g = there.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        squares = np.where(there, np.where(np.isfinite(apart), apart, np.inf) ** 2, 0.0)
    return np.asarray(np.sqrt(np.maximum(g - 1, 1) / np.maximum(g, 1) * squares.sum(axis=-1)))


def _worth(counts: Floats) -> Floats:
    """Effective members (Kish)."""
    squares = (counts**2).sum(axis=-1)
    whole = counts.sum(axis=-1) ** 2
    return np.asarray(np.divide(whole, squares, out=np.zeros_like(whole), where=squares > 0))


def within_slope(
    y: Floats,
    x: Floats,
    controls: Floats,
    members: Ints,
    *,
    level: float = 0.95,
    what: str = "slope",
) -> Estimate:
    """The slope of ``y`` on ``x`` within members; ``n`` is the number of values.

    :param controls: other columns, (n, k); levels of a factor as 0 and 1, one left out.
    """
    _, codes, sizes = np.unique(members, return_inverse=True, return_counts=True)
    z = np.column_stack([x, controls, y]).astype(np.float64)
    means = np.stack([np.bincount(codes, column) for column in z.T], axis=1) / sizes[:, None]
    z -= means[codes]
    apart = np.split(z[np.argsort(codes, kind="stable")], np.cumsum(sizes)[:-1])
    crossed = np.stack([own.T @ own for own in apart])
    whole = crossed.sum(axis=0)
    a, b = whole[1:-1, 1:-1], whole[1:-1, 0]
    net = z[:, 0] - z[:, 1:-1] @ (np.linalg.pinv(a, hermitian=True) @ b)
    weight = np.bincount(codes, net**2)
    if weight.sum() <= _FLAT * max(float(((x - x.mean()) ** 2).sum()), _FLAT):
        reason = "not estimable: it does not change within any member beside the rest"
        return _missing(what, len(y), level, reason)
    found = _slopes(whole[None])[0]
    there = weight > _FLAT * weight.sum()
    g = int(there.sum())
    left = _slopes(whole - crossed[there])
    error = float(np.sqrt((g - 1) / g * ((left - found) ** 2).sum()))
    worth = effective_members(weight.astype(np.float64))
    return _estimate(what, len(y), level, float(found), error, worth - 1)


def _slopes(crossed: Floats) -> Floats:
    """The coefficient of the first column, from cross products with y last."""
    inverse = np.linalg.pinv(crossed[:, :-1, :-1], hermitian=True)
    return np.asarray(np.einsum("gj,gj->g", inverse[:, 0], crossed[:, :-1, -1]))


def _estimate(what: str, n: int, level: float, found: float, error: float, df: float) -> Estimate:
    worth = df + 1
    if worth < REGIME.members or not np.isfinite(error):
        reason = (
            f"no interval: it rests on {worth:.1f} effective members, it takes {REGIME.members:g}"
        )
        return _made(what, n, level, found, None, reason)
    if error == 0:
        return _made(what, n, level, found, None, "no interval: no member differs from another")
    return _made(what, n, level, found, float(t.ppf((1 + level) / 2, df)) * error, None)


def _made(
    what: str, n: int, level: float, found: float | None, half: float | None, reason: str | None
) -> Estimate:
    ends = None if found is None or half is None else (found - half, found + half)
    return Estimate.of(found, ends, level=level, n=n, method=f"{what}; {METHOD}", reason=reason)


def _missing(what: str, n: int, level: float, reason: str) -> Estimate:
    return _made(what, n, level, None, None, reason)
