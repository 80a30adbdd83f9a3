"""Replies of a local model: many in one call, many dialogues at once, a prompt read once for all.

The model is a Llama of 2.4 million parameters with random weights, on two threads of the CPU; texts
are random tokens. Each comparison is measured by turns, the middle of three rounds counts. Bound:
16 replies in one call are three times as fast as 16 calls.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["main"]

BOUND = 3.0
ROUNDS, THREADS = 3, 2
VOCABULARY, WIDTH, LAYERS = 1024, 192, 5
PROMPT, BEFORE, REPLY = 100, 400, 40  # tokens


def _model() -> Any:
    import torch
    from tests.tiny import tiny_tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    from gadfly.models.loading import Loaded

    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=WIDTH * 8 // 3,
        num_hidden_layers=LAYERS,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
    )
    return Loaded(LlamaForCausalLM(config).eval(), tokenizer, torch.device("cpu"), "benchmark")


def _middle(*works: Callable[[], object]) -> list[float]:
    """Seconds of each work: by turns, the middle of the rounds."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, seconds, strict=True):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
    return [sorted(taken)[ROUNDS // 2] for taken in seconds]


def _words(draw: random.Random, tokens: int) -> tuple[int, ...]:
    return tuple(draw.randrange(5, 360) for _ in range(tokens))


def _replies(loaded: Any) -> None:
    from gadfly.assistants.local.sampling import Request, Sampler

    sampler, prompt = Sampler(loaded), _words(random.Random(1), PROMPT)
    whole = Request(prompt, tuple(range(16)), REPLY)
    single = [Request(prompt, (seed,), REPLY) for seed in range(16)]
    one, many = _middle(
        lambda: sampler.generate([whole]),
        lambda: [sampler.generate([request]) for request in single],
    )
    print(
        f"16 replies in one call: {one:.2f} s, in 16 calls {many:.2f} s; "
        f"ratio {many / one:.1f} of {BOUND:g} asked"
    )


def _dialogues(loaded: Any, dialogues: int = 32) -> None:
    from gadfly.assistants.local.batching import Batcher
    from gadfly.assistants.local.local import LocalAssistant
    from gadfly.assistants.local.sampling import Sampler
    from gadfly.records.values import Message, Sampling

    sampling, texts = Sampling(max_tokens=REPLY), [f"{'why ' * 10}{n}?" for n in range(dialogues)]

    async def run(together: bool) -> None:
        assistant = LocalAssistant(Batcher(lambda: Sampler(loaded)), name="benchmark")
        turn = asyncio.Semaphore(dialogues if together else 1)

        async def dialogue(number: int) -> None:
            talk = [Message(role="human", text=texts[number])]
            async with turn:
                for seed in range(2):
                    replies = await assistant.reply(talk, seeds=(seed, 7), sampling=sampling)
                    talk += [Message(role="assistant", text=replies[0].text[:100]), talk[0]]

        await asyncio.gather(*(dialogue(number) for number in range(dialogues)))
        await assistant.close()

    batched, single = _middle(lambda: asyncio.run(run(True)), lambda: asyncio.run(run(False)))
    print(
        f"{dialogues} dialogues of 2 turns at once: {batched:.2f} s, one at a time {single:.2f} s; "
        f"ratio {single / batched:.1f}"
    )


def _prompted(loaded: Any) -> None:
    from gadfly.assistants.local.sampling import Request, Sampler

    draw = random.Random(2)
    before = _words(draw, BEFORE)
    for prompts, replies in ((64, 1), (8, 16)):
        asked = [
            Request(before + _words(draw, PROMPT), tuple(range(n, n + replies)), REPLY)
            for n in range(prompts)
        ]
        shared, whole = Sampler(loaded), Sampler(loaded)
        whole._shares = False
        once, anew = _middle(partial(shared.generate, asked), partial(whole.generate, asked))
        print(
            f"{prompts} conversations after {BEFORE} tokens that all share, {replies} "
            f"{'reply' if replies == 1 else 'replies'} each: {once:.2f} s, the prompt read with "
            f"every one {anew:.2f} s; ratio {anew / once:.1f}"
        )


def main() -> None:
    """Print seconds and their ratios."""
    loaded = _model()
    _replies(loaded)
    _dialogues(loaded)
    _prompted(loaded)


if __name__ == "__main__":
    main()
