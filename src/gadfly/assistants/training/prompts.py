"""Conversations to train on, out of any file of attacks or pairs that Gadfly reads.

For distillation a conversation is the whole dialogue as it went on; of a pair, what both replies
share and the better one. For reinforcement a prompt is what stands before a reply: of a dialogue,
the conversation up to each human message; of a pair, what both replies share. A prompt that occurs
again is one prompt, and what cannot be used is counted by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gadfly.errors import PersonError
from gadfly.preference.lineage import conversation_key
from gadfly.preference.pairs import context
from gadfly.records.opening import open_records
from gadfly.records.reading import attacks_of, pairs_of
from gadfly.records.transcript import attack_messages
from gadfly.records.values import Message

__all__ = ["Conversation", "TextFile", "held_apart", "read_conversations", "read_prompts"]

Conversation = tuple[Message, ...]


@dataclass(frozen=True)
class TextFile:
    """What a file gave to train on."""

    conversations: tuple[Conversation, ...]
    """Each once, in the order of the file."""
    sha256: str
    """Hash of the file as it lies on disk."""
    dropped: dict[str, int]
    """What was left out, by reason."""


def read_conversations(path: Path) -> TextFile:
    """Whole dialogues, to distil on.

    :raises PersonError: the file cannot be read, or holds none.
    """
    dialogues, sha256, dropped = _dialogues(path)
    return _kept(path, (tuple(messages) for messages in dialogues), sha256, dropped)


def read_prompts(path: Path) -> TextFile:
    """Conversations that end with a human message, to be answered.

    :raises PersonError: the file cannot be read, or holds none.
    """
    dialogues, sha256, dropped = _dialogues(path)
    return _kept(
        path, (part for messages in dialogues for part in _parts(messages)), sha256, dropped
    )


def _dialogues(path: Path) -> tuple[list[Conversation], str, dict[str, int]]:
    opened = open_records(path, default="released")
    if opened.holds == "pairs":
        pairs = pairs_of(opened)
        made = [
            (*context(pair), Message(role="assistant", text=pair.chosen.strip()))
            for pair in pairs.pairs
        ]
        return made, pairs.sha256, dict(pairs.dropped)
    attacks = attacks_of(opened)
    return [attack_messages(attack.turns) for attack in attacks.attacks], attacks.sha256, {}


def _parts(messages: Sequence[Message]) -> Iterator[Conversation]:
    for place, message in enumerate(messages):
        if message.role == "human":
            yield tuple(messages[: place + 1])


def _kept(
    path: Path, found: Iterable[Conversation], sha256: str, dropped_before: dict[str, int]
) -> TextFile:
    kept: dict[Conversation, None] = {}
    dropped = Counter(dropped_before)
    for conversation in found:
        if not conversation or not conversation[-1].text.strip():
            dropped["empty"] += 1
        elif conversation in kept:
            dropped["repeated"] += 1
        else:
            kept[conversation] = None
    if not kept:
        raise PersonError(f"{path}: holds no conversation to train on; give attacks or pairs")
    return TextFile(tuple(kept), sha256, dict(sorted(dropped.items())))


def held_apart(
    conversations: Sequence[Conversation], n: int, seed: int
) -> tuple[list[Conversation], list[Conversation]]:
    """Those to train on and about ``n`` to hold out; conversations of one opening stay together.

    At most a fifth is held out, and at least one where there are two openings.
    """
    keys = np.array([conversation_key(messages) for messages in conversations], dtype=np.uint64)
    shuffled = np.random.default_rng(seed).permutation(np.unique(keys))
    most, taken, held = max(1, min(n, len(keys) // 5)), 0, set[int]()
    for key in shuffled[:-1].tolist():
        if taken >= most:
            break
        held.add(key)
        taken += int((keys == np.uint64(key)).sum())
    sides: tuple[list[Conversation], list[Conversation]] = ([], [])
    for key, messages in zip(keys.tolist(), conversations, strict=True):
        sides[key in held].append(messages)
    return sides
