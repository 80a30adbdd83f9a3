"""A document as a page that needs nothing else, and as Markdown: every report is one.

The page loads nothing and runs nothing: figures are drawn in it, the data of each figure and table
hangs on it as CSV. Text that came from a study or a file is hostile; both forms show it as text.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined

from gadfly.analysis.report.markdown import escape
from gadfly.analysis.report.section import Excerpt, Figure, Section
from gadfly.analysis.report.tables import Table
from gadfly.analysis.results import Provenance, Scorer
from gadfly.analysis.words import safe
from gadfly.errors import OperatorError
from gadfly.records.output import beside
from gadfly.records.spreadsheet import csv_text

__all__ = ["Document", "Written", "page_html", "page_markdown", "section_html", "write_document"]

_BRACKETS = re.compile(r"(\S+ )?\[[^\[\]]{1,40}\]")
_FIGURE = re.compile(r"^!\[.*\]\(([\w-]+\.svg)\)$", re.MULTILINE)
_TITLE = 120  # characters of a title


@dataclass(frozen=True)
class Document:
    """A report, before it is a file."""

    title: str
    """Its heading; may be hostile."""
    kicker: str
    """What it is, in a few words above the heading: "Red-team report"."""
    lead: str
    """What it is about, in a sentence under the heading."""
    sections: tuple[Section, ...]
    """Its parts, in order."""
    provenance: Provenance
    """How its numbers came to be."""
    results: bytes
    """All of them, as JSON."""
    banner: tuple[str, str] | None = None
    """What must be known before all: a few words and a sentence."""
    findings: tuple[str, ...] = ()
    """What stands out; those of the sections follow."""
    notes: tuple[str, ...] = ()
    """What must be known before a number is used; those of the sections follow."""
    scorer: Scorer | None = None
    """Who gave the harmlessness scores."""

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure, in order."""
        return tuple(p for s in self.sections for p in s.parts if isinstance(p, Figure))


@dataclass(frozen=True)
class Written:
    """Where a document was written."""

    html: Path
    """The page."""
    markdown: Path
    """The same in Markdown; shows the figures beside it."""
    results: Path
    """The results as JSON."""
    figures: tuple[Path, ...]
    """The figures as SVG."""


def page_html(document: Document) -> str:
    """The document as one HTML page."""
    return _environment(html=True).get_template("page.html.j2").render(_context(document))


def section_html(section: Section) -> str:
    """One section as a fragment of HTML with its own style, for a notebook."""
    return _environment(html=True).get_template("fragment.html.j2").render(section=section)


def page_markdown(document: Document) -> str:
    """The document in Markdown; its figures are files beside it, called ``NAME.svg``."""
    return _environment(html=False).get_template("page.md.j2").render(_context(document))


def write_document(document: Document, out: Path) -> Written:
    """Write report.html, report.md, results.json and the figures' SVG into a folder.

    Each file is written beside its place and then moved there, so a reader never meets half a file;
    figures that an earlier report showed and this one does not are removed.

    :raises OperatorError: the folder cannot be written to.
    """
    files = Written(
        html=out / "report.html",
        markdown=out / "report.md",
        results=out / "results.json",
        figures=tuple(out / f"{figure.name}.svg" for figure in document.figures),
    )
    html, markdown = page_html(document), page_markdown(document)
    try:
        out.mkdir(parents=True, exist_ok=True)
        stale = _shown(files.markdown) - set(files.figures)
        _write(files.html, html.encode(errors="backslashreplace"))
        _write(files.markdown, markdown.encode(errors="backslashreplace"))
        for path, figure in zip(files.figures, document.figures, strict=True):
            _write(path, figure.svg.encode())
        _write(files.results, document.results)
        for path in stale:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise OperatorError(
            f"{out}: the report cannot be written: {error.strerror or error}; "
            "choose a folder that can be written to, with room on its disk"
        ) from error
    return files


def _shown(markdown: Path) -> set[Path]:
    """The figures of the report that stands there."""
    if not markdown.exists():
        return set()
    text = markdown.read_text(encoding="utf-8", errors="replace")
    return {markdown.with_name(name) for name in _FIGURE.findall(text)}


def _environment(*, html: bool) -> Environment:
    """Templates of this package; HTML is escaped by itself, Markdown by the filter ``md``."""
    environment = Environment(
        loader=PackageLoader("gadfly.analysis.report"),
        autoescape=html,  # noqa: S701  (Markdown escapes by its own filter)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": escape, "tight": _tight, "csv": _csv}
    environment.tests["figure"] = lambda part: isinstance(part, Figure)
    environment.tests["excerpt"] = lambda part: isinstance(part, Excerpt)
    return environment


def _tight(text: str) -> str:
    """Intervals that do not break over two lines, and signs that stay with their names."""
    whole = _BRACKETS.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
    return re.sub(" (?=[†‡]$)", "\u00a0", whole)


def _csv(part: Figure | Table) -> str:
    """A data address of what a figure or a table shows."""
    text = part.csv if isinstance(part, Figure) else csv_text(*_cells(part))
    return f"data:text/csv;base64,{base64.b64encode(text.encode()).decode()}"


def _cells(table: Table) -> tuple[list[str], list[list[str]]]:
    rows = [
        [" ".join(filter(None, (cell.text, cell.detail, cell.n))) for cell in row]
        for row in table.rows
    ]
    return list(table.columns), rows


def _context(document: Document) -> dict[str, Any]:
    """What both templates show."""
    sections = document.sections
    bare = orjson.dumps(orjson.loads(document.results))  # half as long without its indents
    return {
        "document": document,
        "title": safe(document.title, longest=_TITLE),
        "findings": [*document.findings, *(f for s in sections for f in s.findings)],
        "notes": [*document.notes, *(n for s in sections for n in s.notes)],
        "provenance": document.provenance,
        "input_name": safe(document.provenance.input_name, longest=_TITLE),
        "arguments": _arguments(document.provenance),
        "created": document.provenance.created_at.strftime("%Y-%m-%d %H:%M UTC"),
        "json_uri": "data:application/json;base64," + base64.b64encode(bare).decode(),
    }


def _arguments(provenance: Provenance) -> list[tuple[str, str]]:
    """Arguments as used, as short text; marks and notes have places of their own."""
    given = provenance.arguments_given
    return [
        (name, safe(str(value)) + ("" if given.get(name) == value else " (chosen by Gadfly)"))
        for name, value in provenance.arguments_used.items()
        if name not in ("marks", "notes")
    ]


def _write(path: Path, data: bytes) -> None:
    with beside(path) as file:
        file.write(data)
