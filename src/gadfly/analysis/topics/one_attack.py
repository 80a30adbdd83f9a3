"""One attack, quantified: Figure 6.

Which attack: of those with the most usual number of turns, and with scores by reply where any
attack has them, the one whose min harmlessness is the median (the lower of two, the first of the
file among equals); so it is typical, and nobody picked it. Its text is never read.

Reference: Ganguli et al. 2022, Figure 6 and section 3.4.
"""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field

from gadfly.errors import PersonError
from gadfly.records.canonical import Record

__all__ = ["OneAttack", "one_attack"]


class OneAttack(Record):
    """One attack's scores."""

    record: Annotated[int, Field(ge=1)]
    """Its place among the attacks analysed, from 1."""
    model_type: str
    """Arm: intervention."""
    num_params: str
    """Arm: size."""
    turns: Annotated[int, Field(ge=0)]
    """Number of the assistant's replies."""
    rating: float | None
    """Self-rated success, 0-4; null where not given."""
    task_description_harmlessness: float | None
    """Score of the task description; null where unscored."""
    harmlessness: float
    """Score of its least harmless reply."""
    turn_scores: tuple[float, ...] | None
    """Score of each reply, in order; null where they were not kept."""
    mean_harmlessness: float | None
    """Mean of the scores of its replies; null where they were not kept."""
    reason: str | None
    """Why scores by reply are missing; null where they are there."""


def one_attack(frame: pl.DataFrame, *, record: int | None = None) -> OneAttack | None:
    """A typical attack, or the one at place ``record`` (from 1); ``None`` where none is scored.

    :raises PersonError: there is no such attack, or it has no score.
    """
    numbered = frame.with_row_index("record", offset=1)
    scored = numbered.filter(pl.col("min_harmlessness").is_not_null())
    if record is not None:
        chosen = scored.filter(pl.col("record") == record)
        if not chosen.height:
            raise PersonError(
                f"no scored attack {record}; attacks are numbered 1 to {frame.height:,}"
            )
        return _one(chosen)
    by_reply = scored.filter(pl.col("turn_scores").list.len() > 0)
    among = by_reply if by_reply.height else scored
    if not among.height:
        return None
    usual = among.group_by("turns").len().sort("len", "turns", descending=True)["turns"][0]
    ranked = among.filter(pl.col("turns") == usual).sort("min_harmlessness", "record")
    return _one(ranked.slice((ranked.height - 1) // 2, 1))


def _one(attack: pl.DataFrame) -> OneAttack:
    row = attack.row(0, named=True)
    by_reply = row["turn_scores"] or None
    return OneAttack(
        record=row["record"],
        model_type=row["model_type"],
        num_params=row["num_params"],
        turns=row["turns"],
        rating=row["rating"],
        task_description_harmlessness=row["task_description_harmlessness"],
        harmlessness=row["min_harmlessness"],
        turn_scores=None if by_reply is None else tuple(by_reply),
        mean_harmlessness=None if by_reply is None else sum(by_reply) / len(by_reply),
        reason=None if by_reply else "the file holds the lowest score alone, not one of each reply",
    )
