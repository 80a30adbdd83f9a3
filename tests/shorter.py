"""A scorer that tells replies apart without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gadfly.preference.constant import untrained
from gadfly.preference.lineage import Lineage
from gadfly.records.values import Message

__all__ = ["ShorterScorer"]


@dataclass(frozen=True)
class ShorterScorer:
    """Scores a reply by minus its length in hundreds of characters."""

    name: str = "shorter"
    version: str = "1"

    @property
    def lineage(self) -> Lineage:
        """Made from nothing."""
        return untrained("shorter", {})

    def score(self, conversations: Sequence[Sequence[Message]]) -> list[tuple[float, ...]]:
        """Minus a hundredth of the length, once per assistant message."""
        return [
            tuple(
                -len(message.text.strip()) / 100
                for message in messages
                if message.role == "assistant"
            )
            for messages in conversations
        ]
