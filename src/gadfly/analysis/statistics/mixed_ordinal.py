"""The cumulative-logit model with a random intercept for each member: ratings as ordered, not
as numbers.

Definition: P(Y <= j) = F(a_j - x'b - t v_m), F logistic, thresholds a_1 < ... < a_J, v_m ~ N(0, 1)
for each member m, t the standard deviation of the intercepts. A higher b makes higher ratings.
The likelihood integrates each v_m out by adaptive Gauss-Hermite quadrature: nodes stand around the
mode of a member's integrand, spread by its curvature; one node is Laplace's approximation.

How: the logistic distribution has F(a) - F(b) = F(a) (1 - F(b)) (1 - exp(b - a)). So a rating is
worth one or two binary observations ("terms": above the threshold below it, not above the one at
its upper end), and a term that holds thresholds alone; everything is then logistic regression.
Fisher scoring (the variance's part as in a linear mixed model) climbs by the exact gradient of the
approximated likelihood, the movement of the nodes included; the observed information is the
gradient's difference, step by step, at the maximum.

Decisions: a maximum at t = 0 is allowed and said (``boundary``). A climb that does not end, an
information that is not positive definite, and a coefficient that runs away because a group has
ratings of one end alone (separation) are :class:`NotFitted`, never numbers. Columns that others
determine are left out and named, as in :mod:`gadfly.analysis.statistics.mixed_linear`.

References: McCullagh 1980, *JRSS B* 42(2); Pinheiro & Bates 1995, *Journal of Computational and
Graphical Statistics* 4(1), on the quadrature; Christensen 2022, R package ordinal, ``clmm``, whose
parameters these are.

>>> import numpy as np
>>> rating = np.array([0, 1, 2, 2, 1, 0, 0, 1, 2, 1, 0, 0])
>>> x = np.tile([0.0, 1.0], 6)[:, None]
>>> fit = fit_ordinal(rating, x, np.repeat([0, 1, 2, 3], 3))
>>> fit.thresholds.round(2).tolist(), fit.coefficients.round(2).tolist(), fit.sd_member
([-0.28, 1.15], [0.1], 0.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigvalsh
from scipy.special import logit

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.mixed_linear import NotFitted, checked

__all__ = ["OrdinalFit", "fit_ordinal"]

_ROUNDS = 200  # steps of scoring, and of the search for the modes
_CLOSE = 1e-10  # expected gain in log likelihood at which the climb ends
_LEAST = 1e-8  # variance of the intercepts below which it counts as 0
_MOST = 10.0  # logits; with larger intercepts members hardly vary, and quadrature does not hold
_STEP = 1e-4  # of a standard error: the step of differences
_SEPARATED = 1e-5  # of the information at the start that every combination of them must keep


@dataclass(frozen=True)
class OrdinalFit:
    """A fitted model."""

    categories: tuple[float, ...]
    """The ratings that occur, ascending; one threshold lies above each but the last."""
    thresholds: Floats
    """Thresholds on the logit scale, ascending."""
    kept: tuple[int, ...]
    """Columns of X that have a coefficient."""
    aliased: tuple[int, ...]
    """Columns left out because the thresholds and earlier ones determine them."""
    coefficients: Floats
    """Effects of the kept columns in logits; above 0 makes high ratings likelier."""
    covariance: Floats
    """Covariance of thresholds and coefficients, in this order."""
    sd_member: float
    """Standard deviation of the intercepts in logits; 0 on the boundary."""
    log_likelihood: float
    """Approximated log likelihood, all constants included."""
    nodes: int
    """Nodes of the quadrature."""
    n: int
    """Number of rows."""
    members: int
    """Number of members."""

    @property
    def se(self) -> Floats:
        """Standard errors of thresholds and coefficients, in this order."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def icc(self) -> float:
        """Share of the latent variance that lies between members; the logistic has pi^2 / 3."""
        return self.sd_member**2 / (self.sd_member**2 + np.pi**2 / 3)

    @property
    def boundary(self) -> bool:
        """Whether the intercepts have no variance."""
        return self.sd_member == 0


