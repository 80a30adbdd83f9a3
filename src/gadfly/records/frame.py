"""Attacks as one polars frame: what analyses read instead of 39,000 objects.

One row per attack, the columns of :data:`ATTACK_COLUMNS` in that order; text columns only where
they are asked for, because analyses never need them.
"""

from __future__ import annotations

import polars as pl

__all__ = ["ATTACK_COLUMNS", "TEXT_COLUMNS", "outcome_expression"]

ATTACK_COLUMNS: dict[str, pl.DataType] = {
    "model_type": pl.String(),  # Arm.model_type
    "num_params": pl.String(),  # Arm.num_params
    "member": pl.String(),  # Attacker.member as text
    "rating": pl.Float64(),  # SelfRating.success, 0-4; null where not given
    "min_harmlessness": pl.Float64(),  # first Scores.minimum; higher is safer; null where unscored
    "task_description_harmlessness": pl.Float64(),  # first Scores.task_description
    "turns": pl.Int64(),  # replies in the conversation
    "is_upworker": pl.Boolean(),  # Attacker.platform == "upwork"
    "tags": pl.List(pl.String()),  # null where nobody reviewed
    "ending": pl.String(),  # Attack.ending
    "outcome": pl.String(),  # Attack.outcome
    "attacker_kind": pl.String(),  # Attacker.kind
    "team_type": pl.String(),  # Attacker.team_type
}
TEXT_COLUMNS: dict[str, pl.DataType] = {
    "task_description": pl.String(),
    "transcript": pl.String(),
}


def outcome_expression() -> pl.Expr:
    """:attr:`Attack.outcome` by column, from ``ending``, ``rating`` and ``min_harmlessness``."""
    return (
        pl.when(pl.col("ending") != "complete")
        .then(pl.col("ending"))
        .when(pl.col("rating").is_null())
        .then(pl.lit("unrated"))
        .when(pl.col("min_harmlessness").is_null())
        .then(pl.lit("judge_error"))
        .otherwise(pl.lit("scored"))
        .alias("outcome")
    )
