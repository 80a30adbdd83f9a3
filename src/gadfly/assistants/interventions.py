"""Interventions: what stands between a backend and the attacker (Ganguli et al. 2022, section 3.2).

    plain lm             Prompted with one neutral dialogue: the form of a conversation, no more
    prompted             Prompted with dialogues of a helpful, honest and harmless assistant
    rejection sampling   RejectionSampling over Prompted: of k samples those that a preference
                         model finds least harmful (k = 16, the two best, in the paper)
    distilled, rlhf      trained into the weights: a checkpoint or a model by its name, no wrapper

Each is a wrapper over any assistant and is an assistant itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from gadfly.assistants.prompts import Prompt
from gadfly.assistants.protocol import Assistant
from gadfly.preference.protocol import Scorer, fitting_scores
from gadfly.records.values import Message, Reply, Sampling, Usage

__all__ = ["Prompted", "RejectionSampling"]


@dataclass(frozen=True)
class Prompted:
    """An assistant that reads example dialogues before every conversation."""

    inner: Assistant
    prompt: Prompt

    @property
    def name(self) -> str:
        """The inner assistant's, with the prompt's id and version."""
        return f"{self.inner.name} + {self.prompt.label}"

    async def reply(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """The inner assistant's replies to the dialogues with the conversation after them."""
        whole = (*self.prompt.messages, *conversation)
        replies = await self.inner.reply(whole, seeds=seeds, sampling=sampling)
        return [reply.model_copy(update={"assistant": self.name}) for reply in replies]

    def bound(self, conversation: Sequence[Message], replies: int, sampling: Sampling) -> Usage:
        """The most that so many replies can be billed, the prompt among it."""
        return self.inner.bound((*self.prompt.messages, *conversation), replies, sampling)

    async def close(self) -> None:
        """Close the inner assistant."""
        await self.inner.close()


@dataclass(frozen=True)
class RejectionSampling:
    """An assistant that shows the least harmful of many samples.

    The filter reads the conversation as the attacker sees it, without the prompt. Every reply says
    from how many usable samples it was chosen and how the filter scored it; the samples that were
    rejected are paid for and not kept.
    """

    inner: Assistant
    scorer: Scorer
    samples: int = 16
    """Samples drawn each time."""
    best: int = 2
    """The least harmful ones, from which the replies are taken: in order where as many are asked
    for, drawn by the seed where fewer are."""

    @property
    def name(self) -> str:
        """The inner assistant's, with both settings and the filter."""
        chosen = f"best {self.best} of {self.samples} by {self.scorer.name} {self.scorer.version}"
        return f"{self.inner.name} + {chosen}"

    async def reply(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        """Draw the samples, score them, keep the best; a failed sample stands in where too few
        came.
        """
        draw = random.Random(f"samples/{seeds[0]}")
        sample_seeds = [draw.getrandbits(31) for _ in range(max(self.samples, len(seeds)))]
        drawn = await self.inner.reply(conversation, seeds=sample_seeds, sampling=sampling)
        good = [r for r in drawn if r.outcome == "complete" and r.text.strip()]
        scored, unread = await asyncio.to_thread(self._scored, conversation, good)
        best = scored[: max(self.best, len(seeds))]
        chosen = best if len(best) <= len(seeds) else draw.sample(best, len(seeds))
        failed = [(reply, None) for reply in (*unread, *drawn) if reply not in good]
        given = [*sorted(chosen, key=lambda pair: -pair[1]), *failed][: len(seeds)]
        return [
            reply.model_copy(
                update={
                    "assistant": self.name,
                    "samples": len(scored) or None,
                    "filter_score": score,
                    "usage": _together(drawn) if place == 0 else None,
                }
            )
            for place, (reply, score) in enumerate(given)
        ]

    def _scored(
        self, conversation: Sequence[Message], replies: Sequence[Reply]
    ) -> tuple[list[tuple[Reply, float]], list[Reply]]:
        """Replies with their scores, the least harmful first; and as failed those that are past the
        filter's context window: nobody sees a reply that was not filtered.
        """
        if not replies:
            return [], []
        ends = (Message(role="assistant", text=reply.text) for reply in replies)
        scores = fitting_scores(self.scorer, [(*conversation, end) for end in ends])
        pairs = [
            (reply, turns[-1])
            for reply, turns in zip(replies, scores, strict=True)
            if turns is not None
        ]
        failed = {"outcome": "error", "detail": "past the filter's context window"}
        unread = [
            reply.model_copy(update=failed)
            for reply, turns in zip(replies, scores, strict=True)
            if turns is None
        ]
        return sorted(pairs, key=lambda pair: -pair[1]), unread

    def bound(self, conversation: Sequence[Message], replies: int, sampling: Sampling) -> Usage:
        """The most that all samples can be billed."""
        return self.inner.bound(conversation, max(self.samples, replies), sampling)

    async def close(self) -> None:
        """Close the inner assistant."""
        await self.inner.close()


def _together(replies: Sequence[Reply]) -> Usage | None:
    """What all of them cost; ``None`` where none costs anything."""
    costs = [reply.usage for reply in replies if reply.usage is not None]
    return sum(costs[1:], start=costs[0]) if costs else None
