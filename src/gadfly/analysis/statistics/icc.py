"""Intraclass correlation: which share of the variance of ratings is variance of the items.

From the mean squares of a complete table of n items and k raters: MSR between items, MSC between
raters, MSW within items, MSE of what items and raters leave:

    (1,1)  (MSR − MSW) / (MSR + (k−1) MSW)                        raters differ by item
    (1,k)  (MSR − MSW) / MSR                                      the mean of k such ratings
    (2,1)  (MSR − MSE) / (MSR + (k−1) MSE + k (MSC − MSE) / n)    the same raters, drawn from many
    (2,k)  (MSR − MSE) / (MSR + (MSC − MSE) / n)                  the mean of their ratings

These are absolute agreement: a rater who is always stricter lowers (2,·). They take ratings as
numbers with equal steps. Intervals of measurements are McGraw and Wong's from F, exact for (1,·)
where errors are normal, for (2,·) by Satterthwaite's degrees of freedom (their table 7). Of ratings
in steps those from F held 87-90% in studies with planted agreement (docs/calibration.md); theirs
resample items, as all coefficients' do (``agreement.py``).

References: Shrout & Fleiss 1979, doi 10.1037/0033-2909.86.2.420; McGraw & Wong 1996, "Forming
inferences about some intraclass correlation coefficients", *Psychological Methods* 1(1).

>>> judges = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
>>> [round(icc(judges, form=form).estimate, 2) for form in FORMS]  # Shrout & Fleiss, table 4
[0.17, 0.29, 0.44, 0.62]
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import f as f_distribution

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.agreement import Of, Ratings, coded, over_items, table
from gadfly.records.estimate import Estimate

__all__ = ["FORMS", "Form", "icc"]

Form = Literal["(1,1)", "(2,1)", "(1,k)", "(2,k)"]
FORMS: tuple[Form, ...] = ("(1,1)", "(2,1)", "(1,k)", "(2,k)")


def icc(
    ratings: Ratings, *, form: Form, level: float = 0.95, how: Bootstrap | None = None
) -> Estimate:
    """The coefficient with its interval; ``n`` is the number of items.

    Null with a reason where a rating is missing, and where all items have the same mean.

    :param how: with it the interval is that of resampled items, at its level; else that from F.
    """
    rows = table(ratings)
    value, low, high, reason = None, None, None, _missing(rows)
    if how is not None:
        found = coded(rows)
        of = _resampled(found.values[found.rows.astype(np.int64)], form) if not reason else np.sum
        return over_items(f"ICC{form}", of, found, how=how, missing=reason)
    if reason is None:
        forms = (_one_way if form.startswith("(1") else _two_way)(rows, level)
        k = 1 if form.endswith("1)") else rows.shape[1]  # the mean of k: Spearman and Brown
        value, low, high = (k * x / (1 + (k - 1) * x) for x in forms)
        if not np.isfinite([low, high]).all():
            low, high, reason = None, None, "no interval: raters never differ on an item"
        elif not low <= value <= high:  # Satterthwaite's F knows no such data
            low, high, reason = None, None, "no interval: raters agree less than by chance"
    method = f"ICC{form}; F interval (McGraw & Wong 1996)"
    return Estimate(
        estimate=value, low=low, high=high, level=level, n=len(rows), method=method, reason=reason
    )


def _resampled(rows: Floats, form: Form) -> Of:
    """The coefficient from how often each of these rows was drawn."""
    k, means = rows.shape[1], rows.mean(axis=1)
    parts = np.column_stack([np.ones(len(rows)), means, means**2, rows.var(axis=1, ddof=1), rows])

    def of(weights: Floats) -> Floats:
        sums = weights @ parts
        n = sums[:, 0]
        mean, square, within = (sums[:, 1:4] / n[:, None]).T
        msr = k * (square - mean**2) * n / (n - 1)
        error, raters = within, 0.0
        if form.startswith("(2"):
            msc = n * (sums[:, 4:] / n[:, None]).var(axis=1, ddof=1)
            error = (n * within - msc) / (n - 1)
            raters = (msc - error) / n
        rest = (k - 1) * error + k * raters if form.endswith("1)") else raters
        return np.asarray((msr - error) / (msr + rest))

    return of


def _missing(rows: Floats) -> str | None:
    """Why there is no coefficient."""
    n, k = rows.shape
    if n < 2 or k < 2:
        return f"needs two items and two raters, there are {n} and {k}"
    gaps = int(np.isnan(rows).sum())
    if gaps:
        return f"needs every rater's rating of every item; {gaps:,} of {rows.size:,} are missing"
    if np.ptp(rows.sum(axis=1)) == 0:
        return "all items have the same mean, so no variance is theirs"
    return None


def _one_way(rows: Floats, level: float) -> tuple[float, float, float]:
    """ICC(1,1) and the ends of its interval."""
    n, k = rows.shape
    between = k * rows.mean(axis=1).var(ddof=1)
    within = rows.var(axis=1, ddof=1).mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = between / within
        high = 1 - (1 - level) / 2
        lower = ratio / f_distribution.ppf(high, n - 1, n * (k - 1))
        upper = ratio * f_distribution.ppf(high, n * (k - 1), n - 1)
        ends = [float((x - 1) / (x + k - 1)) for x in (lower, upper)]
    return float((between - within) / (between + (k - 1) * within)), ends[0], ends[1]


def _two_way(rows: Floats, level: float) -> tuple[float, float, float]:
    """ICC(2,1) and the ends of its interval."""
    n, k = rows.shape
    items, raters = rows.mean(axis=1), rows.mean(axis=0)
    msr, msc = k * items.var(ddof=1), n * raters.var(ddof=1)
    rest = rows - items[:, None] - raters + rows.mean()
    mse = (rest**2).sum() / ((n - 1) * (k - 1))
    value = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = value / (n * (1 - value))
        a, b = k * odds, 1 + k * odds * (n - 1)
        free = (a * msc + b * mse) ** 2 / (
            (a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1))
        )
        high = 1 - (1 - level) / 2
        up, down = f_distribution.ppf(high, n - 1, free), f_distribution.ppf(high, free, n - 1)
        spread = k * msc + (k * n - k - n) * mse
        low = n * (msr - up * mse) / (up * spread + n * msr)
        upper = n * (down * msr - mse) / (spread + n * down * msr)
    return float(value), float(low), float(upper)
