"""The journal: every step is committed before anybody acts on it.

Dialogues run side by side, and each waits for its own event to be kept. Events that wait at the
same moment are committed together, in one transaction, on a thread of their own: a commit costs one
flush of the disk however many dialogues share it. Nobody is told that an event is kept before its
transaction has been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gadfly.store.store import NewEvent, Store

__all__ = ["Journal"]


class Journal:
    """Commits events for many dialogues at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Sequence[NewEvent], asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def keep(self, events: Sequence[NewEvent]) -> None:
        """Return once the events of one step are committed, all or none.

        :raises OperatorError: the database refused it; nothing of its batch was kept.
        """
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, kept))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        await asyncio.shield(kept)

    async def settle(self) -> None:
        """Wait until nothing is under way; whoever stops a run calls this before it leaves."""
        if self._flusher is not None:
            await self._flusher

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            result = await asyncio.gather(
                asyncio.to_thread(self._store.append, [e for events, _ in batch for e in events]),
                return_exceptions=True,
            )
            failure = result[0]
            for _, kept in batch:
                if kept.done():
                    continue
                if isinstance(failure, BaseException):
                    kept.set_exception(failure)
                else:
                    kept.set_result(None)
