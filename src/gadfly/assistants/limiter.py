"""How many calls a server gets at once: as many as it takes well.

The limit doubles with every round of answers until the server first shows that it is too much (429,
503, no answer in time); from then on it grows by one a round and is halved at each such sign:
additive increase, multiplicative decrease (Chiu and Jain 1989, doi 10.1016/0169-7552(89)90019-6;
the start is TCP's, RFC 5681). A server that says when to come back is left alone until then.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Limiter"]

_CUT_SECONDS = 1.0  # signs that come this close together are one


class Limiter:
    """Admits calls to one server."""

    def __init__(self, *, first: int = 32, most: int = 1024) -> None:
        self.limit = float(first)
        """Calls that may be under way at once."""
        self.under_way = 0
        self._most = most
        self._starting = True
        self._cut_at = float("-inf")
        self._closed_until = float("-inf")
        self._opened = asyncio.Event()
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a place, hold it, give it back."""
        await self._enter()
        try:
            yield
        finally:
            self.under_way -= 1
            self._admit()

    def went_well(self) -> None:
        """An answer came."""
        if self._waiting or self.under_way >= int(self.limit):  # it only grows where it binds
            self.limit = min(self._most, self.limit + (1 if self._starting else 1 / self.limit))

    def overloaded(self) -> None:
        """The server showed that it has too much."""
        now = asyncio.get_running_loop().time()
        self._starting = False
        if now - self._cut_at >= _CUT_SECONDS:
            self._cut_at = now
            self.limit = max(1.0, self.limit / 2)

    def close_for(self, seconds: float) -> None:
        """Admit nobody for a while, because the server said so."""
        until = asyncio.get_running_loop().time() + seconds
        if not self._opened.is_set():
            self._closed_until = max(self._closed_until, until)

    def open(self) -> None:
        """Admit again at once, however long it was closed for."""
        self._closed_until = float("-inf")
        self._opened.set()

    async def _enter(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if (closed := self._closed_until - loop.time()) > 0:
                await self._wait(closed + random.uniform(0, min(1.0, closed / 4)))
            elif self.under_way < int(self.limit):
                self.under_way += 1
                return
            else:
                await self._stand()

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._opened.wait(), seconds)
        except TimeoutError:
            return
        except asyncio.CancelledError:  # it may have been called forward: the next one may come
            self._admit()
            raise

    async def _stand(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            else:  # it was called forward and leaves: the next one may come
                self._admit()
            raise

    def _admit(self) -> None:
        free = int(self.limit) - self.under_way
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1
