"""The project's own files: canonical JSON lines, and Parquet with one column that is the truth.

A line is the canonical JSON of one record. A Parquet file holds the same text in its column
``record``, beside columns to query: those of :mod:`gadfly.records.frame` for attacks, those of
:data:`PAIR_COLUMNS` for pairs. Reading records goes by ``record`` alone and refuses a file whose
columns say something else.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal, TypeVar

import polars as pl
from pydantic import ValidationError

from gadfly.errors import FileProblem, RecordProblem
from gadfly.records.canonical import Record
from gadfly.records.files import Contents
from gadfly.records.frame import ATTACK_COLUMNS, column_checks
from gadfly.records.released import MISSING, Fault
from gadfly.records.rows import Rows, show_json
from gadfly.records.values import Attack, PreferencePair

__all__ = [
    "PAIR_COLUMNS",
    "RECORD",
    "Holds",
    "checked_columns",
    "native_attack",
    "native_pair",
    "pair_frame",
    "parquet_columns",
    "parquet_holds",
    "parquet_rows",
]

Holds = Literal["attacks", "pairs"]
R = TypeVar("R", bound=Record)

RECORD = "record"
"""The column of canonical JSON."""
PAIR_COLUMNS: dict[str, pl.DataType] = {
    "source": pl.String(),  # PreferencePair.source
    "strength": pl.Int64(),  # PreferencePair.strength; null where not recorded
    "prefix": pl.String(),  # PreferencePair.prefix
    "chosen": pl.String(),  # PreferencePair.chosen
    "rejected": pl.String(),  # PreferencePair.rejected
}

_SHOWN = 80  # letters of a line handed to show(), which cuts it further
_COLUMNS: dict[Holds, dict[str, pl.DataType]] = {"attacks": ATTACK_COLUMNS, "pairs": PAIR_COLUMNS}


def native_attack(text: object) -> Attack | Fault:
    """The attack of one line."""
    return _native(text, Attack, "attack")


def native_pair(text: object) -> PreferencePair | Fault:
    """The preference pair of one line."""
    return _native(text, PreferencePair, "preference_pair")


def _native(text: object, kind: type[R], name: str) -> R | Fault:
    if not isinstance(text, bytes | str):
        return Fault("record", show_json(text), "canonical JSON")
    try:
        made = kind.model_validate_json(text)
    except ValidationError as error:
        return _fault(error, text)
    if "record" not in made.model_fields_set:
        return Fault("record", MISSING, repr(name))
    return made


def _fault(error: ValidationError, text: bytes | str) -> Fault:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "record"
    if first["type"] == "missing":
        return Fault(field, MISSING, "a value: " + first["msg"])
    if first["type"] == "json_invalid":
        start = text[:_SHOWN] if isinstance(text, str) else text[:_SHOWN].decode(errors="replace")
        return Fault(field, show_json(start), f"one valid JSON value ({first['msg']})")
    return Fault(field, show_json(first["input"]), first["msg"])


def pair_frame(pairs: Sequence[PreferencePair]) -> pl.DataFrame:
    """The columns to query of preference pairs."""
    columns = {name: [getattr(pair, name) for pair in pairs] for name in PAIR_COLUMNS}
    return pl.DataFrame(columns, schema=PAIR_COLUMNS)


def parquet_holds(contents: Contents) -> Holds:
    """What a Parquet file of ours holds; raises :class:`FileProblem` for somebody else's."""
    schema = dict(_read(contents, n_rows=0).schema)
    for holds, columns in _COLUMNS.items():
        if schema == {**columns, RECORD: pl.String()}:
            return holds
    names = ", ".join([*ATTACK_COLUMNS, RECORD])
    what = f"is Parquet, but not as Gadfly writes it; allowed: the columns {names}, of their types"
    raise FileProblem(contents.path, what)


def parquet_columns(contents: Contents, holds: Holds) -> pl.DataFrame:
    """The columns to query; the records stay unread."""
    frame = _read(contents, columns=list(_COLUMNS[holds]))
    if frame.is_empty():
        raise FileProblem(contents.path, "holds no records")
    return frame


def parquet_rows(contents: Contents) -> Rows:
    """The records, unparsed, as those of JSON lines."""
    texts = _read(contents, columns=[RECORD]).to_series().to_list()
    if not texts:
        raise FileProblem(contents.path, "holds no records")
    return Rows(contents.path, contents.sha256, texts, range(1, len(texts) + 1), whole=True)


def _read(
    contents: Contents, *, columns: list[str] | None = None, n_rows: int | None = None
) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(contents.data), columns=columns, n_rows=n_rows)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise FileProblem(contents.path, f"is damaged Parquet ({reason})") from None


def checked_columns(
    contents: Contents, frame: pl.DataFrame, *, lenient: bool
) -> tuple[pl.DataFrame, tuple[RecordProblem, ...]]:
    """The attacks of a Parquet file whose columns are sound, and the problems of the others."""
    checks = column_checks()
    sound = frame.select(
        expression.fill_null(value=False).alias(name) for name, (expression, _) in checks.items()
    )
    kept = sound.select(pl.all_horizontal(pl.all())).to_series()
    if kept.all():
        return frame, ()
    problems: list[RecordProblem] = []
    for place in (~kept).arg_true():
        name = next(name for name in checks if not sound[name][place])
        value = frame[name][place]
        got = show_json(value.to_list() if isinstance(value, pl.Series) else value)
        problem = RecordProblem(contents.path, place + 1, name, got, checks[name][1])
        if not lenient:
            raise problem
        problems.append(problem)
    if not kept.any():
        raise FileProblem(contents.path, f"none of its {len(problems):,} records can be used")
    return frame.filter(kept), tuple(problems)
