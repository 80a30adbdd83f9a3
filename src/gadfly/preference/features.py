"""What the linear model sees of a reply: hashed n-grams and some sixty dense numbers.

Decisions:

* Words are lower-cased runs of letters and digits, with inner apostrophes, and the marks ? ! . , :
  ; count as words. Nothing is learned from data, so a text has the same features in every model,
  every batch and every process.
* Sparse part: distinct 1-grams and 2-grams of the reply, and apart from them the first words, the
  first 2-gram and the first 3-gram, because a reply shows in its opening whether it complies.
  Likewise the 4-grams of letters within each word, set off by a space on either side, which let
  the forms of a word share what was learned. Each is hashed into 2^bits columns without a sign
  (Weinberger et al. 2009). Presence, not count.
* Words and letters each: a row is scaled by (n / 256)^(-1/4), n its number of distinct n-grams:
  half way, on a log scale, between plain presence (long replies dominate) and unit length (every
  reply weighs alike).
* Dense part: length and shape; for each list of :mod:`gadfly.preference.lexicon` a count and
  whether it occurs among the first four words; how much the reply repeats the person's last
  message and the assistant's previous reply; length where it is a later turn, or answers a
  question. Counts enter as log(1 + count).
* All texts of a batch become one flat array of word numbers and everything after that is numpy, so
  that tens of thousands of replies per second fit one core. A row never depends on its batch.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gadfly.preference.lexicon import LISTS
from gadfly.records.values import Message

__all__ = ["DENSE_NAMES", "VERSION", "Replies", "gather", "matrix"]

VERSION = 1
"""Grows whenever the features of any text change; a model made with another one is refused."""

_WORD = re.compile(r"\w+(?:'\w+)*|[?!.,:;]")
_MARKS = frozenset("?!.,:;")
_OPENING = 4  # words that are the opening of a reply, for the lists
_FIRST = 3  # words that are the opening of a reply, for the n-grams
_LETTERS = 4  # letters of a letter n-gram
_ONE, _TWO, _OPEN_ONE, _OPEN_TWO, _OPEN_THREE, _LETTER = (
    np.uint64(salt * 0x9E3779B97F4A7C15 % 2**64) for salt in range(1, 7)
)
_SHIFT = np.uint64(0xD6E8FEB86659FD93)

_SHAPE = (
    "log_characters",
    "log_words",
    "sentences",
    "questions",
    "ends_with_question",
    "exclamations",
    "commas_per_word",
    "numbers",
    "line_breaks",
    "very_short",
    "mean_word_length",
    "distinct_words",
)
_CONTEXT = (
    "share_from_message",
    "share_of_message",
    "share_from_previous",
    "length_in_later_turn",
    "length_after_question",
)
DENSE_NAMES: tuple[str, ...] = (
    *_SHAPE,
    *(f"count_{name}" for name in LISTS),
    *(f"opens_{name}" for name in LISTS),
    *_CONTEXT,
)
"""The dense columns, in order; they stand before the hashed ones."""

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
class _Ragged:
    """Lists of different lengths, one after another."""

    flat: NDArray[Any]
    start: Ints  # where each list starts in it, and the end

    def of(self, lists: Ints) -> tuple[Ints, NDArray[Any]]:
        """The entries of some lists, and in which of those each entry stands."""
        begin = self.start[lists]
        length = self.start[lists + 1] - begin
        row = np.repeat(np.arange(len(lists)), length)
        offset = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
        return row, self.flat[np.repeat(begin, length) + offset]


@dataclass(frozen=True)
class _Words:
    """The words of a pool of texts, as numbers."""

    vocabulary: list[str]
    text: _Ragged  # word numbers of each text


def _words(texts: Sequence[str]) -> _Words:
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    number = numbers.__getitem__
    flat: list[int] = []
    start = [0]
    for text in texts:
        flat += map(number, _WORD.findall(text.lower().replace("\u2019", "'")))
        start.append(len(flat))
    places = _Ragged(np.array(flat, dtype=np.int64), np.array(start, dtype=np.int64))
    return _Words(list(numbers), places)


def matrix(replies: Replies, bits: int) -> Any:
    """The features of every reply: a CSR matrix of dense columns, then 2^bits hashed ones."""
    words = _words(replies.texts)
    texts = np.array(replies.reply, dtype=np.int64)
    row, word = words.text.of(texts)
    place = np.arange(len(row)) - np.searchsorted(row, row)
    counts = _counts(row, word, len(texts), len(words.vocabulary))
    dense = _dense(replies, words, counts, (row, word, place))
    grams = _word_grams(words, row, word, place)
    letters = _letter_grams(words, counts)
    hashed = _presence(*grams, len(texts), bits) + _presence(*letters, len(texts), bits)
    return sparse.hstack([sparse.csr_array(dense), hashed], format="csr")


def _mix(x: Hashes) -> Hashes:
    """The finaliser of splitmix64: every bit in reaches every bit out (Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _word_hash(word: str) -> int:
    data = word.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _word_grams(words: _Words, row: Ints, word: Ints, place: Ints) -> tuple[Ints, Hashes]:
    """Row and hash of each n-gram of words, those of the openings apart from the others."""
    table = np.array([_word_hash(w) for w in words.vocabulary], dtype=np.uint64)
    one = table[word]
    two = _mix(one[:-1] * _SHIFT + one[1:])
    three = _mix(two[:-1] * _SHIFT + one[2:])
    follows = row[1:] == row[:-1]
    opens = place < _FIRST
    second = follows & (place[:-1] == 0)
    third = (row[2:] == row[:-2]) & (place[:-2] == 0)
    rows = (row, row[1:][follows], row[opens], row[1:][second], row[2:][third])
    grams = (
        one ^ _ONE,
        two[follows] ^ _TWO,
        one[opens] ^ _OPEN_ONE,
        two[second] ^ _OPEN_TWO,
        three[third] ^ _OPEN_THREE,
    )
    return np.concatenate(rows), np.concatenate(grams)


def _letter_grams(words: _Words, counts: Any) -> tuple[Ints, Hashes]:
    """Row and hash of the letter n-grams of each distinct word of each row."""
    padded = [f" {word} " for word in words.vocabulary]
    code = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(
        np.uint64
    )
    if len(code) < _LETTERS:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    length = np.array([len(word) for word in padded], dtype=np.int64)
    size = np.maximum(length - _LETTERS + 1, 0)
    begin = np.repeat(np.cumsum(length) - length, size)
    at = begin + np.arange(len(begin)) - np.repeat(np.cumsum(size) - size, size)
    gram = code[at]
    for step in range(1, _LETTERS):
        gram = _mix(gram * _SHIFT + code[at + step])
    start = np.concatenate([[0], np.cumsum(size)])
    entry, found = _Ragged(gram ^ _LETTER, start).of(counts.indices.astype(np.int64))
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    return row[entry], found


def _presence(row: Ints, gram: Hashes, n: int, bits: int) -> Any:
    """Which hashed columns each row has, once each, scaled by their number."""
    column = (_mix(gram) & np.uint64(2**bits - 1)).astype(np.int64)
    key = np.sort((row << bits) | column)
    key = key[np.diff(key, prepend=-1) > 0]
    row, column = key >> bits, key & (2**bits - 1)
    size = np.bincount(row, minlength=n)
    value = (np.maximum(size, 1) / 256.0) ** -0.25
    pointer = np.concatenate([[0], np.cumsum(size)])
    return sparse.csr_array((value[row], column, pointer), shape=(n, 2**bits))


def _dense(replies: Replies, words: _Words, counts: Any, spoken: tuple[Ints, Ints, Ints]) -> Floats:
    """The dense columns, in the order of :data:`DENSE_NAMES`."""
    row, word, place = spoken
    lists = _membership(words.vocabulary)
    opening = place < _OPENING
    opens = _counts(row[opening], word[opening], *counts.shape) @ lists
    shape = _shape(replies, words, counts)
    return np.column_stack(
        [
            shape,
            np.log1p((counts @ lists).toarray()),
            opens.toarray() > 0,
            _context(replies, words, counts, shape[:, 0]),
        ]
    ).astype(np.float64)


def _counts(row: Ints, word: Ints, n: int, size: int) -> Any:
    """How often each word stands in each row."""
    found = sparse.coo_array((np.ones(len(row)), (row, word)), shape=(n, size)).tocsr()
    found.sum_duplicates()
    return found


def _membership(vocabulary: Sequence[str]) -> Any:
    """Which word is in which list, as a sparse table."""
    number = {word: place for place, word in enumerate(vocabulary)}
    pairs = [
        (number[word], column)
        for column, listed in enumerate(LISTS.values())
        for word in sorted(listed)
        if word in number
    ]
    at = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    shape = (len(vocabulary), len(LISTS))
    return sparse.csr_array((np.ones(len(at)), (at[:, 0], at[:, 1])), shape=shape)


def _shape(replies: Replies, words: _Words, counts: Any) -> Floats:
    """Length and shape of each reply, in the order of ``_SHAPE``."""
    vocabulary = words.vocabulary
    per_word = np.array(
        [
            (w in ".!?", w == "?", w == "!", w == ",", w[0].isdigit(), w not in _MARKS, len(w))
            for w in vocabulary
        ],
        dtype=np.float64,
    ).reshape(-1, 7)
    per_word[:, 6] *= per_word[:, 5]
    sums = counts @ per_word
    total = np.asarray(counts.sum(axis=1)).ravel() + 1
    real = sums[:, 5] + 1
    distinct = (counts > 0).astype(np.float64) @ per_word[:, 5]
    stripped = [replies.texts[place].strip() for place in replies.reply]
    characters = np.array([len(text) for text in stripped], dtype=np.float64)
    ends = np.array([text.endswith("?") for text in stripped], dtype=np.float64)
    breaks = np.array([text.count("\n") for text in stripped], dtype=np.float64)
    return np.column_stack(
        [
            np.log1p(characters),
            np.log(real),
            np.log1p(sums[:, 0]),
            np.log1p(sums[:, 1]),
            ends,
            np.log1p(sums[:, 2]),
            sums[:, 3] / total,
            np.log1p(sums[:, 4]),
            np.log1p(breaks),
            real < 6,
            sums[:, 6] / real,
            distinct / real,
        ]
    )


def _context(replies: Replies, words: _Words, counts: Any, log_characters: Floats) -> Floats:
    """What a reply has to do with what was said before, in the order of ``_CONTEXT``."""
    n, size = len(replies.reply), len(words.vocabulary)
    real = np.array([w not in _MARKS for w in words.vocabulary], dtype=np.float64)
    mine = (counts > 0).astype(np.float64)
    message = np.array(replies.message, dtype=np.int64)
    previous = np.array(replies.previous, dtype=np.int64)
    theirs = (_counts(*words.text.of(message), n, size) > 0).astype(np.float64)
    before = (_counts(*words.text.of(previous), n, size) > 0).astype(np.float64)
    shared = (mine * theirs) @ real
    repeated = (mine * before) @ real
    distinct, asked = mine @ real, theirs @ real
    question = np.array(["?" in replies.texts[place] for place in replies.message])
    later = previous > 0
    return np.column_stack(
        [
            shared / (distinct + 1),
            shared / (asked + 1),
            repeated / (distinct + 1),
            later * log_characters,
            question * log_characters,
        ]
    )
