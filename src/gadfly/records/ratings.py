"""Ratings in long form: one line for each rating, from CSV or Parquet.

    item,rater,criterion,value
    attack 7,anna,success,3
    attack 7,ben,success,4
    attack 7,ben,tag Theft,1

Columns stand in any order; others are left out and named. Decisions:

* A criterion whose values are all numbers is numeric, its order is theirs; else every value is the
  name of a class. A criterion that holds both is a fault, told for the rarer kind; so is one whose
  words are all numbers with a decimal comma.
* A number lies within ±:data:`~gadfly.records.values.SCORE_LIMIT`.
* An empty value is a missing rating, counted; in Parquet a null or NaN is one, too. An empty item,
  rater or criterion is a fault.
* Where a rater rated an item more than once on a criterion, the first line counts: the others are
  repeats, counted, and so are those that say something else than the first. So the order of lines
  matters there and nowhere else.
* Tags are a criterion each, rated 0 or 1.

CSV may be parted by commas, semicolons or tabs; Parquet is known by its content.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gadfly.errors import FileProblem, show
from gadfly.records.canonical import sha256
from gadfly.records.files import bytes_of
from gadfly.records.values import SCORE_LIMIT

__all__ = ["RATING_COLUMNS", "Criterion", "RatingsFile", "criteria_of", "read_ratings"]

RATING_COLUMNS = ("item", "rater", "criterion", "value")
_SHOWN = 20  # faults of one file that a message lists
_COMMA = r"^[+-]?\d*,\d+([eE][+-]?\d+)?$"  # a number as much of Europe writes it


@dataclass(frozen=True)
class Criterion:
    """All ratings on one criterion, as a table."""

    name: str
    """What was rated; hostile."""
    raters: tuple[str, ...]
    """Names of the columns, in order; hostile."""
    items: tuple[str, ...]
    """Names of the rows, in order; hostile."""
    labels: tuple[str, ...] | None
    """Names of the classes 0, 1, … in ``ratings``; ``None`` where these are numbers."""
    ratings: NDArray[np.float64]
    """First rating by item and rater; NaN where there is none."""
    missing: int
    """Lines without a value."""
    repeats: int
    """Lines that rate an item again."""
    changed: int
    """Repeats that differ from the first rating."""


@dataclass(frozen=True)
class RatingsFile:
    """A file of ratings."""

    name: str
    """Name of the file."""
    sha256: str | None
    """Hash of the file as it lies on disk; ``None`` for ratings that stand in none."""
    rows: int
    """Its lines, without the heading."""
    ignored: tuple[str, ...]
    """Columns that are not of the form and were left out."""
    criteria: tuple[Criterion, ...]
    """In the order of the file."""


def read_ratings(path: Path | str) -> RatingsFile:
    """Read ratings; raises :class:`FileProblem` with every fault: line, column, got, allowed."""
    path = Path(path)
    data = bytes_of(path)
    parquet = data.startswith(b"PAR1")
    frame, ignored = _parquet(path, data) if parquet else _csv(path, data)
    faults = list(_faults(frame, "row" if parquet else "line"))
    if faults:
        raise _problem(path, faults)
    if not frame["value"].count():
        why = "every value is empty" if frame.height else "there is nothing under its heading"
        raise FileProblem(path, f"holds no rating: {why}")
    return RatingsFile(path.name, sha256(data), frame.height, ignored, criteria_of(frame))


def criteria_of(frame: pl.DataFrame) -> tuple[Criterion, ...]:
    """The criteria of a frame of :data:`RATING_COLUMNS`, all texts; a null value is missing."""
    parts = frame.partition_by("criterion", maintain_order=True)
    return tuple(_criterion(part) for part in parts if part["value"].count())


def _criterion(part: pl.DataFrame) -> Criterion:
    """One criterion's first ratings as a table."""
    there = part.drop_nulls("value").with_columns(_number())
    labels = None
    if there["number"].null_count():
        labels = tuple(there["value"].unique().sort())
        there = there.with_columns(number=pl.col("value").rank("dense").cast(pl.Float64) - 1)
    pair = ("item", "rater")
    again = ~pl.struct(pair).is_first_distinct()
    other = pl.col("number") != pl.col("number").first().over(pair)
    first = there.filter(~again).with_columns(
        row=pl.col("item").rank("dense") - 1, column=pl.col("rater").rank("dense") - 1
    )
    items, raters = (tuple(first[name].unique().sort()) for name in pair)
    ratings = np.full((len(items), len(raters)), np.nan)
    ratings[first["row"].to_numpy(), first["column"].to_numpy()] = first["number"].to_numpy()
    return Criterion(
        name=part["criterion"][0],
        raters=raters,
        items=items,
        labels=labels,
        ratings=ratings,
        missing=part["value"].null_count(),
        repeats=there.height - first.height,
        changed=there.filter(again & other).height,
    )


def _number() -> pl.Expr:
    """The value as a number; null where it is none."""
    number = pl.col("value").cast(pl.Float64, strict=False)
    return pl.when(number.is_not_nan()).then(number).alias("number")


