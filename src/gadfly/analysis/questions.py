"""Every question that is asked of a study beyond its arms, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.results import Design, Topics
from gadfly.analysis.topics.contrasts import contrasts
from gadfly.analysis.topics.efficacy import efficacy
from gadfly.analysis.topics.missing import missing
from gadfly.analysis.topics.mixed import mixed_models
from gadfly.analysis.topics.people import people
from gadfly.analysis.topics.scores import scores
from gadfly.analysis.topics.static import static
from gadfly.analysis.topics.tags import tags_result
from gadfly.analysis.topics.tails import tails
from gadfly.analysis.topics.turns import turns

__all__ = ["STEPS", "answered"]

T = TypeVar("T")
STEPS = 10
"""How often ``tell`` is called."""


@dataclass
class _Telling:
    """Says after each answer that it is there."""

    tell: Callable[[], None]

    def __call__(self, answer: T) -> T:
        self.tell()
        return answer


def answered(
    frame: pl.DataFrame,
    *,
    how: Bootstrap,
    design: Design,
    success_threshold: float,
    tell: Callable[[], None],
) -> Topics:
    """All answers for the attacks of one kind of attacker."""
    done = _Telling(tell)
    threshold = success_threshold
    return Topics(
        contrasts=done(
            contrasts(frame, how=how, design=design, success_threshold=success_threshold)
        ),
        tails=done(tails(frame, how=how)),
        turns=done(turns(frame, how=how)),
        static=done(static(frame, how=how)),
        missing=done(missing(frame, how=how, success_threshold=threshold)),
        mixed=done(mixed_models(frame, level=how.level)),
        efficacy=done(efficacy(frame, level=how.level)),
        people=done(people(frame, success_threshold=threshold, design=design, how=how)),
        scores=done(scores(frame, how=how)),
        tags=done(tags_result(frame, threshold=threshold, how=how)),
    )
