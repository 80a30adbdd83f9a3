"""What an assistant is: a conversation in, one reply for each seed out.

Whoever attacks gives the seeds, so that a reply can be asked for again and, where the backend can,
comes out the same whatever else is under way. A reply that fails is a reply with an outcome, never
an exception: an exception is a bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gadfly.records.values import Message, Reply, Sampling

__all__ = ["Assistant"]


class Assistant(Protocol):
    """Something that answers."""

    @property
    def name(self) -> str:
        """Name and version, as recorded on every reply."""
        ...

    async def reply(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """One reply for each seed, in that order, to a conversation that ends with a human."""
        ...

    async def close(self) -> None:
        """Give back what it holds; nothing is asked of it afterwards."""
