"""People, surveys and stopping as a report shows them: computed sentences, hostile names kept."""

from __future__ import annotations

import numpy as np
import polars as pl

from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.sections import people as people_section
from gadfly.analysis.report.sections import sequential as sequential_section
from gadfly.analysis.report.sections import surveys as surveys_section
from gadfly.analysis.report.tables import Table
from gadfly.analysis.topics.people import people
from gadfly.analysis.topics.sequential import sequential
from gadfly.analysis.topics.surveys import ANSWER_COLUMNS, surveys
from tests.analysis.test_people import planted
from tests.analysis.test_sequential import study

BAD = "<b>x\x1b[31m"


def parts(section: Section | None) -> dict[str, Figure | Table]:
    assert section is not None
    return {part.name: part for part in section.parts}


def test_people_says_what_stands_out_and_what_is_unknown() -> None:
    found = people(planted(learning=0.4), success_threshold=3)
    section = people_section.section(found)
    assert any("min harmlessness rises for each doubling" in s for s in section.findings)
    figure = parts(section)["people-figure"]
    assert isinstance(figure, Figure)
    assert "learning" in figure.csv
    table = parts(section)["changes"]
    assert isinstance(table, Table)
    slope = {t.outcome: t.slope.estimate for t in found.learning}["harmlessness"]
    assert table.rows[0][0].text == "As a member goes on: each doubling of attacks made"
    assert table.rows[0][3].text == f"{slope:.3f}"
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert "Groups:" not in figure.method
    assert "Learning:" in figure.method
    unknown = people_section.section(people(planted(ordered=False), success_threshold=3))
    assert "in which order" in unknown.notes[0]
    assert list(parts(unknown)) == ["concentration"]


def test_hostile_briefs_are_made_safe() -> None:
    brief = pl.when(pl.col("member") < "m15").then(pl.lit(BAD)).otherwise(pl.lit("=1+1"))
    found = people(planted().with_columns(brief=brief), success_threshold=3, design="randomised")
    section = people_section.section(found)
    shown = parts(section)
    figure, table = shown["people-figure"], shown["groups"]
    assert isinstance(figure, Figure)
    assert isinstance(table, Table)
    assert "<b>" not in figure.svg
    assert "\x1b" not in figure.svg + "".join(row[0].text for row in table.rows)
    assert '"\'=1+1"' in figure.csv
    assert "Brief (randomised)" in figure.svg
    platform = planted(ordered=False).with_columns(is_upworker=pl.col("member") < "m15")
    alone = parts(people_section.section(people(platform, success_threshold=3)))["people-figure"]
    assert isinstance(alone, Figure)
    assert "Learning:" not in alone.method
    assert "Groups:" in alone.method


def test_stopping_is_told_with_its_place() -> None:
    found = sequential(study(1, n=2000, effect=1.0, uneven=0.3), success_threshold=3)
    section = sequential_section.section(found)
    assert section is not None
    at = found.contrasts[0].decided_at
    assert section.findings[0].endswith(f"could have stopped after {at:,} of 2,000 attacks.")
    assert list(parts(section)) == ["sequential-figure", "sequential-arms", "sequential-contrasts"]
    unordered = study(1).with_columns(number=pl.lit(None))
    assert sequential_section.section(sequential(unordered, success_threshold=3)) is None


def test_surveys_draw_counts_and_say_change() -> None:
    draw = np.random.default_rng(1)
    rows = [
        (p, "survey", k, float(p), "spane@1", "sad", "sad", 2.0 + k + draw.normal() / 9, 0.1)
        for p in range(20)
        for k in (1, 2)
    ]
    found = surveys(
        answered=20,
        counts={"How old are you?": {"25-34": 12, "35-44": 8, "45-54": 0}},
        answers=pl.DataFrame(rows, schema=ANSWER_COLUMNS, orient="row"),
    )
    section = surveys_section.section(found)
    shown = parts(section)
    assert list(shown) == ["figure4", "table2", "feelings-over-time"]
    figure = shown["figure4"]
    assert isinstance(figure, Figure)
    assert ">withheld<" in figure.svg
    assert ">12<" in figure.svg
    assert ">8<" not in figure.svg  # else 0 of 45-54 could be found from the total
    assert "rose by answer 2: 1.0" in section.findings[0]
