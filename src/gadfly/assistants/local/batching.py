"""Requests of many dialogues, batched for one model.

Whoever asks waits; a worker thread of the model takes what is waiting, once nothing more comes in
for a moment, and samples those that go well together: that begin alike and are of like length, the
longest waiting among them. Models that share a turn work one at a time, so that they do not fight
over the same processors and each finds more waiting when its turn comes.

Everything that touches the model or its tokenizer happens in the worker thread. An error of reading
a request reaches who asked it alone; an error of the model, everyone whose request was in that
batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gadfly.assistants.local.sampling import Request, Sample, Sampler
from gadfly.assistants.protocol import Stopped
from gadfly.errors import PersonError
from gadfly.records.values import Message, Sampling

__all__ = ["Batcher", "Sampled", "Unfit"]

_QUIET_SECONDS = 0.005  # nothing came in for so long: who asks together has asked
_WINDOW_SECONDS = 0.1  # the longest wait for more
_LOOK = 8  # batches' worth of waiting requests that are looked through


class Unfit(PersonError):
    """A conversation that the model cannot read."""


@dataclass(frozen=True)
class Sampled:
    """The replies to one request."""

    samples: Sequence[Sample]
    """One for each seed."""
    context: int | None
    """The model's; ``None`` where nothing limits it."""


@dataclass(eq=False)
class _Waiting:
    """A request that is not answered yet."""

    conversation: Sequence[Message]
    seeds: tuple[int, ...]
    sampling: Sampling
    answer: asyncio.Future[Sampled]
    request: Request | None = None
    """In tokens, once the worker has read it."""


class Batcher:
    """The way to one model: any number of assistants and dialogues ask it side by side."""

    def __init__(self, load: Callable[[], Sampler], *, turn: asyncio.Lock | None = None) -> None:
        """Nothing is loaded yet.

        :param load: opens the model; called once, in the worker thread, at the first request.
        :param turn: shared by models that should work one at a time.
        """
        self._load = load
        self._turn = turn or asyncio.Lock()
        self._sampler: Sampler | None = None
        self._waiting: list[_Waiting] = []
        self._serving: asyncio.Task[None] | None = None
        self._stopped = False
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gadfly-model")
        self.batches: list[int] = []
        """Rows of each batch so far."""

    async def ask(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> Sampled:
        """One sample for each seed.

        :raises Unfit: the model cannot read this conversation.
        :raises Stopped: :meth:`stop` was called.
        """
        if self._stopped:
            raise Stopped
        if not seeds:
            return Sampled((), None)
        answer: asyncio.Future[Sampled] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(conversation, tuple(seeds), sampling, answer)
        self._waiting.append(waiting)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        try:
            return await answer
        finally:
            if waiting in self._waiting:  # who asked has left
                self._waiting.remove(waiting)

    def stop(self) -> None:
        """Begin no further batch; the one under way may still be answered."""
        self._stopped = True
        for waiting in self._waiting:
            if not waiting.answer.done():
                waiting.answer.set_exception(Stopped())

    async def close(self) -> None:
        """Give up the batch under way and let the model go."""
        self.stop()
        if self._sampler is not None:
            self._sampler.halted.set()
        if self._serving is not None:
            await asyncio.wait([self._serving])
        await asyncio.to_thread(self._worker.shutdown)
        self._sampler = None

    async def _serve(self) -> None:
        """Serve batch after batch until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._waiting and not self._stopped:
            await self._gather()
            async with self._turn:
                taken = [waiting for waiting in self._waiting if not waiting.answer.done()]
                picking = loop.run_in_executor(self._worker, self._pick, taken)
                await asyncio.wait([picking])
                if failure := picking.exception():
                    self._fail(taken, failure)
                    continue
                batch, unfit = picking.result()
                for waiting, why in unfit:
                    self._fail([waiting], why)
                if batch and not self._stopped:
                    await self._sample(batch)

    async def _gather(self) -> None:
        """Wait until those who ask together have asked."""
        loop = asyncio.get_running_loop()
        until, had = loop.time() + _WINDOW_SECONDS, -1
        while had != len(self._waiting) and loop.time() < until:
            had = len(self._waiting)
            await asyncio.sleep(_QUIET_SECONDS)

    async def _sample(self, batch: Sequence[_Waiting]) -> None:
        for waiting in batch:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
        loop = asyncio.get_running_loop()
        sampling = loop.run_in_executor(self._worker, self._generate, batch)
        await asyncio.wait([sampling])
        if failure := sampling.exception():
            self._fail(batch, failure)
            return
        for waiting, sampled in zip(batch, sampling.result(), strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(sampled)

    def _fail(self, those: Sequence[_Waiting], failure: BaseException) -> None:
        for waiting in those:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            if not waiting.answer.done():
                waiting.answer.set_exception(failure)

    def _pick(
        self, those: Sequence[_Waiting]
    ) -> tuple[list[_Waiting], list[tuple[_Waiting, Exception]]]:
        """Those to sample next, and those who cannot be served; in the worker thread."""
        if self._sampler is None:
            self._sampler = self._load()
        fit: list[_Waiting] = []
        unfit: list[tuple[_Waiting, Exception]] = []
        for waiting in those[: _LOOK * self._sampler.rows]:
            try:
                waiting.request = waiting.request or self._read(self._sampler, waiting)
                fit.append(waiting)
            except Exception as why:  # noqa: BLE001 - whatever it is, the others are served
                unfit.append((waiting, why))
        batches = self._sampler.batches([waiting.request for waiting in fit if waiting.request])
        first = next((batch.places for batch in batches if 0 in batch.places), ())
        return [fit[place] for place in first], unfit

    @staticmethod
    def _read(sampler: Sampler, waiting: _Waiting) -> Request:
        try:
            prompt = tuple(sampler.encoder.prompt(waiting.conversation))
        except PersonError as error:
            raise Unfit(str(error)) from error
        if sampler.room(prompt) == 0:
            raise Unfit(
                f"the conversation has {len(prompt):,} tokens and the model reads "
                f"{sampler.context:,}: no room is left for a reply"
            )
        how = waiting.sampling
        return Request(prompt, waiting.seeds, how.max_tokens, how.temperature, how.top_p)

    def _generate(self, batch: Sequence[_Waiting]) -> list[Sampled]:
        """In the worker thread."""
        sampler = self._sampler or self._load()
        requests = [waiting.request for waiting in batch if waiting.request]
        self.batches.append(sum(len(request.seeds) for request in requests))
        return [Sampled(found, sampler.context) for found in sampler.generate(requests)]
