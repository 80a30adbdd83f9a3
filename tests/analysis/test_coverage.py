"""Coverage and diversity of a study: templates, kinds, tags and an earlier corpus are planted."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.embedding import Space, space_of
from gadfly.analysis.report.sections.coverage import section
from gadfly.analysis.report.tables import Table
from gadfly.analysis.topics.coverage import CoverageResult, Diversity, coverage
from gadfly.errors import PersonError
from gadfly.records.reading import read_attack_frame
from tests.analysis.studies import attacks
from tests.analysis.test_map import KINDS

TAXONOMY = ("Theft", "Fraud", "Weapons", "Other")
ARMS = (("plain lm", "2.7B"), ("rlhf", "2.7B"), ("mine", ""))
EACH = 120


FILLER = [f"{a}{b}" for a in ("qua", "bel", "tor", "mi", "sen") for b in ("dan", "lo", "rix")]


def text_of(kind: int, rng: np.random.Generator) -> str:
    return " ".join([*rng.permutation(KINDS[kind]), *rng.choice(FILLER, 8)])


def study() -> pl.DataFrame:
    """Three arms of 120: all kinds; the first two kinds; and all, but half from one template.

    Kinds of gardening are tagged Theft, of chess Fraud, of baking Other; the rest is not reviewed.
    """
    rng = np.random.default_rng(0)
    frame = attacks(ARMS, n=EACH, members=30, seed=1)
    texts, tags = [], []
    for row, arm in enumerate(frame["model_type"]):
        kind = int(rng.integers(2 if arm == "rlhf" else len(KINDS)))
        text = text_of(kind, rng)
        if arm == "mine" and row % 2:
            kind, text = 4, f"take ferry boats to the old town of {FILLER[row % 9]} on a warm day"
        texts.append(text)
        tags.append((["Theft"], ["Fraud", "Theft"], ["Other"], None, None)[kind])
    templated = pl.Series([k == "mine" and i % 2 == 1 for i, k in enumerate(frame["model_type"])])
    return frame.with_columns(
        pl.Series("task_description", texts),
        pl.Series("tags", tags, dtype=pl.List(pl.String)),
        member=pl.when(templated).then(pl.lit("m0")).otherwise("member"),
    )


def space(frame: pl.DataFrame) -> Space:
    return space_of(frame["task_description"].to_list(), clusters=6)


@cache
def planted() -> CoverageResult:
    frame = study()
    return coverage(frame, space(frame), taxonomy=TAXONOMY)


def of(result: CoverageResult, *name: str) -> Diversity:
    return next(row for row in result.diversity if row.name == name)


def test_the_template_and_who_used_it_are_found() -> None:
    found = planted().repeats
    (template, *_) = found.largest
    assert (template.n, template.n_members, template.top_share) == (60, 1, 1.0)
    assert found.share.estimate == pytest.approx(60 / 360, abs=0.02)
    assert found.own.estimate == pytest.approx(60 / 360, abs=0.02)
    assert found.top_members_share is not None
    assert found.top_members_share > 0.9
    assert found.distinct == pytest.approx(301, abs=6)
    assert of(planted(), "mine", "").repeats.estimate == pytest.approx(0.5, abs=0.05)


def test_members_who_repeat_each_other_do_not_repeat_themselves() -> None:
    texts = ["a ferry to the old town"] * 3 + ["comets and their orbits", "bread of rye and wheat"]
    frame = (
        attacks(n=3)
        .head(5)
        .with_columns(
            pl.Series("task_description", texts), pl.Series("member", ["a", "a", "b", "b", "b"])
        )
    )
    found = coverage(frame, space(frame)).repeats
    assert (found.share.estimate, found.own.estimate, found.distinct) == (3 / 5, 2 / 5, 3)


def test_arms_are_ordered_by_how_different_their_attacks_are() -> None:
    wide, narrow, copied = (of(planted(), *arm) for arm in ARMS)
    assert planted().drawn == EACH // 4
    assert wide.vendi.estimate > narrow.vendi.estimate > copied.vendi.estimate
    assert wide.vendi.low > narrow.vendi.high
    assert wide.self_similarity.estimate < narrow.self_similarity.estimate
    assert (wide.clusters_reached, narrow.clusters_reached) == (5, 2)
    assert narrow.clusters.estimate == pytest.approx(2, abs=0.01)
    assert (wide.clusters.estimate, wide.clusters.high) == (5, None), "every draw reaches them all"
    assert narrow.clusters_within_reach.estimate == 2
    assert wide.tag_entropy.estimate > narrow.tag_entropy.estimate


def test_the_size_of_an_arm_does_not_make_it_diverse() -> None:
    frame = study().filter(pl.col("model_type") == "plain lm")
    doubled = pl.concat([frame, study().filter(pl.col("model_type") == "plain lm").head(40)])
    small = doubled.with_row_index().with_columns(
        model_type=pl.when(pl.col("index") < EACH)
        .then(pl.lit("rlhf"))
        .otherwise(pl.lit("plain lm"))
    )
    found = coverage(small.drop("index"), space(small))
    few, many = of(found, "plain lm", "2.7B"), of(found, "rlhf", "2.7B")
    assert (few.n, many.n, found.drawn) == (40, 120, 10)
    assert few.vendi.low < many.vendi.estimate < few.vendi.high


def test_tags_and_clusters_show_each_others_gaps() -> None:
    result = planted()
    tags = {row.tag: row for row in result.tags}
    assert list(tags) == list(TAXONOMY)
    assert (tags["Weapons"].n, tags["Weapons"].clusters_reached) == (0, 0)
    assert tags["Theft"].clusters_reached == 2
    assert sum(row.n for row in result.clusters) == result.n == 360
    for place, tag in enumerate(result.tags):
        assert sum(row.tags[place] for row in result.clusters) == tag.n
    other = [row for row in result.clusters if row.tags[3]]
    assert [row.n_uncovered == row.n_reviewed > 0 for row in other] == [True], "baking: only Other"
    unseen = [row for row in result.clusters if not row.n_reviewed]
    assert len(unseen) == 3
    findings = " ".join(section(result).findings)
    assert f"reviewed attacks of clusters {other[0].number}." in findings
    assert "No reviewed attack has the tags Weapons." in findings
    assert "largest group of them has 60 attacks by 1 member" in findings


def test_an_earlier_corpus_makes_only_what_is_far_from_it_new() -> None:
    frame = study()
    texts = frame["task_description"].to_list()
    known = frame["task_description"].str.contains_any(["tomato", "gambit"]).to_numpy()
    rng = np.random.default_rng(7)
    earlier = [text_of(int(kind), rng) for kind in rng.integers(0, 2, 400)]
    found = coverage(frame, space_of(texts, earlier=earlier, clusters=6)).novelty
    assert found is not None
    more_of_the_same = 0.05 * known.mean()
    assert found.estimate == pytest.approx(1 - known.mean() + more_of_the_same, abs=0.03)
    assert planted().novelty is None
    few = coverage(frame, space_of(texts, earlier=earlier[:19], clusters=6)).novelty
    assert few is not None
    assert few.reason == "not estimable: 19 earlier attacks, it takes 20"


def test_clusters_say_how_alike_other_starts_make_them() -> None:
    kinds = study()["task_description"].to_list()
    assert "from other starts alike to 1.00" in space_of(kinds, clusters=6).method
    rng = np.random.default_rng(3)
    noise = [" ".join(f"w{word}" for word in rng.integers(0, 300, 8)) for _ in range(300)]
    alike = re.search(r"alike to (\S+)", space_of(noise, clusters=6).method)
    assert alike is not None
    assert float(alike[1]) < 0.3


def test_the_ends_of_many_clusters_have_intervals_or_are_not_named() -> None:
    found = planted()
    row = found.clusters[0]
    lone = row.success_rate.model_copy(update={"estimate": 1.0, "low": None, "high": None})
    several = (*found.clusters, row.model_copy(update={"number": 99, "success_rate": lone}))
    same = tuple(r.model_copy(update={"success_rate": row.success_rate}) for r in found.clusters)
    told = []
    for clusters in (several, same):
        parts = section(found.model_copy(update={"clusters": clusters})).parts
        told += [part.finding for part in parts if part.name == "clusters"]
    assert "cluster 99" not in told[0]
    assert "whose intervals overlap; with so many" in told[1]


def test_attacks_that_are_all_the_same_have_a_report() -> None:
    frame = study().with_columns(task_description=pl.lit("how do I bake a good rye bread"))
    found = coverage(frame, space_of(frame["task_description"].to_list()))
    whole = found.diversity[0]
    assert (found.repeats.distinct, whole.clusters_reached) == (1, 1)
    assert whole.vendi.estimate == pytest.approx(1)
    assert {whole.vendi.low, whole.clusters.low, whole.self_similarity.low} == {None}


def test_groups_of_members_stand_beside_arms_only_where_there_are_several() -> None:
    frame = study().with_columns(
        is_upworker=pl.col("member").is_in(["m1", "m2", "m3", "m4", "m5"]),
        brief=pl.lit("ours@1"),
    )
    found = coverage(frame, space(frame))
    kinds = [row.dimension for row in found.diversity]
    assert kinds == ["all", "arm", "arm", "arm", "is_upworker", "is_upworker"]
    assert sum(row.n for row in found.diversity[-2:]) == 360
    rows = next(p for p in section(found).parts if isinstance(p, Table) and p.name == "diversity")
    assert [row[0].text for row in rows.rows][-2:] == ["Other members", "Members from Upwork"]


def test_the_order_of_attacks_changes_no_count() -> None:
    frame = study()
    mixed = frame.with_row_index().sample(fraction=1, shuffle=True, seed=4)
    one = space(frame)
    order = mixed["index"].to_numpy()
    turned = Space(one.vectors[order], one.clusters[order], one.method)
    other = coverage(mixed.drop("index"), turned, taxonomy=TAXONOMY)
    assert other.repeats == planted().repeats
    assert other.clusters == planted().clusters
    assert other.tags == planted().tags
    assert other.vendi == pytest.approx(planted().vendi)


def test_nothing_of_a_text_is_held_and_hostile_tags_are_text() -> None:
    held = planted().model_dump_json()
    assert not any(word in held for word in ("tomato", "gambit", "old town"))
    frame = study().with_columns(tags=pl.Series([["\x1b[31m<b>"]] * 360, dtype=pl.List(pl.String)))
    shown = section(coverage(frame, space(frame), taxonomy=TAXONOMY))
    assert "\x1b" not in repr([row for part in shown.parts for row in getattr(part, "rows", ())])


def test_a_study_without_reviews_ratings_or_repeats_is_no_error() -> None:
    frame = study().filter(pl.col("model_type") == "plain lm").head(30)
    bare = frame.with_columns(
        tags=pl.lit(None, dtype=pl.List(pl.String)), rating=pl.lit(None, dtype=pl.Float64)
    )
    found = coverage(bare, space(bare))
    assert found.tags == ()
    assert found.repeats.top_members_share is None
    assert found.diversity[0].tag_entropy.estimate is None
    assert found.clusters[0].success_rate.estimate is None
    for shown in (found, coverage(bare, space(bare), taxonomy=TAXONOMY)):
        assert [part.name for part in section(shown).parts] == ["repeats", "diversity", "clusters"]
    assert section(found).lead.endswith("task descriptions.")
    one = frame.head(1)
    assert coverage(one, space(one)).diversity[0].self_similarity.estimate is None


def test_what_was_not_read_is_told() -> None:
    frame = study()
    with pytest.raises(PersonError, match="text=True"):
        coverage(frame.drop("task_description"), space(frame))
    with pytest.raises(PersonError, match="30 attacks and 360 vectors"):
        coverage(frame.head(30), space(frame))


def test_real_attacks_are_covered(shared: Path) -> None:
    file = shared / "data" / "red_team_first100" / "red_team_attempts.jsonl.gz"
    frame = read_attack_frame(file, text=True).frame
    found = coverage(frame, space_of(frame["task_description"].to_list()))
    assert found.n == 100
    assert found.repeats.distinct <= frame["task_description"].n_unique()
    assert 1 < found.vendi < 100
