"""Conversations as tokens, for a distillation: what teacher and student read, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gadfly.assistants.training.prompts import Conversation, held_apart
from gadfly.assistants.training.settings import DistilSettings
from gadfly.errors import PersonError
from gadfly.models.loading import Loaded, context_of
from gadfly.models.tokens import Encoder
from gadfly.records.values import Message, Role

if TYPE_CHECKING:
    import torch

__all__ = ["Texts", "encode", "ordered", "padded"]

_BUCKETS = 32  # batches that are sorted by length together
_OTHERWISE = (
    "{}: its chat template prints a conversation otherwise where a prompt stands before it; such a "
    "model cannot be distilled"
)


@dataclass(frozen=True)
class Texts:
    """Conversations as tokens."""

    header: list[int]
    """What the student's template prints before the first message."""
    learned: list[list[int]]
    """Tokens of each conversation to learn from, without the header."""
    held: list[list[int]]
    """Likewise, to measure on."""
    prompt: list[int]
    """The prompt, as the teacher reads it."""
    dropped: Counter[str]
    """Conversations left out, by reason."""


def encode(
    teacher: Loaded,
    student: Loaded,
    prompt: Sequence[Message],
    conversations: Sequence[Conversation],
    settings: DistilSettings,
    seed: int,
) -> Texts:
    """Encode, leave out what cannot be learned from, and hold some out."""
    if not prompt:
        raise PersonError("the prompt holds no message; give example dialogues to distil")
    reads, alone = Encoder(teacher.tokenizer), Encoder(student.tokenizer)
    before = [token for ids in reads.messages(prompt) for token in ids]
    room = min(_context(student), _context(teacher) - len(before))
    headers = dict[tuple[Role, ...], list[int]]()  # an encoding depends on who speaks when, and
    fits, dropped = list[Conversation](), Counter[str]()  # on what each message says
    kept = dict[Conversation, list[int]]()
    for conversation in conversations:
        if not conversation:
            dropped["empty"] += 1
            continue
        roles, whole = tuple(m.role for m in conversation), alone.conversation(conversation)
        if roles not in headers:
            after = reads.messages([*prompt, *conversation])[len(prompt) :]
            headers[roles] = _header(whole, [token for ids in after for token in ids], student)
        header = headers[roles]
        if whole[: len(header)] != header or header != next(iter(headers.values())):
            raise PersonError(_OTHERWISE.format(student.source))
        ids = whole[len(header) :]
        if len(ids) < 2 or len(whole) > room:
            dropped["empty" if len(ids) < 2 else "longer than the context"] += 1
        else:
            kept[conversation] = ids
            fits.append(conversation)
    if len(fits) < 2:
        raise PersonError(
            f"{len(fits)} of {len(conversations)} conversations can be learned from, and at least "
            f"2 are needed; beside the prompt of {len(before)} tokens there is room for {room}"
        )
    learned, held = held_apart(fits, settings.held_out, seed)
    header = next(iter(headers.values()))
    return Texts(header, [kept[c] for c in learned], [kept[c] for c in held], before, dropped)


def _header(whole: list[int], after_prompt: list[int], student: Loaded) -> list[int]:
    """What stands before the tokens that a conversation also has after a prompt."""
    cut = len(whole) - len(after_prompt)
    if cut < 0 or whole[cut:] != after_prompt:
        raise PersonError(_OTHERWISE.format(student.source))
    return whole[:cut]


def _context(loaded: Loaded) -> int:
    return context_of(loaded.model.config) or 2**31


def ordered(texts: Sequence[list[int]], settings: DistilSettings, seed: int) -> list[list[int]]:
    """Every batch of the training, one after another; a batch holds texts of similar length."""
    draw, size = np.random.default_rng(seed), settings.batch_size
    wanted, order = settings.steps * size, list[int]()
    while len(order) < wanted:
        stretch = [
            place
            for _ in range(-(-size * _BUCKETS // len(texts)))
            for place in draw.permutation(len(texts)).tolist()
        ]
        stretch = sorted(stretch[: len(stretch) // size * size], key=lambda p: len(texts[p]))
        batches = np.array(stretch).reshape(-1, size)
        order += batches[draw.permutation(len(batches))].ravel().tolist()
    return [texts[place] for place in order[:wanted]]


def padded(rows: Sequence[list[int]], pad: int) -> dict[str, torch.Tensor]:
    import torch

    width = max(map(len, rows))
    return {
        "ids": torch.tensor([row + [pad] * (width - len(row)) for row in rows]),
        "mask": torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
    }
