"""Every question that is asked of a study beyond its arms, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from numpy.typing import NDArray

from gadfly.analysis.aggregation import Aggregation
from gadfly.analysis.arms import default_mark
from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.embedding import space_of
from gadfly.analysis.results import Design, Mark, Scorer, Topics
from gadfly.analysis.topics.contrasts import contrasts
from gadfly.analysis.topics.coverage import CoverageResult, coverage
from gadfly.analysis.topics.efficacy import efficacy
from gadfly.analysis.topics.evasion import Evasion, evasion
from gadfly.analysis.topics.judges import Asked, Judges, judges
from gadfly.analysis.topics.labels import by_attackers, by_reviewers
from gadfly.analysis.topics.map import MapResult, map_of
from gadfly.analysis.topics.missing import missing
from gadfly.analysis.topics.mixed import mixed_models
from gadfly.analysis.topics.people import people
from gadfly.analysis.topics.ratings import RatingsResult, ratings_of_reviews
from gadfly.analysis.topics.scores import scores
from gadfly.analysis.topics.sequential import sequential
from gadfly.analysis.topics.static import static
from gadfly.analysis.topics.surveys import Surveys
from gadfly.analysis.topics.tags import Rule, Success, tags_result
from gadfly.analysis.topics.tails import tails
from gadfly.analysis.topics.turns import turns
from gadfly.analysis.truth import Truth
from gadfly.records.refusal import refused_turns
from gadfly.records.review_ratings import review_ratings
from gadfly.records.reviews import Review
from gadfly.records.values import PUBLISHED, Arm, AttackerKind

__all__ = ["STEPS", "Beside", "Question", "Texts", "answered"]

T = TypeVar("T")
_ATTACKERS: dict[AttackerKind, str] = {
    "human": "the attackers themselves",
    "simulated": "the simulated attackers themselves",
    "model": "the attacking models themselves",
}
_COLUMNS = ("member", "model_type", "num_params", "rating", "min_harmlessness")
STEPS = 17
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
    tags: tuple[str, ...] = ()
    """Names of the taxonomy, for what no attack reached."""
    static: pl.DataFrame | None = None
    """Scores of replies to static prompts, ``STATIC_COLUMNS`` of ``records/static_scores.py``."""

    @property
    def reviewed(self) -> bool:
        """Whether it is known who gave which tag: so in a study, before its first review, too."""
        return bool(self.reviews or self.taxonomy)


@dataclass(frozen=True)
class Texts:
    """What is asked of the attacks' texts; no answer holds any, but for the terms if asked for."""

    map: bool = False
    """Draw the map, too, which takes longest."""
    embedding: NDArray[Any] | None = None
    """Vectors of the attacks, a row each in the order of the frame; made from words without it."""
    seed: int = 0
    """Of clusters and map."""
    terms: bool = False
    """Name the map's clusters by members' words."""
    cache: Path | None = None
    """Folder where a map's layout is kept."""
    earlier: tuple[str, ...] = ()
    """Task descriptions of an earlier corpus, for what is new against it."""


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
    texts: Texts | None
    tag_rule: Rule
    success_by: Success
    score: Aggregation

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

    if asked.texts is not None:
        frame, texts = _in_order(frame, asked.texts)
        asked = replace(asked, texts=texts)
        frame = frame.with_columns(refused_turns=refused_turns(frame["transcript"]))
    return Topics(
        contrasts=done(contrasts(frame, how=joint, design=design, success_threshold=threshold)),
        tails=done(tails(frame, how=joint, design=design)),
        turns=done(turns(frame, how=joint, score=asked.score)),
        static=done(static(frame, how=joint, prompts=asked.beside.static, score=asked.score)),
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
                reviews=reviews if asked.beside.reviewed else None,
                rule=asked.tag_rule,
                success=asked.success_by,
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
        coverage=done(_coverage(frame, asked)),
        map=done(_map(frame, asked.texts, how)),
    )


