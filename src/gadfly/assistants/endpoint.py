"""A model behind an OpenAI-compatible server: vLLM, llama.cpp, a provider.

One call for each reply, each with its own seed. The SDK retries what is worth retrying, a bounded
number of times, with growing pauses; what fails after that is a reply with an outcome. A chat
server gets the conversation as messages; a completions server gets it as Human/Assistant text and
stops at the next human marker, which is how a plain language model is attacked.

The key is read from the environment by name and is never stored or printed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Literal, TypeVar

from openai import (
    APIError,
    APIStatusError,
    AsyncOpenAI,
    DefaultAioHttpClient,
    Omit,
    OpenAIError,
    omit,
)
from openai.types.chat import ChatCompletionMessageParam

from gadfly.errors import OperatorError
from gadfly.records.transcript import ASSISTANT_MARKER, HUMAN_MARKER, render
from gadfly.records.values import Message, Reply, ReplyOutcome, Sampling

__all__ = ["EndpointAssistant"]

T = TypeVar("T")
_TIMEOUT_SECONDS = 120.0
_RETRIES = 4
_REFUSALS = {400, 403, 451}  # statuses with which providers refuse a request for its content
_OUTCOMES: dict[str, ReplyOutcome] = {
    "stop": "complete",
    "length": "complete",  # as long as it was allowed to be
    "content_filter": "filtered",
}


class EndpointAssistant:
    """A model by name on a server by address."""

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api: Literal["chat", "completions"] = "chat",
        key_variable: str | None = None,
    ) -> None:
        """Prepare the connection; nothing is sent yet.

        :param key_variable: environment variable that holds the key; none for an open server.
        :raises OperatorError: that variable is not set.
        """
        key = "none" if key_variable is None else os.environ.get(key_variable)
        if not key:
            raise OperatorError(
                f"the key for {base_url} is read from the environment variable {key_variable}, "
                f"which is not set: export {key_variable}=..., then start again"
            )
        self.name = f"{model} at {base_url}"
        self._model = model
        self._api = api
        self._client = AsyncOpenAI(
            base_url=base_url,
            api_key=key,
            timeout=_TIMEOUT_SECONDS,
            max_retries=_RETRIES,
            http_client=DefaultAioHttpClient(),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def reply(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """One call for each seed, side by side."""
        calls = (self._one(conversation, seed, sampling) for seed in seeds)
        return list(await asyncio.gather(*calls))

    async def _one(self, conversation: Sequence[Message], seed: int, sampling: Sampling) -> Reply:
        started = time.monotonic()
        ask = self._chat if self._api == "chat" else self._complete
        try:
            reply = await ask(conversation, seed, sampling)
        except APIError as error:
            refused = isinstance(error, APIStatusError) and error.status_code in _REFUSALS
            reply = Reply(text="", outcome="refused" if refused else "error", detail=_brief(error))
        except (OpenAIError, ValueError) as error:  # an answer that is none
            reply = Reply(text="", outcome="error", detail=_brief(error))
        return reply.model_copy(
            update={
                "assistant": self.name,
                "sampling": sampling,
                "seed": seed,
                "latency_seconds": round(time.monotonic() - started, 3),
            }
        )

    async def _chat(self, conversation: Sequence[Message], seed: int, sampling: Sampling) -> Reply:
        answer = await self._client.chat.completions.create(
            model=self._model,
            messages=[_message(m) for m in conversation],
            seed=seed,
            temperature=_given(sampling.temperature),
            top_p=_given(sampling.top_p),
            max_tokens=_given(sampling.max_tokens),
        )
        if not answer.choices:
            return Reply(text="", outcome="error", detail="the server sent no choice")
        choice = answer.choices[0]
        return _reply(
            choice.message.content or "",
            "content_filter" if choice.message.refusal else choice.finish_reason,
            answer.usage.prompt_tokens if answer.usage else None,
            answer.usage.completion_tokens if answer.usage else None,
        )

    async def _complete(
        self, conversation: Sequence[Message], seed: int, sampling: Sampling
    ) -> Reply:
        answer = await self._client.completions.create(
            model=self._model,
            prompt=render(conversation) + ASSISTANT_MARKER,
            stop=[HUMAN_MARKER],
            seed=seed,
            temperature=_given(sampling.temperature),
            top_p=_given(sampling.top_p),
            max_tokens=_given(sampling.max_tokens),
        )
        if not answer.choices:
            return Reply(text="", outcome="error", detail="the server sent no choice")
        return _reply(
            answer.choices[0].text.removeprefix(" "),
            answer.choices[0].finish_reason,
            answer.usage.prompt_tokens if answer.usage else None,
            answer.usage.completion_tokens if answer.usage else None,
        )


def _message(message: Message) -> ChatCompletionMessageParam:
    if message.role == "human":
        return {"role": "user", "content": message.text}
    return {"role": "assistant", "content": message.text}


def _given(value: T | None) -> T | Omit:
    return omit if value is None else value


def _reply(text: str, finish: str | None, read: int | None, wrote: int | None) -> Reply:
    outcome = _OUTCOMES.get(finish or "stop", "error")
    detail = finish if finish != "stop" else None
    return Reply(text=text, outcome=outcome, detail=detail, tokens_in=read, tokens_out=wrote)


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
