"""Batches of like lengths: little padding, and a bound on the tokens that are in memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Padding", "buckets"]


@dataclass
class Padding:
    """What a model was fed, counted over its batches."""

    tokens: int = 0
    """Tokens of texts."""
    fed: int = 0
    """Tokens of texts and padding."""

    @property
    def waste(self) -> float:
        """Share of what was fed that is padding, 0 to 1; 0 where nothing was fed."""
        return 1 - self.tokens / self.fed if self.fed else 0.0

    def add(self, lengths: Sequence[int]) -> None:
        """Count one batch."""
        self.tokens += sum(lengths)
        self.fed += max(lengths) * len(lengths)


def buckets(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """Places of texts in batches, longest first, none of more than ``most_tokens`` with padding.

    A text that is longer than the bound is a batch of its own.

    >>> buckets([3, 10, 9, 2], 20)
    [[1, 2], [0, 3]]
    """
    batches: list[list[int]] = []
    longest = 0
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        if not batches or longest * (len(batches[-1]) + 1) > most_tokens:
            batches.append([])
            longest = lengths[place]
        batches[-1].append(place)
    return batches
