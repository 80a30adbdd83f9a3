"""What a report is made of: sections of figures and tables, the same on the page and in Markdown.

Every figure and table says what it found, by which method and of how many, and carries its data.
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.analysis.report.tables import Table

__all__ = ["Excerpt", "Figure", "Section"]


@dataclass(frozen=True)
class Figure:
    """One figure."""

    name: str
    """Its anchor and the stem of its files, for example "figure5"."""
    title: str
    """What it shows, for example "Figure 5. Attacks and efficacy of members"."""
    svg: str
    """The drawing, as :func:`gadfly.analysis.figures.panels.svg_of` makes it."""
    finding: str
    """One sentence, computed: what stands out."""
    method: str
    """How it was made, with its intervals."""
    n: str
    """Of how many, for example "38,961 attacks by 324 members"."""
    csv: str
    """Its data, as :func:`gadfly.records.spreadsheet.csv_text` makes it."""


@dataclass(frozen=True)
class Excerpt:
    """Text of an attack: only where it was asked for, and folded away until somebody opens it."""

    name: str
    """Its anchor."""
    caption: str
    """Which text, and what to expect."""
    said: tuple[tuple[str, str], ...]
    """Who said what, in order; hostile."""


@dataclass(frozen=True)
class Section:
    """One part of a report."""

    name: str
    """Its anchor."""
    title: str
    """Its heading."""
    lead: str
    """What it asks, in one or two sentences."""
    parts: tuple[Figure | Table | Excerpt, ...]
    """What it shows, in order."""
    findings: tuple[str, ...] = ()
    """Sentences for the head of the report, computed; empty where nothing stands out."""
    terms: tuple[tuple[str, str], ...] = ()
    """Words and what they mean."""
    notes: tuple[str, ...] = ()
    """What a reader must know before using its numbers."""
