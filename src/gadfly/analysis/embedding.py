"""Attacks as points: texts to vectors, and vectors to clusters. The map and the coverage use both.

Vectors: TF-IDF of words (sublinear counts), reduced by a truncated SVD (latent semantic analysis)
and scaled to length 1, so that a product is a cosine. It needs no model, and no language but that
words are parted by spaces. Any other embedding comes as an array, a row for each text, from a file
or from a model through ``assistants.local.embedding``; it is centred, reduced and scaled the same.

Clusters: k-means on these vectors, not a density clustering of the map. A map is drawn to be looked
at, and what hangs together on it depends on how it was laid out: on a replica of the published data
with 26 planted topics HDBSCAN finds 96 groups on a map from 100 dimensions (adjusted Rand index
0.44) and 26 on one from 25 (1.00); k-means on the vectors finds the 26 (1.00). It also leaves no
attack out as noise, and needs no map. Its number of clusters is a choice, a resolution: 26 by
default, as many as the paper's authors named by hand on theirs. Whether texts fall into so many
kinds is told by what other starts make of them (Hubert & Arabie 1985): 720 attacks of the embedded
town 0.7, as many short sayings of people 0.3, whichever the number.

Both run on one thread, so a number does not depend on the cores of a machine.

References: Deerwester et al. 1990, "Indexing by latent semantic analysis"; Halko, Martinsson &
Tropp 2011 (the randomised SVD); Lloyd 1982; Hubert & Arabie 1985, "Comparing partitions"; Ganguli
et al. 2022, figure 2 (the 26 labels); Grootendorst 2022, "BERTopic", section 3.3 (the terms of a
cluster, c-TF-IDF).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from gadfly.errors import FileProblem, PersonError

__all__ = [
    "CLUSTERS",
    "PARAMETERS",
    "Space",
    "Vectors",
    "checked",
    "neighbours",
    "read_embedding",
    "space_of",
    "terms_of",
]

Vectors = NDArray[np.float32]
CLUSTERS = 26
_DIMENSIONS = 100
_PER_CLUSTER = 10  # texts for each cluster, at the least
_STARTS = 5  # of k-means, twice: with 3, two planted kinds in 26 are often one (replica of 1,000)
_LARGEST = 1e9  # of a given embedding: squares in single precision overflow beyond 1e19
_SHARED = 5  # texts that a word stands in before it may label a cluster
PARAMETERS = (_DIMENSIONS, _PER_CLUSTER, _STARTS)
"""What vectors and clusters depend on beside what is given; with them a cached map is another."""


@dataclass(frozen=True)
class Space:
    """Texts as vectors, with their clusters."""

    vectors: Vectors
    """[texts, dimensions]; each row of length 1, or of zeros where a text has no word."""
    clusters: NDArray[np.int64]
    """Number of each text's cluster, from 0, the largest first."""
    method: str
    """How both were made, in a few words."""
    beside: tuple[Vectors, Vectors] | None = None
    """The texts and those of an earlier corpus in a space of both: words and axes of one of the two
    would tell it from the other by themselves, and "new" would say no more than that."""

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.clusters.max()) + 1


def read_embedding(path: Path) -> NDArray[Any]:
    """An embedding from an ``.npy`` file; nothing in it is run.

    :raises FileProblem: the file is not a plain array.
    """
    try:
        with path.open("rb") as file:  # numpy leaves a broken archive open
            found = np.load(file, allow_pickle=False)
    except OSError as error:
        raise FileProblem(path, f"cannot be read: {error.strerror or error}") from None
    except (EOFError, ValueError, BadZipFile):
        raise FileProblem(path, "is not an array of numbers as numpy.save writes it") from None
    if not isinstance(found, np.ndarray):
        raise FileProblem(path, "holds several arrays; save one with numpy.save")
    return found


