"""Requests of many dialogues on one model: batched, shared, stopped, answered whatever fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import pytest
import torch

from gadfly.assistants.interventions import Prompted, RejectionSampling
from gadfly.assistants.local.batching import Batcher
from gadfly.assistants.local.local import LocalAssistant, local_name, opener
from gadfly.assistants.local.sampling import Sampler
from gadfly.assistants.prompts import read_prompt
from gadfly.assistants.protocol import Stopped
from gadfly.errors import OperatorError, PersonError
from gadfly.models.loading import Loaded, load_causal
from gadfly.records.values import Message, Reply, Sampling
from tests.shorter import ShorterScorer
from tests.tiny import tiny_causal

T = TypeVar("T")
SAMPLING = Sampling(temperature=0.7, max_tokens=12)


@cache
def tiny(context: int = 2048) -> Loaded:
    with TemporaryDirectory() as folder:
        return load_causal(tiny_causal(Path(folder), context=context))


def said(text: str) -> tuple[Message, ...]:
    return (Message(role="human", text=text),)


def using(work: Callable[[Batcher], Coroutine[Any, Any, T]], **options: Any) -> T:
    """Work with a batcher that is closed in the end, within a minute."""

    async def run() -> T:
        batcher = Batcher(lambda: Sampler(tiny(), **options))
        try:
            return await asyncio.wait_for(work(batcher), 60)
        finally:
            await asyncio.wait_for(batcher.close(), 60)

    return asyncio.run(run())


def ask(assistant: Any, text: str, *seeds: int, sampling: Sampling = SAMPLING) -> Any:
    return assistant.reply(said(text), seeds=seeds, sampling=sampling)


def test_dialogues_that_ask_together_are_batched() -> None:
    async def work(batcher: Batcher) -> list[list[Reply]]:
        assistant = LocalAssistant(batcher, name="tiny")
        asking = [ask(assistant, f"question {number}", number, 7) for number in range(40)]
        replies: list[list[Reply]] = await asyncio.gather(*asking)
        assert batcher.batches == [64, 16]
        return replies

    replies = using(work)
    assert [[reply.seed for reply in own] for own in replies] == [[n, 7] for n in range(40)]
    assert {len(own) for own in replies} == {2}
    first = replies[0][0]
    assert first.assistant == "tiny"
    assert first.sampling == Sampling(temperature=0.7, top_p=1.0, max_tokens=12)
    assert first.tokens_in
    assert first.tokens_out == 12
    assert first.detail == "length"
    assert first.usage is None


def test_arms_on_one_model_share_its_batches() -> None:
    async def work(batcher: Batcher) -> None:
        plain = LocalAssistant(batcher, name="tiny")
        prompted = Prompted(plain, read_prompt("one-shot", Path()))
        rejecting = RejectionSampling(prompted, ShorterScorer())
        arms = (plain, prompted, rejecting)
        asking = [ask(arm, f"what of {n}?", n, n + 1) for n in range(3) for arm in arms]
        replies = await asyncio.gather(*asking)
        assert sum(batcher.batches) == 3 * (2 + 2 + 16)
        assert len(batcher.batches) < 4
        assert [reply.samples for reply in replies[2]] == [16, 16]
        assert replies[2][0].assistant == "tiny + one-shot@1 + best 2 of 16 by shorter 1"
        alone = await ask(rejecting, "what of 0?", 0, 1)
        assert [reply.text for reply in alone] == [reply.text for reply in replies[2]]

    using(work)


def test_a_conversation_past_the_context_is_an_error_in_words_and_spoils_no_other() -> None:
    async def work(batcher: Batcher) -> None:
        assistant = LocalAssistant(batcher, name="tiny")
        long, short = await asyncio.gather(
            ask(assistant, "mill " * 3000, 1, 2), ask(assistant, "mill", 1, 2)
        )
        assert [reply.outcome for reply in short] == ["complete"] * 2
        assert [(reply.outcome, reply.text, reply.seed) for reply in long] == [
            ("error", "", 1),
            ("error", "", 2),
        ]
        assert "tokens and the model reads 2,048: no room is left" in long[0].detail

    using(work)


def test_what_cannot_be_read_fails_who_asked_it_alone() -> None:
    async def work(batcher: Batcher) -> None:
        assistant = LocalAssistant(batcher, name="tiny")
        wrong = Message.model_construct(role="human", text=cast(str, 5))
        found: Any = await asyncio.gather(
            assistant.reply([wrong], seeds=[1], sampling=SAMPLING),
            ask(assistant, "half a pair \udcff", 1),
            ask(assistant, "mill", 1),
            return_exceptions=True,
        )
        bad, broken, good = found
        assert isinstance(bad, AttributeError | TypeError)
        assert [reply.outcome for reply in (*broken, *good)] == ["complete"] * 2

    using(work)


def test_a_reply_that_the_context_ends_is_cut_and_says_so() -> None:
    async def run() -> Reply:
        assistant = LocalAssistant(Batcher(lambda: Sampler(tiny(64))), name="tiny")
        long = Sampling(max_tokens=500)
        (reply,) = await ask(assistant, "How do I open the door?", 1, sampling=long)
        await assistant.close()
        found: Reply = reply
        return found

    reply = asyncio.run(run())
    assert (reply.outcome, reply.tokens_in + reply.tokens_out) == ("cut", 64)  # type: ignore[operator]
    assert reply.detail == "it reached the end of the model's context, 64 tokens"


def test_a_stopped_batcher_begins_nothing_and_finishes_what_it_began() -> None:
    async def work(batcher: Batcher) -> None:
        assistant = LocalAssistant(batcher, name="tiny")
        began = asyncio.create_task(ask(assistant, "first", *range(64)))
        while not batcher.batches:
            await asyncio.sleep(0.001)
        waiting = asyncio.create_task(ask(assistant, "second", 2))
        await asyncio.sleep(0)
        batcher.stop()
        with pytest.raises(Stopped):
            await waiting
        with pytest.raises(Stopped):
            await ask(assistant, "third", 3)
        assert len(await began) == 64
        assert batcher.batches == [64]

    using(work)


def test_closing_gives_up_the_batch_under_way() -> None:
    async def work(batcher: Batcher) -> None:
        assistant = LocalAssistant(batcher, name="tiny")
        long = Sampling(max_tokens=2000)
        began = asyncio.create_task(ask(assistant, "first", *range(64), sampling=long))
        while not batcher.batches:
            await asyncio.sleep(0.001)
        await asyncio.wait_for(batcher.close(), 5)
        with pytest.raises(Stopped):
            await began

    using(work)
    assert not [t for t in threading.enumerate() if t.name.startswith("gadfly-model")]


def test_models_that_share_a_turn_work_one_at_a_time() -> None:
    async def run() -> None:
        turn, told = asyncio.Lock(), list[str]()

        def noting(name: str) -> Sampler:
            sampler = Sampler(tiny())
            generate = sampler.generate

            def noted(requests: Any) -> Any:
                told.append(f"{name} begins")
                found = generate(requests)
                told.append(f"{name} ends")
                return found

            sampler.generate = noted  # type: ignore[method-assign]
            return sampler

        batchers = [Batcher(lambda name=name: noting(name), turn=turn) for name in "ab"]  # type: ignore[misc]
        both = [LocalAssistant(batcher, name="tiny") for batcher in batchers]
        await asyncio.gather(*(ask(assistant, "what?", *range(8)) for assistant in both * 2))
        assert told in (
            ["a begins", "a ends", "b begins", "b ends"],
            ["b begins", "b ends", "a begins", "a ends"],
        )
        for assistant in both:
            await assistant.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_who_leaves_is_not_waited_for() -> None:
    async def work(batcher: Batcher) -> None:
        assistant = LocalAssistant(batcher, name="tiny")
        left = asyncio.create_task(ask(assistant, "first", 1))
        await asyncio.sleep(0)
        left.cancel()
        (reply,) = await ask(assistant, "second", 2)
        assert reply.text
        assert batcher.batches == [1]

    using(work)


def test_a_model_that_cannot_be_loaded_fails_everyone_who_asks(tmp_path: Path) -> None:
    async def run() -> None:
        assistant = LocalAssistant(Batcher(opener(tmp_path)), name="none")
        both = await asyncio.gather(
            ask(assistant, "a", 1), ask(assistant, "b", 2), return_exceptions=True
        )
        assert [type(failure) for failure in both] == [PersonError] * 2
        with pytest.raises(PersonError, match="no tokenizer could be opened from this folder"):
            await ask(assistant, "again", 3)
        await assistant.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_failure_of_the_model_reaches_those_of_its_batch_alone() -> None:
    async def work(batcher: Batcher) -> None:
        assistant = LocalAssistant(batcher, name="tiny")
        await ask(assistant, "warm", 1)
        sampler = batcher._sampler
        assert sampler is not None
        forward = sampler._forward

        def broken(*given: Any, **named: Any) -> Any:
            sampler._forward = forward  # type: ignore[method-assign]
            raise torch.OutOfMemoryError("no memory")

        sampler._forward = broken  # type: ignore[method-assign]
        with pytest.raises(OperatorError, match=r"too little memory \(no memory\); ask for fewer"):
            await ask(assistant, "first", 1)
        assert len(await ask(assistant, "second", 2)) == 1

    using(work)


def test_a_name_says_which_weights(tmp_path: Path) -> None:
    one = tiny_causal(tmp_path / "one", seed=1)
    other = tiny_causal(tmp_path / "other" / "one", seed=2)
    assert local_name(one).startswith("one sha256:")
    assert local_name(one) != local_name(other)
    assert local_name(one, "sandbox:small/plain").startswith("sandbox:small/plain sha256:")
