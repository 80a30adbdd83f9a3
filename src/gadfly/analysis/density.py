"""The shape of a distribution: a kernel density for violins.

Gaussian kernel with Scott's bandwidth s·n^(−1/5), on values first counted into fine bins, so its
cost does not grow with the number of attacks. The curve runs from the lowest to the highest value
and not beyond: nothing is drawn where no attack was.

Reference: Scott 2015, *Multivariate Density Estimation*, section 6.3.

>>> import numpy as np
>>> curve = density(np.random.default_rng(0).normal(size=400))
>>> abs(max(curve.density) - 0.4) < 0.05
True
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.results import Density
from gadfly.analysis.sample import Floats, alike

__all__ = ["density"]

_POINTS = 96
_BINS = 1024
_NEEDED = 10  # fewer values have no shape worth drawing


def density(values: Floats) -> Density | None:
    """The curve, or ``None`` below 10 values or where all are equal, but for rounding."""
    if len(values) < _NEEDED:
        return None
    bandwidth = float(np.std(values, ddof=1)) * len(values) ** -0.2
    low, high = float(values.min()), float(values.max())
    if alike(values):
        return None
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    grid = np.linspace(low, high, _POINTS)
    kernel = np.exp(-0.5 * ((grid[:, None] - centres[None, :]) / bandwidth) ** 2)
    curve = kernel @ counts / (len(values) * bandwidth * np.sqrt(2 * np.pi))
    return Density(score=_short(grid), density=_short(curve), bandwidth=bandwidth)


def _short(values: Floats) -> tuple[float, ...]:
    """Six significant digits are more than a drawing shows."""
    return tuple(float(f"{value:.6g}") for value in values)
