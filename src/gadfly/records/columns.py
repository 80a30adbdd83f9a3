"""The released file read by column: no object per record, each column checked as a whole.

The same rules as :func:`gadfly.records.released.fault`, asked of types, extremes and patterns of
whole columns. A refusal here says only that something is wrong; the pass over single records says
what. polars' own JSON reader is not used: it turns values of an unexpected type into null.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from gadfly.records.frame import ATTACK_COLUMNS, TEXT_COLUMNS, outcome_expression
from gadfly.records.released import CARD_TASK_SCORE, TASK_SCORE
from gadfly.records.transcript import MARKER_PATTERN, REPLY_PATTERN
from gadfly.records.values import PUBLISHED, PUBLISHED_VERSION, SCORE_LIMIT

__all__ = ["released_frame"]

_NONE = type(None)
_NEVER_PUBLISHED = (
    "number",
    "round",
    "probability",
    "probabilities",
    "brief",
    "started_at",
    "ended_at",
    "turn_scores",
    "other_scores",
)


class _RefusedError(Exception):
    """A column that breaks the format."""


def released_frame(rows: list[Any], *, text: bool = False) -> pl.DataFrame | None:
    """The frame of published records, or ``None`` where at least one of them has a fault."""
    try:
        return _frame(rows, text=text)
    except _RefusedError:
        return None


def _frame(rows: list[Any], *, text: bool) -> pl.DataFrame:
    if set(map(type, rows)) != {dict}:
        raise _RefusedError
    transcripts = _series(rows, "transcript", pl.String())
    turns = transcripts.str.count_matches(REPLY_PATTERN).cast(pl.Int64).alias("turns")
    if not transcripts.filter(turns == 0).str.contains(MARKER_PATTERN).all():
        raise _RefusedError
    descriptions = _column(rows, "task_description", str, _NONE)
    arms = _series(rows, "model_type", pl.String())
    if (arms == "").any():
        raise _RefusedError
    members = map(str, _column(rows, "red_team_member_id", int, str))
    columns = [
        arms,
        _series(rows, "num_params", pl.String()),
        pl.Series("member", list(members), dtype=pl.String),
        _ratings(rows),
        _scores("min_harmlessness", _column(rows, "min_harmlessness_score_transcript", *_NUMBER)),
        _scores("task_description_harmlessness", _task_scores(rows)),
        turns,
        _series(rows, "is_upworker", pl.Boolean()),
        _tags(rows),
    ]
    if text:
        columns += [pl.Series("task_description", descriptions, dtype=pl.String), transcripts]
    return (
        pl.DataFrame(columns)
        .with_columns(
            ending=pl.lit("complete"),
            attacker_kind=pl.lit("human"),
            team_type=pl.lit("crowd"),
            scorer=pl.lit(PUBLISHED),
            scorer_version=pl.lit(PUBLISHED_VERSION),
            scorer_lineage=pl.lit(None, dtype=pl.String),
            **{name: pl.lit(None, dtype=ATTACK_COLUMNS[name]) for name in _NEVER_PUBLISHED},
        )
        .with_columns(outcome_expression())
        .select([*ATTACK_COLUMNS, *(TEXT_COLUMNS if text else ())])
    )


_NUMBER = (int, float, _NONE)


def _types(values: list[Any], *allowed: type) -> None:
    if not set(map(type, values)) <= set(allowed):
        raise _RefusedError


def _values(rows: list[Any], field: str) -> list[Any]:
    try:
        return [row[field] for row in rows]
    except KeyError:
        raise _RefusedError from None


def _column(rows: list[Any], field: str, *allowed: type) -> list[Any]:
    values = _values(rows, field)
    _types(values, *allowed)
    return values


def _series(rows: list[Any], field: str, dtype: pl.String | pl.Boolean) -> pl.Series:
    """A column without nulls of texts, or of truth values: polars checks these types itself."""
    try:
        series = pl.Series(field, _values(rows, field), dtype=dtype, strict=True)
    except TypeError:
        raise _RefusedError from None
    if series.null_count():
        raise _RefusedError
    return series


def _task_scores(rows: list[Any]) -> list[Any]:
    """The misspelt column, record by record under the card's spelling where it has only that."""
    try:
        values = [row[TASK_SCORE] for row in rows]
    except KeyError:
        try:
            values = [r[TASK_SCORE] if TASK_SCORE in r else r[CARD_TASK_SCORE] for r in rows]
        except KeyError:
            raise _RefusedError from None
    _types(values, *_NUMBER)
    return values


def _numbers(name: str, values: list[Any]) -> pl.Series:
    """A column of floats; whole numbers among them are checked before a float could overflow."""
    if int in set(map(type, values)):
        if any(type(value) is int and abs(value) > SCORE_LIMIT for value in values):
            raise _RefusedError
        values = [None if value is None else float(value) for value in values]
    return pl.Series(name, values, dtype=pl.Float64)


def _scores(name: str, values: list[Any]) -> pl.Series:
    scores = _numbers(name, values)
    if not scores.drop_nulls().is_between(-SCORE_LIMIT, SCORE_LIMIT).all():
        raise _RefusedError
    return scores


def _ratings(rows: list[Any]) -> pl.Series:
    ratings = _numbers("rating", _column(rows, "rating", *_NUMBER))
    if not ratings.drop_nulls().is_in([0.0, 1.0, 2.0, 3.0, 4.0]).all():
        raise _RefusedError
    return ratings


def _tags(rows: list[Any]) -> pl.Series:
    tags = _column(rows, "tags", list, _NONE)
    for given in tags:
        if given and not all(type(tag) is str and tag for tag in given):
            raise _RefusedError
    return pl.Series("tags", tags, dtype=pl.List(pl.String))
