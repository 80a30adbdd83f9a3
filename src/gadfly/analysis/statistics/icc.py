"""Intraclass correlation: which share of the variance of ratings is variance of the items.

From mean squares: MSB between and MSW within n items of m_i ratings each, N in all, and of a
complete table of n items and k raters MSC between raters, MSE of what items and raters leave:

    (1,1)  (MSB − MSW) / (MSB + (k₀−1) MSW)                       raters differ by item
    (1,k)  (MSB − MSW) / MSB                                      the mean of k such ratings
    (2,1)  (MSB − MSE) / (MSB + (k−1) MSE + k (MSC − MSE) / n)    the same raters, drawn from many
    (2,k)  (MSB − MSE) / (MSB + (MSC − MSE) / n)                  the mean of their ratings

    k₀ = (N − Σ m_i²/N) / (n − 1), which is k where every item has k ratings

(1,·) does not ask who rated: items with one rating are left out, and (1,1) takes any number of
others (Donner 1986), (1,k) the same number for each item. (2,·) takes every rater's rating of every
item; being absolute agreement, it is lowered by a rater who is always stricter. All take ratings as
numbers with equal steps. Intervals of measurements are McGraw and Wong's from F, exact for (1,·)
where errors are normal, for (2,·) by Satterthwaite's degrees of freedom (their table 7). Of ratings
in steps those from F held 87-90% in studies with planted agreement (docs/calibration.md); theirs
resample items, as all coefficients' do (``agreement.py``).

References: Shrout & Fleiss 1979, doi 10.1037/0033-2909.86.2.420; McGraw & Wong 1996, "Forming
inferences about some intraclass correlation coefficients", *Psychological Methods* 1(1);
Donner 1986, "A Review of Inference Procedures for the Intraclass Correlation Coefficient in the
One-Way Random Effects Model", *International Statistical Review* 54(1), equation 2.1.

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
from gadfly.analysis.statistics.agreement import (
    Of,
    Ratings,
    coded,
    counted,
    one_of,
    over_items,
    table,
)
from gadfly.records.estimate import Estimate

__all__ = ["FORMS", "Form", "icc"]

Form = Literal["(1,1)", "(2,1)", "(1,k)", "(2,k)"]
FORMS: tuple[Form, ...] = ("(1,1)", "(2,1)", "(1,k)", "(2,k)")


def icc(
    ratings: Ratings, *, form: Form, level: float = 0.95, how: Bootstrap | None = None
) -> Estimate:
    """The coefficient with its interval; ``n`` is the number of items.

    Null with a reason where ratings are missing that it takes, and where all items have the same
    mean.

    :param how: with it the interval is that of resampled items, at its level; else that from F.
    """
    one_of("form", form, FORMS)
    rows, one_way = table(ratings), form.startswith("(1")
    if one_way:
        rows = rows[np.isfinite(rows).sum(axis=1) >= 2]
    value, low, high, reason = None, None, None, _missing(rows, form)
    if how is not None:
        found = counted(rows) if one_way else coded(rows)
        resampled = _by_item if one_way else _complete
        of = resampled(found.values, found.rows, form) if not reason else np.sum
        return over_items(f"ICC{form}", of, found, how=how, missing=reason)
    if reason is None:
        sizes = np.isfinite(rows).sum(axis=1)
        forms = (_one_way if one_way else _two_way)(rows, level)
        k = 1 if form.endswith("1)") else int(sizes[0])  # the mean of k: Spearman and Brown
        value, low, high = (k * x / (1 + (k - 1) * x) for x in forms)
        if np.ptp(sizes):
            low, high, reason = None, None, "no interval: items have different numbers of ratings"
        elif not np.isfinite([low, high]).all():
            low, high, reason = None, None, "no interval: raters never differ on an item"
        elif not low <= value <= high:  # Satterthwaite's F knows no such data
            low, high, reason = None, None, "no interval: raters agree less than by chance"
    method = f"ICC{form}; F interval (McGraw & Wong 1996)"
    return Estimate(
        estimate=value, low=low, high=high, level=level, n=len(rows), method=method, reason=reason
    )


def _by_item(values: Floats, counts: Floats, form: Form) -> Of:
    """(1,·) from how often each pattern of an item's ratings was drawn."""
    v = values - values.mean()  # small numbers cancel less
    m, one, two = counts.sum(axis=1), counts @ v, counts @ v**2
    parts = np.column_stack([np.ones(len(m)), m, one, one**2 / m, two - one**2 / m, m**2])

    def of(weights: Floats) -> Floats:
        n, whole, first, square, rest, sizes = (weights @ parts).T
        between, within = (square - first**2 / whole) / (n - 1), rest / (whole - n)
        k = (whole - sizes / whole) / (n - 1) if form.endswith("1)") else 1
        return np.asarray((between - within) / (between + (k - 1) * within))

    return of


def _complete(values: Floats, codes: Floats, form: Form) -> Of:
    """(2,·) from how often each of these rows was drawn."""
    rows = values[codes.astype(np.int64)]
    k, means = rows.shape[1], rows.mean(axis=1)
    parts = np.column_stack([np.ones(len(rows)), means, means**2, rows.var(axis=1, ddof=1), rows])

    def of(weights: Floats) -> Floats:
        sums = weights @ parts
        n = sums[:, 0]
        mean, square, within = (sums[:, 1:4] / n[:, None]).T
        msb = k * (square - mean**2) * n / (n - 1)
        msc = n * (sums[:, 4:] / n[:, None]).var(axis=1, ddof=1)
        error = (n * within - msc) / (n - 1)
        raters = (msc - error) / n
        rest = (k - 1) * error + k * raters if form.endswith("1)") else raters
        return np.asarray((msb - error) / (msb + rest))

    return of


def _missing(rows: Floats, form: Form) -> str | None:
    """Why there is no coefficient."""
    n, k = rows.shape
    sizes = np.isfinite(rows).sum(axis=1)
    gaps = int(rows.size - sizes.sum())
    if form.startswith("(1"):
        if n < 2:
            return f"needs two items with two ratings each, there are {n}"
        if form == "(1,k)" and np.ptp(sizes):
            return f"needs as many ratings of every item; there are {sizes.min()} to {sizes.max()}"
    elif n < 2 or k < 2:
        return f"needs two items and two raters, there are {n} and {k}"
    elif gaps:
        return f"needs every rater's rating of every item; {gaps:,} of {rows.size:,} are missing"
    if np.ptp(np.nansum(rows, axis=1) / sizes) <= 1e-12 * np.nanmax(np.abs(rows)):
        return "all items have the same mean, so no variance is theirs"
    return None


def _one_way(rows: Floats, level: float) -> tuple[float, float, float]:
    """ICC(1,1), and the ends of its interval where items have as many ratings."""
    m = np.isfinite(rows).sum(axis=1)
    n, whole = len(m), m.sum()
    means = np.nansum(rows, axis=1) / m
    between = (m * (means - m @ means / whole) ** 2).sum() / (n - 1)
    within = np.nansum((rows - means[:, None]) ** 2) / (whole - n)
    k = (whole - (m**2).sum() / whole) / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = between / within
        high = 1 - (1 - level) / 2
        lower = ratio / f_distribution.ppf(high, n - 1, whole - n)
        upper = ratio * f_distribution.ppf(high, whole - n, n - 1)
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
