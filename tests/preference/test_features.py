"""Features: the same forever, whatever the batch, and of any text."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.preference.features import DENSE_NAMES, VERSION, matrix
from gadfly.preference.words import Replies, take_apart
from gadfly.records.values import Message

TALK = (
    Message(role="human", text="How do I water a fern?"),
    Message(role="assistant", text="With care, I think."),
    Message(role="human", text="And a cactus?"),
)
ANSWER = "I'm sorry, I don\u2019t know! A cactus needs 2 cups\nper month, perhaps?"


def one(reply: str, messages: tuple[Message, ...] = TALK) -> dict[str, float]:
    replies = Replies()
    replies.add(messages, [reply])
    row = matrix(replies, 8)[:, : len(DENSE_NAMES)].toarray()[0]
    return dict(zip(DENSE_NAMES, row.tolist(), strict=True))


def test_features_never_change_unnoticed() -> None:
    """A saved model is worth nothing with other features: change VERSION with this digest."""
    replies = Replies()
    replies.add(TALK, [ANSWER, ""])
    found = matrix(replies, 12)
    found.sort_indices()
    rounded = np.round(found.data, 9)
    digest = hashlib.sha256(found.indices.astype("<i8").tobytes() + rounded.tobytes()).hexdigest()
    assert (VERSION, digest[:16]) == (1, "fae6edd177f0324f")


def test_dense_features_by_hand() -> None:
    found = one(ANSWER)
    assert found["log_characters"] == pytest.approx(np.log1p(len(ANSWER)))
    # i'm sorry i don't know a cactus needs 2 cups per month perhaps: 13 words; marks: , ! , ?
    assert found["log_words"] == pytest.approx(np.log(13 + 1))
    assert found["sentences"] == pytest.approx(np.log1p(2))
    assert found["commas_per_word"] == pytest.approx(2 / (17 + 1))
    assert found["numbers"] == pytest.approx(np.log1p(1))
    assert found["line_breaks"] == pytest.approx(np.log1p(1))
    assert found["ends_with_question"] == 1
    assert found["very_short"] == 0
    assert found["count_first_person"] == pytest.approx(np.log1p(2))
    assert found["opens_apology"] == 1
    assert found["opens_hedge"] == 0
    assert found["share_from_message"] == pytest.approx(2 / (13 + 1))  # "a", "cactus"
    assert found["share_of_message"] == pytest.approx(2 / (3 + 1))
    assert found["share_from_previous"] == pytest.approx(1 / (13 + 1))  # "i"
    assert found["length_in_later_turn"] == found["length_after_question"]
    assert one(ANSWER, ())["length_in_later_turn"] == 0


def test_hashed_part_by_hand() -> None:
    """Two equal words: n-grams stand once, words and letters scaled each by their own number."""
    replies = Replies()
    replies.add((), ["fern fern"])
    row = matrix(replies, 24)[:, len(DENSE_NAMES) :]
    values, sizes = np.unique(np.round(row.data, 12), return_counts=True)
    # words: fern, fern fern; opening: fern, fern fern. Letters: " fer", "fern", "ern "
    assert sorted(sizes.tolist()) == [3, 4]
    expected = {4: (4 / 256) ** -0.25, 3: (3 / 256) ** -0.25}
    for value, size in zip(values, sizes, strict=True):
        assert value == pytest.approx(expected[int(size)])


@settings(max_examples=60)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_a_row_does_not_depend_on_its_batch(texts: list[str]) -> None:
    together = Replies()
    for text in texts:
        together.add(TALK, [text])
    whole = matrix(together, 16).toarray()
    for text, row in zip(texts, whole, strict=True):
        alone = Replies()
        alone.add(TALK, [text])
        assert np.array_equal(matrix(alone, 16).toarray()[0], row)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_hold_the_same_replies(size: int) -> None:
    replies = Replies()
    replies.add_conversation([*TALK, Message(role="assistant", text=ANSWER)])
    replies.add((), ["one", "two"])
    rows = [row for part in replies.batches(size) for row in matrix(part, 10).toarray()]
    assert np.array_equal(np.array(rows), matrix(replies, 10).toarray())


HOSTILE = {
    "empty": "",
    "one letter": "a",
    "two letters": "ab",
    "control characters": "\x00\x07\x1b[2J",
    "emoji": "🐝" * 10,
    "lone surrogate": "\ud800",
    "grows in lower case": "İ" * 9,
    "marks alone": "...",
    "lone marker": "\n\nHuman:",
    "one long word": "a" * 100_000,
    "many words": "word " * 20_000,
    "apostrophes": "' ' '' '",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_any_text_has_finite_features_quickly(text: str) -> None:
    started = time.perf_counter()
    replies = Replies()
    replies.texts += [text]
    replies.reply, replies.message, replies.previous = [1], [1], [1]
    found = matrix(replies, 18)
    assert np.isfinite(found.data).all()
    assert time.perf_counter() - started < 5


def test_a_pool_without_words_has_no_words() -> None:
    assert take_apart(["", "  "]).vocabulary == []