def _in_order(frame: pl.DataFrame, texts: Texts) -> tuple[pl.DataFrame, Texts]:
    """Attacks by what they say: clusters start, and draws are made, from places among them, so that
    a file with its rows in another order would have other clusters.
    """
    by = ["task_description", "transcript", *_COLUMNS]
    ordered = frame.with_row_index("place").sort(by, maintain_order=True)
    rows, embedding = ordered["place"].to_numpy(), texts.embedding
    if embedding is not None and len(embedding) == frame.height:
        embedding = embedding[rows]
    earlier = tuple(sorted(texts.earlier))
    return ordered.drop("place"), replace(texts, embedding=embedding, earlier=earlier)


def _evasion(frame: pl.DataFrame, asked: Question) -> Evasion | None:
    truth = asked.truth or Truth()
    if truth.probes.is_empty() and asked.texts is None:
        return None
    return evasion(
        frame,
        probes=truth.probes,
        how=asked.how,
        marks=asked.by_arm,
        by_phrases=truth.by_phrases,
    )


def _coverage(frame: pl.DataFrame, asked: Question) -> CoverageResult | None:
    if asked.texts is None or not _worded(frame):
        return None
    texts, seed = asked.texts, asked.texts.seed
    space = space_of(
        _descriptions(frame), embedding=texts.embedding, earlier=texts.earlier, seed=seed
    )
    return coverage(
        frame,
        space,
        taxonomy=asked.beside.tags,
        threshold=asked.success_threshold,
        how=asked.how,
        seed=seed,
    )


def _map(frame: pl.DataFrame, texts: Texts | None, how: Bootstrap) -> MapResult | None:
    if texts is None or not texts.map or not _worded(frame):
        return None
    return map_of(
        _descriptions(frame),
        frame["rating"].to_list(),
        members=frame["member"].to_list(),
        how=how,
        embedding=texts.embedding,
        terms=texts.terms,
        cache=texts.cache,
        seed=texts.seed,
    )


def _worded(frame: pl.DataFrame) -> bool:
    """Whether any task description holds a word."""
    return bool(frame["task_description"].str.contains(r"\w\w").any())


def _descriptions(frame: pl.DataFrame) -> list[str]:
    return frame["task_description"].fill_null("").to_list()


def _judges(frame: pl.DataFrame, asked: Question) -> list[Judges]:
    """Every scorer of the attacks beside whoever judged."""
    if asked.scorer is None:
        return []
    first = Asked(*_named(asked.scorer.name, asked.scorer.version), marks=asked.by_arm)
    frame, others = _others(frame, asked)
    threshold = asked.success_threshold
    who = _ATTACKERS[frame["attacker_kind"][0]]
    labelled = {who: by_attackers(frame, threshold=threshold)}
    if asked.beside.reviews:
        given = by_reviewers(frame, asked.beside.reviews, threshold=threshold)
        labelled["the reviewers"] = given
    return [
        judges(rows, asked=[first, *others], people=people, how=asked.how)
        for people, rows in labelled.items()
    ]


def _named(name: str, version: str, column: str = "min_harmlessness") -> tuple[str, str, str]:
    """Name, column and version of a judge; a published score has no version to name."""
    return ("the published score", column, "") if name == PUBLISHED else (name, column, version)


def _others(frame: pl.DataFrame, asked: Question) -> tuple[pl.DataFrame, list[Asked]]:
    """The scorers after the first, each in a column of its own; nobody knows their lineage, but
    that of the published one.
    """
    frame = frame.with_row_index("row")
    scores = frame.select("row", "other_scores").explode("other_scores").drop_nulls()
    if scores.is_empty():
        return frame, []
    found = []
    by_scorer = scores.unnest("other_scores").group_by("scorer", "version", maintain_order=True)
    for place, ((name, version), rows) in enumerate(by_scorer):
        column = f"judge_{place}"
        frame = frame.join(
            rows.select("row", pl.col("minimum").alias(column)), on="row", how="left"
        )
        scorer = Scorer(name=str(name), version=str(version))
        marks = {(a.model_type, a.num_params): default_mark(a, scorer) for a in asked.marks}
        found.append(Asked(*_named(scorer.name, scorer.version, column), marks=marks))
    return frame, found


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
