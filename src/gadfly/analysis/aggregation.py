"""Which number of a dialogue stands for the scores of its replies.

The paper takes the lowest (Ganguli et al. 2022, section 3.4), which is the default; the mean and
the score of the last reply need the score of each reply. The frame's column keeps its name,
``min_harmlessness``; results call it ``harmlessness``, whichever it is.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from gadfly.errors import PersonError
from gadfly.records.frame import ATTACK_COLUMNS

__all__ = ["Aggregation", "aggregated", "named", "of_replies"]

Aggregation = Literal["min", "mean", "last"]
_VANISHING = 1e-60  # nearer to 0 squares vanish, and no axis can be drawn


def of_replies(scores: pl.Expr, score: Aggregation) -> pl.Expr:
    """One number of each list of scores by reply; null of an empty one."""
    return {"min": scores.list.min, "mean": scores.list.mean, "last": scores.list.last}[score]()


def named(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its score called as results call it, whatever had that name before."""
    return frame.with_columns(harmlessness="min_harmlessness")


def aggregated(frame: pl.DataFrame, score: Aggregation) -> pl.DataFrame:
    """A frame of attacks whose column ``min_harmlessness`` holds ``score`` of the replies' scores.

    Scorers after the first keep the lowest alone; beside another number they are left out. A score
    next to 0 is 0.

    :raises PersonError: an attack with a score has none of each reply.
    """
    chosen = frame if score == "min" else _other(frame, score)
    columns = ("min_harmlessness", "task_description_harmlessness")
    return chosen.with_columns(
        pl.when(pl.col(name).abs() >= _VANISHING).then(name).otherwise(pl.col(name) * 0).alias(name)
        for name in columns
        if name in chosen.columns
    )


def _other(frame: pl.DataFrame, score: Aggregation) -> pl.DataFrame:
    """The mean or the last."""
    there = pl.col("min_harmlessness").is_not_null()
    without = there & (pl.col("turn_scores").list.len().fill_null(0) == 0)
    scored, lacking = frame.select(there.sum().alias("all"), without.sum()).row(0)
    if lacking:
        raise PersonError(
            f"score: got {score}; {lacking:,} of {scored:,} attacks with a score keep the lowest "
            "alone, not one of each reply; allowed: min, or all scores by reply: of a study, or of "
            "a file from gadfly score FILE --preference-model DIR --out SCORED"
        )
    number = pl.when(there).then(of_replies(pl.col("turn_scores"), score))
    none = pl.lit(None, ATTACK_COLUMNS["other_scores"])
    return frame.with_columns(min_harmlessness=number, other_scores=none)
