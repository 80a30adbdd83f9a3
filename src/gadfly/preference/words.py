"""Replies in their contexts, taken apart into words that are numbers.

All texts of a batch become one flat array of word numbers, and everything after that is numpy.
Words are lower-cased runs of letters and digits, with inner apostrophes, and the marks ? ! . , : ;
count as words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gadfly.records.values import Message

__all__ = [
    "MARKS",
    "Floats",
    "Hashes",
    "Ints",
    "Ragged",
    "Replies",
    "Words",
    "gather",
    "take_apart",
]

MARKS = frozenset("?!.,:;")
"""Words that are no words."""
_WORD = re.compile(r"\w+(?:'\w+)*|[?!.,:;]")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Hashes = NDArray[np.uint64]


@dataclass
class Replies:
    """Replies with their contexts, as places in one pool of texts."""

    texts: list[str] = field(default_factory=lambda: [""])
    """Every text once; the first is the empty text, which stands for "none"."""
    reply: list[int] = field(default_factory=list)
    """Place of each reply."""
    message: list[int] = field(default_factory=list)
    """Place of the human message before it, 0 for none."""
    previous: list[int] = field(default_factory=list)
    """Place of the assistant's reply before that, 0 for none."""

    def add(self, messages: Sequence[Message], replies: Sequence[str]) -> None:
        """Alternative replies to one context."""
        message, previous = self._context(messages)
        for reply in replies:
            self._append(self._place(reply), message, previous)

    def add_conversation(self, messages: Sequence[Message]) -> int:
        """Every assistant message of a conversation, each in its own context; how many."""
        message = previous = added = 0
        for said in messages:
            place = self._place(said.text)
            if said.role == "human":
                message = place
            else:
                self._append(place, message, previous)
                previous = place
                added += 1
        return added

    def batches(self, size: int) -> Iterator[Replies]:
        """The same replies in parts of at most ``size``, each with its own pool."""
        for start in range(0, len(self.reply), size):
            part = Replies()
            pool: dict[int, int] = {0: 0}
            for mine, theirs in zip(self._columns(), part._columns(), strict=True):
                for place in mine[start : start + size]:
                    if place not in pool:
                        pool[place] = part._place(self.texts[place])
                    theirs.append(pool[place])
            yield part

    def _columns(self) -> tuple[list[int], list[int], list[int]]:
        return self.reply, self.message, self.previous

    def _context(self, messages: Sequence[Message]) -> tuple[int, int]:
        message = previous = 0
        for said in messages:
            if said.role == "human":
                message = self._place(said.text)
            else:
                previous = self._place(said.text)
        return message, previous

    def _place(self, text: str) -> int:
        self.texts.append(text)
        return len(self.texts) - 1

    def _append(self, reply: int, message: int, previous: int) -> None:
        self.reply.append(reply)
        self.message.append(message)
        self.previous.append(previous)


def gather(conversations: Sequence[Sequence[Message]]) -> tuple[Replies, list[int]]:
    """All assistant messages of some conversations, and how many each conversation has."""
    replies = Replies()
    return replies, [replies.add_conversation(messages) for messages in conversations]


@dataclass(frozen=True)
class Ragged:
    """Lists of different lengths, one after another."""

    flat: NDArray[Any]
    """All entries."""
    start: Ints
    """Where each list starts in it, and the end."""

    def of(self, lists: Ints) -> tuple[Ints, NDArray[Any]]:
        """The entries of some lists, and in which of those each entry stands."""
        begin = self.start[lists]
        length = self.start[lists + 1] - begin
        row = np.repeat(np.arange(len(lists)), length)
        offset = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
        return row, self.flat[np.repeat(begin, length) + offset]


@dataclass(frozen=True)
class Words:
    """The words of a pool of texts, as numbers."""

    vocabulary: list[str]
    """Each word once, in the order met."""
    text: Ragged
    """The word numbers of each text."""


def take_apart(texts: Sequence[str]) -> Words:
    """The words of some texts."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    number = numbers.__getitem__
    flat: list[int] = []
    start = [0]
    for text in texts:
        flat += map(number, _WORD.findall(text.lower().replace("\u2019", "'")))
        start.append(len(flat))
    places = Ragged(np.array(flat, dtype=np.int64), np.array(start, dtype=np.int64))
    return Words(list(numbers), places)