def fit_ordinal(rating: NDArray[Any], x: Floats, members: Ints, *, nodes: int = 10) -> OrdinalFit:
    """Fit ordered ratings (n) on the columns of x (n by p, no constant), an intercept per member.

    Raises :class:`NotFitted` where there is nothing to fit or no maximum is found.
    """
    values = np.asarray(rating, dtype=np.float64) + 0.0  # no -0
    groups = checked(values, np.column_stack((np.ones(len(values)), x)), members)
    categories, y = np.unique(values, return_inverse=True)
    if len(categories) < 2:
        raise NotFitted("all ratings are equal")
    kept = [j - 1 for j in groups.kept if j]
    terms = _Terms(y, len(categories) - 1, x[:, kept], groups.codes, nodes)
    shares = np.cumsum(np.bincount(y)) / len(y)
    start = np.concatenate((logit(shares[:-1]), np.zeros(len(kept)), [0.5]))
    try:
        found = _climb(terms, start)
        covariance, boundary = _covariance(terms, found)
    except np.linalg.LinAlgError as error:
        raise NotFitted("the information is not positive definite") from error
    j = terms.levels
    return OrdinalFit(
        categories=tuple(float(c) for c in categories),
        thresholds=found.place[:j],
        kept=tuple(kept),
        aliased=tuple(i for i in range(x.shape[1]) if i not in kept),
        coefficients=found.place[j:-1],
        covariance=covariance[: j + len(kept), : j + len(kept)],
        sd_member=0.0 if boundary else float(found.place[-1]),
        log_likelihood=found.value,
        nodes=nodes,
        n=len(y),
        members=len(terms.starts),
    )


@dataclass(frozen=True)
class _Point:
    """The likelihood at one place: thresholds, coefficients, standard deviation."""

    place: Floats
    value: float  # log likelihood
    gradient: Floats
    scaled: Floats  # weight of each term at its member's mode
    spread: Floats  # conditional variance of each member's v


class _Terms:
    """The binary observations that the ratings are worth, member by member."""

    def __init__(self, y: Ints, levels: int, x: Floats, codes: Ints, nodes: int) -> None:
        rows = np.concatenate((np.flatnonzero(y < levels), np.flatnonzero(y > 0)))
        upper = np.arange(len(rows)) < np.count_nonzero(y < levels)
        order = np.argsort(codes[rows], kind="stable")
        rows, upper = rows[order], upper[order]
        self.levels = levels
        self.sign = np.where(upper, 1.0, -1.0)
        threshold = y[rows] - np.where(upper, 0, 1)
        self.z = np.column_stack((threshold[:, None] == np.arange(levels), -x[rows]))
        self.group = codes[rows]
        self.starts = np.flatnonzero(np.diff(self.group, prepend=-1))
        self.inner = np.bincount(y, minlength=levels + 1)[1:levels].astype(np.float64)
        points, weights = np.polynomial.hermite.hermgauss(nodes)
        self.points = np.sqrt(2) * points
        self.log_weights = np.log(weights) + points**2 - 0.5 * np.log(np.pi)
        self.modes = np.zeros(len(self.starts))  # where the next search for modes starts

    def sums(self, values: Floats) -> Floats:
        """Sum over the terms of each member, along the first axis."""
        return np.add.reduceat(values, self.starts, axis=0)

    def ordered(self, place: Floats) -> bool:
        """Whether every threshold lies above the one before, without which there is no value."""
        return bool((np.diff(place[: self.levels]) > 0).all())

    def at(self, place: Floats) -> _Point:
        """Value and exact gradient, at thresholds in order."""
        gaps = np.diff(place[: self.levels])
        q, t = self.z @ place[:-1], float(place[-1])
        modes = self._modes(q, t)
        up = _expit(q - t * modes[self.group])
        weight = up * (1 - up)
        within = self.sums(weight)
        spread = 1 / (t * t * within + 1)
        sd = np.sqrt(spread)

        v = modes[:, None] + sd[:, None] * self.points
        h, sums = np.empty_like(v), np.empty_like(v)
        rest = np.empty((len(self.points), len(q)))
        for k in range(len(self.points)):
            s = self.sign * (q - t * v[self.group, k])
            small = np.exp(-np.abs(s))
            h[:, k] = self.sums(np.minimum(s, 0) - np.log(1 + small))
            rest[k] = self.sign * np.where(s > 0, small, 1) / (1 + small)
            sums[:, k] = self.sums(rest[k])
        h += self.log_weights - v * v / 2
        top = h.max(axis=1, keepdims=True)
        share = np.exp(h - top)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        value = float((top + np.log(total * sd[:, None])).sum())
        value += float(self.inner @ np.log(-np.expm1(-gaps)))

        # What the likelihood gains when the nodes follow the mode (a) and the curvature (b).
        slope = -t * sums - v
        third = weight * (1 - 2 * up)
        bend = self.sums(third)
        b = (share * slope @ self.points + 1 / sd) * sd**3 / 2
        a = spread * ((share * slope).sum(axis=1) + b * t**3 * bend)
        row = (a * t)[self.group] * weight - (b * t * t)[self.group] * third
        for k in range(len(self.points)):
            row += rest[k] * share[self.group, k]
        gradient = np.append(self.z.T @ row, -(share * v * sums).sum())
        gradient[-1] += a @ (modes / t - t * modes * within)
        gradient[-1] += b @ (t * t * modes * bend - 2 * t * within)
        pull = self.inner / np.expm1(gaps)
        gradient[1 : self.levels] += pull
        gradient[: self.levels - 1] -= pull
        return _Point(place, value, gradient, weight, spread)

    def _modes(self, q: Floats, t: float) -> Floats:
        """Where each member's integrand is highest, by Newton's method in short steps."""
        modes, last, longest = self.modes, np.zeros(len(self.modes)), np.ones(len(self.modes))
        for _ in range(_ROUNDS):
            up = _expit(q - t * modes[self.group])
            # The residual of a term is 1 - F where its sign is 1, and -F where it is -1.
            slope = -t * self.sums((self.sign > 0) - up) - modes
            step = slope / (t * t * self.sums(up * (1 - up)) + 1)
            longest = np.where(step * last < 0, longest / 2, longest)  # no swinging to and fro
            modes, last = modes + np.clip(step, -longest, longest), step
            if np.abs(step).max() < 1e-11:
                self.modes = modes
                return modes
        raise NotFitted("the mode of a member's intercept was not found")

    def information(self, point: _Point) -> tuple[Floats, float]:
        """Fisher's: of thresholds and coefficients, and of the variance of the intercepts."""
        t = float(point.place[-1])
        weighted = self.z * point.scaled[:, None]
        of_member = self.sums(weighted) * (t * np.sqrt(point.spread))[:, None]
        info = self.z.T @ weighted - of_member.T @ of_member
        gaps = np.diff(point.place[: self.levels])
        curve = self.inner / (4 * np.sinh(gaps / 2) ** 2)
        each = np.arange(len(gaps))
        info[each, each] += curve
        info[each + 1, each + 1] += curve
        info[each, each + 1] -= curve
        info[each + 1, each] -= curve
        within = self.sums(point.scaled)
        return info, float(((within * point.spread) ** 2).sum()) / 2


