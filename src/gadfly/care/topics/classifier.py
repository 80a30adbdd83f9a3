"""Which topics a dialogue touches, told from its words: present, undecided or absent.

Every different word of a topic in the text gives two points, every hint one. Two thresholds decide:
from :data:`PRESENT` points on the topic is present, from :data:`UNDECIDED` on it is undecided, and
whoever opted out of it sees the preview first. A text that does not read as English is undecided
for every topic, for the words are English.

A word list, not a trained model: where one request in ten is flagged without need, the list's mean
recall over the topics was .64, that of linear models over hashed words and letters .44, and .66 for
both together (five folds of the 315 tagged requests). A list can be read, corrected and carried to
a study's own topics. It misses what is meant
and not said, and what is spelt to hide; :mod:`gadfly.care.topics.measured` says how much it misses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from gadfly.care.topics.topic import Topic

__all__ = ["PRESENT", "UNDECIDED", "Finding", "find_topics", "worst"]

Finding = Literal["present", "undecided", "absent"]
PRESENT = 2
"""Points from which a topic is present."""
UNDECIDED = 1
"""Points from which it is undecided."""

_ENGLISH = frozenset(
    "the a an of to in and or is are was be do does did how what why who when where can could "
    "would should i you he she it we they my your his her their me him them this that for with "
    "on at by from about as not no yes if so but have has had will just some any all out up get "
    "make".split()
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_SLICE = 1000  # characters normalised at once: a run of accents takes the square of its length
_LEAST_WORDS = 5  # fewer say too little of their language
_LEAST_SHARE = 0.15  # of English function words in an English text


def find_topics(topics: Sequence[Topic], *texts: str) -> dict[str, Finding]:
    """What is found of each topic in a task description, a transcript or both.

    :param texts: any number of texts of one attack; no text at all is undecided.
    :returns: by the topic's id.
    """
    words = _words("\n".join(texts))
    if not _reads_as_english(words):
        return {topic.id: "undecided" for topic in topics}
    line = f" {' '.join(words)} "
    return {topic.id: _decide(_points(topic, line)) for topic in topics}


def worst(found: Mapping[str, Finding], opted_out: Sequence[str]) -> Finding:
    """What a dialogue is to somebody who opted out of some topics; an unknown one is undecided."""
    findings = {found.get(topic, "undecided") for topic in opted_out}
    if "present" in findings:
        return "present"
    return "undecided" if "undecided" in findings else "absent"


def _decide(points: int) -> Finding:
    if points >= PRESENT:
        return "present"
    return "undecided" if points >= UNDECIDED else "absent"


def _words(text: str) -> list[str]:
    parts = (text[at : at + _SLICE] for at in range(0, len(text), _SLICE))
    plain = "".join(unicodedata.normalize("NFKC", part) for part in parts)
    plain = plain.casefold().replace("\u2019", "'")
    return _WORD.findall("".join(c for c in plain if unicodedata.category(c) != "Cf"))


def _reads_as_english(words: Sequence[str]) -> bool:
    if sum(not word.isascii() for word in words) > len(words) / 4:
        return False
    if len(words) < _LEAST_WORDS:
        return bool(words)
    return sum(word in _ENGLISH for word in words) >= _LEAST_SHARE * len(words)


def _points(topic: Topic, line: str) -> int:
    """Two for every different word of the topic, one for every different hint."""
    said = set(_pattern(topic.words).findall(line))
    hinted = set(_pattern(topic.hints).findall(line)) - said
    return 2 * len(said) + len(hinted)


@lru_cache(maxsize=256)
def _pattern(words: str) -> re.Pattern[str]:
    """A pattern for any of the words; without any it matches nothing."""
    parts = sorted(_part(word) for word in words.split())
    return re.compile(rf"(?<= )(?:{'|'.join(parts)})(?= )" if parts else r"(?!)")


def _part(word: str) -> str:
    stem, star = (word[:-1], r"[^ ]*") if word.endswith("*") else (word, "")
    return " ".join(re.escape(part) for part in _WORD.findall(stem)) + star
