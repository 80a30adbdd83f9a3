"""A model behind an OpenAI-compatible server: vLLM, llama.cpp, transformers, a provider.

A chat server gets the conversation as messages; a completions server gets it as Human/Assistant
text and stops at the next human marker, which is how a plain language model is attacked.

Servers of this protocol differ. What one can do is found out by the first call that needs it, and
recorded (:class:`Dialect`), so that no later run asks again: whether it gives several different
replies in one call (``n``), how it wants to be told the longest reply, whether it takes a seed.
Where it cannot give n replies, it gets n calls side by side, each with its own seed.

Replies are hostile text. They are kept up to :data:`TEXT_MOST` characters; what UTF-8 cannot hold
is replaced and said so.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from gadfly.assistants.server import Answer, Failed, Server
from gadfly.errors import OperatorError
from gadfly.records.canonical import Record
from gadfly.records.transcript import ASSISTANT_MARKER, HUMAN_MARKER, render
from gadfly.records.values import Message, Reply, ReplyOutcome, Sampling, Usage

__all__ = ["TEXT_MOST", "Dialect", "EndpointAssistant", "key_of"]

TEXT_MOST = 100_000
"""Characters of a reply that are kept; a longer one is "cut"."""
_TOKENS_MOST = 10**9  # above this a server's count is nonsense
_TOGETHER_MOST = 128
_UNANSWERED_MOST = 4
_WHOLE = {"stop", "length", "eos", "eos_token", "end_turn", "stop_sequence", "max_tokens", ""}
_HELLO = (Message(role="human", text="Hello."),)
_LONE = re.compile("[\ud800-\udfff]")
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


Learned = Callable[[Dialect], Awaitable[None]]


def key_of(base_url: str, key_variable: str | None) -> str:
    """The key of a server, from the environment; "none" for an open one.

    :raises OperatorError: the variable is not set.
    """
    key = "none" if key_variable is None else os.environ.get(key_variable, "").strip()
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
        api: Literal["chat", "completions"] = "chat",
        dialect: Dialect | None = None,
        learned: Learned | None = None,
    ) -> None:
        """Nothing is sent yet.

        :param dialect: what is known of the server already.
        :param learned: told when more is known.
        """
        self.name = f"{model} at {server.base_url}"
        self.dialect = dialect or Dialect()
        self._server = server
        self._model = model
        self._api = api
        self._learned = learned
        self._finding_out = asyncio.Lock()
        self._together_most = _TOGETHER_MOST
        self._answered = False
        self._unanswered = 0

    async def close(self) -> None:
        """Close the server's connections."""
        await self._server.close()

    def bound(self, conversation: Sequence[Message], replies: int, sampling: Sampling) -> Usage:
        """The most that so many replies can be billed: a token holds a byte at the least."""
        read = 64 + sum(len(m.text.encode("utf-8", "replace")) + 16 for m in conversation)
        wrote = _TOKENS_MOST if sampling.max_tokens is None else sampling.max_tokens
        return Usage(calls=replies, tokens_in=replies * read, tokens_out=replies * wrote)

    async def reply(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """One reply for each seed, in one call where the server can."""
        if len(seeds) == 1 or self.dialect.several is False:
            return await self._apart(conversation, seeds, sampling)
        if self.dialect.several or sampling.temperature == 0:
            return await self._together(conversation, seeds, sampling)
        async with self._finding_out:  # one call finds out, those beside it wait
            if self.dialect.several is None:
                return await self._together(conversation, seeds, sampling)
        return await self.reply(conversation, seeds=seeds, sampling=sampling)

    async def _apart(
        self, conversation: Sequence[Message], seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """A call for each seed, side by side; a failure that stops the run ends the others."""
        if len(seeds) == 1:
            return await self._call(conversation, seeds[0], 1, sampling)
        try:
            async with asyncio.TaskGroup() as group:
                calls = [
                    group.create_task(self._call(conversation, seed, 1, sampling)) for seed in seeds
                ]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [call.result()[0] for call in calls]

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
        if self.dialect.several or self._together_most < size:
            return [*replies, *await self._together(conversation, missing, sampling)]
        return [*replies, *await self._apart(conversation, missing, sampling)]

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
                await self._learn(several=False)
        before = Usage(calls=failed.calls, tokens_in=0, tokens_out=0)
        usage = before if first.usage is None else before + first.usage
        return [first.model_copy(update={"usage": usage})]

    async def _judge(self, replies: list[Reply], size: int, sampling: Sampling) -> list[Reply]:
        """Learn from a call for several that was answered; the replies that count."""
        if any(reply.outcome != "complete" for reply in replies):
            return replies  # tells nothing about the server
        different = len({reply.text for reply in replies}) > 1
        if len(replies) < size:
            await self._learn(several=False)
        elif different:
            if self.dialect.several is None:
                await self._learn(several=True)
        elif sampling.temperature != 0 and replies[0].text:
            await self._learn(several=False)
            return replies[:1]  # copies of one reply are one reply
        return replies

    async def _learn(self, **facts: Any) -> None:
        self.dialect = self.dialect.model_copy(update=facts)
        if self._learned is not None:
            await self._learned(self.dialect)

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
            try:
                answer = await self._server.ask(path, self._body(conversation, seed, n, sampling))
            except Failed as failed:
                if await self._adapts(failed):
                    continue
                probes = 0
                if not failed.refused:
                    if several and failed.status is not None:
                        raise
                    trivial = self._body(_HELLO, seed, 1, sampling)
                    probes = await self._server.blame(failed, path, trivial)
                    self._despair(failed)
                usage = Usage(calls=failed.calls + probes, tokens_in=0, tokens_out=0)
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
                replies = self._replies(answer, n, self.bound(conversation, n, sampling))
            facts = {
                "assistant": self.name,
                "sampling": sampling,
                "seed": seed if self.dialect.seeded else None,
            }
            return [reply.model_copy(update=facts) for reply in replies]

    def _despair(self, failed: Failed) -> None:
        """Stop a run whose server answers others, but not one question of this assistant."""
        self._unanswered += 1
        if not self._answered and self._unanswered >= _UNANSWERED_MOST:
            raise OperatorError(
                f"{self.name}: none of its first {self._unanswered} questions was answered "
                f"({failed.detail}), though the server answers a trivial one. Every step is kept: "
                "see whether prompt and max_tokens fit its context, then run again"
            )

    async def _adapts(self, failed: Failed) -> bool:
        """Whether the server named a parameter that it wants otherwise; it is asked again then."""
        if failed.status not in (400, 422):
            return False
        if "max_completion_tokens" in failed.detail and self.dialect.length_key == "max_tokens":
            await self._learn(length_key="max_completion_tokens")
            return True
        if (
            self.dialect.seeded
            and re.search(r"\bseed\b", failed.detail)
            and _UNKNOWN.search(failed.detail)
        ):
            await self._learn(seeded=False)
            return True
        return False

    def _body(
        self, conversation: Sequence[Message], seed: int, n: int, sampling: Sampling
    ) -> dict[str, Any]:
        length_key = self.dialect.length_key if self._api == "chat" else "max_tokens"
        body: dict[str, Any] = {
            "model": self._model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            length_key: sampling.max_tokens,
            "seed": seed if self.dialect.seeded else None,
            "n": n if n > 1 else None,
        }
        if self._api == "chat":
            roles = {"human": "user", "assistant": "assistant"}
            body["messages"] = [{"role": roles[m.role], "content": m.text} for m in conversation]
        else:
            body["prompt"] = render(conversation) + ASSISTANT_MARKER
            body["stop"] = [HUMAN_MARKER]
        return {key: value for key, value in body.items() if value is not None}

    def _replies(self, answer: Answer, n: int, bound: Usage) -> list[Reply]:
        """The replies of an answer; what it cost stands on the first."""
        choices = answer.body.get("choices")
        found = [c for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []
        if not found:
            found = [{"finish_reason": None}]
        usage, wrote = _usage(answer, bound)
        replies = []
        for place, choice in enumerate(found[:n]):
            text, outcome, detail = self._text(choice)
            replies.append(
                Reply(
                    text=text,
                    outcome=outcome,
                    detail=detail,
                    tokens_in=usage.tokens_in if not usage.estimated else None,
                    tokens_out=wrote if len(found) == 1 else None,
                    latency_seconds=answer.seconds,
                    choice=place if n > 1 else None,
                    usage=usage if place == 0 else None,
                )
            )
        return replies

    def _text(self, choice: dict[str, Any]) -> tuple[str, ReplyOutcome, str | None]:
        """Text, outcome and detail of one choice, whatever the server put there."""
        message = choice.get("message") if self._api == "chat" else choice
        message = message if isinstance(message, dict) else {}
        raw = message.get("content" if self._api == "chat" else "text")
        finish = str(choice.get("finish_reason") or "")[:100]
        if self._api == "chat" and message.get("refusal"):
            return "", "refused", "the model sent a refusal in place of a reply"
        if finish == "content_filter":
            return _clean(raw if isinstance(raw, str) else "")[0], "filtered", finish
        if not isinstance(raw, str):
            return "", "error", f"the answer holds no text (finish reason {finish or 'none'})"
        if self._api == "completions":
            raw = raw.removeprefix(" ").split(HUMAN_MARKER, 1)[0]  # some servers know no stop
        text, mended = _clean(raw)
        if len(text) > TEXT_MOST:
            return text[:TEXT_MOST], "cut", f"longer than the {TEXT_MOST:,} characters kept"
        if finish not in _WHOLE:
            return text, "cut", f"it ended with {finish}"
        return text, "complete", finish if finish == "length" else mended


def _clean(text: str) -> tuple[str, str | None]:
    """Text that UTF-8 can hold, and what had to be mended."""
    whole = _LONE.sub("\N{REPLACEMENT CHARACTER}", text)
    return whole, None if whole == text else "broken characters were replaced"


def _usage(answer: Answer, bound: Usage) -> tuple[Usage, int | None]:
    """What an answer cost, and the tokens written where the server counted.

    A server that sends no counts, or zeros, did not count.
    """
    counted = answer.body.get("usage")
    read = _count(counted, "prompt_tokens")
    wrote = _count(counted, "completion_tokens")
    if read and wrote is not None:
        return Usage(calls=answer.calls, tokens_in=read, tokens_out=wrote), wrote
    most = bound.tokens_out
    if most >= _TOKENS_MOST:  # without a longest reply its own bytes bound it
        most = len(str(answer.body.get("choices")).encode("utf-8", "replace"))
    update = {"calls": answer.calls, "tokens_out": most, "estimated": True}
    return bound.model_copy(update=update), None


def _count(usage: object, key: str) -> int | None:
    value = usage.get(key) if isinstance(usage, dict) else None
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _TOKENS_MOST
    return value if good else None
