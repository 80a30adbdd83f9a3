"""Reading: any file of attacks or pairs, whatever its format, with what was left out of it.

    read_attack_frame   one polars frame: what analyses read
    read_attacks        Attack values
    read_pairs          PreferencePair values

The format is decided by content. A record with a problem ends the reading with its number and
field; with ``lenient=True`` it is skipped and reported instead. A file that is a problem as a whole
(absent, empty, damaged, of another kind) is always an error.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from gadfly.errors import FileProblem, ProgrammerError, RecordProblem
from gadfly.records import native, pairs, released
from gadfly.records.columns import released_frame
from gadfly.records.frame import attack_frame
from gadfly.records.native import Holds
from gadfly.records.opening import Format, Opened, open_records
from gadfly.records.released import Fault
from gadfly.records.rows import Rows, no_collection
from gadfly.records.sifting import Progress, Sifted, sift
from gadfly.records.values import Attack, PreferencePair

__all__ = [
    "AttackFile",
    "AttackFrame",
    "Format",
    "PairFile",
    "attacks_of",
    "pairs_of",
    "read_attack_frame",
    "read_attacks",
    "read_pairs",
]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Read:
    """What is known of a file beside its records."""

    format: Format
    """The format it was in."""
    sha256: str
    """Hash of the file as it lies on disk."""
    skipped: tuple[RecordProblem, ...] = ()
    """Records left out by a lenient reading, and why."""
    unknown_fields: dict[str, int] = field(default_factory=dict)
    """Keys that the format does not know, and in how many records each."""


@dataclass(frozen=True)
class AttackFrame(_Read):
    """A file of attacks, by column."""

    frame: pl.DataFrame
    """The columns of ``ATTACK_COLUMNS``, and of ``TEXT_COLUMNS`` where asked for."""


@dataclass(frozen=True)
class AttackFile(_Read):
    """A file of attacks."""

    attacks: tuple[Attack, ...]
    """In the order of the file."""


@dataclass(frozen=True)
class PairFile(_Read):
    """A file of preference pairs."""

    pairs: tuple[PreferencePair, ...]
    """In the order of the file."""
    dropped: dict[str, int]
    """Rows that teach nothing, by reason; the reasons stand in ``pairs.DROPPED``."""


@no_collection()
def read_attack_frame(
    path: Path | str, *, lenient: bool = False, text: bool = False
) -> AttackFrame:
    """The attacks of a file as one frame; no object per record where the file allows it.

    Of our own Parquet the columns are taken as they stand, each checked; that they say what the
    records say is checked by :func:`read_attacks`, which reads both.
    """
    opened = open_records(path, lenient=lenient, default="released")
    _holds(opened, "attacks")
    if opened.format == "parquet" and not text:
        columns = native.parquet_columns(opened.contents, "attacks")
        frame, skipped = native.checked_columns(opened.contents, columns, lenient=lenient)
        sha256 = opened.contents.sha256
        return AttackFrame(frame, format="parquet", sha256=sha256, skipped=skipped)
    if opened.format == "released" and opened.rows is not None:
        return _released(opened.rows, lenient=lenient, text=text)
    read = attacks_of(opened, lenient=lenient)
    frame = attack_frame(read.attacks, text=text)
    return AttackFrame(frame, format=read.format, sha256=read.sha256, skipped=read.skipped)


def _released(rows: Rows, *, lenient: bool, text: bool) -> AttackFrame:
    """By column; where that refuses, record by record to say what is wrong."""
    frame = released_frame(rows.values, text=text) if rows.whole else None
    values: list[Any] = rows.values
    skipped: tuple[RecordProblem, ...] = ()
    if frame is None:
        sifted = sift(rows, _sound, lenient=lenient)
        values, skipped = sifted.taken, sifted.skipped
        frame = released_frame(values, text=text) if skipped else None
    if frame is None:
        raise ProgrammerError(f"{rows.path}: refused by column, and no record of it is at fault")
    return AttackFrame(
        frame,
        format="released",
        sha256=rows.sha256,
        skipped=skipped,
        unknown_fields=released.unknown_fields(values),
    )


def _sound(value: object) -> Any:
    return released.fault(value) or value


@no_collection()
def read_attacks(
    path: Path | str, *, lenient: bool = False, progress: Progress | None = None
) -> AttackFile:
    """The attacks of a file, in its order."""
    opened = open_records(path, lenient=lenient, default="released")
    return attacks_of(opened, lenient=lenient, progress=progress)


def attacks_of(
    opened: Opened, *, lenient: bool = False, progress: Progress | None = None
) -> AttackFile:
    """The attacks of a file that was opened already."""
    _holds(opened, "attacks")
    rows = opened.rows or native.parquet_rows(opened.contents)
    take = _released_attack if opened.format == "released" else native.native_attack
    sifted = sift(rows, take, lenient=lenient, progress=progress)
    unknown = {}
    if opened.format == "released":
        unknown = released.unknown_fields([rows.values[place] for place in sifted.places])
    elif opened.format == "parquet":
        _agree(opened, sifted, attack_frame(sifted.taken))
    return AttackFile(
        tuple(sifted.taken),
        format=opened.format,
        sha256=rows.sha256,
        skipped=sifted.skipped,
        unknown_fields=unknown,
    )


def _released_attack(value: object) -> Attack | Fault:
    return released.fault(value) or released.to_attack(_row(value))


def _row(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProgrammerError("a record that is no object was found sound")
    return value


@no_collection()
def read_pairs(path: Path | str, *, source: str | None = None, lenient: bool = False) -> PairFile:
    """The preference pairs of a file, in its order.

    ``source`` overrules what the file says; a file that says nothing is named by its path
    (harmless, helpful), or "unstated".
    """
    opened = open_records(path, lenient=lenient, default="pairs")
    return pairs_of(opened, source=source, lenient=lenient)


def pairs_of(
    opened: Opened,
    *,
    source: str | None = None,
    lenient: bool = False,
    progress: Progress | None = None,
) -> PairFile:
    """The preference pairs of a file that was opened already."""
    _holds(opened, "pairs")
    rows = opened.rows or native.parquet_rows(opened.contents)
    if opened.format == "pairs":
        return _published(rows, source=source, lenient=lenient, progress=progress)
    sifted = sift(rows, native.native_pair, lenient=lenient, progress=progress)
    if opened.format == "parquet":
        _agree(opened, sifted, native.pair_frame(sifted.taken))
    found = sifted.taken
    if source is not None:
        found = [pair.model_copy(update={"source": source}) for pair in found]
    return PairFile(
        tuple(found), {}, format=opened.format, sha256=rows.sha256, skipped=sifted.skipped
    )


def _published(
    rows: Rows, *, source: str | None, lenient: bool, progress: Progress | None
) -> PairFile:
    inferred = pairs.source_of_path(rows.path)

    def take(value: object) -> PreferencePair | pairs.Dropped | Fault:
        found = pairs.pair_fault(value)
        if found:
            return found
        row = _row(value)
        return pairs.to_pair(row, source=source or row.get("source", inferred))

    sifted = sift(rows, take, lenient=lenient, progress=progress)
    kept = tuple(pair for pair in sifted.taken if isinstance(pair, PreferencePair))
    dropped = Counter(str(reason) for reason in sifted.taken if isinstance(reason, str))
    return PairFile(
        kept,
        dict(sorted(dropped.items())),
        format="pairs",
        sha256=rows.sha256,
        skipped=sifted.skipped,
        unknown_fields=pairs.pair_unknown_fields(rows.values[place] for place in sifted.places),
    )


def _holds(opened: Opened, wanted: Holds) -> None:
    if opened.holds == wanted:
        return
    path = opened.contents.path
    if wanted == "attacks":
        raise FileProblem(path, "holds preference pairs; allowed: a file of attacks")
    what = "holds attacks; allowed: a file of preference pairs"
    raise FileProblem(path, f"{what} (gadfly convert {path} OUT --to pairs makes one)")


def _agree(opened: Opened, sifted: Sifted[T], made: pl.DataFrame) -> None:
    """Refuse a Parquet file whose columns say other than its records."""
    stored = native.parquet_columns(opened.contents, opened.holds)[sifted.places]
    for name in made.columns:
        differs = stored[name].ne_missing(made[name])
        if differs.any():
            place = sifted.places[differs.arg_true()[0]]
            allowed = "what the record itself says; write the file again"
            raise RecordProblem(
                opened.contents.path, place + 1, name, "another value in the column", allowed
            )
