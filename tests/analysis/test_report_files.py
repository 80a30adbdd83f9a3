"""The files of a report: whole or not at all, the same story in each, harmless Markdown."""

from __future__ import annotations

import base64
import csv
import io
import re
from pathlib import Path

import orjson
import pytest

from gadfly.analysis.analyze import analyze
from gadfly.analysis.report.tables import doubts_table, outcomes_table, terminal_table
from gadfly.analysis.report.write import write_report
from gadfly.analysis.results import Results
from gadfly.analysis.words import safe
from gadfly.errors import OperatorError
from tests.analysis.studies import SOURCE, attacks, results

HOSTILE = [
    ("<script>alert(1)</script>", "2B|x`y`"),
    ("مساعد", "7B"),
    ("x" * 400, "y" * 100),
    ("a\u202ereversed", "[a](javascript:alert(1))"),
    ("one\ntwo", "https://example.org/x.js"),
]


def test_hostile_names_stay_text_in_every_file(tmp_path: Path) -> None:
    source = SOURCE.model_copy(update={"title": "<b>bold</b> \x1b[1m", "name": "<i>|.db"})
    files = write_report(results(attacks(HOSTILE, n=30, missing=0.1), source=source), tmp_path)
    for path in (files.html, files.markdown, *files.figures):
        text = re.sub(r"base64,[\w+/=]+", "", path.read_text(encoding="utf-8"))
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "<script" not in text
        assert "<b>" not in text
        assert "x" * 100 not in text
    markdown = files.markdown.read_text(encoding="utf-8")
    assert "<" not in markdown
    assert not re.search(r"\]\((?![a-z0-9-]+\.svg\))", markdown)
    assert not re.search(r"(?<!\\)://", markdown)
    tables = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
    assert len(tables) == files.html.read_text(encoding="utf-8").count("<table")
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_the_page_carries_its_data(tmp_path: Path) -> None:
    found = results(attacks(n=30))
    files = write_report(found, tmp_path)
    page = files.html.read_text(encoding="utf-8")
    links = dict(re.findall(r'download="([\w.]+)" href="data:[\w/]+;base64,([\w+/=]+)"', page))
    bare = orjson.dumps(orjson.loads(files.results.read_bytes()))
    assert base64.b64decode(links["results.json"]) == bare
    data = base64.b64decode(links["figure1.csv"]).decode()
    rows = list(csv.DictReader(io.StringIO(data)))
    assert sum(row["statistic"] != "density" for row in rows) == 2 * 10


def test_a_frame_and_a_folder_by_its_name_are_enough(tmp_path: Path) -> None:
    made = analyze(attacks(n=20), resamples=100, topics=False)
    assert (
        write_report(made, str(tmp_path / "report")).html.read_text().count("A frame of att") == 2
    )


def test_a_report_can_be_written_from_results_alone(tmp_path: Path) -> None:
    first = write_report(results(attacks(n=30)), tmp_path / "a")
    again = Results.model_validate_json(first.results.read_bytes())
    second = write_report(again, tmp_path / "b")
    for one, other in zip(
        sorted((tmp_path / "a").iterdir()), sorted((tmp_path / "b").iterdir()), strict=True
    ):
        assert one.read_bytes() == other.read_bytes()
    assert all(path.exists() for path in second.figures)


def test_findings_and_notes_stand_in_page_and_markdown(tmp_path: Path) -> None:
    found = results(attacks(n=300, missing=0.1), design="randomised", notes=["A note of mine."])
    files = write_report(found, tmp_path)
    for path in (files.html, files.markdown):
        text = path.read_text(encoding="utf-8").replace("\u00a0", " ")
        for sentence in (*found.findings, *found.notes):
            assert sentence in text
        for words in ("n = ", "Outcomes", "How to read this", "Provenance", "assigned at random"):
            assert words in text


def test_simulated_members_are_told_at_the_top(tmp_path: Path) -> None:
    files = write_report(results(attacks(n=20, kind="simulated")), tmp_path)
    for path in (files.html, files.markdown):
        assert "No person attacked here." in path.read_text(encoding="utf-8")


def test_what_is_missing_says_why() -> None:
    found = results(attacks((("a", ""),), n=4, members=1))
    reasons = {row[2].text for row in doubts_table(found).rows}
    assert any("at least 2 members" in reason for reason in reasons)
    assert any("not estimable" in reason for reason in reasons)


def test_words_are_words_and_a_lone_star_says_why(tmp_path: Path) -> None:
    files = write_report(results(attacks(HOSTILE[:3], n=30, missing=0.1)), tmp_path)
    text = files.markdown.read_text(encoding="utf-8").partition("## Provenance")[0]
    assert "member from MTurk (never recorded)" in text
    assert "mturk" not in text
    rows = [line for line in text.splitlines() if line.startswith("| Gini coefficient")]
    assert len(rows) == 2
    for row in rows:
        assert "it describes these members, and has no interval" in row


def test_outcomes_sum_to_the_attacks() -> None:
    for row in outcomes_table(results(attacks(n=100, missing=0.2))).rows:
        total, *counts = (int(cell.text) for cell in row[1:])
        assert total == sum(counts)


def test_the_terminal_gets_plain_strings() -> None:
    table = terminal_table(results(attacks(n=300)))
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert not any("−" in cell for row in table.rows for cell in row)


def test_long_names_stay_apart() -> None:
    names = ["a" * 60 + "1", "a" * 60 + "2"]
    assert len({safe(name) for name in names}) == 2
    assert all(len(safe(name)) == 40 for name in names)


def test_a_failed_write_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = results(attacks(n=20))
    write_report(found, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OperatorError, match="No space left"):
        write_report(found, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_notebook_shows_the_arms() -> None:
    made = results(attacks())
    shown = made._repr_html_()
    assert "Figure 1" in shown
    assert shown.count("<table") == shown.count("<caption") >= 2
    assert "<html" not in shown
    assert "@scope (.gadfly)" in shown
    assert len(str(made)) == len(repr(made)) < 500
    assert "attacks by" in repr(made)
    assert repr(made.topics).startswith("Topics(contrasts, tails, turns")
