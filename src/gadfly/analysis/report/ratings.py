"""The report of a file of ratings by itself: one page, its Markdown, the results, and items.csv.

``items.csv`` holds what each item truly is by Dawid and Skene's model: for each criterion and item
the number of ratings, the likeliest value and its probability.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import numpy as np

from gadfly.analysis.provenance import git_state, library_versions
from gadfly.analysis.report.page import Document, Written, write_document
from gadfly.analysis.report.section import Section
from gadfly.analysis.report.sections import ratings
from gadfly.analysis.report.tables import TerminalTable
from gadfly.analysis.results import Provenance
from gadfly.analysis.statistics.dawid_skene import dawid_skene
from gadfly.analysis.topics.ratings import RatingsResult, agreement_of
from gadfly.errors import OperatorError
from gadfly.records.canonical import pretty_json
from gadfly.records.output import beside
from gadfly.records.ratings import RatingsFile, read_ratings
from gadfly.records.spreadsheet import csv_text

__all__ = ["RatingsReport", "analyze_ratings", "terminal_ratings", "write_ratings"]


@dataclass(frozen=True)
class RatingsReport:
    """Agreement of the raters of a file, before it is written."""

    result: RatingsResult
    """Every number."""
    document: Document
    """The page."""
    items: str
    """``items.csv``."""


def analyze_ratings(path: Path, *, resamples: int, level: float) -> RatingsReport:
    """Agreement of the raters of a file, and its report."""
    started = time.monotonic()
    file = read_ratings(path)
    result = agreement_of(file, resamples=resamples, level=level)
    document = _document(result, time.monotonic() - started)
    return RatingsReport(result, document, _items_csv(file, result))


def write_ratings(report: RatingsReport, out: Path) -> Written:
    """Write report.html, report.md, results.json and items.csv into a folder.

    :raises OperatorError: the folder cannot be written to.
    """
    written = write_document(report.document, out)
    try:
        with beside(out / "items.csv") as file:
            file.write(report.items.encode(errors="backslashreplace"))
    except OSError as error:
        raise OperatorError(
            f"{out}: items.csv cannot be written: {error.strerror or error}; make room"
        ) from error
    return written


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


def _items_csv(file: RatingsFile, result: RatingsResult) -> str:
    """Every item of each criterion for which the model holds."""
    columns = ("criterion", "item", "ratings", "likeliest value", "probability")
    rows: list[tuple[object, ...]] = []
    for criterion, told in zip(file.criteria, result.criteria, strict=True):
        if told.classes is None:
            continue
        model = dawid_skene(criterion.ratings)
        labels = criterion.labels or tuple(f"{value:g}" for value in model.values)
        likeliest = model.posterior.argmax(axis=1)
        sizes = np.isfinite(criterion.ratings).sum(axis=1)
        rows += [
            (criterion.name, item, int(size), labels[place], round(float(row[place]), 6))
            for item, size, place, row in zip(
                criterion.items, sizes, likeliest, model.posterior, strict=True
            )
        ]
    return csv_text(columns, rows)