def _faults(frame: pl.DataFrame, unit: str) -> Iterator[str]:
    """Every cell that is not as it must be, in the order of the file within each column."""
    for column in RATING_COLUMNS[:-1]:
        for line in frame.filter(pl.col(column).is_null())["line"]:
            yield f"{unit} {line}, column {column}: got nothing; allowed: a name"
    far = frame.with_columns(_number()).filter(pl.col("number").abs() > SCORE_LIMIT)
    for line, value in far.select("line", "value").rows():
        allowed = f"a number from -{SCORE_LIMIT:.0f} to {SCORE_LIMIT:.0f}, or empty"
        yield f"{unit} {line}, column value: got {show(value)}; allowed: {allowed}"
    kinds = frame.drop_nulls("value").with_columns(
        numeric=_number().is_not_null(), comma=pl.col("value").str.contains(_COMMA)
    )
    for part in kinds.partition_by("criterion", maintain_order=True):
        yield from _mixed(part, unit)


def _mixed(part: pl.DataFrame, unit: str) -> Iterator[str]:
    """The values of one criterion that are not of the kind of the others."""
    numbers, commas = part["numeric"].sum(), part["comma"].sum()
    texts = part.height - numbers
    if commas and commas == texts:
        rare = part.filter("comma").head(1)
        allowed = f"a point, as in 2.5; {commas:,} of its values have a decimal comma: replace each"
    elif numbers and texts:
        numeric = numbers <= texts
        rare = part.filter(numeric=numeric)
        usual = f"{max(numbers, texts):,} {'words' if numeric else 'numbers'}"
        allowed = f"{'no ' if numeric else 'a '}number, as its other values are {usual}, or empty"
    else:
        return
    for criterion, line, value in rare.select("criterion", "line", "value").rows():
        where = f"{unit} {line}, column value, criterion {show(criterion)}"
        yield f"{where}: got {show(value)}; allowed: {allowed}"


def _problem(path: Path, faults: Sequence[str]) -> FileProblem:
    more = len(faults) - _SHOWN
    listed = [*faults[:_SHOWN], *([f"and {more:,} more"] if more > 0 else [])]
    count = "1 fault" if len(faults) == 1 else f"{len(faults):,} faults"
    return FileProblem(path, f"{count}\n" + "\n".join(f"  - {fault}" for fault in listed))


def _columns(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The columns to be left out; each column of the form must be there once."""
    for name in RATING_COLUMNS:
        if names.count(name) != 1:
            got = ", ".join(show(n) for n in names[:12])
            times = "no" if name not in names else f"{names.count(name)} times the"
            allowed = f"each of {', '.join(RATING_COLUMNS)} once, in any order"
            raise FileProblem(path, f"has {times} column {name}: got {got}; allowed: {allowed}")
    return tuple(name for name in names if name not in RATING_COLUMNS)


def _csv(path: Path, data: bytes) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The lines of a CSV file, each with its number, and the columns left out."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileProblem(path, f"line {line}: is not text in UTF-8; save it as UTF-8") from None
    head = text.partition("\n")[0]
    parted_by = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=parted_by, strict=True)
    lines: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for cells in reader:
            if cells:
                lines.append((begins, [cell.strip() for cell in cells]))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise FileProblem(path, f"line {begins}: cannot be read as CSV: {error}") from None
    (_, names), *rows = lines or [(1, [])]
    ignored = _columns(path, names)
    uneven = [
        f"line {line}: got {len(cells)} cells; allowed: {len(names)}, as in the heading"
        for line, cells in rows
        if len(cells) != len(names)
    ]
    if uneven:
        raise _problem(path, uneven)
    columns: dict[str, list[str | None]] = {
        name: [cells[place] or None for _, cells in rows]
        for name in RATING_COLUMNS
        for place in [names.index(name)]
    }
    schema = dict.fromkeys(RATING_COLUMNS, pl.String())
    numbers = pl.Series("line", [line for line, _ in rows], pl.Int64)
    return pl.DataFrame(columns, schema=schema).with_columns(numbers), ignored


def _parquet(path: Path, data: bytes) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The rows of a Parquet file, numbered, and the columns left out."""
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise FileProblem(path, f"is damaged Parquet: {show(str(error))}") from None
    ignored = _columns(path, frame.columns)
    texts = []
    for name in RATING_COLUMNS:
        column = frame[name]
        if column.dtype == pl.Boolean:
            column = column.cast(pl.Int8)
        if column.dtype.is_float():
            column = column.fill_nan(None)
        kind = column.dtype
        if not (kind.is_numeric() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
            allowed = "text, numbers, or true and false"
            raise FileProblem(path, f"column {name}: got {kind}; allowed: {allowed}")
        text = column.cast(pl.String).str.strip_chars()
        texts.append(text.set(text == "", None))
    numbers = pl.Series("line", range(1, frame.height + 1), pl.Int64)
    return pl.DataFrame([*texts, numbers]), ignored
