"""What a file is: the released one, a copy that someone made up, or another.

A verdict on the paper needs the paper's own data. Its hash is not known here, so the released file
is known by what nobody would get right by chance: its number of attacks, its numbers of different
transcripts, descriptions and scores, and the first 100 records, by their digests. The numbers that
are compared are no part of it, so a file cannot pass by having them. A file that matches the size
alone is "synthetic or altered".

Made-up text is known by its words: people who talk freely use hundreds of different words in a few
thousand, a generator that fills in forms does not. The limit lies far from both: the first 25
released records have 1,131 different words in 6,475, a replica of any size 125.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Literal

import polars as pl

from gadfly.analysis.reproduce.published import published
from gadfly.records.canonical import Record

__all__ = ["Check", "Identity", "Kind", "digests", "identify"]

Kind = Literal["released", "unfiltered", "synthetic", "altered", "other"]
_READ = 500  # transcripts whose words are counted
_WORDS = 3000  # words from which their variety says something
_VARIETY = 300  # different words that people exceed in so many
_WORD = re.compile("[^\\W\\d_]+")


class Check(Record):
    """One thing by which the file is known."""

    what: str
    """What was counted."""
    expected: int
    """What it is in the paper's data."""
    found: int
    """What it is here."""


class Identity(Record):
    """What a file is."""

    kind: Kind
    """``released``: the released file; ``unfiltered``: all attacks of the figures; ``synthetic``:
    made-up text; ``altered``: of the size of either, and neither; ``other``: of another size."""
    sentence: str
    """The same for reading."""
    no_verdict: str | None
    """Why there is no verdict, in a few words; null where there is one."""
    checks: tuple[Check, ...]
    """What the file was held against."""


def identify(frame: pl.DataFrame) -> Identity:
    """What the file of these attacks, with their transcripts, is."""
    sizes = published().attacks
    checks = _unfiltered(frame) if frame.height == sizes["figures"] else _released(frame)
    known = checks[-1].found
    if _made_up(frame):
        return Identity(
            kind="synthetic",
            sentence="The text is made up: its numbers say how the analysis works, nothing of the "
            "paper.",
            no_verdict="synthetic",
            checks=checks,
        )
    if frame.height not in sizes.values():
        part = f"; {known} of the 100 records that it is known by are in it" if known else ""
        return Identity(
            kind="other",
            sentence=f"This is not the whole file: {frame.height:,} attacks, the released file has "
            f"{sizes['released']:,}{part}.",
            no_verdict="not the whole file",
            checks=checks,
        )
    wrong = [check for check in checks if check.found != check.expected]
    if wrong:
        named = "; ".join(f"{c.what}: {c.found:,}, not {c.expected:,}" for c in wrong)
        return Identity(
            kind="altered",
            sentence=f"The file has the right number of attacks and is not the one it seems to be "
            f"({named}).",
            no_verdict="synthetic or altered",
            checks=checks,
        )
    if frame.height == sizes["figures"]:
        sentence, kind = "These are the attacks that the paper's figures show.", "unfiltered"
    else:
        sentence, kind = "This is the released file.", "released"
    return Identity.model_validate(
        {"kind": kind, "sentence": sentence, "no_verdict": None, "checks": checks}
    )


def _released(frame: pl.DataFrame) -> tuple[Check, ...]:
    different = (
        Check(what=f"different values of {column}", expected=n, found=frame[column].n_unique())
        for column, n in published().unique.items()
    )
    return (_size(frame, "released"), *different, _known(frame))


def _unfiltered(frame: pl.DataFrame) -> tuple[Check, ...]:
    """Figure 5 shows how often each member attacked; the score's variety is not known."""
    attacks = sorted(frame["member"].value_counts()["count"].to_list(), reverse=True)
    expected = published().attacks_by_member
    same = sum(a == b for a, b in zip(attacks, expected, strict=False))
    members = Check(what="members by number of attacks", expected=len(expected), found=same)
    return _size(frame, "figures"), members, _known(frame)


def _size(frame: pl.DataFrame, which: str) -> Check:
    return Check(what="attacks", expected=published().attacks[which], found=frame.height)


def _known(frame: pl.DataFrame) -> Check:
    known = published().known_records
    found = len(digests(frame).intersection(known))
    return Check(what="records known by their digest", expected=len(known), found=found)


def _made_up(frame: pl.DataFrame) -> bool:
    """Whether so few different words come up in so many that no people can have talked."""
    step = max(1, frame.height // _READ)
    words: list[str] = []
    for text in frame["transcript"].gather_every(step):
        words += _WORD.findall((text or "").lower())
    return len(words) >= _WORDS and len(set(words)) < _VARIETY


def digests(frame: pl.DataFrame) -> set[str]:
    """16 hexadecimal digits for each attack of a frame with its transcripts: a hash of transcript
    and score, which shows neither.
    """
    pairs = frame.select("transcript", "min_harmlessness").iter_rows()
    return {
        blake2b(f"{score!r} {text}".encode("utf-8", "replace"), digest_size=8).hexdigest()
        for text, score in pairs
    }
