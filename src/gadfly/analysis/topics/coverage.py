"""Coverage and diversity: how many different attacks there are, and where nobody went.

* **Repeats**: near-duplicates among task descriptions, their groups (templates), and whether
  members repeat themselves or each other. The share of attacks that nearly repeat another is Good
  and Turing's estimate as well: the chance that one more attack is like one of them (Good 1953).
* **Diversity** of every arm and of groups of members: self-similarity, the Vendi score and clusters
  reached, the last two at one number of attacks for all, so that sizes can be compared.
* **Novelty** against an earlier corpus.
* **Tags across clusters**: a taxonomy sees what its authors thought of, clusters what people did.
  Clusters whose reviewed attacks have no tag but catch-alls are missing from the taxonomy; tags
  that no attack has are missing from the study.

Clusters and vectors come from ``embedding``; texts are read and never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field
from threadpoolctl import threadpool_limits

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.embedding import Space
from gadfly.analysis.order import arms_in_order
from gadfly.analysis.sample import Ints, Sample
from gadfly.analysis.statistics.chao2 import chao2
from gadfly.analysis.statistics.entropy import Entropy
from gadfly.analysis.statistics.near_duplicates import near_duplicates
from gadfly.analysis.statistics.novelty import LEAST, is_new
from gadfly.analysis.statistics.protocol import Statistic
from gadfly.analysis.statistics.rarefied import rarefied
from gadfly.analysis.statistics.repeats import repeats
from gadfly.analysis.statistics.self_similarity import SelfSimilarity
from gadfly.analysis.statistics.success_rate import SuccessRate
from gadfly.analysis.statistics.vendi import vendi
from gadfly.errors import PersonError
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = [
    "CATCH_ALL",
    "ClusterRow",
    "CoverageResult",
    "Diversity",
    "Repeated",
    "Repeats",
    "TagRow",
    "coverage",
]

Dimension = Literal["all", "arm", "brief", "team_type", "is_upworker"]
CATCH_ALL = ("Other", "N/A - Invalid attempt")
"""Tags of the paper that say only that no other tag fits."""
_MOST = 500  # attacks in a draw of rarefaction
_LEAST = 40  # attacks of an arm, under which it does not decide how many are drawn
_REPEATS = SuccessRate(1, of="near-duplicates")
_SHOWN = 10  # groups of repeats in the result
Text = Literal["task_description", "transcript"]


class Repeated(Record):
    """A group of near-duplicates, such as a template and what was made from it."""

    n: int
    """Number of attacks in it."""
    n_members: int
    """How many members made them."""
    top_share: float
    """Share of them that the busiest of these members made, 0 to 1."""
    success_rate: Estimate
    """Share of its rated attacks that succeeded."""


class Repeats(Record):
    """Near-duplicates among the attacks."""

    distinct: int
    """Number of different attacks: groups, and attacks that are like no other."""
    share: Estimate
    """Share of attacks that nearly repeat another; also the chance that one more would."""
    own: Estimate
    """Share of attacks that nearly repeat another of the same member."""
    top_members_share: float | None
    """Share of all repeats that the 10 members with the most of them made; null without any."""
    largest: tuple[Repeated, ...]
    """The largest groups, at most 10."""


class Diversity(Record):
    """How different the attacks of a part of the study are."""

    dimension: Dimension
    """What parts the study: "arm" or a property of members; "all" for the whole."""
    name: tuple[str, ...]
    """Model type and size of an arm, or the property's value; empty for the whole."""
    n: int
    """Number of attacks."""
    n_members: int
    """Number of members."""
    repeats: Estimate
    """Share of its attacks that nearly repeat another of the study."""
    self_similarity: Estimate
    """Mean cosine of two of its attacks, −1 to 1; lower is more diverse."""
    vendi: Estimate
    """Vendi score of ``CoverageResult.drawn`` of its attacks: what they are worth, from 1."""
    clusters: Estimate
    """Clusters that so many of its attacks reach."""
    clusters_reached: int
    """Clusters that all its attacks reach."""
    clusters_within_reach: Estimate
    """Clusters that members like these would reach (Chao2, a lower bound)."""
    tag_entropy: Estimate
    """Entropy of its tags, in nats; exp of it is a number of equally common tags."""


