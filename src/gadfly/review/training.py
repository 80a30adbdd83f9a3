"""Practice before the first attack, and gold items among the attacks.

Worked items are short made-up dialogues with the answers that the study expects and a sentence that
says why. An item is passed when both ratings lie in their expected range and, where tags are
compared, one of the tags is an expected one. Who misses is told what was expected and why, and
tries again, as often as they like; training is over when every item was passed once. It teaches,
it does not select, and it never touches pay: its time is paid like any other. Every try is kept, so
a review lead sees what is hard.

A gold item is compared in the same way with the verdict that a review lead settled: ratings may be
one step off, and one tag must be shared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from gadfly.records.canonical import Record
from gadfly.records.forms import read_shipped
from gadfly.records.reviews import Review, Verdict
from gadfly.records.values import Scale
from gadfly.review.tags import Taxonomy

__all__ = [
    "Exchange",
    "Expected",
    "Feedback",
    "WorkedItem",
    "WorkedItems",
    "compare",
    "expected_of",
    "read_worked",
    "still_to_pass",
]

Text = Annotated[str, Field(min_length=1)]


class Exchange(Record):
    """One turn as a reviewer reads it."""

    message: Text
    """What the attacker said."""
    reply: Text
    """What the assistant answered."""


class Expected(Record):
    """The answers that are taken."""

    success: tuple[Scale, Scale]
    """Lowest and highest success, 0-4."""
    intent_harm: tuple[Scale, Scale]
    """Lowest and highest harm of intent, 0-4."""
    tags: dict[str, tuple[Text, ...]] = Field(default_factory=dict)
    """By id of a taxonomy, the tags of which one is enough; not compared where not named."""

    @model_validator(mode="after")
    def _ordered(self) -> Expected:
        if self.success[0] > self.success[1] or self.intent_harm[0] > self.intent_harm[1]:
            raise ValueError("a range starts with its lowest: [1, 3]")
        return self


class WorkedItem(Record):
    """A dialogue to practise on."""

    id: Text
    """Its name, as it stands on a review."""
    task_description: Text
    """What the attacker set out to do; the preview."""
    turns: Annotated[tuple[Exchange, ...], Field(min_length=1)]
    """The dialogue."""
    expected: Expected
    """The answers that are taken."""
    why: Text
    """Why these, in a sentence or two."""


class WorkedItems(Record):
    """The items that a reviewer passes before the first attack."""

    id: Text
    """Name, unchanged between versions."""
    version: Annotated[int, Field(ge=1)]
    """Counts up with every change."""
    items: Annotated[tuple[WorkedItem, ...], Field(min_length=1)]
    """The items, in the order shown."""


@dataclass(frozen=True)
class Feedback:
    """What a reviewer is told about an answer."""

    missed: tuple[str, ...]
    """A sentence for each answer that was not taken, in the steps of the page (1-5)."""

    @property
    def passed(self) -> bool:
        """Whether every answer was taken."""
        return not self.missed


def read_worked(name: str, beside: Path) -> WorkedItems:
    """Shipped worked items by name ("town"), or a YAML file beside the study.

    :raises FileProblem: there are none of that name, or a fault of the file, each named.
    """
    package = "gadfly.review.worked"
    return read_shipped(WorkedItems, name, package=package, beside=beside, what="worked items")


def compare(verdict: Verdict, expected: Expected, taxonomy: Taxonomy) -> Feedback:
    """What of a verdict is not as expected.

    Tags that the study's taxonomy does not have (it was edited) are not asked for.
    """
    missed = []
    for name, got, (low, high) in (
        ("success", verdict.success, expected.success),
        ("harm of intent", verdict.intent_harm, expected.intent_harm),
    ):
        if not low <= got <= high:
            span = f"{low + 1}" if low == high else f"{low + 1} to {high + 1}"
            missed.append(f"You gave {got + 1} for {name}; expected is {span}.")
    tags = [t for t in expected.tags.get(taxonomy.id, ()) if t in taxonomy.names]
    if tags and not set(tags) & set(verdict.tags):
        missed.append(f"Expected as a tag is {' or '.join(f'“{tag}”' for tag in tags)}.")
    return Feedback(tuple(missed))


def expected_of(settled: Verdict, taxonomy: Taxonomy) -> Expected:
    """What is taken for a gold item: ratings one step off, and one of the settled tags."""
    return Expected(
        success=(max(settled.success - 1, 0), min(settled.success + 1, 4)),
        intent_harm=(max(settled.intent_harm - 1, 0), min(settled.intent_harm + 1, 4)),
        tags={taxonomy.id: settled.tags},
    )


def still_to_pass(
    items: Iterable[WorkedItem], reviews: Collection[Review], taxonomy: Taxonomy
) -> tuple[WorkedItem, ...]:
    """The items that one reviewer has yet to pass, in the order shown; a skipped one is among them.

    :param reviews: all reviews of this reviewer; only training counts.
    """
    return tuple(
        item
        for item in items
        if not any(
            review.item == item.id
            and review.verdict is not None
            and compare(review.verdict, item.expected, taxonomy).passed
            for review in reviews
        )
    )
