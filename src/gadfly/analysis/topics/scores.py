"""How ratings and scores are distributed, and how they hang together: Figures 7 and 11.

Bins are of equal width, from the lowest score to the highest or as the caller says; what lies
beyond the first or last edge counts in the first or last bin, so every score is in one. The
covariates that the paper holds against confounding (task description, platform) are correlated
with both outcomes, over all arms: arms differ in both, so no cause is read off.

References: Ganguli et al. 2022, Figures 7 and 11, section 4 and appendix A.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from gadfly.analysis.aggregation import named
from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.correlation import pearson, spearman
from gadfly.analysis.statistics.mean import RATED, Mean
from gadfly.analysis.statistics.standard_deviation import StandardDeviation
from gadfly.analysis.topics.cells import attributed
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["BINS", "PAIRS", "Histogram", "Level", "Pair", "Scores", "scores"]

BINS = 20
"""Bins of the histograms of scores, as in Figure 7."""
PAIRS: tuple[tuple[str, str], ...] = (
    ("rating", "harmlessness"),
    ("rating", "task_description_harmlessness"),
    ("harmlessness", "task_description_harmlessness"),
    ("rating", "turns"),
    ("harmlessness", "turns"),
    ("rating", "is_upworker"),
    ("harmlessness", "is_upworker"),
)
"""What is correlated: both outcomes, and each with what may confound it."""
Count = Annotated[int, Field(ge=0)]


class Histogram(Record):
    """How many attacks have which value."""

    edges: tuple[float, ...]
    """Edges of the bins, ascending, one more than bins; empty where no attack has a value."""
    counts: tuple[Count, ...]
    """Number of attacks in each bin; the upper edge belongs to the last bin alone."""
    missing: Count
    """Number of attacks without a value."""
    mean: Estimate
    """Mean of the values."""


class Level(Record):
    """The attacks of one rating."""

    rating: Annotated[int, Field(ge=0, le=4)]
    """Self-rated success."""
    mean: Estimate
    """Mean of their min harmlessness scores."""
    standard_deviation: Estimate
    """Standard deviation of their min harmlessness scores."""


class Pair(Record):
    """How two columns hang together, over attacks that have both."""

    first: str
    """Column of the frame."""
    second: str
    """Column of the frame; truth values count 1 and 0."""
    pearson: Estimate
    """Pearson's r, −1 to 1."""
    spearman: Estimate
    """Spearman's ρ, −1 to 1."""


class Scores(Record):
    """Ratings and scores of all arms together."""

    ratings: Histogram
    """Self-rated success, a bin for each of 0 to 4."""
    harmlessness: Histogram
    """Min harmlessness score of the assistant's replies; higher is safer."""
    task_description: Histogram
    """Harmlessness score of the task description."""
    by_rating: tuple[Level, ...]
    """Min harmlessness by rating; ratings that nobody gave are left out."""
    pairs: tuple[Pair, ...]
    """Correlations, in the order of :data:`PAIRS`."""


def scores(
    frame: pl.DataFrame,
    *,
    how: Bootstrap,
    score_range: tuple[float, float] | None = None,
    description_range: tuple[float, float] | None = None,
) -> Scores:
    """Distributions and correlations of a frame of attacks by one kind of attacker.

    :param score_range: first and last edge of the histogram of min harmlessness; from the lowest
        score to the highest where not given.
    :param description_range: the same of the task descriptions' scores.
    """
    frame = named(attributed(frame))
    members = (frame["member"].rank("dense").cast(pl.Int64) - 1).to_numpy()
    rated = np.arange(-0.5, 5.0)
    return Scores(
        ratings=_histogram(frame, members, "rating", rated, how),
        harmlessness=_scored(frame, members, "harmlessness", score_range, how),
        task_description=_scored(
            frame, members, "task_description_harmlessness", description_range, how
        ),
        by_rating=_by_rating(frame, members, how),
        pairs=tuple(_pair(frame, members, *names, how) for names in PAIRS),
    )


def _scored(
    frame: pl.DataFrame,
    members: Ints,
    column: str,
    ends: tuple[float, float] | None,
    how: Bootstrap,
) -> Histogram:
    """A histogram of :data:`BINS` bins."""
    values = frame[column].drop_nulls().to_numpy()
    if not len(values):
        return _histogram(frame, members, column, np.empty(0), how)
    low, high = ends or (float(values.min()), float(values.max()))
    high = high if high > low else low + 1.0
    return _histogram(frame, members, column, np.linspace(low, high, BINS + 1), how)


def _histogram(
    frame: pl.DataFrame, members: Ints, column: str, edges: Floats, how: Bootstrap
) -> Histogram:
    values, owners = _both(frame, members, column)
    counts: Sequence[int] = []
    if len(edges):
        inside = np.clip(values[0], edges[0], edges[-1])
        counts = np.histogram(inside, edges)[0].tolist()
    return Histogram(
        edges=tuple(edges.tolist()),
        counts=tuple(counts),
        missing=frame.height - len(owners),
        mean=_described(values[0], owners, how, column)[0],
    )


def _by_rating(frame: pl.DataFrame, members: Ints, how: Bootstrap) -> tuple[Level, ...]:
    (ratings, values), owners = _both(frame, members, "rating", "harmlessness")
    levels = []
    for rating in np.unique(ratings).astype(int):
        here = ratings == rating
        mean, spread = _described(values[here], owners[here], how, f"rated {rating}")
        levels.append(Level(rating=int(rating), mean=mean, standard_deviation=spread))
    return tuple(levels)


def _described(values: Floats, owners: Ints, how: Bootstrap, name: str) -> list[Estimate]:
    """Mean and standard deviation."""
    sample = Sample.of(values, owners if how.ci == "cluster" else None)
    seed = seed_of(sample, how.ci, "scores", name)
    mean = RATED if name == "rating" else Mean()
    return bootstrap(sample, [mean, StandardDeviation()], how=how, seed=seed)


def _pair(frame: pl.DataFrame, members: Ints, first: str, second: str, how: Bootstrap) -> Pair:
    (x, y), owners = _both(frame, members, first, second)
    name = f"{first} {second}"
    return Pair(
        first=first,
        second=second,
        pearson=pearson(x, y, owners, how=how, name=name),
        spearman=spearman(x, y, owners, how=how, name=name),
    )


def _both(frame: pl.DataFrame, members: Ints, *columns: str) -> tuple[list[Floats], Ints]:
    """The values of attacks that have them all, and their members."""
    numbers = frame.select(pl.col(columns).cast(pl.Float64))
    there = numbers.select(pl.all_horizontal(pl.all().is_not_null())).to_series().to_numpy()
    kept = numbers.filter(there)
    return [kept[column].to_numpy() for column in columns], members[there]