class ClusterRow(Record):
    """One cluster against the taxonomy."""

    number: Annotated[int, Field(ge=1)]
    """As on the map; 1 is the largest."""
    n: int
    """Number of attacks."""
    n_members: int
    """Number of members who attacked there."""
    success_rate: Estimate
    """Share of its rated attacks that succeeded."""
    n_reviewed: int
    """Number of its attacks that were reviewed for tags."""
    n_uncovered: int
    """How many of those have no tag, or none but catch-alls."""
    tags: tuple[int, ...]
    """Number of its attacks with each tag, in the order of ``CoverageResult.tags``."""


class TagRow(Record):
    """One tag of the taxonomy, or one that reviewers used."""

    tag: str
    """Its name."""
    n: int
    """Number of attacks that have it."""
    clusters_reached: int
    """Number of clusters in which an attack has it."""


class CoverageResult(Record):
    """How different attacks are, and what they reach."""

    n: int
    """Number of attacks."""
    n_reviewed: int
    """How many were reviewed for tags."""
    text: Text
    """What was compared."""
    method: str
    """How vectors and clusters were made."""
    drawn: int
    """Number of attacks at which parts of the study are compared."""
    vendi: float
    """Vendi score of all attacks."""
    repeats: Repeats
    """Near-duplicates."""
    diversity: tuple[Diversity, ...]
    """The whole, every arm, and groups of members."""
    novelty: Estimate | None
    """Share of attacks that are far from all of an earlier corpus; null without one."""
    clusters: tuple[ClusterRow, ...]
    """By number."""
    tags: tuple[TagRow, ...]
    """The taxonomy's in its order, then others by name."""


def coverage(
    frame: pl.DataFrame,
    space: Space,
    *,
    text: Text = "task_description",
    taxonomy: Sequence[str] = (),
    catch_all: Sequence[str] = CATCH_ALL,
    threshold: float = 3,
    how: Bootstrap | None = None,
    seed: int = 0,
) -> CoverageResult:
    """Coverage and diversity of a frame of attacks read with its texts.

    :param space: of the same attacks in the same order (``embedding.space_of``).
    :param text: the column compared for repeats.
    :param taxonomy: tags that reviewers could give; with it, tags nobody reached are found.
    :param threshold: lowest rating (0-4) that counts as success.
    :raises PersonError: the frame has no texts, or is not the one of the space.
    """
    if text not in frame.columns:
        raise PersonError(f"the frame has no column {text}; read the file with text=True")
    if frame.height != len(space.vectors):
        raise PersonError(f"got {frame.height} attacks and {len(space.vectors)} vectors")
    study = _Study(frame, space, text, threshold, how or Bootstrap(resamples=1000), seed)
    names = _tag_names(frame, taxonomy)
    with threadpool_limits(1):  # matrices are small: threads would only wait for each other
        return CoverageResult(
            n=frame.height,
            n_reviewed=int(frame["tags"].is_not_null().sum()),
            text=text,
            method=space.method,
            drawn=study.drawn,
            vendi=vendi(space.vectors),
            repeats=study.repeats(),
            diversity=tuple(study.diversity(*part) for part in study.parts),
            novelty=study.novelty(),
            clusters=tuple(study.clusters(names, catch_all)),
            tags=tuple(study.tags(names)),
        )


