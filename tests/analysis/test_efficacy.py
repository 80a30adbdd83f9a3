"""Attacks and efficacy of members: planted truth, published counts, what is missing."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.figures.efficacy import efficacy_svg
from gadfly.analysis.figures.palette import DARK, GRID, INK, MUTED, PAPER, TYPE_COLOURS
from gadfly.analysis.report.section import Figure
from gadfly.analysis.report.sections.efficacy import section
from gadfly.analysis.sample import Floats
from gadfly.analysis.simulate import Settings, simulate
from gadfly.analysis.statistics.mixed_linear import fit_linear
from gadfly.analysis.statistics.prediction_error import prediction_errors
from gadfly.analysis.topics.efficacy import Efficacy, efficacy
from gadfly.analysis.topics.mixed_design import design
from gadfly.records.reading import read_attack_frame
from tests.analysis.conftest import frame, study


def of_counts(counts: list[int]) -> pl.DataFrame:
    """Members who made so many attacks, none scored."""
    members = np.repeat(np.arange(len(counts)), counts)
    table = frame([{"min_harmlessness": None}]).select(pl.all().repeat_by(len(members)).explode())
    return table.with_columns(member=pl.Series(members).cast(pl.String))


def test_published_counts_give_the_published_concentration(shared: Path) -> None:
    published = json.loads((shared / "reference" / "ganguli2022_figures.json").read_text())
    counts = published["fig5_attacks_per_member_desc"]
    found = efficacy(of_counts(counts))
    assert list(found.attacks) == counts
    assert (sum(found.attacks), found.members_for_80) == (39_877, 49)
    assert found.gini.estimate == pytest.approx(0.804, abs=5e-4)
    assert found.top_tenth == pytest.approx(sum(counts[:33]) / 39_877)
    assert (found.reason, found.members) == ("the score is never recorded", ())


def planted(seed: int = 3, *, members: int = 80, sd: float = 0.5) -> tuple[pl.DataFrame, Floats]:
    """Scores with a deviation of each member, by member; members made from 2 to 200 attacks."""
    rng = np.random.default_rng(seed)
    truth = sd * rng.normal(size=members)
    owner = np.repeat(
        np.arange(members), rng.permutation(np.geomspace(2, 200, members).astype(int))
    )
    kind = rng.integers(0, 2, len(owner))
    score = truth[owner] + 1.5 * kind + rng.normal(size=len(owner))
    table = frame([{}] * len(owner)).with_columns(
        member=pl.Series([f"secret-{m:03}" for m in owner]),
        model_type=pl.Series(np.array(["plain lm", "rlhf"])[kind]),
        min_harmlessness=pl.Series(score),
    )
    return table, truth


def test_planted_efficacy_is_found() -> None:
    table, truth = planted()
    found = efficacy(table)
    made = table["member"].value_counts().sort("member")["count"].to_numpy()
    # Members are known by rank alone, so planted values are matched through the plain fit.
    fit = fit_linear(
        table["min_harmlessness"].to_numpy(),
        design(table, []).x,
        table["member"].rank("dense").to_numpy(),
    )
    order = np.argsort(fit.modes)
    assert [m.attacks for m in found.members] == made[order].tolist()
    assert np.corrcoef(truth[order], [m.intercept for m in found.members])[0, 1] > 0.85
    often = made[order] >= 20
    found_often = np.array([m.intercept for m in found.members])[often]
    assert np.corrcoef(truth[order][often], found_often)[0, 1] > 0.93
    inside = [m.low <= t <= m.high for m, t in zip(found.members, truth[order], strict=True)]
    assert 0.88 <= np.mean(inside) <= 1
    assert found.sd_member == pytest.approx(0.5, abs=0.12)
    assert found.half_at == pytest.approx(4, abs=2)
    assert (found.sd_estimates or 1) < (found.sd_member or 0)
    assert found.more_effective == sum(m.high < 0 for m in found.members) > 5
    assert found.less_effective == sum(m.low > 0 for m in found.members) > 5


def test_how_many_stand_out_by_chance_is_what_members_alike_would_show() -> None:
    """Means of residuals alone, shrunk as the model shrinks, drawn 4,000 times."""
    found = efficacy(planted()[0])
    made = section(found)
    assert made is not None
    assert isinstance(made.parts[0], Figure)
    said = re.search(r"were all alike, about ([\d.]+) would be on each side", made.parts[0].finding)
    n = np.array([m.attacks for m in found.members])
    half = np.array([(m.high - m.low) / 2 for m in found.members])
    drawn = np.random.default_rng(2).normal(size=(4000, len(n))) * (found.sd_residual or 0)
    shown = drawn / np.sqrt(n) * n / (n + (found.half_at or 0)) < -half
    assert said is not None
    assert float(said[1]) == pytest.approx(shown.sum(axis=1).mean(), abs=0.1)
    assert float(said[1]) < 0.7 * 0.025 * len(n)


def test_few_attacks_shrink_more() -> None:
    table, _ = planted()
    members = efficacy(table).members
    by_attacks = sorted(members, key=lambda m: m.attacks)
    more = np.diff([m.attacks for m in by_attacks]) > 0
    assert np.all(np.diff([m.high - m.low for m in by_attacks])[more] < 0)
    rare = [abs(m.intercept) for m in members if m.attacks < 5]
    often = [abs(m.intercept) for m in members if m.attacks > 50]
    assert np.mean(rare) < np.mean(often)


@pytest.mark.parametrize("sizes", [[6] * 10, [2, 3, 4, 6, 8, 10, 14, 20, 28, 40]])
def test_errors_of_prediction_are_how_far_predictions_are_from_the_truth(sizes: list[int]) -> None:
    """Over 1,000 draws of ten members, mean squares within 6%; conditional variances fall short."""
    rng, members = np.random.default_rng(5), np.repeat(np.arange(10), sizes)
    x = np.column_stack([np.ones(len(members)), members % 2])
    off, said, conditional = (np.zeros(10) for _ in range(3))
    for _ in range(1000):
        truth = rng.normal(size=10)
        fit = fit_linear(truth[members] + rng.normal(size=len(members)), x, members)
        off += (fit.modes - truth) ** 2
        said += prediction_errors(fit, x, members) ** 2
        conditional += fit.mode_variances
    assert said.sum() == pytest.approx(off.sum(), rel=0.06)
    assert conditional.sum() < 0.75 * off.sum()


def test_ten_members_have_intervals_and_nine_have_none() -> None:
    assert efficacy(planted(members=10)[0]).members
    few = efficacy(planted(members=9)[0])
    assert (few.members, few.reason) == ((), "not estimable: 9 members, it takes 10")


def test_the_replicas_planted_efficacy_is_found(shared: Path, replica: Path) -> None:
    frame = read_attack_frame(replica).frame
    truth, sizes = of_replica(shared / "tools" / "make_replica.py")
    counts = frame["member"].value_counts()
    named = dict(zip(counts["member"], counts["count"], strict=True))
    assert all(named[str(member)] == n for member, n in sizes.items())
    members = frame["member"].unique().sort().to_list()
    wanted = np.array([truth[int(member)] for member in members])
    fit = fit_linear(
        frame["min_harmlessness"].to_numpy(),
        design(frame.with_columns(is_mturk=~pl.col("is_upworker")), ["is_mturk", "rating"]).x,
        frame["member"].replace_strict(members, range(len(members))).to_numpy(),
    )
    often = np.array([named[member] >= 50 for member in members])
    # A member who plants 0.378 more efficacy reaches scores that lie lower.
    assert np.corrcoef(wanted[often], fit.modes[often])[0, 1] < -0.97
    assert np.corrcoef(wanted, fit.modes)[0, 1] < -0.75
    found = efficacy(frame)
    assert (len(found.members), found.n, found.dropped, found.left_out) == (324, 38_961, 0, {})


def of_replica(tool: Path) -> tuple[dict[int, float], dict[int, int]]:
    """Planted efficacy and number of attacks by member: the tool's draws, in its order."""
    spec = importlib.util.spec_from_file_location("make_replica", tool)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    cells = [(k, s) for k in made.TYPES for s in ("2.7B", "13B", "52B")]
    counts = [made.FIG["table1_released_counts"][k][s] for k, s in cells]
    n = sum(counts)
    sizes = np.array(made.FIG["fig5_attacks_per_member_desc"], float)
    sizes = np.maximum(made.largest_remainder(sizes, n), 1)
    sizes[0] -= sizes.sum() - n
    rng = np.random.default_rng(2022)
    member = np.repeat(np.arange(324), sizes)[rng.permutation(n)]
    efficacy = rng.normal(0, 0.378, 324)
    rng.normal(0, 0.55, 324)
    rng.normal(0, 1, n)
    rng.normal(0, 0.95, n)
    rng.integers(0, 9, n)
    rng.uniform(size=n)
    rng.choice([1, 2, 3, 4, 5, 6], n, p=[0.12, 0.17, 0.24, 0.36, 0.08, 0.03])
    rng.choice(np.flatnonzero(member < 40), 580, replace=False)
    reviewed = [cells.index(("prompted", "52B")), cells.index(("rlhf", "52B"))]
    rng.choice(
        np.flatnonzero(np.isin(np.repeat(np.arange(12), counts), reviewed)), 742, replace=False
    )
    ids = rng.permutation(324).tolist()
    return dict(zip(ids, efficacy, strict=True)), dict(zip(ids, sizes.tolist(), strict=True))


