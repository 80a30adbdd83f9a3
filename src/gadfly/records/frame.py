"""Attacks as one polars frame: what analyses read instead of 39,000 objects.

One row per attack, the columns of :data:`ATTACK_COLUMNS` in that order; text columns only where
they are asked for, because analyses never need them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import polars as pl

from gadfly.records.transcript import attack_text
from gadfly.records.values import ENDINGS, SCORE_LIMIT, Attack, AttackerKind, TeamType

__all__ = [
    "ATTACK_COLUMNS",
    "TEXT_COLUMNS",
    "attack_frame",
    "column_checks",
    "outcome_expression",
]

ATTACK_COLUMNS: dict[str, pl.DataType] = {
    "model_type": pl.String(),  # Arm.model_type
    "num_params": pl.String(),  # Arm.num_params
    "member": pl.String(),  # Attacker.member as text
    "rating": pl.Float64(),  # SelfRating.success, 0-4; null where not given
    "min_harmlessness": pl.Float64(),  # first Scores.minimum; higher is safer; null where unscored
    "task_description_harmlessness": pl.Float64(),  # first Scores.task_description
    "scorer": pl.String(),  # first Scores.scorer; null where there are no scores
    "scorer_version": pl.String(),  # its version
    "scorer_lineage": pl.String(),  # hash of what it was made from; null where unknown
    "turns": pl.Int64(),  # replies in the conversation
    "is_upworker": pl.Boolean(),  # Attacker.platform == "upwork"
    "tags": pl.List(pl.String()),  # null where nobody reviewed
    "ending": pl.String(),  # Attack.ending
    "outcome": pl.String(),  # Attack.outcome
    "attacker_kind": pl.String(),  # Attacker.kind
    "team_type": pl.String(),  # Attacker.team_type
    "number": pl.Int64(),  # Attack.number: place in the order of assignment; null in a file
    "round": pl.Int64(),  # stretch with one set of open arms; null where not recorded
    "probability": pl.Float64(),  # with which this arm was drawn; null where not recorded
    "probabilities": pl.List(  # Assignment.probabilities, of every open arm by its name
        pl.Struct({"arm": pl.String(), "probability": pl.Float64()})
    ),
    "brief": pl.String(),  # Attack.brief
    "started_at": pl.Datetime("us", "UTC"),  # Attack.started_at
    "ended_at": pl.Datetime("us", "UTC"),  # Attack.ended_at
    "turn_scores": pl.List(pl.Float64()),  # first Scores.turns, a score for each reply
    "other_scores": pl.List(  # Scores.minimum of the scorers after the first
        pl.Struct({"scorer": pl.String(), "version": pl.String(), "minimum": pl.Float64()})
    ),
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


def attack_frame(attacks: Sequence[Attack], *, text: bool = False) -> pl.DataFrame:
    """The frame of attacks: exactly :data:`ATTACK_COLUMNS`, and :data:`TEXT_COLUMNS` on demand.

    ``is_upworker`` is null where no platform is known: a member of nobody's platform is not an
    Mturk worker.
    """
    first = [attack.scores[0] if attack.scores else None for attack in attacks]
    columns = {
        "model_type": [a.arm.model_type for a in attacks],
        "num_params": [a.arm.num_params for a in attacks],
        "member": [str(a.attacker.member) for a in attacks],
        "rating": [_rating(a) for a in attacks],
        "min_harmlessness": [s.minimum if s else None for s in first],
        "task_description_harmlessness": [s.task_description if s else None for s in first],
        "scorer": [s.scorer if s else None for s in first],
        "scorer_version": [s.version if s else None for s in first],
        "scorer_lineage": [s.lineage if s else None for s in first],
        "turns": [sum(t.continued is not None for t in a.turns) for a in attacks],
        "is_upworker": [_is_upworker(a.attacker.platform) for a in attacks],
        "tags": [None if a.tags is None else list(a.tags) for a in attacks],
        "ending": [a.ending for a in attacks],
        "outcome": [a.outcome for a in attacks],
        "attacker_kind": [a.attacker.kind for a in attacks],
        "team_type": [a.attacker.team_type for a in attacks],
        "number": [a.number for a in attacks],
        "round": _rounds(attacks),
        "probability": [_probability(a) for a in attacks],
        "probabilities": [_probabilities(a) for a in attacks],
        "brief": [a.brief for a in attacks],
        "started_at": [a.started_at for a in attacks],
        "ended_at": [a.ended_at for a in attacks],
        "turn_scores": [None if s is None or s.turns is None else list(s.turns) for s in first],
        "other_scores": [_others(a) for a in attacks],
    }
    if not text:
        return pl.DataFrame(columns, schema=ATTACK_COLUMNS)
    texts = {
        "task_description": [a.task_description for a in attacks],
        "transcript": [attack_text(a) for a in attacks],
    }
    return pl.DataFrame(columns | texts, schema=ATTACK_COLUMNS | TEXT_COLUMNS)


def _rating(attack: Attack) -> float | None:
    if attack.rating is None or attack.rating.success is None:
        return None
    return float(attack.rating.success)


def _probability(attack: Attack) -> float | None:
    if attack.assignment is None:
        return None
    return attack.assignment.probabilities.get(attack.arm.name)


def _probabilities(attack: Attack) -> list[dict[str, str | float]] | None:
    if attack.assignment is None:
        return None
    drawn = attack.assignment.probabilities.items()
    return [{"arm": arm, "probability": probability} for arm, probability in drawn]


def _rounds(attacks: Sequence[Attack]) -> list[int | None]:
    """Number of each attack's round: a next version of the study may open another arm, which the
    recorded round does not count.
    """
    known = [
        (a.assignment.round, tuple(sorted(a.assignment.probabilities))) if a.assignment else None
        for a in attacks
    ]
    began: dict[tuple[int, tuple[str, ...]], float] = {}
    for attack, stretch in zip(attacks, known, strict=True):
        if stretch is not None:
            at = math.inf if attack.number is None else attack.number
            began[stretch] = min(at, began.get(stretch, math.inf))
    order = sorted(began, key=lambda stretch: (began[stretch], stretch))
    place = {stretch: number for number, stretch in enumerate(order, start=1)}
    return [None if stretch is None else place[stretch] for stretch in known]


def _others(attack: Attack) -> list[dict[str, str | float | None]] | None:
    return [
        {"scorer": s.scorer, "version": s.version, "minimum": s.minimum} for s in attack.scores[1:]
    ] or None


def _is_upworker(platform: str | None) -> bool | None:
    return None if platform is None else platform == "upwork"


def column_checks() -> dict[str, tuple[pl.Expr, str]]:
    """For each column a condition that every value fulfils (null counts as no), and it in words."""
    return {
        "model_type": (pl.col("model_type") != "", "a text, not empty"),
        "num_params": (pl.col("num_params").is_not_null(), "a text"),
        "member": (pl.col("member").is_not_null(), "a text"),
        "rating": (
            pl.col("rating").is_null() | pl.col("rating").is_in([0.0, 1.0, 2.0, 3.0, 4.0]),
            "a whole number from 0 to 4, or null",
        ),
        "min_harmlessness": _score("min_harmlessness"),
        "task_description_harmlessness": _score("task_description_harmlessness"),
        "turns": (pl.col("turns") >= 0, "a number of turns"),
        "tags": (
            pl.col("tags").is_null()
            | pl.col("tags").list.eval((pl.element() != "").fill_null(value=False)).list.all(),
            "a list of texts, none empty, or null",
        ),
        "ending": _one_of("ending", ENDINGS),
        "outcome": (
            pl.col("outcome") == outcome_expression(),
            "what ending, rating and min_harmlessness make of it",
        ),
        "attacker_kind": _one_of("attacker_kind", get_args(AttackerKind)),
        "team_type": _one_of("team_type", get_args(TeamType)),
        "probability": (
            pl.col("probability").is_null() | pl.col("probability").is_between(0, 1),
            "a probability, or null",
        ),
        "probabilities": (
            pl.col("probabilities").is_null()
            | pl.col("probabilities")
            .list.eval(pl.element().struct.field("probability").is_between(0, 1))
            .list.all(),
            "probabilities of arms, or null",
        ),
        "turn_scores": (
            pl.col("turn_scores").is_null()
            | pl.col("turn_scores").list.eval(_bounded(pl.element())).list.all(),
            f"numbers {_BOUNDS}, or null",
        ),
        "other_scores": (
            pl.col("other_scores").is_null()
            | pl.col("other_scores")
            .list.eval(
                pl.element().struct.field("minimum").is_null()
                | _bounded(pl.element().struct.field("minimum"))
            )
            .list.all(),
            f"scores {_BOUNDS}, or null",
        ),
    }


_BOUNDS = f"from -{SCORE_LIMIT:.0f} to {SCORE_LIMIT:.0f}"


def _bounded(value: pl.Expr) -> pl.Expr:
    return value.is_between(-SCORE_LIMIT, SCORE_LIMIT).fill_null(value=False)


def _score(column: str) -> tuple[pl.Expr, str]:
    return pl.col(column).is_null() | _bounded(pl.col(column)), f"a number {_BOUNDS}, or null"


def _one_of(column: str, allowed: Sequence[str]) -> tuple[pl.Expr, str]:
    return pl.col(column).is_in(list(allowed)), ", ".join(allowed)
