"""How often the classifier notices a topic: measured, kept beside it, and told to the person.

Recall is the share of requests that reviewers tagged with a topic for which it is found present or
undecided; a person who opted out is spared these. ``measured.json`` holds what
``python -m tests.care.measure_topics --date DAY`` measured on public records that no word list was
made from. Topics that were never measured say so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field

from gadfly.care.topics.classifier import find_topics
from gadfly.care.topics.topic import Topic
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["Measured", "Measurement", "measure", "measured", "sentence"]

_LEVEL = 0.95
_Z = 1.959963984540054  # the normal quantile of that level
Share = Annotated[float, Field(ge=0, le=1)]


class Measured(Record):
    """What was measured of one topic."""

    topic: str
    """Its id."""
    recall: Estimate
    """Share of tagged requests for which it is present or undecided."""
    present: Share | None
    """Share of tagged requests for which it is present; ``None`` without any."""
    precision: Share | None
    """Share of the present ones that were tagged; ``None`` where none was present."""
    others: Share | None
    """Share of the requests without the tag for which it is present or undecided all the same."""


class Measurement(Record):
    """One measurement of all topics."""

    source: str
    """What it was measured on."""
    caution: str
    """What the numbers do not say."""
    date: str
    """The day, as 2026-11-21."""
    topics: tuple[Measured, ...]
    """By topic."""


def measure(
    topics: Sequence[Topic], records: Iterable[tuple[str, frozenset[str]]]
) -> tuple[Measured, ...]:
    """Measure the classifier on texts with their reviewers' tags.

    The interval is Wilson's (1927) score interval at level 0.95.
    """
    found = [(find_topics(topics, text), tags) for text, tags in records]
    out = []
    for topic in topics:
        yes = [f[topic.id] for f, tags in found if tags & set(topic.tags)]
        no = [f[topic.id] for f, tags in found if not tags & set(topic.tags)]
        right, wrong = yes.count("present"), no.count("present")
        out.append(
            Measured(
                topic=topic.id,
                recall=_wilson(len(yes) - yes.count("absent"), len(yes)),
                present=_share(right, len(yes)),
                precision=_share(right, right + wrong),
                others=_share(len(no) - no.count("absent"), len(no)),
            )
        )
    return tuple(out)


@cache
def measured() -> Measurement:
    """The measurement that ships."""
    return Measurement.model_validate_json(
        (files("gadfly.care.topics") / "measured.json").read_bytes()
    )


def sentence(topic: Topic, measurement: Measurement) -> str:
    """What a person is told of the recall of a topic before they rely on opting out."""
    for found in measurement.topics:
        recall = found.recall
        if found.topic == topic.id and recall.estimate is not None and recall.low is not None:
            low, high = math.floor(100 * recall.low), math.ceil(100 * (recall.high or 0))
            return (
                f"In a test with {recall.n} requests (first messages) on this topic, "
                f"{100 * recall.estimate:.0f} in 100 were noticed (the truth may lie between {low} "
                f"and {high}); the others would have reached you. Whole dialogues were not "
                "measured."
            )
    return "How often this topic is missed has not been measured."


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _wilson(hits: int, n: int) -> Estimate:
    method = "share, Wilson score interval"
    if n == 0:
        reason = "no request with these tags"
        return Estimate.of(None, None, level=_LEVEL, n=0, method=method, reason=reason)
    p, z2 = hits / n, _Z * _Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    ends = round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)
    return Estimate.of(round(p, 4), ends, level=_LEVEL, n=n, method=method)
