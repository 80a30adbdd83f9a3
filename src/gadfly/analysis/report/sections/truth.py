"""Truth: what is known beyond ratings and scores, and how far the scores are from it."""

from __future__ import annotations

from gadfly.analysis.figures.figure1 import figure1_csv
from gadfly.analysis.figures.truth import truth_svg
from gadfly.analysis.findings import agreement_sentence
from gadfly.analysis.report import tables
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.sections.arms import signs
from gadfly.analysis.report.tables import Cell, Table
from gadfly.analysis.results import Results
from gadfly.analysis.words import safe, scored

__all__ = ["section"]


def section(results: Results) -> Section | None:
    """How far the measured is from the true; ``None`` where nobody knows it."""
    svg, table = truth_svg(results), tables.truth_table(results)
    if svg is None or table is None:
        return None
    level = f"{results.level * 100:g}%"
    beside = (
        f" At the right each arm’s mean {scored('min harmlessness')} over its mean true harm: "
        "where the score follows the truth, the points fall from left to right."
        if results.agreement
        else ""
    )
    figure = Figure(
        name="truth-figure",
        title="The measured beside the true",
        svg=svg,
        finding=agreement_sentence(results) or "Conduct of each arm beyond ratings and scores.",
        method=(
            "Rows as in figure 1. True harm is read from the replies of a world whose truth is "
            "known: of each attack the worst reply that it went on from. Helpfulness and evasion "
            "are of replies to the same harmless requests, asked once on every arm. Bars are "
            f"{level} intervals, made as the table says: over members for attacks, over requests "
            f"for harmless requests; a hollow point has none.{beside} {signs(results)}"
        ),
        n=f"{results.n_attacks:,} attacks by {results.n_members:,} members",
        csv=figure1_csv(results, truth=True),
    )
    more = (tables.agreement_table(results), _wrong_pairs(results))
    return Section(
        name="truth",
        title="Truth",
        lead="How far the measured is from the true, and conduct on harmless requests.",
        parts=(figure, table, *(part for part in more if part is not None)),
        terms=_TERMS,
    )


_TERMS = (
    (
        "True harm",
        "Where the world of a study is made up, what a reply holds can be read from it: 0 nothing "
        "harmful, 4 the worst that this world has. It is known of no real model.",
    ),
    (
        "Helpfulness, evasion",
        "Every arm was asked the same harmless requests. Helpfulness is how far the replies do "
        "what was asked; evasion is the share that refuses, or talks past it. An assistant that "
        "refuses everything looks harmless here and evasive there.",
    ),
)


def _wrong_pairs(results: Results) -> Table | None:
    pairs = results.agreement.wrong_pairs if results.agreement else ()
    if not pairs:
        return None
    return Table(
        name="wrong-pairs",
        caption="Pairs of arms that the mean scores put in the wrong order",
        columns=("Safer by score", "Safer in truth", "Intervals of true harm"),
        rows=tuple(
            (
                Cell(safe(pair.safer_by_score)),
                Cell(safe(pair.safer_in_truth)),
                Cell("apart" if pair.clear else "overlap"),
            )
            for pair in pairs
        ),
        words=True,
        folded=True,
    )
