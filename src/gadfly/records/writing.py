"""Writing: attacks and pairs, in any of the four formats.

    jsonl      JSON lines of canonical records: loses nothing
    parquet    the same records, beside columns to query: loses nothing
    released   attacks as the paper's data were published: one JSON array, ten fields
    pairs      preference pairs as published: JSON lines of chosen, rejected and source

What a format cannot hold is counted in the :class:`Written` that comes back. Output whose name ends
with ``.gz`` is gzipped.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
import polars as pl

from gadfly.errors import FileProblem
from gadfly.records import pairs as published
from gadfly.records import released
from gadfly.records.canonical import Record, canonical_json
from gadfly.records.frame import attack_frame
from gadfly.records.native import RECORD, pair_frame
from gadfly.records.output import replacing, write_chunks
from gadfly.records.reading import Format
from gadfly.records.rows import no_collection
from gadfly.records.sifting import Progress
from gadfly.records.values import Attack, PreferencePair

__all__ = ["Written", "format_of_name", "write_attacks", "write_pairs"]

T = TypeVar("T")

_STEP = 1000  # records between two calls of progress
_NAMES: dict[str, Format] = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".json": "released",
    ".json.gz": "released",
}


@dataclass(frozen=True)
class Written:
    """What was written, and what was not."""

    path: Path
    """Where."""
    format: Format
    """In which format."""
    records: int
    """How many records the file holds."""
    left_behind: dict[str, int]
    """What the format cannot hold, counted by kind; empty where it holds everything."""


def format_of_name(path: Path | str) -> Format:
    """The format that a file name asks for."""
    name = Path(path).name.lower()
    for ending, found in _NAMES.items():
        if name.endswith(ending):
            return found
    allowed = ", ".join(_NAMES)
    raise FileProblem(path, f"its name does not say which format to write; allowed: {allowed}")


@no_collection()
def write_attacks(
    path: Path | str,
    attacks: Sequence[Attack],
    *,
    format: Format | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write attacks in the format given, or in that of the file name.

    ``released`` and ``pairs`` hold less than an attack; the pairs are those that the comparisons of
    the attacks make.
    """
    path = Path(path)
    format = format or format_of_name(path)
    _some(path, attacks, "attacks")
    watched = _watched(attacks, len(attacks), progress)
    left: Counter[str] = Counter()
    count = len(attacks)
    if format == "jsonl":
        write_chunks(path, _lines(path, watched))
    elif format == "parquet":
        _write_parquet(path, attack_frame(attacks), watched)
    elif format == "released":
        rows = _released_rows(watched, left)
        count = len(rows)
        _some(path, rows, "attacks with a conversation")
        write_chunks(path, _array(path, rows))
    else:
        drawn = published.attack_pairs(watched)
        _some(path, drawn.pairs, "comparisons that decided something")
        left.update({f"comparisons: {why}": n for why, n in drawn.dropped.items()})
        left["attacks, but for their pairs"] = len(attacks)
        count = _write_published(path, drawn.pairs, left)
    return Written(path, format, count, dict(+left))


@no_collection()
def write_pairs(
    path: Path | str,
    pairs: Sequence[PreferencePair],
    *,
    format: Format | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write preference pairs in the format given, or in that of the file name."""
    path = Path(path)
    format = format or format_of_name(path)
    if format == "released":
        what = "cannot be written in the released format: pairs are not attacks; allowed: "
        raise FileProblem(path, f"{what}jsonl, parquet, pairs")
    _some(path, pairs, "pairs")
    watched = _watched(pairs, len(pairs), progress)
    left: Counter[str] = Counter()
    count = len(pairs)
    if format == "jsonl":
        write_chunks(path, _lines(path, watched))
    elif format == "parquet":
        _write_parquet(path, pair_frame(pairs), watched)
    else:
        count = _write_published(path, watched, left)
    return Written(path, format, count, dict(+left))


def _some(path: Path, records: Sequence[object], what: str) -> None:
    """Nothing is written for nothing: a file without records could not be read again."""
    if not records:
        raise FileProblem(path, f"not written: there are no {what} to write")


def _watched(records: Iterable[T], total: int, progress: Progress | None) -> Iterator[T]:
    """The records, with progress told as they pass."""
    for done, record in enumerate(records):
        if progress is not None and done % _STEP == 0:
            progress(done, total)
        yield record
    if progress is not None:
        progress(total, total)


def _json(path: Path, number: int, value: Record | dict[str, Any]) -> bytes:
    try:
        return canonical_json(value) if isinstance(value, Record) else orjson.dumps(value)
    except TypeError as error:  # a whole number beyond 64 bits
        raise FileProblem(path, f"record {number} cannot be written: {error}") from None


def _lines(path: Path, records: Iterable[Record | dict[str, Any]]) -> Iterator[bytes]:
    for number, record in enumerate(records, start=1):
        yield _json(path, number, record) + b"\n"


def _array(path: Path, rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for number, row in enumerate(rows, start=1):
        yield (b"[" if number == 1 else b",\n") + _json(path, number, row)
    yield b"]\n"


def _write_parquet(path: Path, frame: pl.DataFrame, records: Iterable[Record]) -> None:
    texts = [_json(path, number, record).decode() for number, record in enumerate(records, start=1)]
    frame = frame.with_columns(pl.Series(RECORD, texts, dtype=pl.String))
    packed = io.BytesIO()
    frame.write_parquet(packed, compression="zstd")
    with replacing(path) as file:
        file.write(packed.getbuffer())


def _released_rows(attacks: Iterable[Attack], left: Counter[str]) -> list[dict[str, Any]]:
    rows = []
    for attack in attacks:
        row = released.to_row(attack)
        if row is None:
            left["attacks without a conversation"] += 1
        else:
            rows.append(row)
            left.update(released.left_behind(attack))
    return rows


def _write_published(path: Path, pairs: Iterable[PreferencePair], left: Counter[str]) -> int:
    """Write pairs as published, count what that loses, and say how many were written."""
    rows = []
    for pair in pairs:
        row = published.to_pair_row(pair)
        if row is None:
            left["pairs that would read back otherwise"] += 1
        else:
            rows.append(row)
            left["strengths"] += pair.strength is not None
    _some(path, rows, "pairs that would read back the same")
    write_chunks(path, _lines(path, rows))
    return len(rows)
