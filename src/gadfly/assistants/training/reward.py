"""What a policy is rewarded for, and how it does on benign requests that it is not trained on.

The reward of a completion is the preference model's score of the conversation with the reply that
these tokens make, asked of the model as anybody asks it: the tokens become text exactly as the
assistant would serve it, and the scorer encodes conversation and reply as it was trained to. A
completion that was still unfinished at the longest length is scored as it stands, because that is
what a user would be shown; it is counted.

Held-out requests are answered with the training's temperature and one fixed seed, from a generator
of their own: evaluating changes nothing of the training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from gadfly.assistants.local.batch import padded
from gadfly.errors import ProgrammerError
from gadfly.models.tokens import Encoder
from gadfly.preference.protocol import Scorer, checked_scores
from gadfly.records.canonical import Record
from gadfly.records.refusal import refuses
from gadfly.records.values import Message

__all__ = ["HeldOut", "Judge", "Judged", "Prompts", "Reward", "by_phrase", "held_out"]

_SEED = 20_220_823  # of the replies to held-out requests, the same at every evaluation
_BATCH = 64


class Judged(NamedTuple):
    """What a judge says of a reply to a benign request."""

    helpful: float | None
    """How helpful, 0 to 1; ``None`` where the judge does not say."""
    evasive: bool
    """Whether it refuses or evades."""


class Judge(Protocol):
    """Anything that judges a reply to a benign request."""

    def __call__(self, request: Sequence[Message], reply: str, /) -> tuple[float | None, bool]:
        """:class:`Judged`, or a pair like it."""


def by_phrase(request: Sequence[Message], reply: str, /) -> Judged:
    """The judge for any model: refusals by phrase; helpfulness is left to the preference model."""
    return Judged(None, refuses(reply))


class HeldOut(Record):
    """How a policy does on benign requests held out from training."""

    step: int
    """After how many steps."""
    n: int
    """Requests answered."""
    score: float
    """Mean score of the replies by the preference model that is also the reward."""
    helpful: float | None
    """Mean helpfulness by the judge, 0 to 1; ``None`` where it does not say."""
    evasive: float
    """Share of replies that evade, by the judge."""
    length: float
    """Mean length of the replies, in tokens."""


@dataclass(frozen=True)
class Prompts:
    """What is answered in training: attacks first, then benign requests."""

    conversations: tuple[tuple[Message, ...], ...]
    """Each ends with a human message."""
    ids: tuple[tuple[int, ...], ...]
    """The tokens that the policy continues."""
    n_attacks: int
    """How many of them are attacks."""


class Reward:
    """Scores completions by a preference model."""

    __name__ = "preference"

    def __init__(self, scorer: Scorer, encoder: Encoder, prompts: Prompts) -> None:
        self.scorer, self.encoder, self.prompts = scorer, encoder, prompts

    def __call__(
        self,
        *,
        prompts: Sequence[str],
        completion_ids: Sequence[Sequence[int]],
        log_metric: Callable[[str, float], None],
        **others: Any,
    ) -> list[float | None]:
        """One reward for each completion; ``prompts`` are places in the list of prompts."""
        places = [int(prompt) for prompt in prompts]
        replies = [self.encoder.reply(ids) for ids in completion_ids]
        found = last_scores(
            self.scorer,
            [self.prompts.conversations[place] for place in places],
            replies,
        )
        attacks = [place < self.prompts.n_attacks for place in places]
        for name, wanted in (("reward_attacks", True), ("reward_benign", False)):
            apart = [
                score for score, attack in zip(found, attacks, strict=True) if attack is wanted
            ]
            if apart:
                log_metric(name, sum(apart) / len(apart))
        return list(found)


def last_scores(
    scorer: Scorer, conversations: Sequence[Sequence[Message]], replies: Sequence[str]
) -> list[float]:
    """The score of each reply after its conversation.

    A scorer that can score the last reply alone (``score_last``) is asked for no other.
    """
    whole = [
        (*conversation, Message(role="assistant", text=reply))
        for conversation, reply in zip(conversations, replies, strict=True)
    ]
    alone: Callable[[Any], list[float]] | None = getattr(scorer, "score_last", None)
    if alone is None:
        return [scores[-1] for scores in checked_scores(scorer, whole)]
    found = alone(whole)
    if len(found) != len(whole) or not all(map(math.isfinite, found)):
        raise ProgrammerError(f"scorer {scorer.name} gave no finite score for every last reply")
    return found


def held_out(
    model: Any,
    encoder: Encoder,
    requests: Sequence[Sequence[Message]],
    *,
    scorer: Scorer,
    judge: Judge,
    max_new_tokens: int,
    temperature: float,
    step: int,
) -> HeldOut:
    """Answer the requests once each, and judge the replies."""
    ids = _sampled(model, encoder, requests, max_new_tokens, temperature)
    replies = [encoder.reply(completion) for completion in ids]
    scores = last_scores(scorer, requests, replies)
    judged = [Judged(*judge(*both)) for both in zip(requests, replies, strict=True)]
    helpful = [one.helpful for one in judged if one.helpful is not None]
    return HeldOut(
        step=step,
        n=len(requests),
        score=sum(scores) / len(scores),
        helpful=sum(helpful) / len(helpful) if helpful else None,
        evasive=sum(one.evasive for one in judged) / len(judged),
        length=sum(map(len, ids)) / len(ids),
    )


def _sampled(
    model: Any,
    encoder: Encoder,
    requests: Sequence[Sequence[Message]],
    max_new_tokens: int,
    temperature: float,
) -> list[list[int]]:
    """One completion of each request, its terminator included; the global generators stay put."""
    import torch

    pad, stops = encoder.tokenizer.pad_token_id, sorted(encoder.stop_ids)
    prompts = [encoder.prompt(request) for request in requests]
    was_training, found = model.training, list[list[int]]()
    devices = [model.device] if model.device.type == "cuda" else []
    model.eval()
    with torch.no_grad(), torch.random.fork_rng(devices):
        torch.manual_seed(_SEED)
        for start in range(0, len(prompts), _BATCH):
            batch = prompts[start : start + _BATCH]
            ids, mask = padded(batch, pad, model.device)
            made = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=max_new_tokens,
                do_sample=True,
                temperature=temperature,
                top_k=0,
                top_p=1.0,
                eos_token_id=stops,
                pad_token_id=pad,
            )
            found += [_until(row, set(stops)) for row in made[:, ids.shape[1] :].tolist()]
    model.train(was_training)
    return found


def _until(ids: list[int], stops: set[int]) -> list[int]:
    end = next((place for place, token in enumerate(ids) if token in stops), len(ids))
    return ids[: end + 1]
