"""How contrasts, tails, turns and what is missing are shown."""

from __future__ import annotations

import base64
import csv
import io
import re

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.figures.palette import DARK, GRID, INK, MUTED, PAPER, TYPE_COLOURS
from gadfly.analysis.report.page import section_html
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.sections import contrasts as contrasts_section
from gadfly.analysis.report.sections import missing as missing_section
from gadfly.analysis.report.sections import tails as tails_section
from gadfly.analysis.report.sections import turns as turns_section
from gadfly.analysis.report.tables import MOST_ROWS, Cell, Table
from gadfly.analysis.report.write import sections_of
from gadfly.analysis.results import ArmResult
from gadfly.analysis.topics.contrasts import contrasts
from gadfly.analysis.topics.missing import missing
from gadfly.analysis.topics.static import static
from gadfly.analysis.topics.tails import tails
from gadfly.analysis.topics.turns import turns
from gadfly.analysis.words import Marks
from tests.analysis.studies import attacks, results
from tests.analysis.test_missing import holes
from tests.analysis.test_turns import dialogues

HOW = Bootstrap(resamples=200)
ARMS = [(kind, size) for kind in ("plain lm", "rlhf") for size in ("1B", "10B")]


@pytest.fixture(scope="module")
def trapped() -> pl.DataFrame:
    """The larger size is safer within each intervention, and looks worse pooled."""
    rng = np.random.default_rng(1)
    frame = attacks(ARMS, n=400, members=40, seed=1)
    keep = pl.struct("model_type", "num_params").map_elements(
        lambda a: a not in ({"model_type": "rlhf", "num_params": "10B"},), return_dtype=pl.Boolean
    )
    kept = frame.filter(keep | (pl.int_range(pl.len()) % 8 == 0))
    level = 3.0 * (kept["model_type"] == "rlhf") + 0.5 * (kept["num_params"] == "10B")
    return kept.with_columns(min_harmlessness=level + rng.normal(size=kept.height))


@pytest.fixture(scope="module")
def arms(trapped: pl.DataFrame) -> tuple[ArmResult, ...]:
    """The arms of the same study."""
    return results(trapped).arms


def figures(section: Section) -> list[Figure]:
    return [part for part in section.parts if isinstance(part, Figure)]


def tables(section: Section) -> dict[str, Table]:
    return {part.name: part for part in section.parts if isinstance(part, Table)}


def test_contrasts_are_drawn_marked_and_given_as_data(
    trapped: pl.DataFrame, arms: tuple[ArmResult, ...]
) -> None:
    found = contrasts(trapped, how=HOW, design="observational")
    section = contrasts_section.section(found, arms)
    assert "observational" in section.lead
    drawn = figures(section)
    assert [figure.name for figure in drawn] == ["interventions", "sizes"]
    rows = [row for figure in drawn for row in csv.DictReader(io.StringIO(figure.csv))]
    assert len(rows) == len(found.contrasts)
    assert {row["design"] for row in rows} == {"observational"}
    assert all("conditional on these models" in figure.method for figure in drawn)
    known = {INK, MUTED, GRID, PAPER, *TYPE_COLOURS, *DARK}
    for figure in drawn:
        assert set(re.findall(r'"(#[0-9a-f]{6})"', figure.svg)) <= known
    table = tables(section)["contrast-table"]
    assert len(table.rows) == len(found.contrasts) / 3
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert "within families" in table.method


def test_a_simpson_trap_is_said_with_both_numbers(
    trapped: pl.DataFrame, arms: tuple[ArmResult, ...]
) -> None:
    found = contrasts(trapped, how=HOW, design="observational")
    section = contrasts_section.section(found, arms)
    (sentence,) = section.findings
    assert (
        "pooled over interventions, mean min harmlessness ‡ is lower for 10B than for 1B"
        in sentence
    )
    assert "within interventions it is higher (0.48" in sentence
    assert "89% of one side’s attacks are on plain lm 10B" in sentence
    assert len(tables(section)["traps"].rows) == len(found.traps)


def test_circular_scores_are_marked(trapped: pl.DataFrame) -> None:
    found = contrasts(trapped, how=HOW, design="observational")
    shaped = tuple(
        arm.model_copy(
            update={"lineage_mark": "circular" if arm.model_type == "rlhf" else "independent"}
        )
        for arm in results(trapped).arms
    )
    section = contrasts_section.section(found, shaped)
    drawn = figures(section)
    assert "† circular" in drawn[0].method
    assert "‡" not in drawn[0].method
    assert "rlhf − plain lm †" in drawn[0].svg
    assert "rlhf †" in drawn[1].svg
    assert "plain lm †" not in drawn[1].svg
    names = [row[0].text for row in tables(section)["contrast-table"].rows]
    assert names == [
        "rlhf − plain lm, 1B †",
        "rlhf − plain lm, 10B †",
        "rlhf − plain lm, all sizes †",
        "plain lm, 1B to 10B",
        "rlhf, 1B to 10B †",
        "plain lm, 1B to 10B, trend",
        "rlhf, 1B to 10B, trend †",
    ]


