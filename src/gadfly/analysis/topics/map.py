"""Figure 2: the map of attacks. Which kinds there are, and where they worked.

Texts become vectors and clusters (``embedding``). UMAP lays out the first 40 axes of the vectors:
with all 100 the 26 topics of a replica of the published data fall into 96 crumbs; with fewer, real
texts of one label stand less together (of the neighbours of an item of DiaSafety 0.64 have its
label with 100, 0.57 with 25). It starts from the principal axes, which keep distant kinds apart.
Neighbours are found exactly, the rest is seeded and runs on one thread, so the same attacks give
the same map, turned to be widest across. Attacks with the same vector are one place for UMAP; they
are then laid out as a disc around it, so that a template used 500 times is seen as one.

A map is for looking. Distances across it mean little, and nothing is computed from it but how many
neighbours it keeps; clusters come from the vectors.

Places and clusters are cached in a folder, under a hash of texts, embedding, parameters and
versions; they hold no text. Terms are made of members' words: only where asked for.

References: McInnes, Healy & Melville 2018, "UMAP"; Kobak & Linderman 2021, "Initialization is
critical"; Ganguli et al. 2022, figure 2.
"""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import uniform_filter

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.embedding import CLUSTERS, PARAMETERS, Vectors, neighbours, space_of, terms_of
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.mean import RATED
from gadfly.errors import OperatorError, PersonError
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate
from gadfly.records.output import beside
from gadfly.records.sifting import Progress

__all__ = ["SIDE", "MapCluster", "MapResult", "larger", "map_of", "points_of"]

SIDE = 10_000
"""Width of the map, in the unit of its places."""
_HEIGHT = 6_500  # at the most
_NEIGHBOURS = 15
_AXES = 40
_APART = 0.3  # least distance of dots in UMAP's plane: clusters are areas, not spots
_CELL, _AROUND = 250, 5  # of the grid on which the thick of a cluster is looked for, in cells
_CLEAR = 300  # distance of two clusters' numbers
_FEW = 30  # different attacks, under which there is nothing to unfold
_DISC = 13  # distance of attacks with one vector
_MANY = 6_000  # attacks, below which dots grow
_GOLDEN = np.pi * (3 - np.sqrt(5))
_ASKED = 2000  # attacks whose neighbours are compared
_FORMAT = "1"  # of the cache and all that stands in it


class MapCluster(Record):
    """A cluster of attacks."""

    number: Annotated[int, Field(ge=1)]
    """Its name; 1 is the largest."""
    n: int
    """Number of attacks in it."""
    x: int
    """Where its number stands: in the thick of it, in ten-thousandths of the map's width."""
    y: int
    """The same from the top."""
    rating: Estimate
    """Mean self-rated success, 0-4, as the colours show it."""
    terms: tuple[str, ...] | None
    """Words of members that set it apart, best first; hostile text, null unless asked for."""


class MapResult(Record):
    """The map of attacks."""

    n: int
    """Number of attacks on it."""
    n_rated: int
    """How many of them have a rating."""
    method: str
    """How it was made: embedding, clusters, layout, versions."""
    seed: int
    """Of everything random in it."""
    height: int
    """Its height, in ten-thousandths of its width."""
    clusters: tuple[MapCluster, ...]
    """By number."""
    neighbours_kept: Estimate
    """Of the 14 attacks nearest to one by the axes laid out, the share that is so on the map."""
    points: str
    """CSV: x, y (ten-thousandths of the map's width), rating (empty: none), cluster; a line for
    each attack, ordered by these, so that no place in a file can be told from it."""

    @property
    def by_words(self) -> bool:
        """Whether places and clusters rest on words, not on an embedding that was given."""
        return self.method.startswith("TF-IDF")


