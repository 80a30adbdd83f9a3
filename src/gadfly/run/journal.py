"""The journal: every step is committed before anybody acts on it.

Dialogues run side by side, and each waits for its own step to be kept. Steps that wait at the same
moment are committed together, in one transaction, on a thread of their own: a commit costs one
flush of the disk however many dialogues share it. Nobody is told that a step is kept before its
transaction has been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gadfly.store.rows import NewEvent
from gadfly.store.store import Store

__all__ = ["Journal", "TakenOver"]


class TakenOver(Exception):
    """Another runner holds this dialogue now; the step was not kept."""


class Journal:
    """Commits the steps of many dialogues at once."""

    def __init__(self, store: Store, runner: int) -> None:
        self._store = store
        self._runner = runner
        self._waiting: list[tuple[Sequence[NewEvent], asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def keep(self, step: Sequence[NewEvent]) -> None:
        """Return once the events of one step of one dialogue are committed, all or none.

        :raises TakenOver: another runner has taken the dialogue; none was kept.
        :raises OperatorError: the database refused it; nothing of its batch was kept.
        """
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, kept))
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
            events = [event for step, _ in batch for event in step]
            append = asyncio.to_thread(self._store.append, events, runner=self._runner)
            (result,) = await asyncio.gather(append, return_exceptions=True)
            for step, kept in batch:
                if not kept.done():
                    _tell(kept, step, result)


def _tell(
    kept: asyncio.Future[None], step: Sequence[NewEvent], result: set[int] | BaseException
) -> None:
    if isinstance(result, BaseException):
        kept.set_exception(result)
        kept.exception()  # whoever waited may have been cancelled, and need not hear of it
    elif any(event.attack_id in result for event in step):
        kept.set_exception(TakenOver(f"attack {step[0].attack_id}"))
    else:
        kept.set_result(None)
