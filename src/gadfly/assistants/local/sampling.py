"""Our own sampling loop over a transformers causal LM.

* A prompt is read once, whatever the number of replies to it: its keys and values are repeated.
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gadfly.assistants.local.drawing import draw
from gadfly.errors import PersonError
from gadfly.models.loading import Loaded
from gadfly.models.tokens import Encoder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MAX_TOKENS", "ROWS", "Request", "Sample", "Sampler"]

MAX_TOKENS = 128
"""Longest reply where the request says nothing."""
ROWS = 64
"""Replies that are sampled side by side."""
_NOISE = 4e-6  # of float32 logits between batches: four times the most that was seen


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


@dataclass
class _Row:
    """A reply in the making."""

    place: tuple[int, int]
    prompt: tuple[int, ...]
    most: int
    temperature: float
    top_p: float
    chances: list[float]
    ids: list[int] = field(default_factory=list)
    finished: bool = False

    @property
    def over(self) -> bool:
        return self.finished or len(self.ids) >= self.most


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
        self.context = _context(loaded.model.config)
        """Tokens that prompt and reply can have together; ``None`` where nothing limits them."""
        self.passes = 0
        """Forward passes so far."""
        self.settled = 0
        """Draws that were too close to call and were settled by a pass of their own."""
        full = loaded.model.dtype in (torch.float32, torch.float64)
        self._noise = _NOISE if full else 0.0
        self._accepts = frozenset(inspect.signature(loaded.model.forward).parameters)
        self._pieces: dict[int, bool] = {}

    def room(self, prompt: Sequence[int]) -> int | None:
        """How many tokens a reply to this prompt can have; ``None`` where nothing limits it."""
        return None if self.context is None else max(0, self.context - len(prompt))

    def generate(self, requests: Sequence[Request]) -> list[list[Sample]]:
        """The replies to each request, one for each of its seeds, in order.

        :raises PersonError: a prompt is empty or fills the context (see :meth:`room`).
        """
        import torch

        rows = [
            [self._row((number, nth), request, seed) for nth, seed in enumerate(request.seeds)]
            for number, request in enumerate(requests)
        ]
        with torch.inference_mode():
            for batch in self._batches(rows):
                self._sample(batch)
        return [[self._made(row) for row in own] for own in rows]

    def _row(self, place: tuple[int, int], request: Request, seed: int) -> _Row:
        room = self.room(request.prompt)
        if not request.prompt or room == 0:
            raise PersonError(
                f"a prompt of {len(request.prompt):,} tokens leaves no room for a reply; allowed: "
                f"1 to {(self.context or 0) - 1:,} tokens"
            )
        most = MAX_TOKENS if request.max_tokens is None else request.max_tokens
        most = most if room is None else min(most, room)
        draws = random.Random(seed)
        return _Row(
            place=place,
            prompt=tuple(request.prompt),
            most=most,
            temperature=1.0 if request.temperature is None else request.temperature,
            top_p=1.0 if request.top_p is None else request.top_p,
            chances=[draws.random() for _ in range(most)],
        )

    def _batches(self, requests: list[list[_Row]]) -> Iterator[list[_Row]]:
        """Requests of like length together, as many as there are rows for."""
        batch: list[_Row] = []
        for own in sorted(requests, key=lambda rows: len(rows[0].prompt) if rows else 0):
            if batch and len(batch) + len(own) > self.rows:
                yield batch
                batch = []
            batch = [*batch, *own]
        if batch:
            yield batch

    def _sample(self, rows: list[_Row]) -> None:
        """Draw the tokens of a batch, row by row side by side, until all are over."""
        logits, state = self._prefill(rows)
        while True:
            tokens = self._draw(logits, state)
            for row, token in zip(state.rows, tokens, strict=True):
                if not row.over:
                    row.ids.append(token)
                    row.finished = self._ends(row, token)
            live = [place for place, row in enumerate(state.rows) if not row.over]
            if not live:
                return
            if len(live) <= len(state.rows) * 7 // 8:
                state.keep(live)
                tokens = [tokens[place] for place in live]
            logits = self._step(tokens, state)

    def _prefill(self, rows: list[_Row]) -> tuple[Tensor, _State]:
        """Read each prompt once; logits and keys and values of every row."""
        import torch

        from gadfly.assistants.local.kv import new_cache

        prompts = list(dict.fromkeys(row.prompt for row in rows))
        width = max(map(len, prompts))
        pad, device = int(self.loaded.tokenizer.pad_token_id), self.loaded.device
        ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts], device=device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
        cache = new_cache(self.loaded.model.config)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = self._forward(ids, mask, positions, cache)
        which = torch.tensor([prompts.index(row.prompt) for row in rows], device=device)
        state = _State(rows, cache, mask, device)
        state.expand(which, max(row.most for row in rows))
        return logits[which], state

    def _step(self, tokens: list[int], state: _State) -> Tensor:
        import torch

        ids = torch.tensor(tokens, device=self.loaded.device)[:, None]
        mask, positions = state.next_column()
        return self._forward(ids, mask, positions, state.cache)

    def _forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        """The logits after the last column, [rows, vocabulary]."""
        self.passes += 1
        options = {"position_ids": positions, "logits_to_keep": 1}
        found = self.loaded.model(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=cache is not None,
            **{name: value for name, value in options.items() if name in self._accepts},
        )
        logits: Tensor = found.logits[:, -1]
        return logits

    def _draw(self, logits: Tensor, state: _State) -> list[int]:
        """A token for each row, that of a row which is over being of no account."""
        drawn = draw(
            logits,
            state.chances[:, state.drawn],
            temperature=state.temperature,
            top_p=state.top_p,
            noise=self._noise,
        )
        tokens: list[int] = drawn.tokens.tolist()
        if self._noise:
            for place in drawn.close.nonzero()[:, 0].tolist():
                if not state.rows[place].over:
                    tokens[place] = self._settle(state, place)
        return tokens

    def _settle(self, state: _State, place: int) -> int:
        """Draw by logits of the reply's own tokens, read alone: the same in every batch."""
        import torch

        self.settled += 1
        row, here = state.rows[place], slice(place, place + 1)
        ids = torch.tensor([[*row.prompt, *row.ids]], device=self.loaded.device)
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        drawn = draw(
            self._forward(ids, torch.ones_like(ids), positions, None),
            state.chances[here, state.drawn],
            temperature=state.temperature[here],
            top_p=state.top_p[here],
            noise=0.0,
        )
        return int(drawn.tokens[0])

    def _ends(self, row: _Row, token: int) -> bool:
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

    def _made(self, row: _Row) -> Sample:
        said = row.ids[:-1] if row.ids and row.ids[-1] in self.encoder.stop_ids else row.ids
        return Sample(
            ids=tuple(row.ids),
            text=self.encoder.reply(said),
            finished=row.finished,
            tokens_in=len(row.prompt),
            tokens_out=len(row.ids),
        )


