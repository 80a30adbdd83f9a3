"""JSON taken apart into records, each with its number.

Numbers count records from 1; in JSON lines they are line numbers, so that an editor finds them. The
whole file is parsed at once where that works. Where it does not, a second pass cuts it into the raw
text of each record, so that one broken record is told from the others and from a broken file.
"""

from __future__ import annotations

import gc
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gadfly.errors import FileProblem, RecordProblem, show
from gadfly.records.files import Contents

__all__ = ["Broken", "Rows", "no_collection", "parse", "raw_lines", "show_json"]

# Strings are swallowed whole, so that brackets and commas within them do not count; possessive, so
# that a string without end costs one look at it and not one for each of its letters; the last
# alternative finds its opening quote.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},"]', re.DOTALL)
_SHOWN_TEXT = 80  # letters of a hostile text handed to show(), which cuts it further
_SHOWN_BEFORE = 20  # letters before a syntax error that a message shows
_HALF = object()
"""Stands for the last line of a cut file."""


@dataclass(frozen=True)
class Broken:
    """A record that is not valid JSON."""

    problem: RecordProblem
    """Which one, and why."""
    value: object | None
    """What a more forgiving parser made of it, to name the field at fault; never to be used."""


@dataclass(frozen=True)
class Rows:
    """The records of a JSON file, in order."""

    path: Path
    """Where they were read."""
    sha256: str
    """Hash of the file as it lies on disk."""
    values: list[Any]
    """One JSON value for each record, or its unparsed text, or :class:`Broken`."""
    numbers: Sequence[int]
    """The number of each."""
    whole: bool
    """Whether none is broken."""


def parse(contents: Contents) -> Rows:
    """The records of a JSON file, broken ones marked in their place."""
    numbers: Sequence[int]
    try:
        numbers, values = _at_once(contents)
        whole = not contents.cut
    except orjson.JSONDecodeError as error:
        numbers, values = _one_by_one(contents, error)
        whole = False
    if not values:
        raise FileProblem(contents.path, "holds no records: its JSON array is empty")
    if contents.cut:
        numbers, values = _mark_cut(contents.path, numbers, values)
    return Rows(contents.path, contents.sha256, values, numbers, whole)


def raw_lines(contents: Contents) -> Rows:
    """The records of JSON lines, unparsed: for readers that parse and validate in one go."""
    numbered = list(_lines(contents.data))
    values: list[Any] = [line for _, line in numbered]
    numbers: Sequence[int] = [number for number, _ in numbered]
    if contents.cut:
        if not contents.data.endswith(b"\n"):
            values[-1] = _HALF
        numbers, values = _mark_cut(contents.path, numbers, values)
    return Rows(contents.path, contents.sha256, values, numbers, whole=not contents.cut)


def show_json(value: object) -> str:
    """:func:`gadfly.errors.show` for any JSON value, however long or deep."""
    if isinstance(value, str):
        return show(value[:_SHOWN_TEXT])
    if not isinstance(value, dict | list):
        return show(value)
    kind = f"a list of {len(value)}" if isinstance(value, list) else "an object"
    try:
        return f"{kind} {show(orjson.dumps(value)[:_SHOWN_TEXT].decode(errors='replace'))}"
    except TypeError:  # nested deeper than orjson prints
        return f"a deeply nested {'list' if isinstance(value, list) else 'object'}"


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each line with something on it, numbered."""
    for number, line in enumerate(io.BytesIO(data), start=1):
        if not line.isspace():
            yield number, line


def _at_once(contents: Contents) -> tuple[Sequence[int], list[Any]]:
    """The records of a sound file; raises JSONDecodeError where one is broken."""
    if contents.layout == "lines":
        pairs = [(number, orjson.loads(line)) for number, line in _lines(contents.data)]
        return [number for number, _ in pairs], [value for _, value in pairs]
    values: list[Any] = orjson.loads(contents.data)
    return range(1, len(values) + 1), values


def _mark_cut(
    path: Path, numbers: Sequence[int], values: list[Any]
) -> tuple[Sequence[int], list[Any]]:
    """The last record of a cut file as what it is: half a record, or one that is not there."""
    numbers = list(numbers)
    if isinstance(values[-1], Broken) or values[-1] is _HALF:
        values.pop()
    else:
        numbers.append(numbers[-1] + 1)
    problem = RecordProblem(path, numbers[-1], "record", "the end of a cut file", "a whole record")
    values.append(Broken(problem, None))
    return numbers, values


def _one_by_one(
    contents: Contents, error: orjson.JSONDecodeError
) -> tuple[list[int], list[object]]:
    """The records of a file that does not parse as a whole."""
    lines = contents.layout == "lines"
    pieces = _lines(contents.data) if lines else _elements(contents.path, contents.data)
    numbers: list[int] = []
    values: list[object] = []
    broken = False
    for number, piece in pieces:
        numbers.append(number)
        value = _one(contents.path, number, piece, nested=not lines)
        broken = broken or isinstance(value, Broken)
        values.append(value)
    if not broken:  # each record is sound and the file is not: nothing that a record can mend
        raise FileProblem(contents.path, f"is not valid JSON ({error})")
    return numbers, values


def _one(path: Path, number: int, piece: bytes, *, nested: bool) -> object:
    """One record from its raw text."""
    try:
        if not nested:
            return orjson.loads(piece)
        # Back within brackets, so that depth counts as it does for the whole array.
        (value,) = orjson.loads(b"[" + piece + b"]")
        return value
    except orjson.JSONDecodeError as error:
        what, near = error.msg, max(0, error.pos - nested - _SHOWN_BEFORE)
    except ValueError:  # nothing between two commas
        what, near = "a comma with no record after it", 0
    text = piece.decode(errors="backslashreplace").rstrip()
    allowed = f"one valid JSON value ({what})"
    problem = RecordProblem(path, number, "record", show(text[near:][:_SHOWN_TEXT]), allowed)
    return Broken(problem, _forgiving(piece))


def _forgiving(piece: bytes) -> object | None:
    """What Python's own parser makes of a record: it knows NaN, Infinity and lone surrogates."""
    try:
        value: object = json.loads(piece.decode(errors="surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return value


def _elements(path: Path, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The raw text of each record of a JSON array, numbered; raises where the array is not one."""
    number, depth, start = 1, 0, 0
    for found in _TOKEN.finditer(data):
        token = found.group()
        if token in b"[{":
            depth += 1
            start = found.end() if depth == 1 else start
        elif token in b"]}":
            depth -= 1
        if depth == 0:
            yield number, data[start : found.start()]
            _ended(path, data[found.end() :])
            return
        if token == b'"':
            break
        if depth == 1 and token == b",":
            yield number, data[start : found.start()]
            number, start = number + 1, found.end()
    raise FileProblem(path, f"its JSON array has no end: it breaks off in record {number}")


def _ended(path: Path, rest: bytes) -> None:
    if rest.strip():
        got = show(rest.strip()[:_SHOWN_TEXT].decode(errors="backslashreplace"))
        raise FileProblem(path, f"goes on after the end of its JSON array: got {got}")


@contextmanager
def no_collection() -> Iterator[None]:
    """Without cyclic garbage collection: records have no cycles, and among 39,000 attacks looking
    for some takes four fifths of the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