def test_many_arms_with_hostile_names_are_drawn_in_few_rows() -> None:
    arms = [(f"a<b>&{k}|\u202e", size) for k in range(8) for size in ("1B", "=2B", "large", "")]
    frame = attacks(arms, n=12, members=12, seed=4)
    found = contrasts(frame, how=HOW, design="randomised", permutations=9)
    section = contrasts_section.section(found, results(frame).arms)
    drawn = figures(section)
    assert drawn[0].svg.count("all sizes") == 28
    assert "<b>" not in drawn[0].svg
    assert "\u202e" not in drawn[0].svg + drawn[1].svg
    assert "trend" not in drawn[0].svg
    assert tails_section.section(tails(frame, how=HOW)).findings == ()


def test_one_arm_has_nothing_to_compare() -> None:
    frame = attacks([("plain lm", "")])
    found = contrasts(frame, how=HOW, design="randomised")
    assert contrasts_section.section(found, results(frame).arms).parts == ()
    assert tails_section.section(tails(frame, how=HOW)).parts == ()


def test_tails_that_part_ways_are_said() -> None:
    rng = np.random.default_rng(2)
    frame = attacks([("rlhf", "1B"), ("rlhf", "10B")], n=1000, members=40, seed=2)
    second = (frame["num_params"] == "10B").to_numpy()
    bad = second & (rng.random(len(second)) < 0.08)
    scores = rng.normal(size=len(second)) + 1.0 * second - 5.0 * bad
    section = tails_section.section(tails(frame.with_columns(min_harmlessness=scores), how=HOW))
    (sentence,) = section.findings
    assert sentence.startswith(
        "The mean hides the tail: from rlhf 1B to rlhf 10B mean min harmlessness improves"
    )
    assert "mean and tail differ" in figures(section)[0].svg
    assert "†" not in figures(section)[0].svg + sentence
    marks: Marks = {("rlhf", "1B"): "independent", ("rlhf", "10B"): "circular"}
    made = tails(frame.with_columns(min_harmlessness=scores), how=HOW)
    shaped = tails_section.section(made, marks=marks)
    assert "from rlhf 1B to rlhf 10B † mean" in shaped.findings[0]
    assert "1B to 10B, mean and tail differ †" in figures(shaped)[0].svg
    (table,) = tables(shaped).values()
    assert table.rows[0][0].text == "rlhf, 1B to 10B †"
    assert "† circular" in table.method
    rows = list(csv.DictReader(io.StringIO(figures(section)[0].csv)))
    assert [row["statistic"] for row in rows] == ["mean", "q05", "cvar05", "cvar01"]


def test_turns_and_static_readings_are_shown_where_scores_by_turn_are() -> None:
    frame = dialogues(5, gain=0.8, slide=2.0)
    section = turns_section.section(turns(frame, how=HOW), static(frame, how=HOW))
    assert set(tables(section)) == {"turns-table", "first-replies", "static"}
    (sentence,) = section.findings
    assert "by replies to the opening rlhf is the safer of plain lm and rlhf" in sentence
    marks: Marks = {("rlhf", arm.num_params): "circular" for arm in turns(frame, how=HOW).arms}
    shaped = turns_section.section(turns(frame, how=HOW), static(frame, how=HOW), marks=marks)
    assert "rlhf † is the safer of plain lm and rlhf † (" in shaped.findings[0]
    assert "† circular" in shaped.lead
    for table in tables(shaped).values():
        for row in table.rows:
            assert row[0].text.endswith("†") == row[0].text.startswith("rlhf")
    bare = frame.with_columns(turn_scores=pl.lit(None, pl.List(pl.Float64)))
    without = turns_section.section(turns(bare, how=HOW), static(bare, how=HOW))
    assert set(tables(without)) == {"turns-table"}
    assert "scores by turn were not recorded" in without.notes[0]


def test_what_is_missing_is_bounded_or_said_to_be_nothing() -> None:
    whole = attacks(n=200, members=20, seed=3)
    assert "All 400 attacks have a rating" in missing_section.section(missing(whole, how=HOW)).lead
    section = missing_section.section(missing(holes(whole, 3, worked=0.2, failed=0.2), how=HOW))
    (table,) = tables(section).values()
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert "attacker stopped" in table.rows[0][2].detail
    assert section.findings[0].startswith(f"{sum(int(row[2].text) for row in table.rows)} of 400")


MANY = [(f"type {i}", size) for i in range(30) for size in ("1B", "2B")]


