"""The linear model with a random intercept for each member, by profiled likelihood.

Definition: y = X b + u_m + e, with u_m ~ N(0, s_u^2) for each member m and e ~ N(0, s^2), all
independent. Given phi = (s_u / s)^2, the square of lme4's theta, the best b and s have closed forms
made of sums over members, so the likelihood is profiled to one parameter: it is searched on a
grid, and the place where its derivative is 0 is found between the neighbours of the best point.
All work is done on the scatter within members and the means of members, of columns made orthogonal
before, so that no large sums cancel. It takes one pass over n rows and then members times p^2.

Decisions:

- The restricted likelihood (REML) unless the caller says otherwise, as lme4.
- A column that earlier ones determine is left out and named (``aliased``), as lme4 does with its
  "rank deficient so dropping" message and by its rule (the rest of the column after projection is
  below 1e-7 of its length). An empty cell of an interaction is the usual cause.
- Columns that are constant within members may not tell all members apart: then nothing is left to
  say how much members differ.
- A variance of 0 between members is a proper answer (``boundary``), not a failure. Everything else
  that has no maximum inside is :class:`NotFitted`, never a number.
- Standard errors take the variances as known (Wald), as lme4 prints them. The variance of a
  conditional mode takes all parameters as known, as lme4's ``condVar``.
- Wald's errors hold where members differ by their level alone. Beside them stand the jackknife's
  (``robust``), which hold as well where a member meets one arm with more success than another: each
  member is left out in turn, with the ratio of variances as fitted (CV3).

References: Bates, Maechler, Bolker & Walker 2015, "Fitting linear mixed-effects models using
lme4", *Journal of Statistical Software* 67(1), section 3; Laird & Ware 1982, *Biometrics* 38(4);
Bell & McCaffrey 2002, "Bias reduction in standard errors for linear regression with multi-stage
samples", *Survey Methodology* 28(2), on the jackknife.

>>> import numpy as np
>>> y = np.array([1.0, 2.0, 4.0, 5.0, 7.0, 8.0])
>>> fit = fit_linear(y, np.ones((6, 1)), np.array([0, 0, 1, 1, 2, 2]))
>>> fit.coefficients.round(3).tolist(), round(fit.sigma, 3), round(fit.sd_member, 3)
([4.5], 0.707, 2.958)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import brentq

from gadfly.analysis.sample import Floats, Ints
from gadfly.errors import PersonError

__all__ = ["Groups", "LinearFit", "NotFitted", "checked", "fit_linear", "independent"]

_ALIASED = 1e-7  # of a column's length: lme4's tolerance
_GRID = np.concatenate(([0.0], np.logspace(-8, 8, 65)))  # values of phi
_EXACT = 1e-20  # of the variation of y: what is left of it when a model fits without error


class NotFitted(PersonError):
    """A model that these data do not determine; the message is the reason."""


@dataclass(frozen=True)
class LinearFit:
    """A fitted model. Arrays of members are in ascending order of the numbers given."""

    kept: tuple[int, ...]
    """Columns of X that have a coefficient."""
    aliased: tuple[int, ...]
    """Columns left out because earlier ones determine them."""
    coefficients: Floats
    """Fixed effects of the kept columns, in units of y by unit of the column."""
    covariance: Floats
    """Their covariance matrix."""
    robust: Floats
    """Their standard errors over members."""
    worth: Floats
    """Effective number of members that each rests on, by their shares of its information."""
    sigma: float
    """Standard deviation of the residual."""
    sd_member: float
    """Standard deviation of the intercepts; 0 on the boundary."""
    log_likelihood: float
    """Log likelihood, restricted where ``reml``; comparable with lme4's."""
    reml: bool
    """Whether it is the restricted one."""
    n: int
    """Number of rows."""
    modes: Floats
    """Conditional mode of each member's intercept: its deviation, shrunk towards 0."""
    mode_variances: Floats
    """Their conditional variances."""

    @property
    def se(self) -> Floats:
        """Standard errors of the coefficients."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def icc(self) -> float:
        """Share of the variance, beyond the fixed effects, that lies between members."""
        return self.sd_member**2 / (self.sd_member**2 + self.sigma**2)

    @property
    def boundary(self) -> bool:
        """Whether the intercepts have no variance."""
        return self.sd_member == 0


def fit_linear(y: Floats, x: Floats, members: Ints, *, reml: bool = True) -> LinearFit:
    """Fit y (n) on the columns of x (n by p, a constant among them) with an intercept per member.

    ``members`` are numbers, one a row. Raises :class:`NotFitted` where there is nothing to fit.
    """
    groups = checked(y, x, members)
    kept = groups.kept
    profile = _Profile(y, groups, reml=reml)
    phi = _best(profile)
    point = profile.at(phi)
    variance = point.rss / profile.dof
    back = solve_triangular(profile.r, np.eye(len(kept)))
    shrunk = phi * point.weights
    each, score = _by_member(y, groups, profile, point, phi)
    left = np.linalg.pinv(point.cross - each, rcond=_ALIASED, hermitian=True)
    moved = np.einsum("mij,mj->mi", left, score) @ back.T
    inverse = back @ np.linalg.inv(point.cross)
    shares = np.einsum("ki,mij,kj->mk", inverse, each, inverse, optimize=True)
    return LinearFit(
        kept=tuple(kept),
        aliased=tuple(j for j in range(x.shape[1]) if j not in kept),
        coefficients=back @ (profile.ols + point.shift),
        covariance=variance * inverse @ back.T,
        robust=np.sqrt((1 - 1 / len(moved)) * (moved**2).sum(axis=0)),
        worth=shares.sum(axis=0) ** 2 / (shares**2).sum(axis=0),
        sigma=float(np.sqrt(variance)),
        sd_member=float(np.sqrt(variance * phi)),
        log_likelihood=-point.deviance / 2,
        reml=reml,
        n=len(y),
        modes=shrunk * (profile.e_mean - profile.q_mean @ point.shift),
        mode_variances=variance * shrunk / profile.sizes,
    )


@dataclass(frozen=True)
class Groups:
    """Members and columns that a random intercept can be fitted to."""

    codes: Ints
    """Number of each row's member, from 0 without gaps."""
    kept: list[int]
    """Columns that those before them do not determine."""
    q: Floats
    """Their orthogonal columns, X = Q R."""
    r: Floats
    """And the triangle R."""


