"""The pass over single records: what is sound is taken, what is not stops it or is put aside.

Strictly, the first problem ends the reading. Leniently, records with a problem are left out and
their problems kept, each with its number; a file of which nothing is left is a problem as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gadfly.errors import FileProblem, RecordProblem
from gadfly.records.released import Fault
from gadfly.records.rows import Broken, Rows

__all__ = ["Progress", "Sifted", "sift"]

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with (done, total) as work goes on."""

_STEP = 1000  # records between two calls of progress


@dataclass(frozen=True)
class Sifted(Generic[T]):
    """The records of a file after one pass."""

    taken: list[T]
    """What was made of the sound ones, in order."""
    places: list[int]
    """Where they stood among all records, from 0."""
    skipped: tuple[RecordProblem, ...]
    """The problems of the others; empty in a strict pass."""


def sift(
    rows: Rows,
    take: Callable[[object], T | Fault],
    *,
    lenient: bool,
    progress: Progress | None = None,
) -> Sifted[T]:
    """Take every record, or meet the first that cannot be taken."""
    taken: list[T] = []
    places: list[int] = []
    skipped: list[RecordProblem] = []
    for place, value in enumerate(rows.values):
        if progress is not None and place % _STEP == 0:
            progress(place, len(rows.values))
        made = _take(rows, place, value, take)
        if not isinstance(made, RecordProblem):
            taken.append(made)
            places.append(place)
        elif lenient:
            skipped.append(made)
        else:
            raise made
    if not taken:
        what = f"none of its {len(skipped):,} records can be used; the first: "
        first = skipped[0]
        raise FileProblem(rows.path, f"{what}field {first.field}: got {first.got}")
    if progress is not None:
        progress(len(rows.values), len(rows.values))
    return Sifted(taken, places, tuple(skipped))


def _take(
    rows: Rows, place: int, value: object, take: Callable[[object], T | Fault]
) -> T | RecordProblem:
    broken = value if isinstance(value, Broken) else None
    if broken is not None and broken.value is None:
        return broken.problem
    made = take(value if broken is None else broken.value)
    if isinstance(made, Fault):
        return RecordProblem(rows.path, rows.numbers[place], made.field, made.got, made.allowed)
    # A record that only a more forgiving parser can read is never used, even where its ten fields
    # are sound: the fault is then somewhere else in it.
    return made if broken is None else broken.problem
