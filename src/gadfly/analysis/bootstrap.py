"""The cluster bootstrap: how far a statistic could move with other members.

Members are drawn with replacement, each with all its attacks. What is read off the resamples:

- For a statistic with a standard error over members (tails), the bootstrap of t: the estimate ± its
  error times the level's quantile of |t*|, t* = (θ* - θ) / error*.
- For every other, expanded percentiles: percentiles lie too close together by √((G-1)/G) and use
  the normal where Student's t is due, so the tail is Φ(-√(G/(G-1)) t_{G-1}) instead of 2.5%. G is
  the effective number of members (Kish): a hundred of whom three did everything are three.
- A statistic may know a better interval (means by few members, rates, quantiles); it is asked
  first.

``Estimate.method`` names what was used. Outside of the regime in which an interval was shown to
hold its level (:class:`~gadfly.analysis.statistics.protocol.Regime`, docs/calibration.md) there is
none, and the reason says so. Where values are weighted by attacks that includes that members who
attack more often are shown to achieve more, or less (``statistics/activity.py``), and of tails that
members are shown to differ more than the attacks of one do (``statistics/likeness.py``).
``ci="iid"`` draws single attacks instead, as Ganguli et al. 2022 did; where few members made most
attacks it is too narrow.

What is estimated: attack-weighted, the value over attacks (each counts once), for members like
these; member-weighted, each member counts once. The interval belongs to one arm by itself; arms
share members, so it is no test of a difference, and nothing is corrected for many arms.

A resample may hold nothing to compute a statistic from, such as one that empties an arm. It is
left out and counted in the reason; if more than 1% are, there is no interval: what is left would
speak of studies in which that did not happen.

The seed is derived from the method, the arm, the column and the data, so a result reproduces, no
order of rows matters, and arms are resampled independently.

References: Davison & Hinkley 1997, section 3.8 (resampling clusters) and 5.2 (bootstrap of t);
Hesterberg 2015, "What Teachers Should Know About the Bootstrap", *The American Statistician* 69(4),
section 5.2 (expanded percentiles); Cameron, Gelbach & Miller 2008, "Bootstrap-based improvements
for inference with clustered errors", *Review of Economics and Statistics* 90(3), on few clusters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import ndtr, stdtrit

from gadfly.analysis.sample import Draws, Floats, Ints, Sample
from gadfly.analysis.statistics.activity import of_members
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.likeness import likeness
from gadfly.analysis.statistics.protocol import Interval, Resampler, Statistic
from gadfly.errors import PersonError
from gadfly.records.estimate import Estimate

__all__ = [
    "CI",
    "Bootstrap",
    "Weighting",
    "bootstrap",
    "expanded_tail",
    "refuse_level",
    "resample",
    "seed_of",
]

CI = Literal["cluster", "iid"]
Weighting = Literal["attack", "member"]

_CELLS = 500_000  # weights held at once: small enough for the cache, 8 MB with their sums
_LOST = 0.01  # share of resamples that may be without a value


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
    weighting: Weighting = "attack"
    """What counts once in the estimate: an attack, or a member (its attacks share its weight)."""

    def __post_init__(self) -> None:
        if self.ci == "iid" and self.weighting == "member":
            raise PersonError(
                'weighting: "member" needs ci="cluster"; with ci="iid" nobody knows whose an '
                "attack is"
            )

    def over(self, unit: str) -> Bootstrap:
        """The same of single values that no member comes and goes with, such as requests."""
        return replace(self, ci="iid", unit=unit, weighting="attack")

    @property
    def method(self) -> str:
        """In words, for ``Estimate.method``."""
        return f"{self._by}, percentile, {self.resamples:,} resamples"

    @property
    def drawn(self) -> str:
        """What is drawn, one of them."""
        return "member" if self.ci == "cluster" else self.unit

    @property
    def _by(self) -> str:
        """What is drawn, in words."""
        return (
            "cluster bootstrap by member" if self.ci == "cluster" else f"bootstrap of {self.unit}s"
        )


def refuse_level(level: float, resamples: int) -> None:
    """Refuse a level that is none, or that so few resamples cannot give: beyond each end of an
    interval must lie two of them, or the ends are the lowest and the highest of a hundred throws.

    :raises PersonError: with the resamples that it takes.
    """
    if not 0 < level < 1:
        raise PersonError(f"level: got {level}; allowed: between 0 and 1, for example 0.95")
    needed = round(5 / (1 - level))
    if resamples < needed:
        raise PersonError(
            f"level: got {level:g} from {resamples:,} resamples; allowed: at least {needed:,} "
            "resamples for this level, or a lower level, for example 0.95"
        )


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


def expanded_tail(level: float, clusters: float) -> float:
    """Share of resamples to leave on either side of the percentiles of so many effective clusters.

    >>> round(expanded_tail(0.95, 20), 4), round(expanded_tail(0.95, 1e6), 4)
    (0.0159, 0.025)
    """
    reach = stdtrit(clusters - 1, (1 + level) / 2) * np.sqrt(clusters / (clusters - 1))
    return float(ndtr(-reach))


def bootstrap(
    sample: Sample, statistics: Sequence[Statistic], *, how: Bootstrap, seed: int
) -> list[Estimate]:
    """Every statistic of one sample with its interval, all from the same resamples."""
    sample = sample.by_member() if how.weighting == "member" and len(sample.values) else sample
    found = [_before(statistic, sample, how, seed) for statistic in statistics]
    if how.ci == "cluster":
        found = _unless_doubtful(statistics, found, sample, how)
    drawn = _drawn(sample, [s for s, f in zip(statistics, found, strict=True) if not f], how, seed)
    return [
        _estimate(s, sample, f or _read(s, sample, drawn[id(s)], how), how)
        for s, f in zip(statistics, found, strict=True)
    ]


@dataclass(frozen=True)
class _Drawn:
    """A statistic in every resample, with its standard errors where it has them."""

    values: Floats
    errors: Floats | None


def _before(statistic: Statistic, sample: Sample, how: Bootstrap, seed: int) -> Interval | None:
    """The interval, or why there is none, where that is known without a resample."""
    n = len(sample.values)
    reason = statistic.missing(n)
    if reason:
        return Interval(how.method, None, reason)
    clustered = how.ci == "cluster"
    own = statistic.interval(
        sample, clustered=clustered, level=how.level, resamples=how.resamples, seed=seed
    )
    if own:
        return own
    unit = "member" if clustered else how.unit
    reason = statistic.no_interval(n)
    if not reason and sample.n_clusters < 2:
        reason = f"no interval: resampling needs at least 2 {unit}s, there is {sample.n_clusters}"
    if not reason and sample.values[0] == sample.values[-1]:
        reason = "interval not estimable: all values are equal, which says nothing of others"
    reason = reason or statistic.regime.few(effective_members(sample.masses), unit)
    return Interval(how.method, None, reason) if reason else None


def _unless_doubtful(
    statistics: Sequence[Statistic],
    found: list[Interval | None],
    sample: Sample,
    how: Bootstrap,
) -> list[Interval | None]:
    """No interval where the data show that what its regime assumes is not so."""
    asked = [statistic.regime for statistic in statistics]
    related = alike = None
    if how.weighting == "attack" and any(regime.related for regime in asked):
        squares = float(sample.values @ sample.values)
        related = of_members(sample.sizes, sample.sums(sample.values), squares=squares).reason
    if any(regime.alike for regime in asked):
        alike = likeness(sample).reason
    reasons = [(related if r.related else None) or (alike if r.alike else None) for r in asked]
    return [
        Interval(interval.method if interval else how.method, None, why)
        if why and (interval is None or interval.ends)
        else interval
        for why, interval in zip(reasons, found, strict=True)
    ]


def _drawn(
    sample: Sample, statistics: Sequence[Statistic], how: Bootstrap, seed: int
) -> dict[int, _Drawn]:
    """The statistics in all resamples, by identity."""
    if not statistics:
        return {}
    of: list[tuple[Resampler, Resampler | None]] = [
        (s.resampler(sample), s.errors(sample) if how.ci == "cluster" else None) for s in statistics
    ]
    parts = [
        [(value(draws), error(draws) if error else None) for value, error in of]
        for draws in resample(sample, how.resamples, seed)
    ]
    found = {}
    for statistic, (_, error), rows in zip(statistics, of, zip(*parts, strict=True), strict=True):
        errors = np.concatenate([e for _, e in rows if e is not None]) if error else None
        found[id(statistic)] = _Drawn(np.concatenate([value for value, _ in rows]), errors)
    return found


def _read(statistic: Statistic, sample: Sample, drawn: _Drawn, how: Bootstrap) -> Interval:
    """The interval from the resamples."""
    kept = np.isfinite(drawn.values)
    lost = len(kept) - int(kept.sum())
    left_out = f"{lost:,} of {len(kept):,} resamples left nothing to compute it from"
    if lost > _LOST * len(kept):
        return Interval(how.method, None, f"interval not estimable: {left_out}")
    reason = f"{left_out} and are not in the interval" if lost else None
    errors = statistic.errors(sample)
    if drawn.errors is not None and errors is not None:
        whole = _whole(sample)
        centre = float(statistic.resampler(sample)(whole)[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.nan_to_num(
                np.abs(drawn.values - centre)[kept] / drawn.errors[kept], posinf=np.inf
            )
            reach = float(np.quantile(away, how.level) * errors(whole)[0]) * statistic.guard(sample)
        method = how.method.replace("percentile", "symmetric t")
        if not np.isfinite(reach):
            return Interval(method, None, "interval not estimable: it has no end")
        if reach <= 1e-12 * max(abs(centre), 1):
            return Interval(method, None, "interval not estimable: no member differs from another")
        return Interval(method, (centre - reach, centre + reach), reason)
    tail = expanded_tail(how.level, effective_members(sample.masses))
    low, high = np.quantile(drawn.values[kept], [tail, 1 - tail])
    return Interval(how.method, (float(low), float(high)), reason)


def _whole(sample: Sample) -> Draws:
    """The sample as a resample that drew every cluster once."""
    return Draws(sample, np.ones((1, sample.n_clusters), dtype=np.int64))


def _estimate(statistic: Statistic, sample: Sample, interval: Interval, how: Bootstrap) -> Estimate:
    """The statistic with its interval."""
    n = len(sample.values)
    value = None
    if not statistic.missing(n):
        weighted = sample.weights is not None
        value = (
            float(statistic.resampler(sample)(_whole(sample))[0])
            if weighted
            else statistic.estimate(sample.values)
        )
    what = f"{statistic.name}, {how.weighting}-weighted" if how.ci == "cluster" else statistic.name
    method, reason = f"{what}; {interval.method}", interval.reason
    return Estimate.of(value, interval.ends, level=how.level, n=n, method=method, reason=reason)
