"""Distributions and correlations of ratings and scores, and the attack that is shown."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gadfly.analysis.bootstrap import Bootstrap, resample
from gadfly.analysis.figures.one_attack import one_attack_svg
from gadfly.analysis.figures.scores import by_rating_svg, distributions_svg
from gadfly.analysis.report.section import Excerpt
from gadfly.analysis.report.sections import one_attack as one_attack_section
from gadfly.analysis.report.sections import scores as scores_section
from gadfly.analysis.report.tables import Table
from gadfly.analysis.sample import Sample
from gadfly.analysis.statistics.correlation import Correlation, pearson, spearman
from gadfly.analysis.statistics.standard_deviation import StandardDeviation
from gadfly.analysis.topics.one_attack import one_attack
from gadfly.analysis.topics.scores import scores
from gadfly.errors import PersonError
from tests.analysis.studies import attacks

FEW = Bootstrap(resamples=100)


def test_resamples_are_as_if_written_out() -> None:
    """Each resample's statistics equal those of the values repeated as often as drawn."""
    rng = np.random.default_rng(3)
    values, others = np.sort(rng.normal(size=40)), rng.normal(size=40)
    sample = Sample.of(values, rng.integers(0, 7, size=40))
    statistics = [Correlation(sample.values, others), StandardDeviation()]
    for draws in resample(sample, 20, seed=1):
        for statistic in statistics:
            got = statistic.resampler(sample)(draws)
            for one, weights in zip(got, draws.weights, strict=True):
                x, y = np.repeat(sample.values, weights), np.repeat(others, weights)
                truth = np.corrcoef(x, y)[0, 1] if statistic is statistics[0] else np.std(x)
                assert one == pytest.approx(truth)


@given(st.integers(0, 2**32 - 1))
def test_correlations_keep_their_partners(seed: int) -> None:
    """Ties, members and order of rows: the estimate is scipy's, and rows may be shuffled."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 5, 90).astype(float), rng.normal(size=90)
    members = np.arange(90) % 30
    for ours, theirs in ((pearson, stats.pearsonr), (spearman, stats.spearmanr)):
        found = ours(x, y, members, how=FEW, name="a")
        assert found.estimate == pytest.approx(theirs(x, y).statistic)
        order = rng.permutation(90)
        again = ours(x[order], y[order], members[order], how=FEW, name="a")
        assert again.estimate == pytest.approx(found.estimate)
        assert again.low == pytest.approx(found.low)
        turned = ours(x, -y, members, how=FEW, name="a")
        assert found.low is not None
        assert turned.high == pytest.approx(-found.low)


def test_a_correlation_of_nothing_is_not_estimable() -> None:
    same = pearson(np.ones(9), np.arange(9.0), np.arange(9), how=FEW, name="a")
    assert same.estimate is None
    assert "same for every attack" in str(same.reason)
    few = spearman(np.arange(2.0), np.arange(2.0), np.arange(2), how=FEW, name="a")
    assert few.estimate is None
    rounding = pearson(
        np.repeat([0.3, 0.1 + 0.2], 9), np.arange(18.0), np.arange(18), how=FEW, name="a"
    )
    assert "same for every attack" in str(rounding.reason)


def test_what_is_missing_is_counted() -> None:
    frame = attacks(n=300, missing=0.3, seed=4)
    found = scores(frame, how=FEW)
    assert found.ratings.missing == frame["rating"].null_count() > 0
    assert sum(found.ratings.counts) == 600 - found.ratings.missing
    both = frame.drop_nulls(["rating", "min_harmlessness"]).height
    assert found.pairs[0].pearson.n == both == sum(level.mean.n for level in found.by_rating)
    # Nothing scored the descriptions of this study, and nobody's platform is known.
    assert found.task_description.counts == ()
    assert found.pairs[-1].pearson.estimate is None
    table = scores_section.section(found).parts[-1]
    assert isinstance(table, Table)
    assert "–" not in {cell.text for row in table.rows for cell in row}
    assert "Left out: self-rated success and attacker from Upwork (" in table.method


def test_scores_beyond_the_edges_stand_in_the_outer_bins() -> None:
    frame = attacks(n=50)
    found = scores(frame, how=FEW, score_range=(-0.5, 0.5)).harmlessness
    values = frame["min_harmlessness"]
    assert sum(found.counts) == 100
    assert found.counts[0] == (values < -0.45).sum()
    assert found.counts[-1] == (values >= 0.45).sum()


def test_figure_11_names_the_making_of_each_of_its_intervals() -> None:
    found = scores(attacks(n=300, members=40), how=FEW)
    _, figure, *_ = scores_section.section(found).parts
    assert not isinstance(figure, Excerpt)
    for made in (found.by_rating[0].mean, found.pairs[0].pearson):
        assert made.low is not None
        assert made.method.rpartition("; ")[2] in figure.method


def test_figures_of_a_poor_study() -> None:
    """Nothing scored at all: figures are drawn, sections speak."""
    frame = attacks(n=20).with_columns(pl.lit(None, pl.Float64).alias("min_harmlessness"))
    found = scores(frame, how=FEW)
    assert "<svg" in distributions_svg(found)
    assert "<svg" in by_rating_svg(found)
    section = scores_section.section(found)
    assert "not estimable" in section.parts[1].finding
    assert one_attack(frame) is None


def test_the_attack_shown_is_typical() -> None:
    frame = attacks(n=101, seed=2).with_columns(
        turns=pl.Series([3] * 150 + [2] * 52), record=pl.int_range(1, 203)
    )
    usual = frame.filter(turns=3).sort("min_harmlessness")
    found = one_attack(frame.drop("record"))
    assert found is not None
    assert found.record == usual["record"][74]
    assert found.turn_scores is None
    assert "lowest score alone" in str(found.reason)
    assert found == one_attack(frame.drop("record"), record=found.record)
    with pytest.raises(PersonError, match="numbered 1 to 202"):
        one_attack(frame.drop("record"), record=203)


def test_scores_by_reply_are_shown_where_they_are_kept() -> None:
    by_reply = [[0.5, -1.25, 2.0], None] * 20
    frame = attacks(n=20).with_columns(
        turn_scores=pl.Series(by_reply, dtype=pl.List(pl.Float64)),
        turns=pl.lit(3, pl.Int64),
        min_harmlessness=pl.Series([-1.25, 0.0] * 20),
    )
    found = one_attack(frame)
    assert found is not None
    assert found.turn_scores == (0.5, -1.25, 2.0)
    assert found.mean_harmlessness == pytest.approx(1.25 / 3)
    svg = one_attack_svg(found)
    for shown in ("0.50", "−1.25", "2.00", "0.42"):
        assert f">{shown}<" in svg
    assert "reply 2" in one_attack_section.section(found).parts[0].csv
