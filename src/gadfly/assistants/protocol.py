"""What an assistant is: a conversation in, one reply for each seed out.

Whoever attacks gives the seeds, so that a reply can be asked for again and, where the backend can,
comes out the same whatever else is under way. A reply that fails is a reply with an outcome:

    complete   it came whole, if only up to its token limit
    cut        it broke off, or was longer than Gadfly keeps
    refused    the provider would not answer this request
    filtered   the provider withheld the reply
    error      nothing usable came, after every retry

What is wrong with a server rather than with one reply (its key, its address, its life) raises
:class:`ServerProblem` and stops the run: no dialogue is spent on a server that
answers nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gadfly.errors import OperatorError
from gadfly.records.values import Message, Reply, Sampling, Usage

__all__ = ["Assistant", "ServerProblem", "Stopped"]


class ServerProblem(OperatorError):
    """A server that answers nobody, or lets nobody in."""

    spent: Usage | None = None
    """What replies cost that came beside the one that did not."""


class Stopped(Exception):
    """A request was not sent, because the run is stopping."""

    spent: Usage | None = None
    """What replies cost that came beside the one that did not."""


class Assistant(Protocol):
    """Something that answers."""

    @property
    def name(self) -> str:
        """Name and version, as recorded on every reply."""
        ...

    async def reply(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """One reply for each seed, in that order, to a conversation that ends with a human.

        :raises ServerProblem: its server answers nobody, or lets nobody in.
        :raises Stopped: the run is stopping.
        """
        ...

    def bound(self, conversation: Sequence[Message], replies: int, sampling: Sampling) -> Usage:
        """The most that so many replies can be billed, retries aside."""
        ...

    async def close(self) -> None:
        """Give back what it holds; nothing is asked of it afterwards."""
        ...