class _Study:
    """What every part asks for, computed once."""

    def __init__(
        self,
        frame: pl.DataFrame,
        space: Space,
        text: str,
        threshold: float,
        how: Bootstrap,
        seed: int,
    ) -> None:
        self.frame, self.space, self.how, self.seed = frame, space, how, seed
        self.members: Ints = frame["member"].rank("dense").to_numpy().astype(np.int64) - 1
        self.ratings = frame["rating"].to_numpy()
        self.success = SuccessRate(threshold)
        self.groups = near_duplicates(frame[text].to_list())
        self.sizes = np.bincount(self.groups)
        self.near = self.sizes[self.groups] - 1
        marked = frame.select("tags").with_row_index("row").explode("tags").drop_nulls()
        self.tag_rows: Ints = marked["row"].to_numpy().astype(np.int64)
        self.tag_names = marked["tags"].to_numpy()
        self.parts = list(_parts(frame))
        arms = [len(rows) for kind, _, rows in self.parts if kind in ("all", "arm")]
        least = min((size for size in arms if size >= _LEAST), default=_LEAST)
        self.drawn = min(_MOST, least // 4)  # a quarter, so that half of the members have enough

    def estimate(self, statistic: Statistic, values: object, rows: Ints, name: str) -> Estimate:
        """A statistic of values, one for each of these rows, with its interval."""
        by_member = self.members[rows] if self.how.ci == "cluster" else None
        sample = Sample.of(np.asarray(values, dtype=np.float64), by_member)
        how, seed = self.how, seed_of(sample, self.how.ci, "coverage", name)
        return bootstrap(sample, [statistic], how=how, seed=seed)[0]

    def succeeded(self, rows: Ints) -> Estimate:
        rated = rows[np.isfinite(self.ratings[rows])]
        return self.estimate(self.success, self.ratings[rated], rated, "rating")

    def repeats(self) -> Repeats:
        every = np.arange(len(self.groups))
        both = self.groups * (self.members.max() + 1) + self.members
        own = np.unique(both, return_inverse=True, return_counts=True)
        of_members = np.sort(np.bincount(self.members[self.near > 0]))[::-1]
        largest = np.argsort(-self.sizes, kind="stable")[:_SHOWN]
        return Repeats(
            distinct=len(self.sizes),
            share=self.repeated(every),
            own=self.estimate(_REPEATS, own[2][own[1]] - 1, every, "own repeats"),
            top_members_share=(
                float(of_members[:10].sum() / of_members.sum()) if self.near.any() else None
            ),
            largest=tuple(self._repeated(g) for g in largest if self.sizes[g] > 1),
        )

    def repeated(self, rows: Ints) -> Estimate:
        """Share of these attacks that nearly repeat another of the study."""
        owners = self.members if self.how.ci == "cluster" else np.arange(len(self.members))
        return repeats(self.groups, owners, rows, level=self.how.level)

    def _repeated(self, group: int) -> Repeated:
        rows = np.flatnonzero(self.groups == group)
        by_member = np.unique(self.members[rows], return_counts=True)[1]
        return Repeated(
            n=len(rows),
            n_members=len(by_member),
            top_share=float(by_member.max() / len(rows)),
            success_rate=self.succeeded(rows),
        )

    def diversity(self, dimension: Dimension, name: tuple[str, ...], rows: Ints) -> Diversity:
        members, cluster = self.members[rows], self.space.clusters[rows]
        vectors = self.space.vectors[rows]
        there = np.unique(np.stack([cluster, members], axis=1), axis=0)
        reached_by = np.bincount(there[:, 0], minlength=self.space.n_clusters)
        marks = np.isin(self.tag_rows, rows)
        codes = np.unique(self.tag_names[marks], return_inverse=True)[1]
        n_members = len(np.unique(members))

        def worth(some: Ints) -> float:
            return vendi(vectors[some])

        def reached(some: Ints) -> float:
            return float(len(np.unique(cluster[some])))

        alike = self.estimate(SelfSimilarity(vectors), np.arange(len(rows)), rows, "alike")
        return Diversity(
            dimension=dimension,
            name=name,
            n=len(rows),
            n_members=n_members,
            repeats=self.repeated(rows),
            self_similarity=alike,
            vendi=self._drawn(worth, members, "Vendi score", self.drawn),
            clusters=self._drawn(reached, members, "clusters", self.space.n_clusters),
            clusters_reached=int((reached_by > 0).sum()),
            clusters_within_reach=chao2(
                reached_by,
                members=n_members,
                most=self.space.n_clusters,
                level=self.how.level,
            ),
            tag_entropy=self.estimate(Entropy(), codes, self.tag_rows[marks], "tags"),
        )

    def _drawn(
        self, measure: Callable[[Ints], float], members: Ints, name: str, most: int
    ) -> Estimate:
        return rarefied(
            measure,
            members,
            size=self.drawn,
            name=name,
            seed=self.seed,
            most=most,
            level=self.how.level,
        )

    def novelty(self) -> Estimate | None:
        if self.space.beside is None:
            return None
        vectors, earlier = self.space.beside
        if len(earlier) < LEAST:
            reason = f"not estimable: {len(earlier)} earlier attacks, it takes {LEAST}"
            return Estimate.of(
                None, None, level=self.how.level, n=len(vectors), method="novelty", reason=reason
            )
        rows, new = is_new(vectors, earlier, seed=self.seed)
        return self.estimate(SuccessRate(1, of="novelty"), new, rows, "novelty")

    def clusters(self, names: Sequence[str], catch_all: Sequence[str]) -> Iterator[ClusterRow]:
        place = {name: number for number, name in enumerate(names)}
        codes = np.array([place[name] for name in self.tag_names], dtype=np.int64)
        telling = ~np.isin(codes, [place[name] for name in catch_all if name in place])
        covered = np.isin(np.arange(len(self.groups)), self.tag_rows[telling])
        reviewed = self.frame["tags"].is_not_null().to_numpy()
        for number in range(self.space.n_clusters):
            inside = self.space.clusters == number
            rows = np.flatnonzero(inside)
            tags = np.bincount(codes[inside[self.tag_rows]], minlength=len(names))
            yield ClusterRow(
                number=number + 1,
                n=len(rows),
                n_members=len(np.unique(self.members[rows])),
                success_rate=self.succeeded(rows),
                n_reviewed=int(reviewed[rows].sum()),
                n_uncovered=int((reviewed & ~covered)[rows].sum()),
                tags=tuple(tags.tolist()),
            )

    def tags(self, names: Sequence[str]) -> Iterator[TagRow]:
        cluster = self.space.clusters[self.tag_rows]
        for name in names:
            has = self.tag_names == name
            reached = len(np.unique(cluster[has]))
            yield TagRow(tag=name, n=int(has.sum()), clusters_reached=reached)


def _tag_names(frame: pl.DataFrame, taxonomy: Sequence[str]) -> list[str]:
    """The taxonomy's tags in its order, then others that were used."""
    used = frame["tags"].explode().drop_nulls().unique().sort().to_list()
    return list(dict.fromkeys([*taxonomy, *used]))


def _parts(frame: pl.DataFrame) -> Iterator[tuple[Dimension, tuple[str, ...], Ints]]:
    """The whole, arms in order, and groups of members where there are several."""
    yield "all", (), np.arange(frame.height)
    arms = frame.select("model_type", "num_params").rows()
    numbers = {arm: number for number, arm in enumerate(arms_in_order(arms))}
    if len(numbers) > 1:
        place = np.array([numbers[arm] for arm in arms])
        for arm, number in numbers.items():
            yield "arm", arm, np.flatnonzero(place == number)
    dimensions: tuple[Dimension, ...] = ("brief", "team_type", "is_upworker")
    for dimension in dimensions:
        values = frame[dimension].cast(pl.String)
        names = values.drop_nulls().unique().sort().to_list()
        if len(names) > 1:
            for name in names:
                yield dimension, (name,), np.flatnonzero((values == name).fill_null(value=False))