class _State:
    """A batch under way: its rows, what the model has read of them, and their parameters."""

    def __init__(self, rows: list[_Row], cache: Any, mask: Tensor, device: Any) -> None:
        import torch

        self.rows, self.cache = rows, cache
        self._mask, self._width = mask, mask.shape[1]
        self.drawn = 0
        """Tokens drawn so far."""
        most = max(row.most for row in rows)
        numbers = {"dtype": torch.float64, "device": device}
        padded = [row.chances + [0.0] * (most - len(row.chances)) for row in rows]
        self.chances = torch.tensor(padded, **numbers)
        self.temperature = torch.tensor([row.temperature for row in rows], **numbers)
        self.top_p = torch.tensor([row.top_p for row in rows], **numbers)
        self._lengths = torch.tensor([len(row.prompt) for row in rows], device=device)

    def expand(self, which: Tensor, room: int) -> None:
        """From one row for each prompt to one row for each reply."""
        import torch

        self.cache.batch_select_indices(which)
        mask = self._mask[which]
        self._mask = torch.cat([mask, mask.new_ones((len(mask), room))], dim=1)

    def keep(self, places: list[int]) -> None:
        """Let all other rows go."""
        import torch

        kept = torch.tensor(places, device=self._mask.device)
        self.rows = [self.rows[place] for place in places]
        self.cache.batch_select_indices(kept)
        for name in ("_mask", "chances", "temperature", "top_p", "_lengths"):
            setattr(self, name, getattr(self, name)[kept])

    def next_column(self) -> tuple[Tensor, Tensor]:
        """Mask and positions for the token just drawn."""
        positions = (self._lengths + self.drawn)[:, None]
        self.drawn += 1
        self._width += 1
        return self._mask[:, : self._width], positions


def _context(config: Any) -> int | None:
    """How many positions a model has, by whichever name its configuration gives them."""
    text = config.get_text_config(decoder=True)
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        found = getattr(text, name, None)
        if isinstance(found, int) and found > 0:
            return found
    return None
