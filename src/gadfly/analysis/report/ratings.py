"""The report of a file of ratings by itself: one page, its Markdown, and the results."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version

from gadfly.analysis.provenance import git_state, library_versions
from gadfly.analysis.report.page import Document, Written, write_document
from gadfly.analysis.report.section import Section
from gadfly.analysis.report.sections import ratings
from gadfly.analysis.report.tables import TerminalTable
from gadfly.analysis.results import Provenance
from gadfly.analysis.topics.ratings import RatingsResult, ratings_result
from gadfly.records.canonical import pretty_json

__all__ = ["analyze_ratings", "terminal_ratings", "write_ratings"]


def analyze_ratings(path: Path, *, resamples: int, level: float) -> tuple[RatingsResult, Document]:
    """Agreement of the raters of a file, and its report."""
    started = time.monotonic()
    result = ratings_result(path, resamples=resamples, level=level)
    return result, _document(result, time.monotonic() - started)


def write_ratings(document: Document, out: Path) -> Written:
    """Write report.html, report.md and results.json into a folder."""
    return write_document(document, out)


def terminal_ratings(result: RatingsResult) -> TerminalTable:
    """The overview of criteria in one screen."""
    table = ratings.overview(result)
    rows = tuple(
        tuple(" ".join(filter(None, (cell.text, cell.detail))).replace("−", "-") for cell in row)
        for row in table.rows
    )
    return TerminalTable(table.columns, rows)


def _document(result: RatingsResult, seconds: float) -> Document:
    shown: Section = ratings.section(result)
    commit, dirty = git_state()
    used = {"level": result.level, "resamples": result.resamples}
    count = len(result.criteria)
    return Document(
        title=result.name,
        kicker="Agreement of raters",
        lead=f"{result.rows:,} ratings on {count:,} {'criterion' if count == 1 else 'criteria'}.",
        sections=(shown,),
        provenance=Provenance(
            package_version=version("gadfly"),
            git_commit=commit,
            git_dirty=dirty,
            input_name=result.name,
            input_sha256=result.sha256,
            protocol_hash=None,
            arguments_given=dict(used),
            arguments_used=dict(used),
            seeds=(),
            python=python_version(),
            libraries=library_versions(),
            created_at=datetime.now(UTC),
            duration_seconds=round(seconds, 3),
        ),
        results=pretty_json(result),
    )
