"""A model behind an OpenAI-compatible server: vLLM, llama.cpp, transformers, a provider.

A chat server gets the conversation as messages; a completions server gets it as Human/Assistant
text and stops at the next human marker, which is how a plain language model is attacked.

Servers of this protocol differ. What one can do is found out by the first call that needs it, and
recorded (:class:`Dialect`), so that no later run asks again: whether it gives several different
replies in one call (``n``), how it wants to be told the longest reply, whether it takes a seed.
Where it cannot give n replies, it gets n calls side by side, each with its own seed.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from gadfly.assistants.answers import TOKENS_MOST, Api, replies_of, usage_of
from gadfly.assistants.protocol import ServerProblem, Stopped
from gadfly.assistants.server import Failed, Server
from gadfly.errors import OperatorError
from gadfly.records.canonical import Record
from gadfly.records.transcript import ASSISTANT_MARKER, HUMAN_MARKER, render
from gadfly.records.values import Message, Reply, Sampling, Usage

__all__ = ["Dialect", "EndpointAssistant", "Knowledge", "key_of"]

_TOGETHER_MOST = 128
_UNANSWERED_MOST = 4
_BESIDE_SECONDS = 5.0  # for calls under way beside one that failed for all
_HELLO = (Message(role="human", text="Hello."),)
_SEED = re.compile(r"(parameter|field|argument|input)s?\W+seed\b", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"support|unknown|unexpected|unrecogni|extra|permitted|not allowed|invalid param", re.IGNORECASE
)


class Dialect(Record):
    """What is known of how a server wants to be spoken to."""

    several: bool | None = None
    """Whether one call brings several different replies; ``None`` until it was tried."""
    length_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """How it is told the longest reply."""
    seeded: bool = True
    """Whether it takes a seed."""


class Knowledge:
    """What has been found out about a model on a server, shared by all assistants on it."""

    def __init__(
        self,
        dialect: Dialect | None = None,
        learned: Callable[[Dialect], Awaitable[None]] | None = None,
    ) -> None:
        """Start from what is known.

        :param learned: told when more is known.
        """
        self.dialect = dialect or Dialect()
        self.finding_out = asyncio.Lock()
        self._learned = learned

    async def learn(self, **facts: Any) -> None:
        """Know more."""
        self.dialect = self.dialect.model_copy(update=facts)
        if self._learned is not None:
            await self._learned(self.dialect)


def key_of(base_url: str, key_variable: str | None) -> str:
    """The key of a server, from the environment; "none" for an open one.

    :raises OperatorError: the variable is not set.
    """
    key = "none" if key_variable is None else os.environ.get(key_variable, "").strip()
    if key and not (key.isascii() and key.isprintable()):
        raise OperatorError(
            f"the key in {key_variable} holds characters that no key has (a line break, a curly "
            "quote?): export it anew"
        )
    if not key:
        raise OperatorError(
            f"the key for {base_url} is read from the environment variable {key_variable}, "
            f"which is not set: export {key_variable}=..., then start again"
        )
    return key


class EndpointAssistant:
    """A model by name on a server."""

    def __init__(
        self,
        server: Server,
        *,
        model: str,
        api: Api = "chat",
        knowledge: Knowledge | None = None,
    ) -> None:
        """Nothing is sent yet."""
        self.name = f"{model} at {server.base_url}"
        self._known = knowledge or Knowledge()
        self._server = server
        self._model = model
        self._api = api
        self._together_most = _TOGETHER_MOST
        self._answered = False
        self._unanswered = 0

    async def close(self) -> None:
        """Close the server's connections."""
        await self._server.close()

    def bound(self, conversation: Sequence[Message], replies: int, sampling: Sampling) -> Usage:
        """The most that so many replies can be billed: a token holds a byte at the least.

        Finding out whether a server gives several can take twice as many, where it gives copies.
        """
        if replies > 1 and self._known.dialect.several is None:
            replies *= 2
        read = 64 + sum(len(m.text.encode("utf-8", "replace")) + 16 for m in conversation)
        wrote = TOKENS_MOST if sampling.max_tokens is None else sampling.max_tokens
        return Usage(calls=replies, tokens_in=replies * read, tokens_out=replies * wrote)

    async def reply(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """One reply for each seed, in one call where the server can."""
        if len(seeds) == 1 or self._known.dialect.several is False:
            return await self._apart(conversation, seeds, sampling)
        if self._known.dialect.several or sampling.temperature == 0:
            return await self._together(conversation, seeds, sampling)
        async with self._known.finding_out:  # one call finds out, those beside it wait
            if self._known.dialect.several is None:
                return await self._together(conversation, seeds, sampling)
        return await self.reply(conversation, seeds=seeds, sampling=sampling)

    async def _apart(
        self, conversation: Sequence[Message], seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """A call for each seed, side by side; beside a failure the others have a moment, for they
        are paid for.
        """
        if len(seeds) == 1:
            return await self._call(conversation, seeds[0], 1, sampling)
        calls = [asyncio.create_task(self._call(conversation, seed, 1, sampling)) for seed in seeds]
        try:
            _, left = await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
            if left:
                await asyncio.wait(left, timeout=_BESIDE_SECONDS)
        finally:
            for call in calls:
                call.cancel()
        came = await asyncio.gather(*calls, return_exceptions=True)
        answered = [replies[0] for replies in came if not isinstance(replies, BaseException)]
        for failure in came:
            if isinstance(failure, Exception):  # those cancelled for it are none
                raise _booked(failure, answered)
        return answered

    async def _together(
        self, conversation: Sequence[Message], seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """One call for all seeds, as far as the server goes along; single calls for the rest."""
        size = min(len(seeds), self._together_most)
        if size == 1:
            return await self._apart(conversation, seeds, sampling)
        try:
            replies = await self._call(conversation, seeds[0], size, sampling, several=True)
        except Failed as failed:
            replies = await self._without(failed, conversation, seeds, sampling, size)
        else:
            replies = await self._judge(replies, size, sampling)
        missing = seeds[len(replies) :]
        if not missing:
            return replies
        again = self._known.dialect.several or self._together_most < size
        try:
            ask = self._together if again else self._apart
            return [*replies, *await ask(conversation, missing, sampling)]
        except (ServerProblem, Stopped) as failure:
            raise _booked(failure, replies) from None

    async def _without(
        self,
        failed: Failed,
        conversation: Sequence[Message],
        seeds: Sequence[int],
        sampling: Sampling,
        size: int,
    ) -> list[Reply]:
        """A call for several failed: was it the n? A single call tells, and is the first reply."""
        (first,) = await self._apart(conversation, seeds[:1], sampling)
        if first.outcome == "complete":
            self._together_most = size // 2
            if self._together_most == 1:
                await self._known.learn(several=False)
        before = Usage(calls=failed.calls, tokens_in=0, tokens_out=0)
        usage = before if first.usage is None else before + first.usage
        return [first.model_copy(update={"usage": usage})]

    async def _judge(self, replies: list[Reply], size: int, sampling: Sampling) -> list[Reply]:
        """Learn from the first call for several that was answered; the replies that count."""
        known = self._known.dialect.several is not None
        if known or any(reply.outcome != "complete" for reply in replies):
            return replies  # twins of a server that is known are chance
        if len({reply.text for reply in replies}) > 1:
            await self._known.learn(several=len(replies) == size)
        elif len(replies) < size:
            await self._known.learn(several=False)
        elif sampling.temperature != 0 and replies[0].text:
            await self._known.learn(several=False)
            return replies[:1]  # copies of one reply are one reply
        return replies

    async def _call(
        self,
        conversation: Sequence[Message],
        seed: int,
        n: int,
        sampling: Sampling,
        *,
        several: bool = False,
    ) -> list[Reply]:
        """The replies of one call, at most n; a failed one is one reply with its outcome.

        :raises Failed: the server answered a call for several with an error, which its n may
            have caused.
        """
        path = "/chat/completions" if self._api == "chat" else "/completions"
        while True:
            spoken = self._known.dialect
            try:
                answer = await self._server.ask(path, self._body(conversation, seed, n, sampling))
            except Failed as failed:
                if await self._adapts(failed, spoken):
                    continue
                usage = Usage(calls=failed.calls, tokens_in=0, tokens_out=0)
                if not failed.refused:
                    if several and failed.status is not None:
                        raise
                    trivial = self._body(_HELLO, seed, 1, sampling)
                    probe = await self._server.blame(failed, path, trivial)
                    self._despair(failed)
                    if probe is not None:
                        usage += usage_of(probe, self.bound(_HELLO, 1, sampling))[0]
                replies = [
                    Reply(
                        text="",
                        outcome="refused" if failed.refused else "error",
                        detail=f"{failed.kind}: {failed.detail}",
                        usage=usage,
                    )
                ]
            else:
                self._answered = True
                replies = replies_of(answer, self._api, n, self.bound(conversation, n, sampling))
            facts = {
                "assistant": self.name,
                "sampling": sampling,
                "seed": seed if self._known.dialect.seeded else None,
            }
            return [reply.model_copy(update=facts) for reply in replies]

    def _despair(self, failed: Failed) -> None:
        """Stop a run whose server answers others, but not one question of this assistant."""
        self._unanswered += 1
        if not self._answered and self._unanswered >= _UNANSWERED_MOST:
            raise ServerProblem(
                f"{self.name}: none of its first {self._unanswered} questions was answered "
                f"({failed.detail}), though the server answers a trivial one. Every step is kept: "
                "see whether prompt and max_tokens fit its context, then run again"
            )

    async def _adapts(self, failed: Failed, spoken: Dialect) -> bool:
        """Whether the server named a parameter that it wants otherwise; it is asked again then."""
        if failed.status not in (400, 422):
            return False
        now = self._known.dialect
        if (now.length_key, now.seeded) != (spoken.length_key, spoken.seeded):
            return True  # a call beside this one has found it out meanwhile
        if (
            "max_completion_tokens" in failed.detail
            and self._known.dialect.length_key == "max_tokens"
        ):
            await self._known.learn(length_key="max_completion_tokens")
            return True
        if (
            self._known.dialect.seeded
            and (failed.param == "seed" or _SEED.search(failed.detail))
            and _UNKNOWN.search(failed.detail)
        ):
            await self._known.learn(seeded=False)
            return True
        return False

    def _body(
        self, conversation: Sequence[Message], seed: int, n: int, sampling: Sampling
    ) -> dict[str, Any]:
        length_key = self._known.dialect.length_key if self._api == "chat" else "max_tokens"
        body: dict[str, Any] = {
            "model": self._model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            length_key: sampling.max_tokens,
            "seed": seed if self._known.dialect.seeded else None,
            "n": n if n > 1 else None,
        }
        if self._api == "chat":
            roles = {"human": "user", "assistant": "assistant"}
            body["messages"] = [{"role": roles[m.role], "content": m.text} for m in conversation]
        else:
            body["prompt"] = render(conversation) + ASSISTANT_MARKER
            body["stop"] = [HUMAN_MARKER]
        return {key: value for key, value in body.items() if value is not None}


def _booked(failure: BaseException, answered: Sequence[Reply]) -> BaseException:
    """A failure that says what replies beside it have cost."""
    if isinstance(failure, ServerProblem | Stopped):
        for cost in (reply.usage for reply in answered if reply.usage is not None):
            failure.spent = cost if failure.spent is None else failure.spent + cost
    return failure
