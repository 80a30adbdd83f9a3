"""The cluster bootstrap: how far a statistic could move with other members.

Members are drawn with replacement, each with all its attacks; the interval is the middle ``level``
of the statistic over the resamples (percentile method). ``ci="iid"`` draws single attacks instead,
as Ganguli et al. 2022 did; where few members made most attacks it is too narrow.

What exactly is estimated: the value over attacks (each attack counts once), for members like these.
The interval belongs to one arm by itself; arms share members, so it is no test of a difference, and
nothing is corrected for looking at many arms.

With few members the percentile interval is too narrow, by a tenth or more below about ten; then
it is given and the reason says so. "Few" is the smaller of the number of members and Kish's
effective number, since a hundred members of whom three did everything are three.

The seed is derived from the method, the arm, the column and the data, so a result reproduces, no
order of rows matters, and arms are resampled independently.

References: Davison & Hinkley 1997, section 3.8 (resampling clusters); Cameron, Gelbach & Miller
2008, "Bootstrap-based improvements for inference with clustered errors", *Review of Economics and
Statistics* 90(3), on few clusters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Ints, Sample
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.protocol import Statistic
from gadfly.records.estimate import Estimate

__all__ = ["CI", "Bootstrap", "bootstrap", "resample", "seed_of"]

CI = Literal["cluster", "iid"]

_CELLS = 500_000  # weights held at once: small enough for the cache, 8 MB with their sums
_FEW = 10  # clusters below which the percentile interval is known to be narrow


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made."""

    ci: CI = "cluster"
    """What is drawn: members with all their attacks, or single attacks."""
    resamples: int = 2000
    """Number of resamples."""
    level: float = 0.95
    """Confidence level."""
    unit: str = "attack"
    """What single values are of."""

    @property
    def method(self) -> str:
        """In words, for ``Estimate.method``."""
        clustered = self.ci == "cluster"
        unit = "cluster bootstrap by member" if clustered else f"bootstrap of {self.unit}s"
        return f"{unit}, percentile, {self.resamples:,} resamples"


def seed_of(sample: Sample, *names: str) -> int:
    """A seed (48 bits) from names (method, arm, column) and the data in canonical order."""
    digest = hashlib.sha256()
    for name in names:
        raw = name.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    digest.update(np.ascontiguousarray(sample.values, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(sample.clusters, dtype="<i8").tobytes())
    return int.from_bytes(digest.digest()[:6], "big")


def resample(sample: Sample, resamples: int, seed: int, *, cells: int = _CELLS) -> Iterator[Draws]:
    """Resamples in portions that fit in memory; the size of a portion changes no number."""
    rng = np.random.default_rng(seed)
    clusters = sample.n_clusters
    portion = max(1, cells // max(len(sample.values), 1))
    for start in range(0, resamples, portion):
        rows = min(portion, resamples - start)
        drawn = rng.integers(0, clusters, size=(rows, clusters))
        drawn += (np.arange(rows) * clusters)[:, None]
        counts: Ints = np.bincount(drawn.ravel(), minlength=rows * clusters)
        yield Draws(sample, counts.reshape(rows, clusters))


def bootstrap(
    sample: Sample, statistics: Sequence[Statistic], *, how: Bootstrap, seed: int
) -> list[Estimate]:
    """Every statistic of one sample with its interval, all from the same resamples."""
    n = len(sample.values)
    whole = _too_few(sample, how)
    wanted = [s for s in statistics if not (whole or s.missing(n) or s.no_interval(n))]
    resamplers = {id(s): s.resampler(sample) for s in wanted}
    parts: dict[int, list[Floats]] = {key: [] for key in resamplers}
    if wanted:
        for draws in resample(sample, how.resamples, seed):
            for key, resampler in resamplers.items():
                parts[key].append(resampler(draws))
    return [_estimate(s, sample, parts.get(id(s)), how=how, reason=whole) for s in statistics]


def _estimate(
    statistic: Statistic,
    sample: Sample,
    parts: list[Floats] | None,
    *,
    how: Bootstrap,
    reason: str | None,
) -> Estimate:
    """The statistic, and its interval where the resamples were taken."""
    n = len(sample.values)
    missing = statistic.missing(n)
    low = high = None
    if missing:
        reason = missing
    elif parts is None:
        reason = statistic.no_interval(n) or reason
    else:
        tail = (1 - how.level) / 2
        found = np.concatenate(parts)
        found = found[np.isfinite(found)]  # a resample of one kind alone has no order to speak of
        low, high = (float(x) for x in np.quantile(found, [tail, 1 - tail]))
        reason = _doubt(sample, how)
    return Estimate(
        estimate=None if missing else statistic.estimate(sample.values),
        low=low,
        high=high,
        level=how.level,
        n=n,
        method=f"{statistic.name}; {how.method}",
        reason=reason,
    )


def _too_few(sample: Sample, how: Bootstrap) -> str | None:
    """Why no interval at all can be made."""
    if sample.n_clusters >= 2:
        return None
    unit = "member" if how.ci == "cluster" else how.unit
    return f"no interval: resampling needs at least 2 {unit}s, there is {sample.n_clusters}"


def _doubt(sample: Sample, how: Bootstrap) -> str | None:
    """Why an interval is likely too narrow."""
    if sample.values[0] == sample.values[-1]:
        return "all values are equal, so the interval is a point and says nothing of other data"
    if how.ci == "iid":
        few = sample.n_clusters < _FEW
        return f"likely too narrow: only {sample.n_clusters} {how.unit}s" if few else None
    worth = effective_members(sample.sizes)
    if sample.n_clusters < _FEW:
        return f"likely too narrow: only {sample.n_clusters} members"
    if worth < _FEW:
        uneven = f"{sample.n_clusters} members attacked so unevenly that they count as {worth:.1f}"
        return f"likely too narrow: {uneven}"
    return None
