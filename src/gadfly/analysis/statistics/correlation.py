"""The correlation of two numbers that every attack has.

Definition: Pearson's r = Σ (xᵢ − x̄)(yᵢ − ȳ) / √(Σ (xᵢ − x̄)² Σ (yᵢ − ȳ)²), −1 to 1. Spearman's ρ is
r of the ranks, ties at their middle rank; a resample keeps the ranks of the whole sample, which
makes it a product of matrices and changes its interval by less than can be seen for many attacks.

References: Pearson 1895, "Notes on regression and inheritance", *Proceedings of the Royal Society*
58; Spearman 1904, "The proof and measurement of association between two things", *American Journal
of Psychology* 15(1).

>>> import numpy as np
>>> x = np.array([0.0, 1.0, 2.0, 3.0])
>>> round(Correlation(x, x**2).estimate(x), 4)
0.9583
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Draws, Floats, Ints, Sample, alike
from gadfly.analysis.statistics.protocol import Regime, Resampler, Statistic
from gadfly.records.estimate import Estimate

__all__ = ["Correlation", "pearson", "spearman"]


@dataclass(frozen=True)
class Correlation(Statistic):
    """Pearson's r of the values with a number that each has."""

    values: Floats
    """The values of the sample, ascending."""
    others: Floats
    """The other number of each."""
    name: str = "Pearson's r"

    def estimate(self, values: Floats) -> float:
        """The correlation, −1 to 1."""
        x, y = values - values.mean(), self.others - self.others.mean()
        return float(np.clip((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()), -1, 1))

    def resampler(self, sample: Sample) -> Resampler:
        """The correlation in each resample; not a number where one of the two never differs."""
        x, y = sample.values - sample.values.mean(), self.others - self.others.mean()
        sums = [sample.sums(column) for column in (x, y, x * x, y * y, x * y)]

        def of(draws: Draws) -> Floats:
            mx, my, mxx, myy, mxy = (draws.ratio(column) for column in sums)
            spread = (mxx - mx * mx) * (myy - my * my)
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(np.clip((mxy - mx * my) / np.sqrt(spread), -1, 1))

        return of

    @property
    def regime(self) -> Regime:
        """It takes more members than a mean."""
        return Regime("approximate", members=30)

    def missing(self, n: int) -> str | None:
        """Both numbers must differ."""
        if n < 3:
            return f"a correlation takes at least 3 attacks with both numbers, there are {n}"
        if alike(self.values) or alike(self.others):
            return "one of the two numbers is the same for every attack"
        return None


def pearson(x: Floats, y: Floats, members: Ints, *, how: Bootstrap, name: str) -> Estimate:
    """Pearson's r of two numbers of each attack, resampled by member (or as ``how`` says).

    :param name: what is correlated, for the seed.
    """
    return _correlation(x, y, members, how, name, "Pearson's r")


def spearman(x: Floats, y: Floats, members: Ints, *, how: Bootstrap, name: str) -> Estimate:
    """Spearman's ρ, as :func:`pearson`."""
    return _correlation(rankdata(x), rankdata(y), members, how, name, "Spearman's rho")


def _correlation(
    x: Floats, y: Floats, members: Ints, how: Bootstrap, name: str, what: str
) -> Estimate:
    owners = members if how.ci == "cluster" else None
    sample = Sample.of(x, owners)
    # The order of Sample.of; ties within a member may swap, which no sum by member feels.
    order = np.argsort(x) if owners is None else np.lexsort((owners, x))
    statistic = Correlation(sample.values, y[order], what)
    return bootstrap(sample, [statistic], how=how, seed=seed_of(sample, what, name))[0]
