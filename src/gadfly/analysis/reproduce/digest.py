"""A short name of each attack, by which one file is known to hold the records of another.

It is a hash of the transcript and its score, so it shows neither.
"""

from __future__ import annotations

from hashlib import blake2b

import polars as pl

__all__ = ["digests"]


def digests(frame: pl.DataFrame) -> set[str]:
    """16 hexadecimal digits for each attack of a frame with its transcripts."""
    pairs = frame.select("transcript", "min_harmlessness").iter_rows()
    return {
        blake2b(f"{score!r} {text}".encode("utf-8", "replace"), digest_size=8).hexdigest()
        for text, score in pairs
    }
