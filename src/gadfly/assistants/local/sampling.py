"""Our own sampling loop over a transformers causal LM.

* A prompt is read once, whatever the number of replies to it: its keys and values are repeated.
  What many prompts begin with is read once for all (:mod:`gadfly.assistants.local.prefixes`).
* Every reply draws from a generator of its own, seeded by its seed, and its tokens do not depend on
  what else is in the batch. Logits do, in their last digits; so a draw that these could change is
  settled by a pass over the reply's own tokens alone (see :mod:`gadfly.assistants.local.drawing`).
  This holds for float32 on one machine with one number of threads; in half precision the digits
  that differ are too many, and replies may differ with the batch.
* Rows that have ended leave the batch.

A reply ends with an end token, before the next ``\\n\\nHuman:`` where the model has no chat
template, or at its limit; it never goes past the model's context.
"""

from __future__ import annotations

import inspect
import random
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gadfly.assistants.local.alone import Alone
from gadfly.assistants.local.batch import Row, State, padded
from gadfly.assistants.local.drawing import draw
from gadfly.assistants.local.prefixes import Group, Prefixes
from gadfly.assistants.protocol import Stopped
from gadfly.errors import PersonError
from gadfly.models.loading import Loaded, context_of
from gadfly.models.memory import enough_memory
from gadfly.models.tokens import Encoder

if TYPE_CHECKING:
    from torch import Tensor

    from gadfly.assistants.local.shared import Layers

__all__ = ["MAX_TOKENS", "ROWS", "Batch", "Request", "Sample", "Sampler"]

MAX_TOKENS = 128
"""Longest reply where the request says nothing."""
ROWS = 64
"""Replies that are sampled side by side."""
_STAY = 7 / 8  # of the rows of a batch must be live, else the others leave it
_NOISE = 3e-6  # of float32 logits between batches; up to 2e-6 were seen to count


@dataclass(frozen=True)
class Request:
    """One prompt and the replies wanted to it."""

    prompt: tuple[int, ...]
    """Token ids, as :meth:`gadfly.models.tokens.Encoder.prompt` gives them."""
    seeds: tuple[int, ...]
    """One for each reply."""
    max_tokens: int | None = None
    """Longest reply; ``None`` is :data:`MAX_TOKENS`."""
    temperature: float | None = None
    """Softmax temperature, 0 is greedy; ``None`` is 1."""
    top_p: float | None = None
    """Nucleus mass; ``None`` is 1."""


@dataclass(frozen=True)
class Sample:
    """One reply."""

    ids: tuple[int, ...]
    """Tokens as drawn, the end token among them."""
    text: str
    """Their text, up to whatever ended it."""
    finished: bool
    """It ended by itself, not at its limit."""
    tokens_in: int
    """Tokens of the prompt."""
    tokens_out: int
    """Tokens drawn."""


@dataclass(frozen=True)
class Batch:
    """Requests that are sampled side by side."""

    places: tuple[int, ...]
    """Which requests of the call."""
    group: Group
    """What their prompts share."""


