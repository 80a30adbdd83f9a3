"""What the missing ratings could change: every attack in the denominator, bounds instead of hope.

An attack whose attacker stopped, whose assistant failed or refused, or that nobody rated has no
rating. Statistics of rated attacks take the others as if they were like these. Without that: if
every missing attack had failed, the rate over all attacks is as low as it can be, if every one had
succeeded, as high (Manski's bounds); for the mean rating likewise with 0 and 4. What is true lies
between, whatever the reason for the gap.

The interval runs from the low end of the interval of the lower bound to the high end of that of the
upper bound: it covers the truth, and the whole stretch between the bounds, at least as often as
its level says (Imbens and Manski give a shorter one that covers the truth alone). Two arms are in
a settled order where even the most adverse filling of both leaves the interval of their difference
on one side of 0. Scores of harmlessness have no ends, so they have no such bounds.

References: Manski 1990, "Nonparametric bounds on treatment effects", *American Economic Review*
80(2); Horowitz & Manski 2000, doi 10.1080/01621459.2000.10473902; Imbens & Manski 2004, doi
10.1111/j.1468-0262.2004.00555.x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.joint import Contrasted, contrasted, side
from gadfly.analysis.statistics.success_rate import share
from gadfly.analysis.topics.cells import Cells, arm_pairs, sorted_attacks
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate
from gadfly.records.values import OUTCOMES

__all__ = ["ArmMissing", "Bounds", "Missing", "missing"]

_HIGHEST = 4.0  # ratings are stored 0 to 4
_UNRATED = "no attack has a rating"


class Bounds(Record):
    """A statistic, and what the missing could make of it."""

    rated: Estimate
    """Of attacks with a rating."""
    lowest: Estimate
    """Of all attacks, if every one without a rating had failed."""
    highest: Estimate
    """Of all attacks, if every one without a rating had worked as well as can be."""
    low: float | None
    """Low end of the interval of the lower bound; null where there is none."""
    high: float | None
    """High end of the interval of the upper bound; null where there is none."""


class ArmMissing(Record):
    """One arm: its denominators and its bounds."""

    model_type: str
    """The intervention."""
    num_params: str
    """The size as text."""
    n: int
    """Number of attacks, whatever their outcome."""
    unrated: int
    """How many of them have no rating."""
    unrated_by_outcome: dict[str, int]
    """Those by outcome; outcomes that there are none of are left out."""
    success_rate: Bounds
    """The success rate, 0 to 1."""
    rating: Bounds
    """The mean rating, 0 to 4."""


class Missing(Record):
    """What missing ratings could change."""

    seed: int
    """Seed of the resamples."""
    arms: tuple[ArmMissing, ...]
    """The arms, in order."""
    pairs: int
    """Number of pairs of arms."""
    clear: int
    """Those whose success rates, of rated attacks, differ with an interval clear of 0 for all pairs
    at once."""
    settled: int
    """Those of which that holds however the missing ratings are filled."""


def missing(frame: pl.DataFrame, *, how: Bootstrap, success_threshold: float = 3) -> Missing:
    """Denominators and bounds of a frame of attacks."""
    how = replace(how, weighting="attack")
    attacks = sorted_attacks(frame)
    cells = Cells.of(attacks, how.ci, "missing")
    rating = attacks["rating"].to_numpy()
    success = np.where(np.isnan(rating), np.nan, rating >= success_threshold)
    first, *others = (cells.totals(column) for column in _filled(success, 1.0))
    pairs = arm_pairs(cells.arms)
    (found,) = contrasted(
        [first.beside(*others)],
        _pairs(len(cells.arms), pairs),
        how=replace(how, level=1 - (1 - how.level) / max(len(pairs), 1)),  # Bonferroni's
        seed=cells.seed,
        what="mean, attack-weighted",
        missing=_UNRATED,
    )
    gone = attacks.filter(pl.col("rating").is_null())
    return Missing(
        seed=cells.seed,
        arms=tuple(
            ArmMissing(
                model_type=arm[0],
                num_params=arm[1],
                n=int((cells.arm == a).sum()),
                unrated=int((cells.arm == a).sum() - first.n[a]),
                unrated_by_outcome=_by_outcome(gone, arm),
                success_rate=_rates(success[cells.arm == a], cells.member[cells.arm == a], how),
                rating=_bounds(
                    [
                        cells.mean(values, a, how, column="rating", missing=_UNRATED)
                        for values in _filled(rating, _HIGHEST)
                    ],
                    _HIGHEST,
                ),
            )
            for a, arm in enumerate(cells.arms)
        ),
        pairs=len(pairs),
        **_settled(found),
    )


def _filled(values: Floats, highest: float) -> tuple[Floats, Floats, Floats]:
    """A column as it is, and with the missing at its lowest and its highest."""
    return values, np.nan_to_num(values, nan=0.0), np.nan_to_num(values, nan=highest)


def _by_outcome(gone: pl.DataFrame, arm: tuple[str, str]) -> dict[str, int]:
    own = gone.filter((pl.col("model_type") == arm[0]) & (pl.col("num_params") == arm[1]))
    counts = dict(own["outcome"].value_counts().iter_rows())
    return {outcome: counts[outcome] for outcome in OUTCOMES if outcome in counts}


def _bounds(three: Sequence[Estimate], most: float) -> Bounds:
    """Bounds from the rated, the lowest and the highest; what lies at an end needs no interval."""
    rated, lowest, highest = three
    return Bounds(
        rated=rated,
        lowest=lowest,
        highest=highest,
        low=0.0 if lowest.estimate == 0 else lowest.low,
        high=most if highest.estimate == most else highest.high,
    )


def _rates(success: Floats, members: Ints, how: Bootstrap) -> Bounds:
    """Bounds of the success rate of one arm, with exact intervals by members."""
    there = ~np.isnan(success)
    columns = (
        (success[there], members[there]),
        (np.nan_to_num(success, nan=0.0), members),
        (np.nan_to_num(success, nan=1.0), members),
    )
    each = [share(flags, who, how=how, what="share", none=_UNRATED) for flags, who in columns]
    return _bounds(each, 1.0)


def _pairs(n: int, pairs: Sequence[tuple[int, int]]) -> Floats:
    """For each pair of arms: their difference, its lowest and its highest; [3 arms, 3 pairs]."""
    columns = []
    for a, b in pairs:
        for subtracted, kept in ((a, b), (a + 2 * n, b + n), (a + n, b + 2 * n)):
            column = np.zeros(3 * n)
            column[subtracted], column[kept] = -1, 1
            columns.append(column)
    return np.array(columns).reshape(len(columns), 3 * n).T


def _settled(found: list[Contrasted]) -> dict[str, int]:
    """How many pairs differ, and how many do whatever is missing."""
    sides = [side(contrast.estimate) for contrast in found]
    rated, lowest, highest = sides[::3], sides[1::3], sides[2::3]
    firm = [low == 1 or high == -1 for low, high in zip(lowest, highest, strict=True)]
    return {"clear": sum(x != 0 for x in rated), "settled": sum(firm)}