def test_comparisons_grow_as_arms_do_and_what_is_left_out_is_counted() -> None:
    frame = attacks(MANY, n=12, members=15, missing=0.1)
    found = contrasts(frame, how=Bootstrap(resamples=100), design="observational")
    # 29 interventions against one, at two sizes and over both; 30 steps in size and 30 trends
    assert len(found.contrasts) == 3 * (29 * 3 + 30 * 2)
    between = [c for c in found.contrasts if c.kind.startswith("intervention")]
    assert {c.first for c in between} == {"type 0"}
    report = results(frame, resamples=100, topics=False)
    section = contrasts_section.section(found, report.arms)
    assert any("compared with type 0 alone, and 406 other pairs" in note for note in section.notes)
    drawn = {figure.name: figure.svg for figure in figures(section)}
    assert "and 58 at single sizes, in the data" in drawn["interventions"]
    few = drawn["sizes"].count(">and ")
    assert few == 0  # 60 lines are drawn, all
    worst = tails(frame, how=Bootstrap(resamples=100))
    assert sum(c.kind == "intervention" for c in worst.contrasts) == 58
    gaps = missing(frame, how=Bootstrap(resamples=100))
    assert gaps.pairs == 58 + 30
    (said,) = missing_section.section(gaps).findings
    assert "88 pairs of arms " in said
    assert said.endswith(
        "Beyond 40 arms only those of one size are compared, or of one "
        "intervention and next in size."
    )


def test_of_a_few_interventions_every_two_are_compared() -> None:
    few = attacks(MANY[:20], n=4)
    found = contrasts(few, how=Bootstrap(resamples=100), design="observational")
    pairs = {(c.first, c.second) for c in found.contrasts if c.kind == "intervention"}
    assert len(pairs) == 45
    assert missing(few, how=Bootstrap(resamples=100)).pairs == 190


def test_a_trap_among_many_arms_is_the_trap_of_its_two(trapped: pl.DataFrame) -> None:
    others = attacks(MANY[2:], n=20, members=40).with_columns(pl.col("num_params") + "x")
    alone = contrasts(trapped, how=HOW, design="observational").traps
    every = contrasts(pl.concat([trapped, others]), how=HOW, design="observational").traps
    (one,) = (trap for trap in alone if trap.outcome == "harmlessness" and trap.clear)
    same = [
        t for t in every if (t.outcome, t.first, t.second) == (one.outcome, one.first, one.second)
    ]
    assert [t.pooled.estimate for t in same] == [pytest.approx(one.pooled.estimate)]
    assert same[0].clear


def test_a_page_shows_so_many_rows_and_counts_the_rest() -> None:
    rows = tuple((Cell(f"row {i}"), Cell(str(i))) for i in range(MOST_ROWS + 7))
    table = Table("t", "A table", ("a", "b"), rows)
    html = section_html(Section("s", "A section", "", (table,)))
    assert html.count("<tr") == 1 + MOST_ROWS
    assert "Shown are the first 200 of 207 rows; the data hold all." in html
    (address,) = re.findall(r'href="data:text/csv;base64,([^"]*)"', html)
    assert len(base64.b64decode(address).decode().splitlines()) == 1 + len(rows)
    assert not Table("t", "A table", ("a", "b"), rows[:9]).more


def test_differences_of_rates_are_in_percentage_points(trapped: pl.DataFrame) -> None:
    found = contrasts(trapped, how=HOW, design="observational")
    section = contrasts_section.section(found, results(trapped, topics=False).arms)
    table = tables(section)["contrast-table"]
    rates = [row[table.columns.index("Success rate")] for row in table.rows]
    assert all(cell.text.endswith("\u00a0pp") for cell in rates)
    assert not any("%" in cell.text + cell.detail for cell in rates)
    assert "pp: percentage points" in table.method


def test_arms_drawn_at_random_are_said_to_stand_as_they_came_where_they_do() -> None:
    """And every way in which intervals and p-values were made is named, not the first alone."""
    frame = attacks(n=120, members=25, missing=0.1, seed=4)
    chances = [{"arm": f"{arm} 2.7B", "probability": 0.5} for arm in ("plain lm", "rlhf")]
    rare = pl.when(pl.int_range(pl.len()) % 60 == 0).then(4.0).otherwise(0.0)
    frame = frame.with_columns(
        pl.Series("probabilities", [chances] * frame.height),
        rating=pl.when(pl.col("rating").is_not_null()).then(rare),
    )
    said = "Arms stand here as they came"
    for design, told in (("randomised", True), ("observational", False)):
        found = {s.name: s for s in sections_of(results(frame, design=design, resamples=100))}
        assert [said in found[name].lead for name in ("turns", "missing")] == [told, told]
        assert ("weighted by the chances" in found["tails"].lead) is told
        drawn = found["contrasts"].parts[0]
        assert "percentile" in drawn.method
        assert "MOVER from exact intervals over members" in drawn.method
        assert ("MOVER’s are wider than need be" in drawn.method) is told
        assert ("where the interval is MOVER’s, 1 less the level" in drawn.method) is not told