def space_of(
    texts: Sequence[str],
    *,
    embedding: NDArray[Any] | None = None,
    earlier: Sequence[str] = (),
    clusters: int = CLUSTERS,
    seed: int = 0,
) -> Space:
    """Texts as vectors, with their clusters.

    :param embedding: [texts, any width] instead of TF-IDF.
    :param earlier: texts of an earlier corpus; not with an embedding.
    :param clusters: how many, at the most; fewer where there are under 10 texts for each.
    :raises PersonError: there is no text, or no word in any, or an embedding does not fit.
    """
    if not len(texts) or clusters < 1:
        raise PersonError(f"got {len(texts)} texts and {clusters} clusters; both are at least 1")
    beside = None
    if embedding is None:
        whole, name = _lsa(texts, seed)
        if len(earlier):
            both = _lsa([*texts, *earlier], seed)[0]
            beside = both[: len(texts)], both[len(texts) :]
    else:
        whole = _reduced(checked(embedding, len(texts)), seed)
        name = f"embedding given, {embedding.shape[1]} dimensions reduced"
    count = max(1, min(clusters, len(np.unique(whole, axis=0)) // _PER_CLUSTER))
    found, alike = _clusters(whole, count, seed)
    method = (
        f"{name} to {whole.shape[1]} by SVD; k-means, {count} clusters, from other starts alike to "
        f"{alike:.2f} (adjusted Rand index: 1 the same, 0 as by chance); seed {seed}"
    )
    return Space(whole, found, method, beside)


def neighbours(vectors: NDArray[Any], queries: NDArray[Any], count: int) -> tuple[Any, Any]:
    """The ``count`` nearest vectors of each query: distances and places, both [queries, count].

    Every pair is compared, so nothing is approximate: 39,000 by 39,000 take 6 s on two cores.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=count, algorithm="brute", n_jobs=-1).fit(vectors)
    found: tuple[Any, Any] = search.kneighbors(queries)
    return found


def terms_of(texts: Sequence[str], clusters: NDArray[np.int64], count: int = 4) -> list[list[str]]:
    """The words that set each cluster apart, best first: members' words, so hostile.

    c-TF-IDF: tf(word, cluster) · log(1 + A / tf(word)), A the mean number of words in a cluster. A
    word that fewer than 5 texts hold labels nothing: it may be a name.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(binary=True)
    counts = counter.fit_transform(texts)
    words = counter.get_feature_names_out()
    k = int(clusters.max()) + 1
    within = np.array([np.asarray(counts[clusters == c].sum(axis=0))[0] for c in range(k)])
    total = within.sum(axis=0)
    weight = within * np.log(1 + total.sum() / k / total) * (total >= _SHARED)
    best = np.argsort(-weight, axis=1, kind="stable")[:, :count]
    return [[str(words[w]) for w in row if weight[c, w] > 0] for c, row in enumerate(best)]


def _lsa(texts: Sequence[str], seed: int) -> tuple[Vectors, str]:
    """TF-IDF and truncated SVD of texts."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        weighed = TfidfVectorizer(sublinear_tf=True, dtype=np.float32).fit_transform(texts)
    except ValueError:
        raise PersonError("no text holds a word of two letters; give an embedding") from None
    name = f"TF-IDF of {weighed.shape[1]:,} words reduced"
    size = min(_DIMENSIONS, min(weighed.shape) - 1)
    if size < 1:
        return _unit(weighed.toarray()), name
    with threadpool_limits(1), _without_spread():
        return _unit(TruncatedSVD(size, random_state=seed).fit(weighed).transform(weighed)), name


def _reduced(whole: Any, seed: int) -> Vectors:
    """A given embedding on its principal axes."""
    from sklearn.decomposition import PCA

    size = min(_DIMENSIONS, *whole.shape)
    with threadpool_limits(1), _without_spread():
        axes = PCA(size, svd_solver="randomized", random_state=seed).fit(whole)
        return _unit(axes.transform(whole))


def checked(embedding: NDArray[Any], rows: int) -> Vectors:
    """An embedding of so many rows, in single precision.

    :raises PersonError: its shape, its type or a number in it does not fit.
    """
    shape = embedding.shape
    right = len(shape) == 2 and shape[0] == rows and shape[1]
    if not right or embedding.dtype.kind not in "fiu":
        got, wanted = f"{embedding.dtype} {list(shape)}", f"[{rows}, any]"
        raise PersonError(f"embedding: got {got}; allowed: numbers {wanted}, a row for each text")
    with np.errstate(over="ignore", under="ignore"):
        vectors: Vectors = embedding.astype(np.float32)
    far = np.argwhere(~(np.abs(vectors) <= _LARGEST))
    if len(far):
        row, column = far[0]
        got = f"{embedding[row, column]:g} in row {row + 1}, column {column + 1}"
        raise PersonError(f"embedding: got {got}; allowed: numbers within ±{_LARGEST:g}")
    return np.where(np.abs(vectors) > 1 / _LARGEST**2, vectors, np.float32(0))  # squares vanish


def _without_spread() -> np.errstate:
    """Texts that are all alike have no share of variance to divide by; nobody reads it."""
    return np.errstate(divide="ignore", invalid="ignore")


def _unit(vectors: Any) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 1e-6, length, 1), dtype=np.float32)


def _clusters(vectors: Vectors, count: int, seed: int) -> tuple[NDArray[np.int64], float]:
    """k-means, the better of two, each the best of five starts, the largest cluster number 0; and
    how alike the two are (adjusted Rand index).
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import adjusted_rand_score

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer places than clusters
        seeds = np.random.SeedSequence(seed).generate_state(2)
        made = [KMeans(count, n_init=_STARTS, random_state=int(s)).fit(vectors) for s in seeds]
    found = min(made, key=lambda one: one.inertia_).labels_
    sizes = np.bincount(found, minlength=count)
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(count)
    return np.asarray(rank[found]), float(adjusted_rand_score(*(one.labels_ for one in made)))
