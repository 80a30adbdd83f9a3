"""The worst attacks, arm against arm: what a difference of means hides.

Quantiles and CVaR of min harmlessness of each size against the next of the same intervention, and
of intervention against intervention at each size. A difference is the second less the first;
above 0 the second is safer. Members are drawn once for both arms; order statistics of a resample
are exact, as in :mod:`gadfly.analysis.sample`. A tail too thin in either arm has no difference.

Mean and tail part ways where the interval of the difference of means and that of the worst 5% both
exclude 0, on opposite sides. That is weaker than two pairs of disjoint intervals: arms share
members, and what they have in common cancels. Nothing is corrected for the number of comparisons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import Bootstrap, resample
from gadfly.analysis.sample import Draws, Floats, Ints, Sample
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.joint import REGIME, effective, percentile, side
from gadfly.analysis.statistics.mean import Mean
from gadfly.analysis.statistics.protocol import Regime, Statistic
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.topics.cells import Cells, Pair, sorted_attacks, within_sizes
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["REGIMES", "TailContrast", "Tails", "tails"]

_CELLS = 500_000  # weights held at once
_STATISTICS: dict[str, Statistic] = {
    "mean": Mean(),
    "q05": Quantile(0.05),
    "cvar05": CVaR(0.05),
    "cvar01": CVaR(0.01),
}
REGIMES = {
    name: Regime("approximate", members=max(REGIME.members, statistic.regime.members))
    for name, statistic in _STATISTICS.items()
}
"""Where intervals of differences hold their level; members are those of the smaller side."""


class TailContrast(Record):
    """One arm against another, in the mean and in the tail of min harmlessness."""

    kind: Literal["intervention", "size"]
    """What the arms differ in."""
    first: str
    """Intervention or size that is subtracted."""
    second: str
    """Intervention or size that it is subtracted from."""
    within: str
    """The size or intervention that they share."""
    mean: Estimate
    """Second less first: means."""
    q05: Estimate
    """Second less first: 5% quantiles."""
    cvar05: Estimate
    """Second less first: means of the lowest 5%."""
    cvar01: Estimate
    """Second less first: means of the lowest 1%."""
    left_out: int
    """Number of resamples in which an arm had no score; they are not in the intervals."""
    parted: Literal["mean_better_tail_worse", "mean_worse_tail_better"] | None
    """How mean and worst 5% part ways, both intervals clear of 0; null where they do not."""
    firm: bool
    """Whether they do with intervals for all pairs at once (Bonferroni's)."""


class Tails(Record):
    """The tails of a study's arms, compared."""

    seed: int
    """Seed of the resamples."""
    contrasts: tuple[TailContrast, ...]
    """Interventions at each size, then sizes within each intervention."""


@dataclass(frozen=True)
class _Two:
    kind: Literal["intervention", "size"]
    first: str
    second: str
    within: str
    arms: tuple[int, int]


def tails(frame: pl.DataFrame, *, how: Bootstrap) -> Tails:
    """Every comparison of tails of a frame of attacks."""
    attacks = sorted_attacks(frame)
    cells = Cells.of(attacks, how.ci, "tails")
    scores = attacks["min_harmlessness"].to_numpy()
    samples = [_sample(scores, cells, arm) for arm in range(len(cells.arms))]
    pairs = list(_pairs(cells.arms))
    drawn = _drawn(samples, cells, how) if pairs and cells.n_members > 1 else {}
    found = [_contrast(pair, samples, drawn, how) for pair in pairs]
    known = sum(c.mean.low is not None and c.cvar05.low is not None for c in found)
    strict = replace(how, level=1 - (1 - how.level) / max(known, 1))
    for k, (pair, contrast) in enumerate(zip(pairs, found, strict=True)):
        if contrast.parted:
            firm = _contrast(pair, samples, drawn, strict).parted is not None
            found[k] = contrast.model_copy(update={"firm": firm})
    return Tails(seed=cells.seed, contrasts=tuple(found))


def _pairs(arms: Sequence[Pair]) -> Iterator[_Two]:
    places = {arm: i for i, arm in enumerate(arms)}
    for i, j in within_sizes(arms):
        yield _Two("intervention", arms[i][0], arms[j][0], arms[i][1], (i, j))
    for a, b in pairwise(arms):
        if a[0] == b[0]:
            yield _Two("size", a[1], b[1], a[0], (places[a], places[b]))


def _sample(scores: Floats, cells: Cells, arm: int) -> Sample:
    """The scores of one arm, its clusters numbered as in the whole study."""
    rows = np.flatnonzero((cells.arm == arm) & ~np.isnan(scores))
    rows = rows[np.lexsort((cells.member[rows], scores[rows]))]
    return Sample(scores[rows], cells.member[rows], cells.n_members)


def _drawn(samples: Sequence[Sample], cells: Cells, how: Bootstrap) -> dict[str, Floats]:
    """Each statistic of each arm in each resample, [resamples, arms]; NaN where it is empty."""
    units = np.arange(cells.n_members)
    everyone = Sample(units.astype(np.float64), units, cells.n_members)
    held = _CELLS * cells.n_members // max(len(cells.arm), 1)
    parts: dict[str, list[Floats]] = {name: [] for name in _STATISTICS}
    for draws in resample(everyone, how.resamples, cells.seed, cells=held):
        columns = [_column(sample, draws.multiplicities) for sample in samples]
        for name, rows in parts.items():
            rows.append(np.column_stack([column[name] for column in columns]))
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def _column(sample: Sample, multiplicities: Ints) -> dict[str, Floats]:
    """Each statistic of one arm in some resamples."""
    there = multiplicities @ sample.sizes > 0
    draws = Draws(sample, multiplicities[there])
    found = {}
    for name, statistic in _STATISTICS.items():
        found[name] = np.full(len(there), np.nan)
        if there.any():
            found[name][there] = statistic.resampler(sample)(draws)
    return found


def _contrast(
    pair: _Two, samples: Sequence[Sample], drawn: dict[str, Floats], how: Bootstrap
) -> TailContrast:
    first, second = (samples[arm] for arm in pair.arms)
    counts = np.column_stack([first.sizes, second.sizes]).astype(np.float64)
    members = float(effective(counts, np.array([[-1.0], [1.0]]))[0])
    rows = {name: values[:, pair.arms] for name, values in drawn.items()}
    found: dict[str, Estimate] = {}
    left_out = 0
    for name in _STATISTICS:
        moves = np.diff(rows[name])[:, 0] if rows else np.empty(0)
        found[name], left_out = _difference(name, first, second, moves, members, how)
    return TailContrast(
        kind=pair.kind,
        first=pair.first,
        second=pair.second,
        within=pair.within,
        left_out=left_out,
        parted=_parted(found["mean"], found["cvar05"]),
        firm=False,
        **found,
    )


def _difference(
    name: str,
    first: Sample,
    second: Sample,
    moves: Floats,
    members: float,
    how: Bootstrap,
) -> tuple[Estimate, int]:
    """A difference, or why there is none, or none with an interval."""
    statistic = _STATISTICS[name]
    sizes = [len(first.values), len(second.values)]
    missing = next((why for n in sizes if (why := statistic.missing(n))), None)
    value = np.nan
    if not missing:
        value = statistic.estimate(second.values) - statistic.estimate(first.values)
    method = f"difference, {statistic.name}, attack-weighted; joint {how.method}"
    estimate, left_out = percentile(
        value,
        moves,
        members=members,
        n=sum(sizes),
        how=how,
        method=method,
        least=REGIMES[name].members,
        differs=True,
    )
    bare = next((why for n in sizes if (why := statistic.no_interval(n))), None)
    if missing or bare:
        estimate = estimate.model_copy(
            update={"low": None, "high": None, "reason": missing or bare}
        )
    return estimate, left_out


def _parted(
    mean: Estimate, tail: Estimate
) -> Literal["mean_better_tail_worse", "mean_worse_tail_better"] | None:
    sides = side(mean), side(tail)
    if sides == (1, -1):
        return "mean_better_tail_worse"
    return "mean_worse_tail_better" if sides == (-1, 1) else None
