"""A scorer that learned nothing, for tests and first tries of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gadfly.preference.lineage import Lineage, package_version
from gadfly.records.values import Message

__all__ = ["ConstantScorer", "untrained"]


def untrained(kind: str, features: dict[str, str | int | float | bool]) -> Lineage:
    """The lineage of a scorer that learned from nothing and nobody."""
    return Lineage(
        kind=kind,
        package_version=package_version(),
        features=features,
        training_data=(),
        seed=None,
        mix={},
        base=None,
        conversations=(),
        members=(),
    )


@dataclass(frozen=True)
class ConstantScorer:
    """Gives every reply the same score.

    >>> ConstantScorer(0.5).score([[Message(role="assistant", text="hello")]])
    [(0.5,)]
    """

    value: float = 0.0
    """The score."""
    name: str = "constant"
    version: str = "1"

    @property
    def lineage(self) -> Lineage:
        """Made from nothing but its value."""
        return untrained("constant", {"value": self.value})

    def score(self, conversations: Sequence[Sequence[Message]]) -> list[tuple[float, ...]]:
        """The value, once per assistant message."""
        return [
            tuple(self.value for message in messages if message.role == "assistant")
            for messages in conversations
        ]
