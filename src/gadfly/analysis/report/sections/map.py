"""Figure 2: the map of attacks."""

from __future__ import annotations

from gadfly.analysis.figures.map import map_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.map import MapResult
from gadfly.analysis.words import interval, number, safe, ways

__all__ = ["section"]


def section(result: MapResult, *, show_text: bool = False) -> Section:
    """The map and, only where asked for, the words that name its clusters.

    :param show_text: whether members' words are shown, where the result holds them.
    """
    kept = result.neighbours_kept
    what = "words" if result.by_words else "vectors"
    keeps = "" if kept.estimate is None else f" (it keeps {number(kept.estimate, 0, percent=True)})"
    named = show_text and any(cluster.terms for cluster in result.clusters)
    figure = Figure(
        name="figure2",
        title="Figure 2. The map of attacks",
        svg=map_svg(result, terms=show_text),
        finding=_finding(result),
        method=(
            f"{result.method}. Dots in a disc have the same {what}. A number stands amid its "
            f"cluster, 1 is the largest. Intervals: {ways(c.rating for c in result.clusters)}."
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
        parts=(figure, _clusters(result, named)),
        notes=(
            "The map is for looking: what is near on it is alike, but wide gaps, areas and the "
            f"neighbours of a single dot{keeps} mean little. Clusters come from the {what}, "
            "not from the map, and their number is a choice.",
        ),
    )


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


def _clusters(result: MapResult, named: bool) -> Table:
    """Every cluster with its mean rating, and where asked for the words that set it apart."""
    rows = tuple(
        (
            Cell(str(cluster.number)),
            *((Cell(", ".join(map(safe, cluster.terms or ())) or "–"),) if named else ()),
            Cell(f"{cluster.n:,}"),
            estimate_cell(cluster.rating, why=True),
        )
        for cluster in result.clusters
    )
    words = " Words of members: best first by class-based TF-IDF, none of fewer than 5 attacks."
    return Table(
        name="map-clusters",
        caption="Clusters of the map",
        columns=("Cluster", *(("Words",) if named else ()), "Attacks", "Mean rating"),
        rows=rows,
        method=f"Intervals: {ways(c.rating for c in result.clusters)}.{words if named else ''}",
        words=named,
        folded=True,
    )