class Sampler:
    """Samples replies from one model. One thread at a time."""

    def __init__(self, loaded: Loaded, *, rows: int = ROWS) -> None:
        """Prepare a model.

        :param rows: replies side by side; a request with more has all of its own in one batch.
        """
        import torch

        self.loaded = loaded
        self.encoder = Encoder(loaded.tokenizer)
        self.rows = rows
        self.context = context_of(loaded.model.config)
        """Tokens that prompt and reply can have together; ``None`` where nothing limits them."""
        self.halted = threading.Event()
        """Set it, from any thread, and the batch under way is given up."""
        self.passes = 0
        """Forward passes so far."""
        self.settled = 0
        """Draws that were too close to call and were settled by a pass of their own."""
        full = loaded.model.dtype in (torch.float32, torch.float64)
        self._noise = _NOISE if full else 0.0
        self._accepts = frozenset(inspect.signature(loaded.model.forward).parameters)
        self._pieces: dict[int, bool] = {}
        self._alone = Alone(self._forward, loaded.model.config, loaded.device)
        self._prefixes = Prefixes(self._read_shared)
        self._shares: bool | None = None

    def room(self, prompt: Sequence[int]) -> int | None:
        """How many tokens a reply to this prompt can have; ``None`` where nothing limits it."""
        return None if self.context is None else max(0, self.context - len(prompt))

    def generate(self, requests: Sequence[Request]) -> list[list[Sample]]:
        """The replies to each request, one for each of its seeds, in order.

        :raises PersonError: a prompt is empty or fills the context (see :meth:`room`).
        :raises Stopped: ``halted`` was set meanwhile.
        :raises OperatorError: the device has too little memory.
        """
        import torch

        rows = [[self._row(request, seed) for seed in request.seeds] for request in requests]
        with torch.inference_mode(), enough_memory("sampling"):
            for batch in self.batches(requests):
                self._sample([row for place in batch.places for row in rows[place]], batch.group)
        return [[self._made(row) for row in own] for own in rows]

    def batches(self, requests: Sequence[Request]) -> list[Batch]:
        """Requests that begin alike and are of like length together, as many as fit."""
        import torch

        asked = [place for place, request in enumerate(requests) if request.seeds]
        with torch.inference_mode(), enough_memory("sampling"):
            groups = self._prefixes.groups([requests[place].prompt for place in asked])
        found = []
        for group in groups:
            own = sorted((asked[p] for p in group.places), key=lambda p: len(requests[p].prompt))
            batch, rows = list[int](), 0
            for place in own:
                if batch and rows + len(requests[place].seeds) > self.rows:
                    found.append(Batch(tuple(batch), group))
                    batch, rows = [], 0
                batch.append(place)
                rows += len(requests[place].seeds)
            found.append(Batch(tuple(batch), group))
        return found

    def _row(self, request: Request, seed: int) -> Row:
        room = self.room(request.prompt)
        if not request.prompt or room == 0:
            raise PersonError(
                f"a prompt of {len(request.prompt):,} tokens leaves no room for a reply; allowed: "
                f"1 to {(self.context or 0) - 1:,} tokens"
            )
        most = MAX_TOKENS if request.max_tokens is None else request.max_tokens
        most = most if room is None else min(most, room)
        draws = random.Random(seed)
        return Row(
            prompt=tuple(request.prompt),
            most=most,
            temperature=1.0 if request.temperature is None else request.temperature,
            top_p=1.0 if request.top_p is None else request.top_p,
            chances=[draws.random() for _ in range(most)],
        )

    def _sample(self, rows: list[Row], group: Group) -> None:
        """Draw the tokens of a batch, row by row side by side, until all are over."""
        logits, state = self._prefill(rows, group)
        while not self.halted.is_set():
            tokens = self._draw(logits, state)
            for row, token in zip(state.rows, tokens, strict=True):
                if not row.over:
                    row.ids.append(token)
                    row.finished = self._ends(row, token)
            live = [place for place, row in enumerate(state.rows) if not row.over]
            if not live:
                return
            if len(live) <= len(state.rows) * _STAY:
                state.keep(live)
                tokens = [tokens[place] for place in live]
            logits = self._step(tokens, state)
        raise Stopped

    def _prefill(self, rows: list[Row], group: Group) -> tuple[Tensor, State]:
        """Read each prompt once; logits and keys and values of every row."""
        import torch

        from gadfly.assistants.local.kv import new_cache

        prompts = {prompt: at for at, prompt in enumerate(dict.fromkeys(r.prompt for r in rows))}
        rest = [prompt[group.length :] for prompt in prompts]
        device = self.loaded.device
        ids, mask = padded(rest, int(self.loaded.tokenizer.pad_token_id), device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0) + group.length
        cache = new_cache(self.loaded.model.config)
        logits = self._forward(ids, mask, positions, cache=cache, shared=group.layers)
        which = torch.tensor([prompts[row.prompt] for row in rows], device=device)
        return logits[which], State(rows, which, cache=cache, mask=mask, shared=group.layers)

    def _step(self, tokens: list[int], state: State) -> Tensor:
        import torch

        ids = torch.tensor(tokens, device=self.loaded.device)[:, None]
        mask, positions = state.next_column()
        return self._forward(ids, mask, positions, cache=state.cache, shared=state.shared)

    def _forward(
        self, ids: Tensor, mask: Tensor, positions: Tensor, *, cache: Any = None, shared: Layers
    ) -> Tensor:
        """The logits after the last column, [rows, vocabulary]."""
        from gadfly.assistants.local.shared import sharing

        self.passes += 1
        options = {"position_ids": positions, "logits_to_keep": 1}
        with sharing(self.loaded.model, shared) if shared else nullcontext():
            found = self.loaded.model(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                use_cache=cache is not None,
                **{name: value for name, value in options.items() if name in self._accepts},
            )
        logits: Tensor = found.logits[:, -1]
        return logits

    def _draw(self, logits: Tensor, state: State) -> list[int]:
        """A token for each row, that of a row which is over being of no account."""
        how = {"temperature": state.temperature, "top_p": state.top_p}
        chances = state.chances[:, state.drawn]
        drawn = draw(logits, chances, **how, noise=self._noise)
        tokens: list[int] = drawn.tokens.tolist()
        for place in drawn.close.nonzero()[:, 0].tolist() if self._noise else ():
            row = state.rows[place]
            if not row.over:
                self.settled += 1
                here = slice(place, place + 1)
                own = {name: values[here] for name, values in how.items()}
                logits = self._alone.logits([*row.prompt, *row.ids])
                settled = draw(logits, chances[here], **own, noise=0)
                tokens[place] = int(settled.tokens[0])
        return tokens

    def _read_shared(self, prefix: tuple[int, ...]) -> Layers:
        """Keys and values of a prefix; empty where the model cannot share them."""
        from gadfly.assistants.local.shared import read_shared

        if self._shares is None:
            self._shares = self._can_share()
        return read_shared(self.loaded.model, prefix) if self._shares else ()

    def _can_share(self) -> bool:
        """Whether the model gives the same logits either way: attention has many forms, and a
        model whose own ours is not must read its prompts whole.
        """
        import torch

        from gadfly.assistants.local.shared import read_shared

        if not {"position_ids", "past_key_values"} <= self._accepts:
            return False
        tokens = sorted(set(range(self.loaded.model.config.vocab_size)) - self.encoder.stop_ids)
        tokens = tokens[:: max(1, len(tokens) // 24)][:24]
        layers = read_shared(self.loaded.model, tokens[:12])
        if not layers:
            return False
        rests = [tokens[12:], tokens[12:17]]
        ids, mask = padded(rests, int(self.loaded.tokenizer.pad_token_id), self.loaded.device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0) + 12
        both = self._forward(ids, mask, positions, shared=layers).float()
        whole = torch.cat([self._alone.logits(tokens[:12] + rest) for rest in rests]).float()
        most = (1e-4 if self._noise else 0.03) * float(whole.max() - whole.min())
        return bool((both - whole).abs().max() <= most)

    def _ends(self, row: Row, token: int) -> bool:
        if token in self.encoder.stop_ids:
            return True
        for stop in self.encoder.stop_texts:
            if token not in self._pieces:
                self._pieces[token] = stop[-1] in str(self.loaded.tokenizer.decode([token]))
            # A token writes at least one byte, so as many tokens as the text has characters do.
            if self._pieces[token] and stop in self._text(row.ids[-len(stop) - 1 :]):
                return True
        return False

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.loaded.tokenizer.decode(list(ids), skip_special_tokens=True))

    def _made(self, row: Row) -> Sample:
        said = row.ids[:-1] if row.ids and row.ids[-1] in self.encoder.stop_ids else row.ids
        return Sample(
            ids=tuple(row.ids),
            text=self.encoder.reply(said),
            finished=row.finished,
            tokens_in=len(row.prompt),
            tokens_out=len(row.ids),
        )
