"""Embedding, clusters and the map: planted topics, reproducible, cached, harmless to open."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from functools import cache
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.spatial import cKDTree
from sklearn.metrics import adjusted_rand_score

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.embedding import read_embedding, space_of, terms_of
from gadfly.analysis.figures.map import map_svg
from gadfly.analysis.figures.palette import INK, MUTED, PAPER, RATING_COLOURS
from gadfly.analysis.report.sections.map import section
from gadfly.analysis.topics import map as topic
from gadfly.analysis.topics.map import MapResult, larger, map_of, points_of
from gadfly.analysis.words import number
from gadfly.errors import FileProblem, OperatorError, PersonError
from tests.analysis.studies import attacks, results

KINDS = (
    ("tomato", "compost", "soil", "mulch"),
    ("gambit", "chess", "endgame", "bishop"),
    ("oven", "flour", "starter", "crust"),
    ("comet", "orbit", "lens", "telescope"),
    ("<b>saddle", "gear", "bicycle", "chain"),
)


def texts_of(kinds: int = 5, each: int = 30, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Texts of planted kinds, a few of them equal, in random order."""
    rng = np.random.default_rng(seed)
    filler = "could you tell me more about the usual way people go about it".split()
    truth = rng.permutation(np.repeat(np.arange(kinds), each))
    texts = [" ".join([*rng.permutation(KINDS[k])[:3], *rng.choice(filler, 4)]) for k in truth]
    return texts, truth


@cache
def small() -> MapResult:
    """A map that UMAP laid out, made once."""
    texts, truth = texts_of()
    ratings = [None if i % 10 == 0 else float(k) for i, k in enumerate(truth)]
    return map_of(texts, ratings, clusters=5, terms=True)


def test_clusters_are_the_planted_kinds() -> None:
    texts, truth = texts_of()
    space = space_of(texts, clusters=5)
    assert adjusted_rand_score(truth, space.clusters) == 1
    assert np.bincount(space.clusters).tolist() == [30] * 5
    assert np.allclose(np.linalg.norm(space.vectors, axis=1), 1, atol=1e-5)
    words = terms_of(texts, space.clusters)
    for cluster, found in enumerate(words):
        kind = KINDS[int(truth[space.clusters == cluster][0])]
        assert set(found) == {word.removeprefix("<b>") for word in kind}


def test_the_replicas_topics_are_found(shared: Path) -> None:
    """A thousand of the replica's attacks: its 26 topics are planted in it."""
    tool: ModuleType = importlib.util.module_from_spec(
        spec := importlib.util.spec_from_file_location(  # type: ignore[arg-type]
            "make_replica", shared / "tools" / "make_replica.py"
        )
    )
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(tool)
    rng = np.random.default_rng(1)
    truth = rng.integers(0, len(tool.TOPICS), 1000)
    texts = [
        " ".join(["I asked about", *rng.permutation(tool.TOPICS[k].split())[:3]])
        + " "
        + " ".join(rng.choice(tool.FILLER, 5))
        for k in truth
    ]
    assert adjusted_rand_score(truth, space_of(texts).clusters) > 0.95


