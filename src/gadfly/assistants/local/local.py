"""A model on this machine as an assistant. Nothing is billed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gadfly.assistants.answers import TEXT_MOST
from gadfly.assistants.local.batching import Batcher, Unfit
from gadfly.assistants.local.sampling import MAX_TOKENS, Sample, Sampler
from gadfly.models.loading import load_causal, weights_hash
from gadfly.records.values import Message, Reply, ReplyOutcome, Sampling, Usage

if TYPE_CHECKING:
    from gadfly.models.loading import Dtype

__all__ = ["LocalAssistant", "local_name", "opener"]

_HASH_DIGITS = 12


class LocalAssistant:
    """A causal language model, asked through a batcher that it may share."""

    def __init__(self, batcher: Batcher, *, name: str) -> None:
        """:param name: as recorded on every reply; :func:`local_name` gives one."""
        self._batcher = batcher
        self._name = name

    @property
    def name(self) -> str:
        """The checkpoint's name and the beginning of its weights' hash."""
        return self._name

    async def reply(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """One reply for each seed; the same conversation and seed give the same reply.

        A conversation that the model cannot read is a reply with outcome "error".
        """
        began = time.monotonic()
        used = Sampling(
            temperature=1.0 if sampling.temperature is None else sampling.temperature,
            top_p=1.0 if sampling.top_p is None else sampling.top_p,
            max_tokens=sampling.max_tokens or MAX_TOKENS,
        )
        try:
            sampled = await self._batcher.ask(conversation, seeds=seeds, sampling=used)
        except Unfit as why:
            blank = Reply(text="", outcome="error", detail=str(why))
            replies = [blank for _ in seeds]
        else:
            replies = [_reply(sample, used, sampled.context) for sample in sampled.samples]
        seconds = round(time.monotonic() - began, 3)
        same = {"assistant": self.name, "sampling": used, "latency_seconds": seconds}
        return [
            reply.model_copy(update={"seed": seed, **same})
            for seed, reply in zip(seeds, replies, strict=True)
        ]

    def bound(self, conversation: Sequence[Message], replies: int, sampling: Sampling) -> Usage:
        """Nothing is billed."""
        return Usage(calls=0, tokens_in=0, tokens_out=0)

    async def close(self) -> None:
        """Let the model go, also for the assistants that share it."""
        await self._batcher.close()


def _reply(sample: Sample, used: Sampling, context: int | None) -> Reply:
    text = sample.text
    outcome: ReplyOutcome = "complete"
    detail = None if sample.finished else "length"
    if len(text) > TEXT_MOST:
        text, outcome = text[:TEXT_MOST], "cut"
        detail = f"longer than the {TEXT_MOST:,} characters kept"
    elif not sample.finished and sample.tokens_out < (used.max_tokens or MAX_TOKENS):
        outcome, detail = "cut", f"it reached the end of the model's context, {context:,} tokens"
    return Reply(
        text=text,
        outcome=outcome,
        detail=detail,
        tokens_in=sample.tokens_in,
        tokens_out=sample.tokens_out,
    )


def local_name(folder: Path, label: str | None = None) -> str:
    """What a checkpoint is called on records: its folder's name, and which weights these are.

    :param label: a name in place of the folder's.

    :raises PersonError: the folder holds no weights.
    """
    digits = weights_hash(folder).removeprefix("sha256:")[:_HASH_DIGITS]
    return f"{label or folder.resolve().name} sha256:{digits}"


def opener(
    folder: Path, *, device: str | None = None, dtype: Dtype = "float32"
) -> Callable[[], Sampler]:
    """What a batcher loads a checkpoint with."""
    return lambda: Sampler(load_causal(folder, device=device, dtype=dtype))
