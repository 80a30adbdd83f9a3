"""The report of a reproduction: one page, its Markdown, results, figures and the comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gadfly.analysis.report.page import Document, Written, write_document
from gadfly.analysis.report.section import Section
from gadfly.analysis.report.sections import (
    arms,
    comparison,
    counts,
    efficacy,
    figure1,
    mixed,
    one_attack,
    outcomes,
    scores,
    tags,
)
from gadfly.analysis.report.sections import map as map_section
from gadfly.analysis.reproduce.compare import comparison_csv
from gadfly.analysis.reproduce.published import published
from gadfly.analysis.reproduce.reproduce import Reproduction
from gadfly.analysis.words import scored_by
from gadfly.errors import OperatorError
from gadfly.records.canonical import pretty_json
from gadfly.records.output import beside

__all__ = ["document", "write_reproduction"]


def write_reproduction(
    found: Reproduction,
    out: Path,
    *,
    show_text: bool = False,
    said: Sequence[tuple[str, str]] = (),
) -> Written:
    """Write report.html, report.md, results.json, comparison.csv and the figures into a folder.

    :raises OperatorError: the folder cannot be written to.
    """
    written = write_document(document(found, show_text=show_text, said=said), out)
    try:
        with beside(out / "comparison.csv") as file:
            file.write(comparison_csv(found.comparisons).encode())
    except OSError as error:
        raise OperatorError(
            f"{out}: comparison.csv cannot be written: {error.strerror or error}; make room"
        ) from error
    return written


def document(
    found: Reproduction, *, show_text: bool = False, said: Sequence[tuple[str, str]] = ()
) -> Document:
    """The report.

    :param show_text: with members' words that name clusters.
    :param said: the text of the attack of Figure 6, folded away; none where it was not asked for.
    """
    results = found.results
    verdict = found.identity.no_verdict
    banner = (f"{verdict}: no verdict.", found.identity.sentence) if verdict else None
    with scored_by(results.score):
        sections = tuple(s for s in _sections(found, show_text, said) if s is not None)
    return Document(
        title=results.title,
        kicker="The paper, reproduced",
        lead=(
            f"The figures and tables of Ganguli et al. 2022 from {results.n_attacks:,} attacks by "
            f"{results.n_members:,} members, beside the published numbers."
        ),
        sections=sections,
        provenance=results.provenance,
        results=pretty_json(found),
        banner=banner,
        findings=results.findings,
        notes=results.notes,
        scorer=results.scorer,
    )


def _sections(
    found: Reproduction, show_text: bool, said: Sequence[tuple[str, str]]
) -> Iterator[Section | None]:
    marks = {(arm.model_type, arm.num_params): arm.lineage_mark for arm in found.results.arms}
    yield comparison.section(found.comparisons, found.identity)
    yield counts.section(found.counts)
    yield replace(arms.section(found.results), title="Figure 1. Arms")
    values = {"rating": "figure1_left", "harmlessness": "figure1_middle"}
    if found.results.score != "min":
        del values["harmlessness"]  # published of the lowest alone
    panels = {name: published().group(group).values for name, group in values.items()}
    yield figure1.section(found.results.arms, found.paper_arms, panels)
    yield None if found.map is None else map_section.section(found.map, show_text=show_text)
    yield efficacy.section(found.efficacy)
    yield None if found.one_attack is None else one_attack.section(found.one_attack, said=said)
    yield scores.section(found.scores)
    yield None if found.tags is None else tags.section(found.tags)
    yield mixed.section(found.mixed, marks=marks)
    yield outcomes.section(found.results)
    yield outcomes.reading(found.results)