def map_of(
    texts: Sequence[str],
    ratings: Sequence[float | None] | NDArray[Any],
    *,
    members: Sequence[str] | None = None,
    how: Bootstrap | None = None,
    embedding: NDArray[Any] | None = None,
    clusters: int = CLUSTERS,
    terms: bool = False,
    cache: Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> MapResult:
    """The map of attacks.

    :param texts: a text for each attack: its task description, its first message or transcript.
    :param ratings: self-rated success 0-4 of each; ``None`` or NaN where there is none.
    :param members: who made each; ``None``: each attack has a member of its own.
    :param how: the intervals of clusters.
    :param embedding: [attacks, any width] instead of TF-IDF of the texts.
    :param terms: whether the result holds members' words that name clusters.
    :param cache: a folder for layouts, made where it is not there.
    :param progress: called with steps done and steps in all.
    :raises PersonError: lengths differ, there is no text, or the embedding does not fit.
    :raises OperatorError: the folder cannot be written to.
    """
    rated = np.array([np.nan if r is None else r for r in ratings], dtype=np.float64)
    if len(rated) != len(texts):
        raise PersonError(f"got {len(texts)} texts and {len(rated)} ratings; allowed: one for each")
    tell = progress or (lambda done, total: None)
    key = _key(texts, embedding, clusters, seed)
    made = _cached(cache, key, len(texts))
    if made is None:
        tell(0, 3)
        space = space_of(texts, embedding=embedding, clusters=clusters, seed=seed)
        tell(1, 3)
        places, kept = _layout(space.vectors, seed)
        made = {"places": places, "clusters": space.clusters, "kept": kept}
        made["method"] = np.array(f"{space.method}; {_versions()}")
        _keep(cache, key, made)
        tell(2, 3)
    owners = np.unique(members or range(len(texts)), return_inverse=True)[1]
    means = _means(made["clusters"], rated, owners, how or Bootstrap())
    found = _result(made, rated, means, texts if terms else None, seed)
    tell(3, 3)
    return found


def points_of(result: MapResult) -> pl.DataFrame:
    """Every attack of a map: x, y, rating (null where there is none), cluster."""
    kinds = {"x": pl.Int64, "y": pl.Int64, "rating": pl.Float64, "cluster": pl.Int64}
    return pl.read_csv(io.StringIO(result.points), schema=kinds)


def _means(cluster: Ints, rated: Floats, owners: Ints, how: Bootstrap) -> list[Estimate]:
    """The mean rating of each cluster."""
    found = []
    for c in range(int(cluster.max()) + 1):
        there = (cluster == c) & ~np.isnan(rated)
        sample = Sample.of(rated[there], owners[there] if how.ci == "cluster" else None)
        seed = seed_of(sample, how.ci, "map", str(c + 1))
        found += bootstrap(sample, [RATED], how=how, seed=seed)
    return found


def _result(
    made: dict[str, Any], rated: Floats, means: list[Estimate], texts: Any, seed: int
) -> MapResult:
    """What a layout and ratings say."""
    x, y = np.round(made["places"]).astype(np.int64).T
    cluster = made["clusters"]
    words = None if texts is None else terms_of(texts, cluster)
    clusters: list[MapCluster] = []
    for c in range(int(cluster.max()) + 1):
        inside = np.flatnonzero(cluster == c)
        taken = [(found.x, found.y) for found in clusters]
        amid = _amid(made["places"][inside], taken)
        clusters.append(
            MapCluster(
                number=c + 1,
                n=len(inside),
                x=int(x[inside][amid]),
                y=int(y[inside][amid]),
                rating=means[c],
                terms=None if words is None else tuple(words[c]),
            )
        )
    frame = pl.DataFrame({"x": x, "y": y, "rating": rated, "cluster": cluster + 1})
    frame = frame.with_columns(pl.col("rating").fill_nan(None)).sort("rating", "x", "y", "cluster")
    return MapResult(
        n=len(rated),
        n_rated=int((~np.isnan(rated)).sum()),
        method=str(made["method"]),
        seed=seed,
        height=int(y.max()) + 1,
        clusters=tuple(clusters),
        neighbours_kept=_kept(made["kept"]),
        points=frame.write_csv(float_precision=0),
    )


def _layout(vectors: Vectors, seed: int) -> tuple[Floats, Floats]:
    """Places [attacks, 2] within the map, and shares of neighbours kept."""
    different, same = np.unique(vectors, axis=0, return_inverse=True)
    centred = different.astype(np.float64) - different.mean(axis=0)
    if len(different) < _FEW:
        axes = np.linalg.svd(centred, full_matrices=False)[2]
        flat = np.hstack([centred @ axes.T, np.zeros((len(different), 2))])[:, :2]
        kept = np.zeros(0)
    else:
        axes = different[:, :_AXES]
        near = neighbours(axes, axes, _NEIGHBOURS)
        flat = _umap(axes, near, seed)
        asked = np.random.default_rng(seed).permutation(len(flat))[:_ASKED]
        shown = neighbours(flat, flat[asked], _NEIGHBOURS)[1]
        both = (near[1][asked][:, :, None] == shown[:, None, :]).any(axis=2).sum(axis=1)
        kept = (both - 1) / (_NEIGHBOURS - 1)  # each is its own nearest in both
    return _fitted(flat)[same.ravel()] + larger(len(same)) * _discs(same.ravel()), kept


def larger(attacks: int) -> float:
    """How much larger dots are drawn, and lie apart, where there are few: 1 to 3 times."""
    return float(np.clip((_MANY / max(attacks, 1)) ** 0.5, 1, 3))


def _umap(vectors: Vectors, near: tuple[Any, Any], seed: int) -> Floats:
    """Vectors laid out in the plane."""
    distances, places = near
    places[:, 0] = np.arange(len(places))  # itself, where another is as near
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Tensorflow is absent, that no new data can come
        from umap import UMAP

        layout = UMAP(
            n_neighbors=_NEIGHBOURS,
            min_dist=_APART,
            precomputed_knn=(places, distances.astype(np.float32), None),
            init="pca",
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(layout.fit_transform(vectors), dtype=np.float64)


def _fitted(flat: Floats) -> Floats:
    """Turned to be widest across, and scaled into the map with room for discs."""
    centred = flat - flat.mean(axis=0)
    turned = centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    turned -= turned.min(axis=0)
    width, height = np.maximum(turned.max(axis=0), 1e-9)
    room = 0.96
    scale = room * min(SIDE / width, _HEIGHT / height)
    turned *= scale
    corner = np.array([(SIDE - scale * width) / 2, (1 - room) / 2 * _HEIGHT])
    return np.asarray(turned + corner)


def _discs(same: Ints) -> Floats:
    """How far each attack stands from the place of its vector: the k-th along a golden spiral."""
    order = np.argsort(same, kind="stable")
    starts = np.flatnonzero(np.diff(same[order], prepend=-1))
    k = np.empty(len(same))
    k[order] = np.arange(len(same)) - np.repeat(starts, np.diff(starts, append=len(same)))
    away = _DISC * np.sqrt(k)
    return np.stack([away * np.cos(k * _GOLDEN), away * np.sin(k * _GOLDEN)], axis=1)


def _amid(places: Floats, taken: list[tuple[int, int]]) -> int:
    """The attack in the thick of a cluster, away from numbers that stand already."""
    cells = (places // _CELL).astype(np.int64)
    grid = np.zeros((SIDE // _CELL + 3, SIDE // _CELL + 3))
    np.add.at(grid, tuple(cells.clip(0, len(grid) - 1).T), 1.0)
    thick = uniform_filter(grid, _AROUND, mode="constant")
    for place in np.argsort(-thick, axis=None)[: (thick > 1e-6).sum()]:
        middle = (np.array(np.unravel_index(place, thick.shape)) + 0.5) * _CELL
        within = np.abs(places.clip(0) - middle) <= _CELL * _AROUND / 2
        near = places[within.all(axis=1)]
        found = int(np.argmin(np.square(places - near.mean(axis=0)).sum(axis=1)))
        if all(np.hypot(*(places[found] - other)) > _CLEAR for other in taken):
            return found
    return 0


def _kept(shares: Floats) -> Estimate:
    """Other attacks would be laid out otherwise: no interval says how far that map would differ."""
    value, reason = None, f"fewer than {_FEW} different attacks are not laid out by UMAP"
    if len(shares):
        value, reason = float(shares.mean()), "it describes this map, and has no interval"
    return Estimate.of(value, None, level=0.95, n=len(shares), method="mean", reason=reason)


def _versions() -> str:
    return f"UMAP {version('umap-learn')}, {_NEIGHBOURS} exact neighbours"


def _key(texts: Sequence[str], embedding: NDArray[Any] | None, clusters: int, seed: int) -> str:
    """The hash of everything that a layout depends on."""
    packages = ("numpy", "scipy", "scikit-learn", "umap-learn", "numba")
    layout = (SIDE, _HEIGHT, _NEIGHBOURS, _AXES, _APART, _FEW, _DISC, _MANY)
    parts = [
        f"{_FORMAT} {PARAMETERS} {layout} {clusters} {seed}",
        *(f"{p} {version(p)}" for p in packages),
    ]
    digest = hashlib.sha256("\n".join(parts).encode())
    if embedding is None:
        for text in texts:
            raw = text.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "big") + raw)
    else:
        digest.update(f"{embedding.dtype} {embedding.shape}".encode())
        digest.update(np.ascontiguousarray(embedding).tobytes())
    return digest.hexdigest()[:32]


def _cached(cache: Path | None, key: str, n: int) -> dict[str, Any] | None:
    """A layout kept earlier; ``None`` where there is none or its file is broken."""
    if cache is None:
        return None
    try:
        with (
            (cache / f"map-{key}.npz").open("rb") as raw,
            np.load(raw, allow_pickle=False) as file,
        ):
            found = {name: file[name] for name in ("places", "clusters", "kept", "method")}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return found if found["places"].shape == (n, 2) and found["clusters"].shape == (n,) else None


def _keep(cache: Path | None, key: str, made: dict[str, Any]) -> None:
    if cache is None:
        return
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with beside(cache / f"map-{key}.npz") as file:
            np.savez_compressed(file, **made)
    except OSError as error:
        raise OperatorError(
            f"{cache}: a layout cannot be kept: {error.strerror or error}; "
            "choose a folder that can be written to"
        ) from error
