"""One OpenAI-compatible server: what is sent to it, what comes back, and when to try again.

The SDK (``openai``, over its aiohttp transport) speaks the protocol; it retries nothing here,
because how to wait is a matter of all calls to a server together:

* a rate limit (429, or 503 with Retry-After) is waited out, as long as the server asks, up to ten
  minutes in all; the limiter lets fewer calls through meanwhile;
* a passing fault (no connection, no answer in time, 5xx, an answer that is none) is tried again a
  few times with growing pauses and jitter;
* a request that the server refuses for its content is not tried again;
* a key or a name that the server does not take stops the run.

When a call has failed for good, a trivial call decides whose fault it was. If the server answers
that one, the failed call is a reply with outcome "error" and the study goes on; if it does not, the
server is down and :class:`ServerProblem` stops the run before dialogues are spent on it.

Answers are hostile input: an answer has a total time and a greatest size, and is read as plain JSON
whose shape is checked by whoever asked.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2
import orjson
from openai import APIStatusError, AsyncOpenAI, DefaultAioHttpClient, omit

from gadfly.assistants.faults import (
    EXCEPTIONS,
    Fault,
    TooLarge,
    brief,
    fault_of,
    late,
    refusal_of,
    reset_of,
)
from gadfly.assistants.limiter import Limiter
from gadfly.assistants.protocol import ServerProblem, Stopped

__all__ = ["Answer", "Failed", "Server"]

_TRIES = 5
_BACKOFF_SECONDS = 0.5  # before the second try; doubles with each
_BACKOFF_MOST = 30.0
_RESET_MOST = 60.0  # how long a server without a refusal is left alone
_PATIENCE_SECONDS = 600.0  # how long one call puts up with rate limits
_BODY_MOST = 8 * 2**20
_PACKED_MOST = 64 * 2**10  # a packed body can grow a thousandfold when it is unpacked
# Plain bodies only; and who pays OpenAI is no business of other servers.
_HEADERS: dict[str, Any] = {
    "Accept-Encoding": "identity",
    "OpenAI-Organization": omit,
    "OpenAI-Project": omit,
}


@dataclass(frozen=True)
class Answer:
    """A JSON object that a server sent."""

    body: dict[str, Any]
    size: int
    """Bytes of the body."""
    calls: int = 1
    """Requests that it took."""
    seconds: float = 0.0
    """From the last request to its complete answer."""


@dataclass
class Failed(Exception):
    """A call that failed for good."""

    kind: str
    """In two or three words, for counting."""
    detail: str
    calls: int
    began: float
    """``time.monotonic()`` when it began."""
    refused: bool = False
    """The provider refused the content."""
    status: int | None = None
    param: str | None = None
    """The parameter that the server names."""


class Server:
    """A server by address and key; assistants on it share its connections and its limiter."""

    def __init__(
        self,
        base_url: str,
        *,
        key: str = "none",
        key_variable: str | None = None,
        timeout_seconds: float = 120.0,
        counts: Counter[str] | None = None,
    ) -> None:
        """Prepare the connections; nothing is sent yet.

        :param key_variable: where the key came from, for messages.
        :param timeout_seconds: longest wait for a complete answer.
        :param counts: counts requests: "answered", and each kind of fault.
        """
        self.base_url = base_url
        self.limiter = Limiter()
        self.counts = Counter() if counts is None else counts
        self._key_variable = key_variable
        self._timeout = timeout_seconds
        self._answered_at = float("-inf")
        self._probing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._client = AsyncOpenAI(
            base_url=base_url,
            api_key=key,
            timeout=timeout_seconds,
            max_retries=0,
            default_headers=_HEADERS,
            http_client=DefaultAioHttpClient(
                timeout=timeout_seconds,
                follow_redirects=False,  # nobody has allowed us to attack another server
                limits=httpx2.Limits(max_connections=2048, max_keepalive_connections=2048),
                event_hooks={"response": [_cap]},
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none is kept
            ),
        )

    def stop(self) -> None:
        """Begin no further request; those under way may still be answered."""
        self._stopping.set()
        self.limiter.open()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def ask(self, path: str, body: dict[str, Any]) -> Answer:
        """Send a request until it is answered or has failed for good.

        :raises Failed: it failed for good; :meth:`blame` tells whose fault it is.
        :raises ServerProblem: no call can succeed before somebody mends something.
        """
        began, waited, limits, faults, calls = time.monotonic(), 0.0, 0, 0, 0
        while True:
            async with self.limiter.slot():
                if self._stopping.is_set():
                    raise Stopped
                sent = time.monotonic()
                got = await self._once(path, body)
            calls += 1
            if isinstance(got, Answer):
                return replace(got, calls=calls, seconds=round(time.monotonic() - sent, 3))
            self._stop_if_hopeless(got)
            if got.limited:
                limits += 1
                waited += await self._wait_out(got, waited, limits)
                continue
            faults += 2 if got.late else 1  # a long wait says more than a quick failure
            if got.passing and faults < _TRIES:
                await self._sleep(max(_pause(faults), min(got.wait or 0, _PATIENCE_SECONDS)))
                continue
            raise Failed(got.kind, got.detail, calls, began, got.refused, got.status, got.param)

    async def _once(self, path: str, body: dict[str, Any]) -> Answer | Fault:
        got = await self._send(path, body)
        if isinstance(got, Fault):
            self.counts[got.kind] += 1
            if got.overload:
                self.limiter.overloaded()
            return got
        self.counts["answered"] += 1
        self._answered_at = time.monotonic()
        self.limiter.went_well()
        return got

    async def _send(self, path: str, body: dict[str, Any]) -> Answer | Fault:
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.post(path, cast_to=httpx2.Response, body=body)
        except TimeoutError:
            return late(self._timeout)
        except APIStatusError as error:
            return refusal_of(error, self._key_variable)
        except EXCEPTIONS as error:
            return fault_of(error, self._timeout)
        self._heed(response.headers)
        try:
            answer = _read(response.content)
        except (ValueError, RecursionError) as error:
            return Fault("broken answer", brief(f"no JSON: {error}"), passing=True)
        if not isinstance(answer, dict):
            what = f"no JSON object but a {type(answer).__name__}"
            return Fault("broken answer", what, passing=True)
        return Answer(answer, size=len(response.content))

    def _heed(self, headers: httpx2.Headers) -> None:
        """A server that says that nothing is left is not asked again before its reset."""
        if reset := reset_of(headers):
            self.limiter.close_for(min(reset, _RESET_MOST))

    def _stop_if_hopeless(self, fault: Fault) -> None:
        if fault.remedy is not None:
            raise ServerProblem(f"server {self.base_url}: {fault.detail}; {fault.remedy}")

    async def _wait_out(self, fault: Fault, waited: float, limits: int) -> float:
        """Wait as long as a rate limit asks, or longer each time where it asks nothing; returns
        the seconds.
        """
        asked = fault.wait or 0.0
        pause = asked + random.uniform(0, 0.5) if asked else _pause(limits)
        if waited + pause > _PATIENCE_SECONDS:
            raise ServerProblem(
                f"server {self.base_url}: rate limited for {waited:,.0f} s"
                f"{f' and asks for {asked:,.0f} s more' if asked else ''} ({fault.detail}). Every "
                "step is kept: run again later, or with fewer dialogues at once (--concurrency)"
            )
        if asked:
            self.limiter.close_for(asked)
        await self._sleep(pause)
        return pause

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def blame(self, failed: Failed, path: str, trivial: dict[str, Any]) -> Answer | None:
        """Return if the server answers anybody else, with the answer where one was asked for.

        :param trivial: a harmless body for the same path, which any such server answers.
        :raises ServerProblem: it does not.
        """
        async with self._probing:
            if self._answered_at >= failed.began:
                return None
            async with self.limiter.slot():
                if self._stopping.is_set():
                    raise Stopped
                got = await self._once(path, trivial)
        if isinstance(got, Answer):
            return got
        if not got.limited:
            self._stop_if_hopeless(got)
            raise ServerProblem(
                f"server {self.base_url} answers nobody ({failed.detail}; then, to a trivial "
                f"request, {got.detail}). Every step is kept: see to the server, then run again"
            )
        return None


@dataclass
class _Capped(httpx2.AsyncByteStream):
    """A body that is read up to its greatest size."""

    stream: Any
    most: int
    cut: bool
    """End there in silence: of an error the beginning is enough."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self.stream:
            size += len(chunk)
            if size > self.most and self.cut:
                return
            if size > self.most:
                raise TooLarge(f"the answer is larger than {self.most:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self.stream.aclose()


async def _cap(response: httpx2.Response) -> None:
    packed = response.headers.get("content-encoding", "identity") not in ("", "identity")
    bad = response.status_code >= 300
    most = _PACKED_MOST if packed or bad else _BODY_MOST
    response.stream = _Capped(response.stream, most, cut=bad and not packed)


def _read(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # broken UTF-8, a lone surrogate: json is more forgiving
        return json.loads(content.decode("utf-8", "replace"))


def _pause(faults: int) -> float:
    """Growing pauses with jitter: half of it, or up to the whole."""
    return min(_BACKOFF_MOST, _BACKOFF_SECONDS * 2.0**faults) * random.uniform(0.5, 1)
