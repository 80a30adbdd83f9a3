"""A dialogue's harmlessness as the lowest, the mean or the last score of its replies."""

from __future__ import annotations

import re
from statistics import fmean
from typing import Any

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.report.page import Document, page_markdown
from gadfly.analysis.report.tables import Table
from gadfly.analysis.report.write import report
from gadfly.analysis.reproduce import reproduce as reproduce_module
from gadfly.analysis.reproduce.reproduce import reproduce
from gadfly.analysis.reproduce.write import document
from gadfly.errors import PersonError
from gadfly.records.frame import ATTACK_COLUMNS
from tests.analysis.studies import SOURCE, planted, results

BY_HAND = {"min": min, "mean": fmean, "last": lambda row: row[-1]}
MIN = re.compile(
    r"\bmin[ _-]harm|lowest score (?:of|over)|lowest of the dialogue|the minimum over", re.I
)
OTHERS = [("mean", "average"), ("last", "last")]


def scored_study(**arguments: Any) -> tuple[pl.DataFrame, dict[str, Any]]:
    """A study with truth and with scores by reply, the lowest of which is the one that it has."""
    frame, truth = planted(n=50, members=25, sizes=("1B", "2B"), **arguments)
    rng = np.random.default_rng(1)
    rows = [
        (low + np.insert(rng.exponential(size=turns - 1), rng.integers(turns), 0.0)).tolist()
        for low, turns in frame.select("min_harmlessness", "turns").iter_rows()
    ]
    found = frame.with_columns(
        pl.Series("turn_scores", rows, dtype=pl.List(pl.Float64)),
        brief=pl.when(pl.col("member") < "m2").then(pl.lit("a")).otherwise(pl.lit("b")),
    )
    return found, {"truth": truth}


def written(found: Document) -> str:
    """All that a reader sees or takes away, but for results.json."""
    parts = [part for section in found.sections for part in section.parts]
    data = [part.svg + part.csv for part in found.figures]
    names = [part.name for part in parts if isinstance(part, Table)]
    return "\n".join([page_markdown(found), *data, *names])


@pytest.mark.parametrize("score", BY_HAND)
def test_every_number_is_of_the_score_that_was_asked_for(score: str) -> None:
    frame, options = scored_study()
    found = results(frame, score=score, **options)
    assert found.score == score
    assert found.provenance.arguments_used["score"] == score
    assert found.topics is not None
    by_hand = frame.with_columns(
        own=pl.Series([BY_HAND[score](row) for row in frame["turn_scores"]]),
        first=pl.Series([BY_HAND[score](row[:2]) for row in frame["turn_scores"]]),
    )
    for place, arm in enumerate(found.arms):
        rows = by_hand.filter(model_type=arm.model_type, num_params=arm.num_params)
        mean = pytest.approx(rows["own"].mean())
        assert arm.harmlessness.estimate == mean
        assert arm.median.estimate == pytest.approx(rows["own"].median())
        assert found.topics.turns.arms[place].harmlessness.estimate == mean
        assert found.topics.static.arms[place].live.estimate == mean
        second = found.topics.turns.arms[place].first[1]
        assert second.estimate == pytest.approx(rows["first"].mean())


@pytest.fixture(scope="module")
def plain() -> str:
    """The report by the lowest score."""
    frame, options = scored_study()
    return written(report(results(frame, **options)))


@pytest.mark.parametrize(("score", "word"), OTHERS)
def test_no_label_says_min_where_it_is_another(score: str, word: str, plain: str) -> None:
    frame, options = scored_study()
    text = written(report(results(frame, score=score, **options)))
    assert not MIN.findall(text)
    for title in (
        "Figure 11. {} harmlessness by",
        "{} harmlessness score, mean",
        "## {} harmlessne",
    ):
        assert title.format(word.capitalize()) in text
    assert f"Mean {word} harmlessness is highest for" in text
    assert f'"{score}_harmlessness"' in text
    assert "not the lowest score, which the paper takes" in text
    assert MIN.findall(plain)
    assert f"{word} harmlessness" not in plain


def test_names_are_left_alone() -> None:
    frame, _ = scored_study()
    frame = frame.with_columns(model_type=pl.col("model_type").replace("rlhf", "min harmlessness"))
    text = written(report(results(frame, score="mean")))
    assert "| min harmlessness 1B" in text
    assert "average harmlessness 1B" not in text


def test_without_scores_by_reply_it_is_refused() -> None:
    frame, _ = scored_study()
    some = pl.when(pl.int_range(pl.len()) < 30).then(None).otherwise(pl.col("turn_scores"))
    with pytest.raises(PersonError, match=r"30 of 400 attacks .* allowed: min, or"):
        results(frame.with_columns(turn_scores=some), score="mean")
    with pytest.raises(PersonError, match="400 of 400"):
        results(frame.drop("turn_scores"), score="last")


def test_attacks_without_a_score_stay_without() -> None:
    frame, _ = scored_study()
    gap = pl.when(pl.int_range(pl.len()) < 10).then(None).otherwise(pl.col("min_harmlessness"))
    found = results(frame.with_columns(min_harmlessness=gap), score="mean", topics=False)
    assert sum(arm.harmlessness.n for arm in found.arms) == 390


def test_other_scorers_kept_the_lowest_alone_and_are_left_out() -> None:
    frame, _ = scored_study()
    other = [[{"scorer": "other", "version": "2", "minimum": x}] for x in frame["min_harmlessness"]]
    kind = ATTACK_COLUMNS["other_scores"]
    frame = frame.with_columns(pl.Series("other_scores", other, dtype=kind))
    for score, judges in (("min", 2), ("mean", 1)):
        found = results(frame, score=score).topics
        assert found is not None
        assert len(found.judges[0].judges) == judges


def test_the_paper_stands_beside_the_lowest_whatever_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reproduce_module, "PAPER_RESAMPLES", 100)
    frame, _ = scored_study()
    frame = frame.with_columns(
        task_description=pl.lit("a"), transcript=pl.lit("\n\nHuman: a\n\nAssistant: b")
    )
    plain = reproduce(frame, source=SOURCE, resamples=100)
    other = reproduce(frame, source=SOURCE, resamples=100, score="mean")
    assert other.comparisons == plain.comparisons
    means = frame["turn_scores"].list.mean()
    assert other.scores.harmlessness.mean.estimate == pytest.approx(means.mean())
    assert other.one_attack == plain.one_attack
    tables = {p.name for s in document(other).sections for p in s.parts if isinstance(p, Table)}
    assert "figure1-rating" in tables
    assert "figure1-min-harmlessness" not in tables
    figures = {figure.name: figure for figure in document(other).figures}
    assert figures["figure11"].title == "Figure 11. Average harmlessness by self-rated success"
