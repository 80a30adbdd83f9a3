"""Tables for spreadsheets: CSV whose cells are never formulas.

A spreadsheet runs a cell that begins with a sign of a formula, also one in full width or after
spaces; such a text is led by an apostrophe, which makes it text again (OWASP, "CSV Injection").
Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

__all__ = ["cell", "csv_text"]

_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def cell(value: object) -> object:
    """A value as it may stand in a cell.

    >>> cell("=1+1"), cell("fine"), cell(-1.5)
    ("'=1+1", 'fine', -1.5)
    """
    if not isinstance(value, str):
        return value
    begins = value.startswith(_SIGNS) or value.lstrip().startswith(_SIGNS)
    return f"'{value}" if begins else value


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV, with every text safe."""
    text = io.StringIO()
    # Every text in quotes: a spreadsheet of another country parts cells at semicolons.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([cell(column) for column in columns])
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()
