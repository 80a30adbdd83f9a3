"""Every question that is asked of a study beyond its arms, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import polars as pl

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.results import Design, Mark, Scorer, Topics
from gadfly.analysis.topics.contrasts import contrasts
from gadfly.analysis.topics.efficacy import efficacy
from gadfly.analysis.topics.evasion import Evasion, evasion
from gadfly.analysis.topics.judges import Asked, Judges, judges
from gadfly.analysis.topics.labels import by_attackers, by_reviewers
from gadfly.analysis.topics.missing import missing
from gadfly.analysis.topics.mixed import mixed_models
from gadfly.analysis.topics.people import people
from gadfly.analysis.topics.ratings import RatingsResult, ratings_of_reviews
from gadfly.analysis.topics.scores import scores
from gadfly.analysis.topics.sequential import sequential
from gadfly.analysis.topics.static import static
from gadfly.analysis.topics.surveys import Surveys
from gadfly.analysis.topics.tags import tags_result
from gadfly.analysis.topics.tails import tails
from gadfly.analysis.topics.turns import turns
from gadfly.analysis.truth import Truth
from gadfly.records.review_ratings import review_ratings
from gadfly.records.reviews import Review
from gadfly.records.values import PUBLISHED, Arm

__all__ = ["STEPS", "Beside", "Question", "answered"]

T = TypeVar("T")
STEPS = 15
"""How often ``tell`` is called."""


@dataclass(frozen=True)
class Beside:
    """What a study has beside its attacks."""

    reviews: tuple[Review, ...] = ()
    """Of the attacks that are analysed."""
    taxonomy: str = ""
    """Label of the taxonomy that reviewers tag by."""
    surveys: Surveys | None = None
    """What may be shown of its surveys."""


@dataclass(frozen=True)
class Question:
    """How the questions are put."""

    how: Bootstrap
    design: Design
    success_threshold: float
    scorer: Scorer | None
    marks: Mapping[Arm, Mark]
    truth: Truth | None
    beside: Beside

    @property
    def by_arm(self) -> dict[tuple[str, str], Mark]:
        """The lineage marks by (model_type, num_params)."""
        return {(arm.model_type, arm.num_params): mark for arm, mark in self.marks.items()}


def answered(frame: pl.DataFrame, asked: Question, *, tell: Callable[[], None]) -> Topics:
    """All answers for the attacks of one kind of attacker; ``tell`` is called after each."""
    how, design, threshold = asked.how, asked.design, asked.success_threshold
    reviews = asked.beside.reviews
    joint = replace(how, ci="cluster")  # members meet many arms: attacks are never independent here

    def done(answer: T) -> T:
        tell()
        return answer

    return Topics(
        contrasts=done(contrasts(frame, how=joint, design=design, success_threshold=threshold)),
        tails=done(tails(frame, how=joint)),
        turns=done(turns(frame, how=joint)),
        static=done(static(frame, how=joint)),
        missing=done(missing(frame, how=joint, success_threshold=threshold)),
        evasion=done(_evasion(frame, asked)),
        mixed=done(mixed_models(frame, level=how.level)),
        efficacy=done(efficacy(frame, level=how.level)),
        people=done(people(frame, success_threshold=threshold, design=design, how=how)),
        scores=done(scores(frame, how=how)),
        judges=done(tuple(_judges(frame, asked))),
        agreement=done(_agreement(frame, asked)),
        tags=done(
            tags_result(
                frame,
                reviews=reviews or None,
                threshold=threshold,
                taxonomy=asked.beside.taxonomy or None,
                how=how,
            )
        ),
        sequential=done(
            sequential(frame, success_threshold=threshold, design=design, level=how.level)
            if design == "randomised"
            else None
        ),
        surveys=done(asked.beside.surveys),
    )


def _evasion(frame: pl.DataFrame, asked: Question) -> Evasion | None:
    if asked.truth is None or asked.truth.probes.is_empty():
        return None
    return evasion(
        frame,
        probes=asked.truth.probes,
        how=asked.how,
        marks=asked.by_arm,
        by_phrases=asked.truth.by_phrases,
    )


def _judges(frame: pl.DataFrame, asked: Question) -> list[Judges]:
    """The scorer beside whoever judged."""
    if asked.scorer is None:
        return []
    name, version = asked.scorer.name, asked.scorer.version
    if name == PUBLISHED:
        name, version = "the published score", ""
    scorer = Asked(name, version=version, marks=asked.by_arm)
    threshold = asked.success_threshold
    labelled = {"the attackers themselves": by_attackers(frame, threshold=threshold)}
    if asked.beside.reviews:
        given = by_reviewers(frame, asked.beside.reviews, threshold=threshold)
        labelled["the reviewers"] = given
    return [
        judges(rows, asked=[scorer], people=people, how=asked.how)
        for people, rows in labelled.items()
    ]


def _agreement(frame: pl.DataFrame, asked: Question) -> RatingsResult | None:
    if not asked.beside.reviews:
        return None
    rated = frame.filter(pl.col("rating").is_not_null() & pl.col("number").is_not_null())
    ratings = review_ratings(
        asked.beside.reviews,
        own=dict(rated.select("number", "rating").iter_rows()),
        threshold=asked.success_threshold,
        taxonomy=asked.beside.taxonomy,
    )
    if ratings.is_empty():
        return None
    how = asked.how
    return ratings_of_reviews(ratings, name="reviews", resamples=how.resamples, level=how.level)