def checked(y: Floats, x: Floats, members: Ints) -> Groups:
    """Members and columns; raises :class:`NotFitted` where the variances are not determined."""
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise NotFitted("missing or infinite values; leave out such rows first")
    labels, codes = np.unique(members, return_inverse=True)
    if len(labels) < 2:
        raise NotFitted(f"it takes 2 members or more, there is {len(labels)}")
    if len(labels) == len(y):
        raise NotFitted("no member has a second row, so members cannot be told from rows")
    kept = independent(x)
    if len(y) <= len(kept):
        raise NotFitted(f"{len(y)} rows cannot determine {len(kept)} coefficients and a variance")
    q, r = np.linalg.qr(x[:, kept])
    within = q - member_means(q, codes)[codes]
    of_members = len(kept) - np.linalg.matrix_rank(within, tol=_ALIASED)
    if of_members >= len(labels):
        raise NotFitted(f"columns that tell all {len(labels)} members apart leave them no variance")
    return Groups(codes.astype(np.int64), kept, q, r)


def member_means(columns: Floats, codes: Ints) -> Floats:
    """Mean of each column in each member."""
    sums = [np.bincount(codes, column) for column in columns.T]
    return np.asarray(np.column_stack(sums) / np.bincount(codes)[:, None], dtype=np.float64)


def independent(x: Floats) -> list[int]:
    """Columns that those before them do not determine.

    >>> independent(np.array([[1.0, 2, 1, 0], [1, 2, 0, 1], [1, 2, 0, 1], [1, 2, 1, 5]]))
    [0, 2, 3]
    """
    lengths = np.linalg.norm(x, axis=0)
    kept: list[int] = []
    rest = [j for j in range(x.shape[1]) if lengths[j] > 0]
    while rest:
        columns = kept + rest
        left = np.abs(np.diag(np.linalg.qr(x[:, columns], mode="r")))
        left = np.append(left, np.zeros(len(columns) - len(left)))  # more columns than rows
        bad = [i for i, j in enumerate(columns) if left[i] <= _ALIASED * lengths[j]]
        first = bad[0] if bad else len(columns)
        kept, rest = columns[:first], columns[first + 1 :]
    return kept


