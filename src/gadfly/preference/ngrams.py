"""Hashed n-grams of words and of letters: the sparse part of the features.

Decisions:

* Distinct 1-grams and 2-grams of the reply's words, and apart from them the first words, the first
  2-gram and the first 3-gram, because a reply shows in its opening whether it complies. Likewise
  the 4-grams of letters within each word, set off by a space on either side, which let the forms of
  a word share what was learned.
* Each is hashed into 2^bits columns without a sign (Weinberger et al. 2009). Presence, not count.
* Words and letters each: a row is scaled by (n / 256)^(-1/4), n its number of distinct n-grams:
  half way, on a log scale, between plain presence (long replies dominate) and unit length (every
  reply weighs alike).
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from scipy import sparse

from gadfly.preference.words import Hashes, Ints, Ragged, Words

__all__ = ["hashed"]

_FIRST = 3  # words that are the opening of a reply
_LETTERS = 4  # letters of a letter n-gram
_ONE, _TWO, _OPEN_ONE, _OPEN_TWO, _OPEN_THREE, _LETTER = (
    np.uint64(salt * 0x9E3779B97F4A7C15 % 2**64) for salt in range(1, 7)
)
_SHIFT = np.uint64(0xD6E8FEB86659FD93)


def hashed(words: Words, spoken: tuple[Ints, Ints, Ints], counts: Any, bits: int) -> Any:
    """Both kinds of n-grams in one table; ``spoken`` is row, word and place of each word said."""
    n = counts.shape[0]
    grams = _presence(*_word_grams(words, *spoken), n, bits)
    return grams + _presence(*_letter_grams(words, counts), n, bits)


def _mix(x: Hashes) -> Hashes:
    """The finaliser of splitmix64: every bit in reaches every bit out (Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _word_hash(word: str) -> int:
    data = word.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _word_grams(words: Words, row: Ints, word: Ints, place: Ints) -> tuple[Ints, Hashes]:
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


def _letter_grams(words: Words, counts: Any) -> tuple[Ints, Hashes]:
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
    entry, found = Ragged(gram ^ _LETTER, start).of(counts.indices.astype(np.int64))
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