def test_nobody_is_named() -> None:
    table, _ = planted(members=20)
    found = efficacy(table)
    shown = section(found)
    assert shown is not None
    assert "secret" not in found.model_dump_json() + repr(shown)
    assert Efficacy.model_validate_json(found.model_dump_json()) == found


def test_where_members_do_not_differ_nothing_is_shown_of_them() -> None:
    table, _ = planted(members=20, sd=0)
    mean = pl.col("min_harmlessness").mean()
    same = table.with_columns(
        pl.col("min_harmlessness") - mean.over("member") + mean.over("model_type")
    )
    found = efficacy(same)
    assert (found.sd_member, found.members, found.more_effective) == (0.0, (), None)
    assert "their variance is 0" in (found.reason or "")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (study(1, members=1), "2 members or more, there is 1"),
        (study(1, each=1), "no member has a second row"),
        (study(1).clear(), "the score is never recorded"),
        (study(1).with_columns(min_harmlessness=pl.lit(0.5)), "the score is the same for every"),
    ],
)
def test_degenerate_studies_give_a_reason(table: pl.DataFrame, reason: str) -> None:
    found = efficacy(table)
    assert reason in (found.reason or "")
    assert (found.members, found.sd_estimates, found.half_at) == ((), None, None)
    shown = section(found)
    assert (shown is None) == table.is_empty()
    if shown is not None:
        assert reason in shown.parts[0].finding


