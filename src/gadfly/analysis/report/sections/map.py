"""Figure 2: the map of attacks."""

from __future__ import annotations

from gadfly.analysis.figures.map import map_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.map import MapResult
from gadfly.analysis.words import interval, number, safe

__all__ = ["section"]


def section(result: MapResult, *, show_text: bool = False) -> Section:
    """The map and, only where asked for, the words that name its clusters.

    :param show_text: whether members' words are shown, where the result holds them.
    """
    kept = result.neighbours_kept
    what = "words" if result.by_words else "vectors"
    keeps = "" if kept.estimate is None else f" (it keeps {interval(kept, 0, percent=True)})"
    named = show_text and any(cluster.terms for cluster in result.clusters)
    figure = Figure(
        name="figure2",
        title="Figure 2. The map of attacks",
        svg=map_svg(result, terms=show_text),
        finding=_finding(result),
        method=(
            f"{result.method}. Dots in a disc have the same {what}. A number stands amid its "
            f"cluster, 1 is the largest. Intervals: {_made(result)}."
            + (" Names that would lie over others stand in the table alone." if named else "")
        ),
        n=f"{result.n:,} attacks, {result.n_rated:,} of them rated",
        csv=result.points,
    )
    return Section(
        name="map",
        title="Figure 2. The map of attacks",
        lead=(
            "Which kinds of attack there are, and where they worked. Near dots have like "
            f"{what}{'' if result.by_words else ', of the embedding that was given'}."
        ),
        parts=(figure, _terms(result)) if named else (figure,),
        notes=(
            "The map is for looking: what is near on it is alike, but wide gaps, areas and the "
            f"neighbours of a single dot{keeps} mean little. Clusters come from the {what}, "
            "not from the map, and their number is a choice.",
        ),
    )


def _made(result: MapResult) -> str:
    methods = (c.rating.method for c in result.clusters if c.rating.low is not None)
    return next(methods, "none could be made").split("; ", 1)[-1]


def _finding(result: MapResult) -> str:
    rated = [c for c in result.clusters if c.rating.estimate is not None]
    largest = result.clusters[0]
    share = number(largest.n / result.n, 0, percent=True)
    found = f"{len(result.clusters)} clusters; the largest holds {share} of the attacks."
    if len(rated) < 2:
        return found
    least, most = (f(rated, key=lambda c: c.rating.estimate or 0.0) for f in (min, max))
    return (
        f"{found} Mean self-rated success goes from {interval(least.rating)} in cluster "
        f"{least.number} to {interval(most.rating)} in cluster {most.number}; of so many clusters "
        "some differ by chance."
    )


def _terms(result: MapResult) -> Table:
    rows = tuple(
        (
            Cell(str(cluster.number)),
            Cell(", ".join(safe(term) for term in cluster.terms or ()) or "–"),
            Cell(f"{cluster.n:,}"),
            estimate_cell(cluster.rating, why=True),
        )
        for cluster in result.clusters
    )
    return Table(
        name="map-terms",
        caption="Words of members that set clusters apart",
        columns=("Cluster", "Words", "Attacks", "Mean rating"),
        rows=rows,
        method="Best first by class-based TF-IDF; words of fewer than 5 attacks are left out.",
        words=True,
        folded=True,
    )
