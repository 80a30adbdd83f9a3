"""Figure 2: the map of attacks."""

from __future__ import annotations

from gadfly.analysis.figures.map import map_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table
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
            "cluster, 1 is the largest."
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


def _finding(result: MapResult) -> str:
    rated = [(c.rating, c.number) for c in result.clusters if c.rating is not None]
    largest = result.clusters[0]
    share = number(largest.n / result.n, 0, percent=True)
    found = f"{len(result.clusters)} clusters; the largest holds {share} of the attacks."
    if len(rated) < 2:
        return found
    (least, where), (most, best) = min(rated), max(rated)
    return (
        f"{found} Mean self-rated success goes from {number(least)} in cluster {where} to "
        f"{number(most)} in cluster {best}; of so many clusters some differ by chance."
    )


def _terms(result: MapResult) -> Table:
    rows = tuple(
        (
            Cell(str(cluster.number)),
            Cell(", ".join(safe(term) for term in cluster.terms or ()) or "–"),
            Cell(f"{cluster.n:,}"),
            Cell(number(cluster.rating)),
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
