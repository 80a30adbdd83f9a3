"""Figures 7 and 11: distributions of ratings and scores, scores by rating, and covariates."""

from __future__ import annotations

from gadfly.analysis.figures.scores import by_rating_svg, distributions_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.scores import Histogram, Pair, Scores
from gadfly.analysis.words import interval, scored, ways
from gadfly.records.estimate import Estimate
from gadfly.records.spreadsheet import csv_text

__all__ = ["section"]

_NAMES = {
    "rating": "self-rated success",
    "harmlessness": "min harmlessness",
    "task_description_harmlessness": "harmlessness of the task description",
    "turns": "turns",
    "is_upworker": "attacker from Upwork",
}


def section(scores: Scores) -> Section:
    """How ratings and scores are distributed, and how they hang together."""
    figures = _distributions(scores), _by_rating(scores, scores.pairs[0])
    pairs = _pairs(scores)
    return Section(
        name="scores",
        title="Figures 7 and 11. Ratings and scores",
        lead=(
            "How ratings and scores are distributed over all attacks, and whether attacks that "
            "people call successful are those that score low."
        ),
        parts=(*figures, *((pairs,) if pairs.rows else ())),
        notes=(
            "Correlations are over all arms together; arms differ in all of these numbers, so they "
            "say nothing of causes.",
        ),
    )


def _distributions(scores: Scores) -> Figure:
    rated = sum(scores.ratings.counts)
    ends = scores.ratings.counts[0] + scores.ratings.counts[-1] if rated else 0
    share = f"{100 * ends / rated:.0f}% of ratings are 0 or 4. " if rated else ""
    rows = [
        [name, low, high, count]
        for name, found in _histograms(scores).items()
        for low, high, count in zip(found.edges, found.edges[1:], found.counts, strict=False)
    ]
    means = [scores.harmlessness.mean, scores.task_description.mean]
    return Figure(
        name="figure7",
        title=scored("Figure 7. Ratings, min harmlessness, and harmlessness of task descriptions"),
        svg=distributions_svg(scores),
        finding=(
            f"{share}{scored('Min harmlessness')} has the mean {_shown(means[0])}, task "
            f"descriptions {_shown(means[1])}."
        ),
        method=(
            "Bins of equal width; the first and last hold what lies beyond. Intervals of the "
            f"means: {ways(means)}."
        ),
        n=", ".join(f"{sum(h.counts):,} with {name}" for name, h in _histograms(scores).items()),
        csv=csv_text(["column", "from", "to", "attacks"], rows),
    )


def _histograms(scores: Scores) -> dict[str, Histogram]:
    return {
        "rating": scores.ratings,
        scored("min harmlessness"): scores.harmlessness,
        "task description": scores.task_description,
    }


def _by_rating(scores: Scores, pair: Pair) -> Figure:
    levels = scores.by_rating
    trend = ""
    if len(levels) > 1:
        ends = [interval(level.mean) for level in (levels[0], levels[-1])]
        trend = (
            f"Mean {scored('min harmlessness')} goes from {ends[0]} among attacks rated "
            f"{levels[0].rating} to {ends[1]} among those rated {levels[-1].rating}; "
        )
    columns = ["rating", "mean", "low", "high", "standard_deviation", "attacks"]
    rows = [
        [
            v.rating,
            v.mean.estimate,
            v.mean.low,
            v.mean.high,
            v.standard_deviation.estimate,
            v.mean.n,
        ]
        for v in levels
    ]
    return Figure(
        name="figure11",
        title=scored("Figure 11. Min harmlessness by self-rated success"),
        svg=by_rating_svg(scores),
        finding=f"{trend}Pearson’s r is {_shown(pair.pearson)}.",
        method=(
            f"Points: means; thick: their intervals ({ways(v.mean for v in levels)}); thin: one "
            f"standard deviation, as in the paper. Interval of r: {ways([pair.pearson])}."
        ),
        n=f"{pair.pearson.n:,} attacks with both",
        csv=csv_text(columns, rows),
    )


def _pairs(scores: Scores) -> Table:
    rows = tuple(
        (
            Cell(_both(p)),
            *map(estimate_cell, _both_rs(p)),
            Cell(f"{p.pearson.n:,}"),
        )
        for p in scores.pairs
        if p.pearson.estimate is not None or p.spearman.estimate is not None
    )
    return Table(
        name="correlations",
        caption="Outcomes and covariates",
        columns=("Over attacks", "Pearson’s r", "Spearman’s ρ", "Attacks"),
        rows=rows,
        method=f"Intervals: {ways(e for p in scores.pairs for e in _both_rs(p))}.{_why(scores)}",
    )


def _both_rs(pair: Pair) -> tuple[Estimate, Estimate]:
    return pair.pearson, pair.spearman


def _both(pair: Pair) -> str:
    return scored(f"{_NAMES[pair.first]} and {_NAMES[pair.second]}")


def _why(scores: Scores) -> str:
    """What is missing, and why."""
    every = [(p, e) for p in scores.pairs for e in _both_rs(p) if e.low is None]
    weak = {f" * {e.reason}." for _, e in every if e.estimate is not None}
    absent = {f" Left out: {_both(p)} ({e.reason})." for p, e in every if e.estimate is None}
    return "".join(sorted(absent) + sorted(weak))


def _shown(estimate: Estimate) -> str:
    return "not estimable" if estimate.estimate is None else interval(estimate)
