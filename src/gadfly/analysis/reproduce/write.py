"""The report of a reproduction: one page, its Markdown, results, figures and the comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gadfly.analysis.report.page import Document, Written, write_document
from gadfly.analysis.report.section import Section
from gadfly.analysis.report.sections import arms, comparison, counts, one_attack, outcomes, scores
from gadfly.analysis.reproduce.compare import comparison_csv
from gadfly.analysis.reproduce.reproduce import PAPER_RESAMPLES, Reproduction
from gadfly.errors import OperatorError
from gadfly.records.canonical import pretty_json
from gadfly.records.output import beside

__all__ = ["document", "write_reproduction"]


def write_reproduction(found: Reproduction, out: Path) -> Written:
    """Write report.html, report.md, results.json, comparison.csv and the figures into a folder.

    :raises OperatorError: the folder cannot be written to.
    """
    written = write_document(document(found), out)
    try:
        with beside(out / "comparison.csv") as file:
            file.write(comparison_csv(found.comparisons).encode())
    except OSError as error:
        raise OperatorError(
            f"{out}: comparison.csv cannot be written: {error.strerror or error}; make room"
        ) from error
    return written


def document(found: Reproduction) -> Document:
    """The report."""
    results = found.results
    verdict = found.identity.no_verdict
    banner = (f"{verdict}: no verdict.", found.identity.sentence) if verdict else None
    return Document(
        title=results.title,
        kicker="The paper, reproduced",
        lead=(
            f"The figures and tables of Ganguli et al. 2022 from {results.n_attacks:,} attacks by "
            f"{results.n_members:,} members, beside the published numbers."
        ),
        sections=tuple(_sections(found)),
        provenance=results.provenance,
        results=pretty_json(found),
        banner=banner,
        findings=results.findings,
        notes=results.notes,
        scorer=results.scorer,
    )


def _sections(found: Reproduction) -> list[Section]:
    parts = [
        comparison.section(found.comparisons, found.identity),
        counts.section(found.counts),
        replace(arms.section(found.results), title="Figure 1. Arms"),
        _as_published(found),
        scores.section(found.scores),
    ]
    if found.one_attack is not None:
        parts.append(one_attack.section(found.one_attack))
    return [*parts, outcomes.section(found.results), outcomes.reading(found.results)]


def _as_published(found: Reproduction) -> Section:
    """Figure 1 with the paper's intervals."""
    same = {"arms": found.paper_arms, "ci": "iid", "resamples": PAPER_RESAMPLES}
    whole = arms.section(found.results.model_copy(update=same))
    figure, table, *_ = whole.parts
    return replace(
        whole,
        name="paper-mode",
        title="Figure 1 with the paper’s intervals",
        lead=(
            "The same estimates with intervals as in the paper, from resamples of single attacks. "
            "They take every attack for independent, which few busy members make untrue: compare "
            "their widths with those above."
        ),
        parts=(
            replace(figure, name="figure1-paper"),
            replace(table, name="arms-paper"),
        ),
        findings=(),
    )
