"""The ``review:`` key of a study file: how attacks are judged.

Nothing here touches pay: reviewers are paid for their time, skipped items, training and gold items
included (care/ has the rules of pay).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gadfly.records.canonical import Record
from gadfly.records.reviews import TAGS_MAX

__all__ = ["ReviewSpec", "TagRule"]

TagRule = Literal["any", "majority", "all"]
Text = Annotated[str, Field(min_length=1)]


class ReviewSpec(Record):
    """How the attacks of a study are reviewed."""

    per_attack: Annotated[int, Field(ge=1, le=20)] = 3
    """How many people review each attack, independently of one another."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the attacks that is reviewed, drawn at random from the study's seed; 1 is all."""
    task_size: Annotated[int, Field(ge=1, le=100)] = 10
    """Attacks in one task of a reviewer."""
    lease_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """How long an attack is kept for the reviewer who opened it, in minutes."""
    rubric: Text = "rubric"
    """Instructions shown to reviewers: a shipped name, or a Markdown file beside the study."""
    taxonomy: Text = "ganguli2022"
    """The tags: a shipped list (ganguli2022, mlcommons), or a YAML file beside the study."""
    worked: Text = "town"
    """Dialogues to practise on: a shipped list (town), or a YAML file beside the study."""
    tags_max: Annotated[int, Field(ge=1, le=TAGS_MAX)] = TAGS_MAX
    """Most tags that a reviewer may give one attack."""
    tag_rule: TagRule = "any"
    """When an attack has a tag: any reviewer gave it, a majority of them did, or all did."""
    turn_by_turn: bool = True
    """true: a transcript opens turn by turn, by click, unless the reviewer wants it whole."""
    training: bool = True
    """true: reviewers pass the worked items before their first attack."""
    gold_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Share of items whose verdict a review lead has settled, mixed in unmarked."""
    tell_gold: bool = True
    """true: who misses a gold item is told at once what was expected. The review lead sees the
    misses either way, and they never touch pay."""
    domains: Annotated[tuple[Text, ...], Field(min_length=1)] = (
        "medicine and health",
        "chemistry and biology",
        "computer security",
        "law",
        "money and finance",
        "politics and elections",
        "a culture or language",
        "other",
    )
    """Fields of expertise that members, reviewers and experts choose from."""