@dataclass(frozen=True)
class _Point:
    """The profiled likelihood at one phi."""

    deviance: float  # -2 log likelihood
    slope: float  # its derivative by phi
    shift: Floats  # what is added to the least-squares coefficients
    rss: float  # weighted residual sum of squares
    cross: Floats  # Q' V^-1 Q
    weights: Floats  # n_m / (1 + n_m phi)


class _Profile:
    """Everything that the profiled likelihood needs, with X = Q R and e = y - Q Q'y."""

    def __init__(self, y: Floats, groups: Groups, *, reml: bool) -> None:
        q, codes = groups.q, groups.codes
        n, p = q.shape
        self.reml, self.n = reml, n
        self.dof = n - p if reml else n
        self.r = groups.r
        self.ols = q.T @ y
        e = y - q @ self.ols
        self.least = _EXACT * float(e @ e)
        if e @ e <= _EXACT * (y @ y):
            raise NotFitted("the fixed effects fit every row exactly; there is no residual")
        self.sizes = np.bincount(codes).astype(np.float64)
        both = np.column_stack((q, e))
        means = member_means(both, codes)
        within = both - means[codes]
        scatter = within.T @ within
        self.w_qq, self.w_qe, self.w_ee = scatter[:p, :p], scatter[:p, p], float(scatter[p, p])
        self.q_mean, self.e_mean = means[:, :p], means[:, p]
        self.log_det_r = float(np.log(np.abs(np.diag(self.r))).sum())

    def at(self, phi: float) -> _Point:
        """Deviance and its slope at a ratio of variances."""
        weights = self.sizes / (1 + self.sizes * phi)
        weighted: Floats = self.q_mean * weights[:, None]
        cross: Floats = self.w_qq + weighted.T @ self.q_mean
        right = self.w_qe + weighted.T @ self.e_mean
        shift = np.asarray(np.linalg.solve(cross, right), dtype=np.float64)
        rss = self.w_ee + float(weights @ self.e_mean**2) - float(right @ shift)
        if rss <= self.least:
            raise NotFitted("members and fixed effects fit every row exactly; no residual is left")
        rest = self.e_mean - self.q_mean @ shift
        deviance = float(np.log1p(self.sizes * phi).sum())
        deviance += self.dof * (1 + float(np.log(2 * np.pi * rss / self.dof)))
        slope = float(weights.sum() - self.dof * (weights * rest) @ (weights * rest) / rss)
        if self.reml:
            deviance += float(np.linalg.slogdet(cross)[1]) + 2 * self.log_det_r
            slope -= float(np.trace(np.linalg.solve(cross, weighted.T @ weighted)))
        return _Point(deviance, slope, shift, rss, cross, weights)


def _by_member(
    y: Floats, groups: Groups, profile: _Profile, point: _Point, phi: float
) -> tuple[Floats, Floats]:
    """What each member brings to Q'V^-1 Q and to the score of the coefficients, Q'V^-1 r."""
    p = groups.q.shape[1]
    r = y - groups.q @ (profile.ols + point.shift)
    z = np.column_stack((groups.q, r))[np.argsort(groups.codes, kind="stable")]
    apart = np.split(z, np.cumsum(profile.sizes).astype(np.int64)[:-1])
    sums = np.stack([own.sum(axis=0) for own in apart])
    shrink = phi / (1 + profile.sizes * phi)
    crossed = np.stack([own.T @ own for own in apart])
    crossed -= shrink[:, None, None] * sums[:, :, None] * sums[:, None, :]
    return crossed[:, :p, :p], crossed[:, :p, p]


def _best(profile: _Profile) -> float:
    """The phi of highest likelihood; 0 where no variance between members is best."""
    best = int(np.argmin([profile.at(float(phi)).deviance for phi in _GRID]))
    slope: Callable[[float], float] = lambda phi: profile.at(phi).slope  # noqa: E731
    if best == 0 and slope(0.0) >= 0:
        return 0.0
    low, high = float(_GRID[max(best - 1, 0)]), float(_GRID[min(best + 1, len(_GRID) - 1)])
    if not slope(low) < 0 < slope(high):
        raise NotFitted("the likelihood has no maximum in the ratio of variances")
    return float(brentq(slope, low, high, xtol=1e-15, rtol=1e-12))
