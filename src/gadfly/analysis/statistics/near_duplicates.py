"""Attacks that say nearly the same: repeats and templates.

Definition: a text is the set of its words and of its pairs of neighbouring words, in lower case and
with every digit as 0. Two texts are near-duplicates where their sets overlap by 0.7 or more
(Jaccard: what both hold over what either holds): about one word in eight may differ. A group is
everything that near-duplicates join, so a template that drifts stays one group.

Pairs are found by MinHash with locality-sensitive hashing (100 hashes in 20 bands of 5), so the
time grows with the number of texts and not of pairs; each pair found is then compared exactly, so
none is wrong. A pair at 0.7 is met with probability 0.97, at 0.8 with 0.9996; a text in a group is
met through any of its pairs. The hashes are fixed, so nothing depends on a seed.

Words are parted by anything that is no letter and no digit; in a script without spaces only equal
sentences are found.

References: Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman &
Ullman, *Mining of Massive Datasets*, sections 3.3 and 3.4.

>>> texts = ["how do I bake a good rye bread", "How do I bake a good rye bread?", "a tale of kites"]
>>> near_duplicates(texts).tolist()
[0, 0, 1]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from gadfly.analysis.sample import Ints

__all__ = ["SIMILAR", "near_duplicates"]

SIMILAR = 0.7
"""Jaccard similarity from which two texts are near-duplicates."""
_BANDS, _ROWS = 20, 5
_PORTION = 200_000  # pairs compared at once
Hashes = NDArray[np.uint64]


def near_duplicates(texts: Sequence[str]) -> Ints:
    """The group of each text, from 0 in order of appearance; alone in it where nothing is near.

    Texts without a word are near-duplicates of each other.
    """
    same, sets = _sets(texts)
    pairs = _candidates(sets)
    near = pairs[_similarity(sets, pairs) >= SIMILAR]
    count = len(sets.indptr) - 1
    graph = coo_array((np.ones(len(near), np.int8), (near[:, 0], near[:, 1])), (count, count))
    groups = connected_components(graph, directed=False)[1][same]
    first, place = np.unique(groups, return_index=True, return_inverse=True)[1:]
    return np.argsort(np.argsort(first))[place]


def _sets(texts: Sequence[str]) -> tuple[Ints, csr_array]:
    """The number of each text's set among different ones, and those as rows of features."""
    words = (
        pl.Series(texts, dtype=pl.String)
        .str.to_lowercase()
        .str.replace_all(r"\d", "0")
        .str.extract_all(r"[\p{L}\p{M}\p{N}]+")
    )
    keys = words.list.join(" ")
    shown, same = np.unique(keys.to_numpy().astype(str), return_inverse=True)
    lists = pl.Series(shown, dtype=pl.String).str.split(" ")
    lengths = lists.list.len().to_numpy().astype(np.int64)
    codes = lists.explode().rank("dense").to_numpy().astype(np.int64)
    row = np.repeat(np.arange(len(lists)), lengths)
    within = row[1:] == row[:-1]
    both = codes[:-1][within] * (codes.max() + 1) + codes[1:][within] + codes.max() + 1
    rows = np.concatenate([row, row[1:][within]])
    features = np.unique(np.concatenate([codes, both]), return_inverse=True)[1]
    table = csr_array((np.ones(len(rows), np.int32), (rows, features)))
    table.sum_duplicates()
    table.data[:] = 1
    return same.astype(np.int64), table


def _candidates(sets: csr_array) -> Ints:
    """Pairs that agree on a band, [pairs, 2]: each text with the first of its bucket and the one
    before it, so that a template of thousands gives thousands of pairs and not millions.
    """
    found = []
    features = _mixed(sets.indices.astype(np.uint64))
    for band in range(_BANDS):
        key = np.zeros(len(sets.indptr) - 1, dtype=np.uint64)
        for number in range(_ROWS):
            salt = np.uint64(band * _ROWS + number + 1) << np.uint64(32)
            least = np.minimum.reduceat(_mixed(features ^ salt), sets.indptr[:-1])
            key = _mixed(key ^ least)
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=~key[order[:1]]))
        first = np.repeat(order[starts], np.diff(starts, append=len(order)))
        later = np.setdiff1d(np.arange(len(order)), starts)
        found += [
            np.stack([first[later], order[later]], axis=1),
            np.stack([order[later - 1], order[later]], axis=1),
        ]
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _mixed(values: Hashes) -> Hashes:
    """Numbers scattered over all 64 bits (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _similarity(sets: csr_array, pairs: Ints) -> NDArray[np.float64]:
    """The Jaccard similarity of each pair."""
    sizes = np.diff(sets.indptr)
    found = [np.zeros(0)]
    for start in range(0, len(pairs), _PORTION):
        left, right = pairs[start : start + _PORTION].T
        both = np.asarray(sets[left].multiply(sets[right]).sum(axis=1)).ravel()
        found.append(both / (sizes[left] + sizes[right] - both))
    return np.concatenate(found)
