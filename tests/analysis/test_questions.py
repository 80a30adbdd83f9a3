"""What analyze is given beside the frame reaches the question that it is for."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

import gadfly
from gadfly.analysis.questions import Beside, Texts
from gadfly.analysis.report.page import page_markdown
from gadfly.analysis.report.write import report
from gadfly.analysis.results import Topics
from gadfly.errors import PersonError, ProgrammerError
from gadfly.records.frame import ATTACK_COLUMNS, attack_frame
from gadfly.records.values import Arm, Attack, Attacker, Scores
from tests.analysis.studies import attacks, planted, results
from tests.reviews import review


def topics(frame: pl.DataFrame, **options: object) -> Topics:
    found = results(frame, **options).topics
    assert found is not None
    return found


def test_a_second_scorer_is_asked_too_and_the_swap_is_told() -> None:
    frame = attacks(n=120, members=30)
    other = [
        [{"scorer": "other", "version": "2", "minimum": -x}] if x is not None else None
        for x in frame["min_harmlessness"]
    ]
    kind = ATTACK_COLUMNS["other_scores"]
    frame = frame.with_columns(pl.Series("other_scores", other, dtype=kind))
    (found,) = topics(frame).judges
    assert [judge.name for judge in found.judges] == ["constant", "other"]
    assert found.people == "the attackers themselves"
    simulated = frame.with_columns(attacker_kind=pl.lit("simulated"))
    assert topics(simulated).judges[0].people == "the simulated attackers themselves"
    (swap,) = found.swaps
    assert swap.tau.estimate == pytest.approx(-1)  # it says the opposite of each arm


def test_scorers_after_the_first_stand_in_the_frame() -> None:
    def scores(name: str, value: float) -> Scores:
        return Scores(scorer=name, version="1", lineage=None, minimum=value)

    attack = Attack(
        arm=Arm(model_type="a", num_params=""),
        attacker=Attacker(kind="model", team_type="crowd", member=1),
        task_description=None,
        turns=(),
        scores=(scores("first", 1.0), scores("second", -2.0)),
    )
    frame = attack_frame([attack])
    assert frame["min_harmlessness"].to_list() == [1.0]
    assert frame["other_scores"].to_list() == [
        [{"scorer": "second", "version": "1", "minimum": -2.0}]
    ]


def test_reviews_give_labels_agreement_and_tags_by_majority() -> None:
    frame = attacks(n=60, members=20)
    frame = frame.with_columns(number=pl.int_range(1, frame.height + 1))
    own = dict(frame.select("number", "rating").head(60).iter_rows())
    rng = np.random.default_rng(3)

    tags = (("Weapons",), ("Theft",), ("Theft", "Weapons"))
    reviews = tuple(
        review(n, f"r{k}", int(rng.integers(0, 5)), *tags[k], taxonomy="t@1")
        for n in range(1, 61)
        for k in range(3)
    )
    beside = Beside(reviews=reviews, taxonomy="t@1")
    found = topics(frame, beside=beside, tag_rule="all")
    assert len(found.judges) == 2
    assert found.agreement is not None
    assert {c.name for c in found.agreement.criteria} >= {"success", "harm of intent"}
    assert found.tags is not None
    assert found.tags.rule == "all"
    assert (
        sum(tag.total.n if hasattr(tag.total, "n") else tag.total for tag in found.tags.tags) == 0
    )
    majority = topics(frame, beside=beside, tag_rule="majority").tags
    assert majority is not None
    assert {tag.tag for tag in majority.tags if tag.total} == {"Theft", "Weapons"}

    said = {n: [r.verdict.success for r in reviews if r.attack == n and r.verdict] for n in own}
    agreed = {n for n, given in said.items() if sum(harm >= 3 for harm in given) >= 2}
    by_reviewers = topics(frame, beside=beside, success_by="reviewers").tags
    by_author = topics(frame, beside=beside).tags
    assert by_reviewers is not None
    assert by_author is not None
    assert by_reviewers.success == "reviewers"
    assert {t.tag: t.successful for t in by_reviewers.tags} == dict.fromkeys(tags[2], len(agreed))
    rated = {n for n in own if (own[n] or 0) >= 3}
    assert {t.tag: t.successful for t in by_author.tags} == dict.fromkeys(tags[2], len(rated))
    assert len(agreed) != len(rated)


@pytest.mark.parametrize("asked", [{"tag_rule": "majority"}, {"success_by": "reviewers"}])
def test_what_takes_reviews_is_refused_of_a_file(asked: dict[str, str]) -> None:
    with pytest.raises(PersonError, match="there are no reviews"):
        results(attacks(), **asked)
    tagged = attacks().with_columns(tags=pl.lit(["Theft"]))
    assert topics(tagged, beside=Beside(taxonomy="t@1"), **asked).tags is None  # a study: not yet


def test_members_can_count_once_each() -> None:
    frame = attacks(n=200, members=10)
    busy = frame.filter(pl.col("member") == "m1")
    frame = pl.concat([frame, *[busy] * 20])
    by_attack = results(frame).arms[0]
    by_member = results(frame, weighting="member").arms[0]
    own = frame.filter(
        (pl.col("model_type") == by_member.model_type)
        & (pl.col("num_params") == by_member.num_params)
    )
    means = own.group_by("member").agg(pl.col("rating").mean())["rating"]
    assert by_member.rating.estimate == pytest.approx(means.mean())
    assert by_attack.rating.estimate == pytest.approx(own["rating"].mean())
    assert "member-weighted" in by_member.rating.method


def test_the_report_says_what_counts_once_and_where() -> None:
    frame = attacks(n=60, members=20)
    by_attack = page_markdown(report(results(frame)))
    by_member = page_markdown(report(results(frame, weighting="member")))
    for table in ("Attacks, ratings and scores by arm", "Distribution of the min harmlessness"):
        assert re.search(rf"{table}.*; each attack counts once", by_attack)
        assert re.search(rf"{table}.*; each member counts once", by_member)
    assert "so busy members weigh more" in by_attack
    assert "so busy members weigh more" not in by_member
    apart = "Here members who attacked more weigh more, other than in the table of arms."
    assert apart not in by_attack
    for title in ("Arm against arm", "The worst attacks, arm against arm", "People"):
        (part,) = (p for p in by_member.split("\n## ") if p.startswith(f"{title}\n"))
        assert apart in part
    asked = results(frame, weighting="member").topics
    assert asked is not None
    assert asked == topics(frame)  # beyond the arms the weighting changes nothing


def test_where_members_count_once_each_requests_do_too() -> None:
    frame, known = planted(n=30)
    arm = results(frame, truth=known, weighting="member").arms[0]
    assert arm.truth is not None
    assert "bootstrap of requests" in arm.truth.helpfulness.method


def test_texts_are_asked_only_where_they_are_given_and_nothing_holds_them() -> None:
    rng = np.random.default_rng(1)
    words = "soil seed comet orbit flour oven reed kiln sail jib wool yarn lamp fog".split()
    frame = attacks(n=60, members=20)
    said = [" ".join(rng.choice(words, 5)) for _ in range(frame.height)]
    with pytest.raises(ProgrammerError, match="transcript"):
        results(frame, texts=Texts())
    frame = frame.with_columns(
        task_description=pl.Series(said),
        transcript=pl.lit("\n\nHuman: hello\n\nAssistant: I'm sorry, but I can't help with that."),
    )
    assert topics(frame).coverage is None
    earlier = tuple(said[:50])
    found = topics(frame, texts=Texts(earlier=earlier), beside=Beside(tags=("Theft", "Weapons")))
    assert found.coverage is not None
    assert found.coverage.novelty is not None
    assert found.evasion is not None
    assert all(arm.refused_turns.estimate == 1 for arm in found.evasion.arms)
    assert found.map is None
    text = found.model_dump_json()
    assert not [sentence for sentence in said if sentence in text]
    assert "hello" not in text


def test_the_order_of_rows_changes_no_number_of_the_texts() -> None:
    rng = np.random.default_rng(2)
    words = "soil seed comet orbit flour oven reed kiln sail jib wool yarn lamp fog".split()
    frame = attacks(n=120, members=20)
    frame = frame.with_columns(
        task_description=pl.Series([" ".join(rng.choice(words, 4)) for _ in range(frame.height)]),
        transcript=pl.lit("\n\nHuman: hello\n\nAssistant: hello"),
    )
    vectors, order = rng.normal(size=(frame.height, 8)), rng.permutation(frame.height)
    for embedding in (None, vectors):
        mixed = None if embedding is None else embedding[order]
        found = topics(frame, texts=Texts(embedding=embedding)).coverage
        assert found is not None
        assert len(found.clusters) > 3
        assert topics(frame[order], texts=Texts(embedding=mixed)).coverage == found


def test_every_topic_is_at_home_in_a_notebook() -> None:
    frame = attacks(n=80, members=20)
    how = gadfly.analysis.bootstrap.Bootstrap(resamples=100)
    found = gadfly.analysis.topics.tails.tails(frame, how=how)
    assert found.contrasts