def test_one_arm_has_efficacy_too() -> None:
    table, _ = planted()
    assert len(efficacy(table.filter(pl.col("model_type") == "rlhf")).members) > 70


def test_the_figure_draws_three_panels_in_known_colours() -> None:
    svg = efficacy_svg(efficacy(planted()[0]))
    assert svg is not None
    for title in ("Attacks per member", "Share of the busiest", "Efficacy"):
        assert f">{title}<" in svg
    known = {*DARK, GRID, INK, MUTED, PAPER, *TYPE_COLOURS}
    assert set(re.findall(r"#[0-9a-f]{6}", svg)) <= known
    assert {TYPE_COLOURS[0], TYPE_COLOURS[3]} <= set(re.findall(r"#[0-9a-f]{6}", svg))
    without = efficacy_svg(efficacy(of_counts([9, 3, 1])))
    assert without is not None
    assert ">Efficacy<" not in without


def test_a_crowd_is_thinned_in_the_drawing_alone() -> None:
    rng = np.random.default_rng(1)
    owner = np.repeat(np.arange(4000), 2)
    score = rng.normal(size=4000)[owner] + rng.normal(size=8000)
    rows = of_counts([2] * 4000).with_columns(min_harmlessness=pl.Series(score))
    found = efficacy(rows)
    shown = section(found)
    assert shown is not None
    figure = shown.parts[0]
    assert isinstance(figure, Figure)
    assert len(figure.svg) < 600_000
    assert len(figure.csv.splitlines()) == 4001


def test_that_the_busy_are_more_effective_is_said() -> None:
    for related in (0.0, 0.6):
        settings = Settings(members=80, attacks=1600, activity_sd=1.3, activity_efficacy=related)
        found = efficacy(simulate(settings, 1))
        assert found.members
        assert ("higher" in str(found.doubt), "lower" in str(found.doubt)) == (False, related > 0)
        shown = section(found)
        assert shown is not None
        assert any("leans towards them" in note for note in shown.notes) is (related > 0)
