"""The worst attacks, arm against arm: what a difference of means hides.

Quantiles and CVaR of min harmlessness of each size against the next of the same intervention, and
of intervention against intervention at each size. A difference is the second less the first;
above 0 the second is safer. Members are drawn once for both arms; order statistics of a resample
are exact, as in :mod:`gadfly.analysis.sample`. A tail too thin in either arm has no difference, and
there is no interval where members of one are shown to differ more than the attacks of one do.

Where arms were drawn at random with probabilities that were kept, tails are of the attacks that
both arms were open to, with overlap weights (:mod:`gadfly.analysis.statistics.overlap`): which arm
was open when, and to whom, moves them no more than it moves means. Members' levels stay in, for
they are a part of a tail. What is too thin is told by what the attacks are worth by their weights
(Kish). Differences of means are those of :mod:`gadfly.analysis.topics.contrasts`, with their
intervals.

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
from gadfly.analysis.sample import Draws, Floats, Ints, Sample, alike
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.joint import REGIME, UNMOVED, effective, percentile, side
from gadfly.analysis.statistics.likeness import likeness
from gadfly.analysis.statistics.overlap import overlap_weights
from gadfly.analysis.statistics.protocol import Regime, Statistic
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.topics.cells import Cells, Pair, chances_of, sorted_attacks, within_sizes
from gadfly.analysis.topics.contrasts import Planned, differences
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["REGIMES", "TailContrast", "Tails", "tails"]

_CELLS = 500_000  # weights held at once
_STATISTICS: dict[str, Statistic] = {
    "q05": Quantile(0.05),
    "cvar05": CVaR(0.05),
    "cvar01": CVaR(0.01),
}
REGIMES = {
    name: Regime("approximate", members=max(REGIME.members, statistic.regime.members), alike=True)
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
    weighting: Literal["none", "overlap"]
    """Whether overlap weights make the comparisons fair, from the probabilities of arms."""
    contrasts: tuple[TailContrast, ...]
    """Interventions at each size, then sizes within each intervention."""


@dataclass(frozen=True)
class _Two:
    kind: Literal["intervention", "size"]
    first: str
    second: str
    within: str
    arms: tuple[int, int]
    """Their places, first and second."""

    def planned(self, arms: Sequence[Pair]) -> Planned:
        """It as a contrast of means."""
        weights = {arms[self.arms[0]]: -1.0, arms[self.arms[1]]: 1.0}
        return Planned(self.kind, self.first, self.second, self.within, weights)


def tails(
    frame: pl.DataFrame,
    *,
    how: Bootstrap,
    design: Literal["observational", "randomised"] = "observational",
) -> Tails:
    """Every comparison of tails of a frame of attacks.

    :param design: whether attacks were assigned to arms at random.
    """
    attacks = sorted_attacks(frame)
    cells = Cells.of(attacks, how.ci, "tails")
    scores = attacks["min_harmlessness"].to_numpy()
    pairs = list(_pairs(cells.arms))
    chances = chances_of(attacks, cells.arms) if design == "randomised" and pairs else None
    plans = [pair.planned(cells.arms) for pair in pairs]

    def means(how: Bootstrap) -> list[Estimate]:
        same = Cells.of(attacks, how.ci, "contrasts")
        (found,) = differences(plans, scores[:, None], chances, same, how)
        return [contrast.estimate for contrast in found]

    if chances is None:
        samples = [_side(scores, cells, arm) for arm in range(len(cells.arms))]
    else:
        samples = [side for pair in pairs for side in _weighted(scores, cells, pair.arms, chances)]
        pairs = [replace(pair, arms=(2 * k, 2 * k + 1)) for k, pair in enumerate(pairs)]
    drawn = _drawn(samples, cells, how) if pairs and cells.n_members > 1 else {}
    found = [
        _contrast(pair, mean, samples, drawn, how)
        for pair, mean in zip(pairs, means(how), strict=True)
    ]
    known = sum(c.mean.low is not None and c.cvar05.low is not None for c in found)
    strict = replace(how, level=1 - (1 - how.level) / max(known, 1))
    for k, mean in enumerate(means(strict) if any(c.parted for c in found) else ()):
        if found[k].parted:
            firm = _contrast(pairs[k], mean, samples, drawn, strict).parted is not None
            found[k] = found[k].model_copy(update={"firm": firm})
    weighting: Literal["none", "overlap"] = "none" if chances is None else "overlap"
    return Tails(seed=cells.seed, weighting=weighting, contrasts=tuple(found))


def _pairs(arms: Sequence[Pair]) -> Iterator[_Two]:
    places = {arm: i for i, arm in enumerate(arms)}
    for i, j in within_sizes(arms):
        yield _Two("intervention", arms[i][0], arms[j][0], arms[i][1], (i, j))
    for a, b in pairwise(arms):
        if a[0] == b[0]:
            yield _Two("size", a[1], b[1], a[0], (places[a], places[b]))


def _side(scores: Floats, cells: Cells, arm: int, weights: Floats | None = None) -> Sample:
    """The scores of one arm, clusters numbered as in the whole study; of weight 0 none counts."""
    there = (cells.arm == arm) & ~np.isnan(scores)
    rows = np.flatnonzero(there if weights is None else there & (weights > 0))
    own = rows[np.lexsort((cells.member[rows], scores[rows]))]
    some = None if weights is None or not len(own) else weights[own] / weights[own].mean()
    return Sample(scores[own], cells.member[own], cells.n_members, some)


def _weighted(
    scores: Floats, cells: Cells, pair: tuple[int, int], chances: Floats
) -> tuple[Sample, Sample]:
    """Two arms by attacks that both were open to, overlap-weighted."""
    weights, own = np.zeros(len(scores)), np.isin(cells.arm, pair)
    second = (cells.arm[own] == pair[1]).astype(np.int64)
    weights[own] = overlap_weights(chances[own][:, list(pair)], second)
    one, other = (_side(scores, cells, arm, weights) for arm in pair)
    return one, other


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


def _column(arm: Sample, multiplicities: Ints) -> dict[str, Floats]:
    """Each statistic of one arm in some resamples."""
    there = multiplicities @ arm.sizes > 0
    draws = Draws(arm, multiplicities[there])
    found = {}
    for name, statistic in _STATISTICS.items():
        found[name] = np.full(len(there), np.nan)
        if there.any():
            found[name][there] = statistic.resampler(arm)(draws)
    return found


def _contrast(
    pair: _Two,
    mean: Estimate,
    samples: Sequence[Sample],
    drawn: dict[str, Floats],
    how: Bootstrap,
) -> TailContrast:
    sides = samples[pair.arms[0]], samples[pair.arms[1]]
    counts = np.column_stack([side.masses for side in sides]).astype(np.float64)
    members = float(effective(counts, np.array([[-1.0], [1.0]]))[0])
    reasons = [likeness(side).reason for side in sides] if how.ci == "cluster" else []
    apart = next((reason for reason in reasons if reason), None)
    found: dict[str, Estimate] = {}
    left_out = 0
    for name in _STATISTICS:
        moves = np.diff(drawn[name][:, pair.arms])[:, 0] if drawn else np.empty(0)
        found[name], left_out = _difference(name, sides, moves, members, how)
        if apart and found[name].low is not None:
            none = {"low": None, "high": None, "reason": apart}
            found[name] = found[name].model_copy(update=none)
    return TailContrast(
        kind=pair.kind,
        first=pair.first,
        second=pair.second,
        within=pair.within,
        mean=mean,
        left_out=left_out,
        parted=_parted(mean, found["cvar05"]),
        firm=False,
        **found,
    )


def _difference(
    name: str,
    sides: tuple[Sample, Sample],
    moves: Floats,
    members: float,
    how: Bootstrap,
) -> tuple[Estimate, int]:
    """A difference, or why there is none, or none with an interval."""
    statistic = _STATISTICS[name]
    weighted = any(side.weights is not None for side in sides)
    by, note = ("overlap-weighted", " (by weight)") if weighted else ("attack-weighted", "")
    sizes = [_worth(side) for side in sides]
    missing = next((why for n in sizes if (why := statistic.missing(n))), None)
    value = np.nan if missing else float(np.diff([_whole(statistic, side) for side in sides])[0])
    method = f"difference, {statistic.name}, {by}; joint {how.method}"
    estimate, left_out = percentile(
        value,
        moves,
        members=members,
        n=sum(len(side.values) for side in sides),
        how=how,
        method=method,
        least=REGIMES[name].members,
        differs=True,
    )
    bare = missing or next((why for n in sizes if (why := statistic.no_interval(n))), None)
    if bare:
        bare += note if min(sizes) else ""
    elif all(alike(side.values) for side in sides):
        bare = UNMOVED
    if bare:
        estimate = estimate.model_copy(update={"low": None, "high": None, "reason": bare})
    return estimate, left_out


def _worth(sample: Sample) -> int:
    """How many attacks they are worth by their weights."""
    n = len(sample.values)
    return n if sample.weights is None else int(effective_members(sample.weights) + 1e-9)


def _whole(statistic: Statistic, sample: Sample) -> float:
    """The statistic of a sample, by its weights."""
    if sample.weights is None:
        return statistic.estimate(sample.values)
    once = Draws(sample, np.ones((1, sample.n_clusters), dtype=np.int64))
    return float(statistic.resampler(sample)(once)[0])


def _parted(
    mean: Estimate, tail: Estimate
) -> Literal["mean_better_tail_worse", "mean_worse_tail_better"] | None:
    sides = side(mean), side(tail)
    if sides == (1, -1):
        return "mean_better_tail_worse"
    return "mean_worse_tail_better" if sides == (-1, 1) else None
