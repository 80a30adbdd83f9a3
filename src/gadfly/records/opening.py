"""Which format a file is in, and what its records are: decided by content, never by name."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from gadfly.errors import FileProblem
from gadfly.records import native, released
from gadfly.records.files import Contents, load
from gadfly.records.native import Holds
from gadfly.records.rows import Broken, Rows, parse, raw_lines

__all__ = ["Format", "Opened", "open_records"]

Format = Literal["released", "pairs", "jsonl", "parquet"]
"""The released red-team file, published pairs, and our own two: JSON lines and Parquet."""


@dataclass(frozen=True)
class Opened:
    """A file that was recognised and not yet read."""

    contents: Contents
    """Its bytes; those of a JSON file are let go once it is parsed."""
    holds: Holds
    """What its records are."""
    format: Format
    """Their format."""
    rows: Rows | None
    """The records of a JSON file."""


def open_records(path: Path | str, *, lenient: bool = False, default: Format) -> Opened:
    """Recognise a file by its content; ``default`` is the format of one that gives no hint."""
    contents = load(path, lenient=lenient)
    if contents.layout == "parquet":
        return Opened(contents, native.parquet_holds(contents), "parquet", None)
    bare = replace(contents, data=b"")
    if contents.layout == "lines":
        kind = _native_kind(contents)
        if kind is not None:
            return Opened(bare, kind, "jsonl", raw_lines(contents))
    rows = parse(contents)
    found = _recognise(rows, default)
    return Opened(bare, "pairs" if found == "pairs" else "attacks", found, rows)


def _native_kind(contents: Contents) -> Holds | None:
    """What JSON lines of our own hold, by the key ``record`` of the first line with keys."""
    for line in io.BytesIO(contents.data):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if type(value) is dict:
            kind = value.get("record")
            return None if kind is None else "pairs" if kind == "preference_pair" else "attacks"
    return None


def _recognise(rows: Rows, default: Format) -> Format:
    """By the keys of the first record that has keys."""
    values = (value.value if isinstance(value, Broken) else value for value in rows.values)
    first: dict[str, Any] = next((value for value in values if type(value) is dict), {})
    if "record" in first:
        what = "holds records of Gadfly's own form in a JSON array; allowed: one of them per line"
        raise FileProblem(rows.path, what)
    if not first.keys().isdisjoint(released.FIELDS):
        return "released"
    return "pairs" if "chosen" in first or "rejected" in first else default