def test_an_embedding_may_be_given_and_is_checked(tmp_path: Path) -> None:
    texts, truth = texts_of()
    given = np.eye(5)[truth] * 3 + 7 + np.random.default_rng(0).normal(0, 0.05, (150, 5))
    assert adjusted_rand_score(truth, space_of(texts, embedding=given, clusters=5).clusters) == 1
    for wrong in (given[:9], given[:, 0], np.full((150, 2), np.nan), given.astype(str)):
        with pytest.raises(PersonError, match="embedding: got"):
            space_of(texts, embedding=wrong)
    with pytest.raises(PersonError, match=r"1e\+30 in row 150, column 5; allowed: numbers within"):
        space_of(texts, embedding=np.vstack([given[:-1], [[1, 1, 1, 1, 1e30]]]))
    np.save(tmp_path / "a.npy", given)
    assert np.array_equal(read_embedding(tmp_path / "a.npy"), given)
    (tmp_path / "b.npy").write_bytes(b"no array")
    np.save(tmp_path / "c.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "d.npy").write_bytes(b"")
    (tmp_path / "e.npy").write_bytes(b"PK\x03\x04 no archive")
    for name in "bcde":
        with pytest.raises(FileProblem, match="is not an array of numbers") as found:
            read_embedding(tmp_path / f"{name}.npy")
        assert "pickle" not in str(found.value)
    with pytest.raises(
        FileProblem, match=r"absent.npy: cannot be read: No such file or directory$"
    ):
        read_embedding(tmp_path / "absent.npy")


@pytest.mark.parametrize("scale", [0.0, 1e-40, 1e9])
def test_vectors_that_tell_nothing_apart_are_no_error(scale: float) -> None:
    vectors = np.ones((30, 4)) * scale
    vectors[0] = 0
    found = map_of(["a text"] * 30, [1.0] * 30, embedding=vectors)
    assert sum(c.n for c in found.clusters) == 30


def test_texts_of_which_each_says_the_same_are_no_error() -> None:
    assert space_of(["the same words"] * 3).n_clusters == 1


def test_texts_without_words_are_told_and_few_texts_are_no_error() -> None:
    with pytest.raises(PersonError, match="no text holds a word"):
        space_of(["", "!!"])
    with pytest.raises(PersonError, match="0 texts"):
        space_of([])
    for texts in (["one word"], ["word"] * 3, ["", "some words here"]):
        found = map_of(texts, [1.0] * len(texts))
        assert len(found.clusters) == 1
        assert found.neighbours_kept.estimate is None
        assert points_of(found).height == len(texts)


def test_an_earlier_corpus_lies_in_the_same_space() -> None:
    texts, _ = texts_of()
    space = space_of(texts, earlier=texts[:20], clusters=5)
    assert space.beside is not None
    assert np.allclose(space.beside[1], space.beside[0][:20], atol=1e-5)
    assert np.array_equal(space.vectors, space_of(texts, clusters=5).vectors)


def test_the_map_keeps_kinds_together_and_holds_no_text() -> None:
    texts, _ = texts_of()
    points = points_of(small())
    assert points.height == len(texts)
    rated = points.drop_nulls()
    assert rated.height == small().n_rated == 135
    # ratings are the planted kinds, so each cluster has one rating, and lies around its middle
    assert rated.group_by("cluster").n_unique()["rating"].to_list() == [1] * 5
    middle = np.array([(c.x, c.y) for c in small().clusters])
    places = points.select("x", "y").to_numpy()
    away = np.linalg.norm(places[:, None] - middle[None], axis=2).argmin(axis=1)
    assert (away + 1 == points["cluster"].to_numpy()).mean() > 0.97
    assert places.min() >= 0
    assert places.max() <= topic.SIDE
    held = small().model_copy(update={"clusters": ()}).model_dump_json()
    assert not re.search("tomato|gambit|usual", held)


def test_neighbours_kept_are_counted_a_second_way_and_describe_this_map(tmp_path: Path) -> None:
    vectors = np.random.default_rng(2).normal(size=(200, 8))
    texts = [f"text {i}" for i in range(200)]
    how: Any = {"embedding": vectors, "clusters": 3}
    found = map_of(texts, [1.0] * 200, cache=tmp_path, **how).neighbours_kept
    (file,) = tmp_path.iterdir()
    spaces = space_of(texts, seed=0, **how).vectors, np.load(file)["places"]
    true, shown = (cKDTree(x).query(x, 15)[1][:, 1:] for x in spaces)
    kept = np.mean([len({*a} & {*b}) / 14 for a, b in zip(true, shown, strict=True)])
    assert found.estimate == pytest.approx(kept, abs=1e-12)
    assert 0.2 < kept < 0.8
    assert (found.low, found.n) == (None, 200)
    assert found.reason == "it describes this map, and has no interval"


def test_the_order_of_points_tells_nothing_of_the_order_of_attacks() -> None:
    points = points_of(small())
    assert points.equals(points.sort("rating", "x", "y", "cluster"))


def test_terms_are_held_only_where_asked_for() -> None:
    texts, _ = texts_of(kinds=2, each=12)
    assert all(c.terms is None for c in map_of(texts, [0.0] * 24, clusters=2).clusters)
    assert all(c.terms for c in map_of(texts, [0.0] * 24, clusters=2, terms=True).clusters)


def test_a_rare_word_names_no_cluster_and_the_largest_is_the_first() -> None:
    texts, truth = texts_of(kinds=2, each=12)
    texts = [text for text, kind in zip(texts, truth, strict=True) if kind == 0] + texts
    texts[0] += " Ermintrude"
    space = space_of(texts, clusters=2)
    assert np.bincount(space.clusters).tolist() == [24, 12]
    words = {word for cluster in terms_of(texts, space.clusters, 99) for word in cluster}
    assert "ermintrude" not in words
    assert "tomato" in words


def test_the_same_attacks_give_the_same_map_and_the_second_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, truth = texts_of()
    ratings = truth.astype(float)
    steps: list[tuple[int, int]] = []
    first = map_of(
        texts, ratings, cache=tmp_path / "new", progress=lambda *step: steps.append(step)
    )
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert map_of(texts, ratings) == first
    (kept,) = (tmp_path / "new").iterdir()
    assert b"tomato" not in kept.read_bytes()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("laid out again")

    with monkeypatch.context() as patch:
        patch.setattr(topic, "space_of", never)
        assert map_of(texts, ratings, cache=tmp_path / "new") == first
        with pytest.raises(AssertionError, match="laid out again"):
            map_of([*texts[1:], "else"], ratings, cache=tmp_path / "new")
        with pytest.raises(AssertionError, match="laid out again"):
            map_of(texts, ratings, seed=1, cache=tmp_path / "new")
        patch.setattr(topic, "_AXES", 9)
        with pytest.raises(AssertionError, match="laid out again"):
            map_of(texts, ratings, cache=tmp_path / "new")
    kept.write_bytes(kept.read_bytes()[:400])
    assert map_of(texts, ratings, cache=tmp_path / "new") == first, "a broken file is made again"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot be kept"):
        map_of(["a text"], [1], cache=tmp_path / "file")


def test_lengths_must_agree() -> None:
    with pytest.raises(PersonError, match="2 texts and 1 ratings"):
        map_of(["one", "two"], [1.0])


def test_attacks_of_one_text_are_a_disc_around_their_place() -> None:
    texts = ["the same words", "other terms here"] * 200
    points = points_of(map_of(texts, [3.0] * 400)).select("x", "y").to_numpy()
    assert len(np.unique(points, axis=0)) > 390
    left = points[points[:, 0] < 5000]
    radius = np.linalg.norm(left - left.mean(axis=0), axis=1).max()
    assert 100 < radius / larger(400) < 300


def dots(svg: str, width: str = "78") -> dict[str, list[tuple[int, int]]]:
    """Places of dots by colour, read as a browser does."""
    root = ET.fromstring(svg)
    found: dict[str, list[tuple[int, int]]] = {}
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        if path.get("stroke-width") == width:
            assert path.get("stroke-linecap") == "round"
            assert re.fullmatch(r"(M-?\d+,-?\d+h0)+", path.get("d", ""))
            for x, y in re.findall(r"M(-?\d+),(-?\d+)", path.get("d", "")):
                found.setdefault(str(path.get("stroke")), []).append((int(x), int(y)))
    return found


def test_every_attack_is_a_dot_in_the_colour_of_its_rating() -> None:
    drawn = dots(map_svg(small()))
    points = points_of(small())
    for rating, colour in ((None, MUTED), *enumerate(RATING_COLOURS)):
        some = points.filter(points["rating"].eq_missing(rating))
        assert sorted(drawn[colour]) == sorted(some.select("x", "y").rows())


def test_the_drawing_is_small_has_no_script_and_only_colours_that_the_page_restyles() -> None:
    svg = map_svg(small())
    assert set(re.findall(r"#[0-9a-f]{6}", svg)) <= {INK, MUTED, PAPER, *RATING_COLOURS}
    assert svg.count("<path") <= 12 * 6 + 6 + 2
    assert "<script" not in svg
    many = 38_961
    rng = np.random.default_rng(0)
    rows = zip(*rng.integers(0, (10_000, 6_500, 5, 26), (many, 4)).T.tolist(), strict=True)
    csv = "x,y,rating,cluster\n" + "\n".join(f"{x},{y},{r},{c + 1}" for x, y, r, c in rows)
    assert len(map_svg(small().model_copy(update={"points": csv, "n": many}))) < 700_000


def test_words_of_members_are_shown_only_where_asked_for_and_as_text() -> None:
    plain, named = section(small()), section(small(), show_text=True)
    hidden = "".join(part.svg for part in plain.parts if hasattr(part, "svg"))  # type: ignore[union-attr]
    assert not any(word in hidden + repr(plain) for kind in KINDS for word in kind)
    assert "tomato" in repr(named)
    words = tuple("<script>alert(1)</script>" for _ in range(2))
    hostile = small().clusters[0].model_copy(update={"terms": words})
    svg = map_svg(small().model_copy(update={"clusters": (hostile,)}), terms=True)
    ET.fromstring(svg)
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg


def test_names_of_clusters_keep_clear_of_each_other_and_of_the_edge() -> None:
    first, *rest = small().clusters
    spots = [(5000, 3000), (5100, 3050), (9990, 6400), (10, 20), (5050, 3100)]
    named = [
        c.model_copy(update={"x": x, "y": y, "terms": ("tomatoes", "turnips")})
        for c, (x, y) in zip((first, *rest), spots, strict=True)
    ]
    made = small().model_copy(update={"clusters": tuple(named), "height": 6500})
    root = ET.fromstring(map_svg(made, terms=True))
    names = [e for e in root.iter() if e.text == "tomatoes, turnips"]
    assert 3 <= len(names) // 2 < 5
    assert len(names) % 2 == 0  # each on its rim
    spots = [re.findall(r"[\d.]+", e.attrib["transform"]) for e in names[len(names) // 2 :]]
    boxes = [(float(x), float(y) - 1500) for x, y in spots]
    wide = 17 * 66
    assert all(wide / 2 <= x <= 10_000 - wide / 2 and y < 6500 + 200 for x, y in boxes)
    for (x, y), (other, along) in combinations(boxes, 2):
        assert abs(x - other) >= wide - 1 or abs(y - along) >= 130


def test_fewer_attacks_are_larger_dots() -> None:
    drawn = [
        next(width for width in (78, 26) if dots(map_svg(m), str(width)))
        for m in (small(), small().model_copy(update={"n": 6000}))
    ]
    assert drawn == [78, 26]


def test_what_places_rest_on_is_said() -> None:
    assert section(small()).lead.endswith("Near dots have like words.")
    texts, truth = texts_of()
    given = map_of(texts, [1.0] * 150, embedding=np.eye(5)[truth], clusters=5)
    shown = section(given)
    assert shown.lead.endswith("Near dots have like vectors, of the embedding that was given.")
    assert "words" not in shown.notes[0] + shown.parts[0].method  # type: ignore[union-attr]


def test_what_the_section_says_is_in_the_result() -> None:
    figure, _ = section(small()).parts
    assert figure.finding == (  # type: ignore[union-attr]
        "5 clusters; the largest holds 20% of the attacks. Mean self-rated success goes from "
        f"0.00 in cluster {_cluster(0)} to 4.00 in cluster {_cluster(4)}; of so many "
        "clusters some differ by chance."
    )
    assert figure.csv == small().points  # type: ignore[union-attr]


def test_clusters_have_the_intervals_of_arms_whose_attacks_they_hold() -> None:
    texts, _ = texts_of()
    rng = np.random.default_rng(4)
    member = np.arange(150) % 25
    ratings = np.clip(np.round(rng.normal(size=25)[member] + rng.normal(2, 0.5, 150)), 0, 4)
    names = [f"m{k}" for k in member]
    how = Bootstrap(resamples=4000)
    found = map_of(texts, ratings, clusters=5, members=names, how=how)
    alone = map_of(texts, ratings, clusters=5, how=how)
    frame = attacks([("plain lm", "")], n=150).with_columns(
        pl.Series("model_type", space_of(texts, clusters=5).clusters.astype(str)),
        member=pl.Series(names),
        rating=pl.Series(ratings),
        outcome=pl.lit("scored"),
    )
    arms = {a.model_type: a.rating for a in results(frame, resamples=4000, topics=False).arms}
    for cluster, other in zip(found.clusters, alone.clusters, strict=True):
        mean = arms[str(cluster.number - 1)]
        assert cluster.rating.estimate == pytest.approx(mean.estimate)
        assert cluster.rating.low == pytest.approx(mean.low, abs=0.06)
        assert cluster.rating.high == pytest.approx(mean.high, abs=0.06)
        assert (cluster.rating.n, cluster.rating.method) == (mean.n, mean.method)
        assert cluster.rating.low < other.rating.low
        assert cluster.rating.high > other.rating.high
    figure, table = section(found).parts
    assert len(re.findall(r"\d\.\d\d \[\d\.\d\d, \d\.\d\d\]", figure.finding)) == 2
    for part in (figure, table):
        assert "Intervals: 95%, wild cluster bootstrap by member, 4,000 resamples" in part.method
    shown = [number(c.rating.estimate) for c in found.clusters]
    assert [row[2].text for row in table.rows] == shown
    assert all(row[2].detail.startswith("[") for row in table.rows)


def _cluster(rating: int) -> int:
    return next(c.number for c in small().clusters if c.rating.estimate == rating)