def _expit(values: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-values)))


def _climb(terms: _Terms, start: Floats) -> _Point:
    """The maximum."""
    point = terms.at(start)
    first = terms.information(point)[0]
    for _ in range(_ROUNDS):
        info, of_variance = terms.information(point)
        if eigvalsh(info, first)[0] < _SEPARATED:  # also of b + c where b and c have some
            raise NotFitted("a coefficient has no finite value: a group rates at one end alone")
        t = float(point.place[-1])
        if t > _MOST:
            raise NotFitted("the intercepts' variance has no finite value: members hardly vary")
        step = np.asarray(np.linalg.solve(info, point.gradient[:-1]), dtype=np.float64)
        by_variance = point.gradient[-1] / (2 * t)
        variance = np.clip(t * t + by_variance / of_variance, _LEAST, 4 * t * t + 1e-3)
        moved = variance - t * t
        if point.gradient[:-1] @ step + by_variance * moved < _CLOSE:
            return point
        point = _uphill(terms, point, step, moved)
    raise NotFitted(f"no maximum found in {_ROUNDS} steps")


def _uphill(terms: _Terms, point: _Point, step: Floats, moved: float) -> _Point:
    """The first point along a step, halved as often as need be, that is not below."""
    for k in range(40):
        part = 0.5**k
        place = np.append(
            point.place[:-1] + part * step, np.sqrt(point.place[-1] ** 2 + part * moved)
        )
        if terms.ordered(place) and (found := terms.at(place)).value >= point.value - 1e-9:
            return found
    raise NotFitted("the likelihood cannot be raised, yet its gradient is not 0")


def _covariance(terms: _Terms, point: _Point) -> tuple[Floats, bool]:
    """Inverse of the observed information, and whether the variance stands at 0."""
    info, of_variance = terms.information(point)
    t = float(point.place[-1])
    boundary = t * t <= 2 * _LEAST
    size = len(point.place) - boundary
    scale = np.append(np.diag(info), 4 * t * t * of_variance) ** -0.5
    observed = np.empty((size, size))
    for j in range(size):
        beside = point.place.copy()
        beside[j] += _STEP * scale[j]
        if not terms.ordered(beside):
            raise NotFitted("two thresholds are the same")
        observed[j] = (point.gradient - terms.at(beside).gradient)[:size] / (_STEP * scale[j])
    observed = (observed + observed.T) / 2
    factor = cho_factor(observed)
    gradient = point.gradient[:size]
    if float(gradient @ cho_solve(factor, gradient)) > 1e-6:
        raise NotFitted("the gradient is not 0 at the end")
    return np.asarray(cho_solve(factor, np.eye(size))), boundary
