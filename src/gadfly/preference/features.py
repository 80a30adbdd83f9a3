"""What the linear model sees of a reply: hashed n-grams and some sixty dense numbers.

Nothing is learned from data, so a text has the same features in every model, every batch and every
process, and tens of thousands of replies per second fit one core.

* Sparse part: :mod:`gadfly.preference.ngrams`.
* Dense part: length and shape; for each list of :mod:`gadfly.preference.lexicon` a count and
  whether it occurs among the first four words; how much the reply repeats the person's last
  message and the assistant's previous reply; length where it is a later turn, or answers a
  question. Counts enter as log(1 + count).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from gadfly.preference.lexicon import LISTS
from gadfly.preference.ngrams import hashed
from gadfly.preference.words import MARKS, Floats, Ints, Replies, Words, take_apart

__all__ = ["DENSE_NAMES", "VERSION", "matrix"]

VERSION = 1
"""Grows whenever the features of any text change; a model made with another one is refused."""

_OPENING = 4  # words that are the opening of a reply

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


def matrix(replies: Replies, bits: int) -> Any:
    """The features of every reply: a CSR matrix of dense columns, then 2^bits hashed ones."""
    words = take_apart(replies.texts)
    row, word = words.text.of(np.array(replies.reply, dtype=np.int64))
    spoken = (row, word, np.arange(len(row)) - np.searchsorted(row, row))
    counts = _counts(row, word, len(replies.reply), len(words.vocabulary))
    dense = _dense(replies, words, counts, spoken)
    sparse_part = hashed(words, spoken, counts, bits)
    return sparse.hstack([sparse.csr_array(dense), sparse_part], format="csr")


def _dense(replies: Replies, words: Words, counts: Any, spoken: tuple[Ints, Ints, Ints]) -> Floats:
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


def _shape(replies: Replies, words: Words, counts: Any) -> Floats:
    """Length and shape of each reply, in the order of ``_SHAPE``."""
    vocabulary = words.vocabulary
    per_word = np.array(
        [
            (w in ".!?", w == "?", w == "!", w == ",", w[0].isdigit(), w not in MARKS, len(w))
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


def _context(replies: Replies, words: Words, counts: Any, log_characters: Floats) -> Floats:
    """What a reply has to do with what was said before, in the order of ``_CONTEXT``."""
    n, size = len(replies.reply), len(words.vocabulary)
    real = np.array([w not in MARKS for w in words.vocabulary], dtype=np.float64)
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
