"""How alike the attacks of one member are: where data say too little of it, and where too much.

A variance over members rests on few squares where members are few or uneven, or few had most of
what counts. With z_m by how much a statistic moves when member m of G is left out, and w effective
members,

    V = (G - 1) / G · Σ z_m²                                    (jackknife variance)
    1/d = 1/(w - 1) + (κ - 1)/(2G), κ = G Σ z⁴ / (Σ z²)²        (degrees of freedom)

because the kurtosis of z says how many squares V really rests on (Var s² = s⁴ (κ - 1) / G). For
rates and tails V is moreover too small just where they are, by chance: that members differ shows
in what counts. So V is drawn up towards what it would be at an intraclass correlation of ½, where
members differ as much as the attacks of one do,

    V₀ = σ² / n · (1 + (n/w - 1) / 2)            (σ² the variance of one attack, n their number)
    log V* = log V + c/(d + c) · log(V₀/V), where V < V₀                            (V elsewhere)

which weighs as much as c degrees of freedom; of logarithms, lest it drown a V that is rightly far
below. The calibration (docs/calibration.md) decided on c.

Tails take it further: where members differ more than that, the worst attacks are a few members'
and no interval holds. So there is none where the data show it: with MSB and MSW the mean squares
between and within members and k₀ = (n - Σ n_m²/n) / (G - 1), the variance of members over that of
one's attacks is r = (MSB/MSW - 1) / k₀, and r > 1 is tested one-sided by Student's t of log r over
its jackknifed error, with G - 1 degrees of freedom.

References: Smyth 2004, "Linear Models and Empirical Bayes Methods for Assessing Differential
Expression in Microarray Experiments", *Statistical Applications in Genetics and Molecular Biology*
3(1), section 4 (a variance drawn towards another); Arvesen & Schmitz 1970, "Robust Procedures for
Variance Component Problems Using the Jackknife", *Biometrics* 26(4) (of the logarithm).

>>> members = np.repeat(np.arange(30), 4)
>>> values = members % 5 + np.tile([0.0, 0.1, 0.2, 0.3], 30)
>>> found = likeness(Sample.of(values, members))
>>> round(found.correlation, 2), found.beyond < 0.001
(0.99, True)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from gadfly.analysis.sample import Floats, Sample

__all__ = ["ALIKE", "Likeness", "drawn_up", "likeness", "moved"]

ALIKE = 0.5
"""Intraclass correlation that is taken where data say little, and that tails must not be beyond."""

_SHOWN = 0.001  # p below which it is; a study asks of many samples, small ones among them
_LEAST = 5  # members, below which there is no interval to doubt
_FLAT = 1e-12  # of a variance, below which another is none
_ROUNDING = 1e-9  # of a logarithm, or of members, that is none


def moved(by: Floats, worth: float) -> tuple[float, float]:
    """Jackknife variance and its degrees of freedom, 1 at least.

    :param by: by how much the statistic moves without each member; not all 0.
    :param worth: effective members, 1 at least.
    """
    clusters, squares = len(by), float(by @ by)
    kurtosis = clusters * float((by**4).sum()) / squares**2
    df = 1 / (1 / max(worth - 1, _ROUNDING) + (kurtosis - 1) / (2 * clusters))
    return (clusters - 1) / clusters * squares, max(1.0, df)


def drawn_up(
    variance: float, df: float, *, single: float, n: int, worth: float, by: float
) -> float:
    """The variance of a mean over members, drawn up to where they differ as one's attacks do.

    :param single: variance of one attack.
    :param by: degrees of freedom that this weighs as much as.
    """
    guess = single / n * (1 + (n / worth - 1) * ALIKE)
    return variance * float(max(guess / variance, 1.0) ** (by / (df + by)))


@dataclass(frozen=True)
class Likeness:
    """How alike the values of one member are."""

    correlation: float
    """Intraclass correlation, 1 at most; 0 where nothing can be said."""
    beyond: float
    """p, one-sided, of :data:`ALIKE` or less; 1 where nothing can be said."""

    @property
    def reason(self) -> str | None:
        """Why there is no interval of a tail; ``None`` where there may be."""
        if self.beyond >= _SHOWN:
            return None
        return (
            "interval not estimable: members differ more than the attacks of one do (intraclass "
            f"correlation {self.correlation:.2f}, beyond {ALIKE}, p = {self.beyond:.2g}), so the "
            "tail is a few members'"
        )


def likeness(sample: Sample) -> Likeness:
    """Of a sample's values, each counting once."""
    there = sample.sizes > 0
    sizes = sample.sizes[there].astype(np.float64)
    if len(sizes) < _LEAST or len(sizes) == len(sample.values):
        return _UNKNOWN
    y = sample.values - sample.values.mean()  # small numbers cancel less
    sums, squares = (np.bincount(sample.clusters, x, len(there))[there] for x in (y, y**2))
    means = sums**2 / sizes
    parts = np.array([np.ones(len(sizes)), sizes, sizes**2, sums, means, squares - means])
    whole = parts.sum(axis=1, keepdims=True)
    ratio = _ratio(whole)[0]
    if not ratio > 0:
        return _UNKNOWN
    correlation = float(ratio / (1 + ratio))
    logs = np.log(np.maximum(_ratio(whole - parts), _FLAT))
    error = float(np.sqrt((len(sizes) - 1) * logs.var()))
    if error <= _ROUNDING:  # nobody's values differ, whoever is left out
        return Likeness(correlation, float(ratio <= 1))
    return Likeness(correlation, float(t.sf(np.log(ratio) / error, len(sizes) - 1)))


def _ratio(of: Floats) -> Floats:
    """Variance of members over that of one's attacks, from sums over members."""
    g, n, squared, total, between, within = of
    with np.errstate(divide="ignore", invalid="ignore"):
        msb = (between - total**2 / n) / (g - 1)
        msw = np.maximum(within / (n - g), _FLAT * msb)
        found = (msb / msw - 1) / ((n - squared / n) / (g - 1))
    return np.asarray(np.clip(np.nan_to_num(found, nan=0.0), 0.0, None))


_UNKNOWN = Likeness(0.0, 1.0)
