"""From a file of attacks to what a reproduction of the paper starts from: its text is read too."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gadfly.analysis.embedding import read_embedding
from gadfly.analysis.reproduce.reproduce import Reproduction
from gadfly.errors import PersonError
from gadfly.records.output import beside
from gadfly.records.reading import read_attack_frame
from gadfly.records.transcript import parse
from gadfly.run.analysable import Analysable
from gadfly.run.report import read

__all__ = ["reproducible", "said_in", "vectors_of"]


def reproducible(path: Path, *, lenient: bool = False) -> Analysable:
    """The attacks of a file with their transcripts, by which the file is known.

    :raises PersonError: it is a study, or cannot be read.
    """
    if path.suffix in (".yaml", ".yml"):
        raise PersonError(
            f"{path}: got a study; the paper is reproduced from a file of attacks: "
            f"gadfly export {path} makes one, gadfly analyze {path} reports the study itself"
        )
    found = read(path, lenient=lenient)
    return replace(found, frame=read_attack_frame(path, lenient=lenient, text=True).frame)


def vectors_of(frame: pl.DataFrame, source: Path, *, cache: Path) -> NDArray[Any]:
    """Vectors of attacks for the map: those of an ``.npy`` file, or made by a language model.

    :param source: the file, or the folder of the model, whose hidden states are averaged over the
        tokens of each transcript as in the paper.
    :param cache: a folder for vectors that a model made, made where it is not there.
    :raises PersonError: it is neither.
    """
    if not source.is_dir():
        return read_embedding(source)
    from gadfly.assistants.local.embedding import embed
    from gadfly.models.loading import load_causal, weights_hash

    texts = frame["transcript"].fill_null("").to_list()
    key = hashlib.sha256(weights_hash(source).encode())
    for text in texts:
        key.update(hashlib.sha256(text.encode("utf-8", "replace")).digest())
    kept = cache / f"vectors-{key.hexdigest()[:32]}.npy"
    if kept.exists():
        return read_embedding(kept)
    vectors = embed(load_causal(source), [parse(text).messages for text in texts]).vectors
    cache.mkdir(parents=True, exist_ok=True)
    with beside(kept) as file:
        np.save(file, vectors)
    return vectors


def said_in(frame: pl.DataFrame, found: Reproduction) -> tuple[tuple[str, str], ...]:
    """Who said what in the attack of Figure 6, its task description first; empty without one."""
    if found.one_attack is None:
        return ()
    analysed = frame.filter(pl.col("attacker_kind") == found.results.attacker_kind)
    row = analysed.row(found.one_attack.record - 1, named=True)
    messages = parse(row["transcript"]).messages
    said = [(message.role.capitalize(), message.text) for message in messages]
    return (("Task description", row["task_description"] or ""), *said)
