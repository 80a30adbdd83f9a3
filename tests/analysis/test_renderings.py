"""The page and the Markdown of one report say the same, cell by cell and number by number."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from markdown_it import MarkdownIt

from gadfly.analysis.questions import Texts
from gadfly.analysis.report.page import Document, Written, page_html, page_markdown
from gadfly.analysis.report.section import Section
from gadfly.analysis.report.tables import Cell, Table
from gadfly.analysis.report.write import report, write_report
from tests.analysis.conftest import study
from tests.analysis.studies import attacks, planted, results
from tests.analysis.test_report_files import HOSTILE

_UNSHARED = {"svg", "style", "nav", "summary", "footer"}  # drawn, or a heading said twice
_NUMBER = re.compile(r"[−-]?\d[\d,.:]*\d%?|\d%?")


class Rendered(HTMLParser):
    """What a reader sees: tables as rows of cells, and the numbers of each section."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.said: dict[str, list[str]] = {"": [""]}
        self._section, self._unshared, self._open = "", 0, False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._unshared += tag in _UNSHARED
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._open = True
        elif tag == "h2":
            self._section = ""
            self.said[""] = [""]

    def handle_endtag(self, tag: str) -> None:
        self._unshared -= tag in _UNSHARED
        if tag in ("td", "th"):
            self._open = False
            self.tables[-1][-1][-1] = " ".join(self.tables[-1][-1][-1].split())
        elif tag == "h2":
            self._section = " ".join("".join(self.said[""]).split())
            self.said[self._section] = []

    def handle_data(self, data: str) -> None:
        if self._unshared:
            return
        if self._open:
            self.tables[-1][-1][-1] += data
        else:
            self.said[self._section].append(data)

    @property
    def numbers(self) -> dict[str, Counter[str]]:
        """Numbers in sentences, by section."""
        found = {name: Counter(_NUMBER.findall(" ".join(s))) for name, s in self.said.items()}
        return {name: numbers for name, numbers in found.items() if name}


def both(html: str, markdown: str) -> tuple[Rendered, Rendered]:
    """The page and the Markdown, rendered."""
    return Rendered(html), Rendered(MarkdownIt("commonmark").enable("table").render(markdown))


def of_files(files: Written) -> tuple[Rendered, Rendered]:
    return both(files.html.read_text("utf-8"), files.markdown.read_text("utf-8"))


@pytest.mark.parametrize(
    "rows", [(study(1),), (attacks(HOSTILE, n=60, missing=0.1),), planted(n=30)]
)
def test_page_and_markdown_say_the_same(tmp_path: Path, rows: tuple[Any, ...]) -> None:
    made = results(rows[0], truth=rows[1] if rows[1:] else None)
    page, markdown = of_files(write_report(made, tmp_path))
    assert len(page.tables) > 10
    assert page.tables == markdown.tables
    assert page.numbers == markdown.numbers
    assert sum(map(len, page.numbers.values())) > 50


def test_figures_name_level_and_making_of_intervals_and_tables_their_making() -> None:
    frame, truth = planted(n=30)
    words = pl.Series([f"soil {i % 7} seed {i % 11}" for i in range(frame.height)])
    frame = frame.with_columns(
        *(words.alias(name) for name in ("task_description", "transcript")),
        tags=pl.lit(["Theft"]),
    )
    found = report(results(frame, truth=truth, texts=Texts(map=True)))
    names = {"figure1", "figure2", "figure9", "figure11", "frontier", "judge-0-rates"}
    assert names <= {figure.name for figure in found.figures}
    for figure in found.figures:
        assert figure.finding.endswith(".")
        assert figure.n
        assert figure.csv.count("\n") > 1
        if '"low"' in figure.csv.splitlines()[0]:
            assert re.search(r"95%|none could be made", figure.method), figure.name
    for section in found.sections:
        for part in section.parts:
            if isinstance(part, Table):
                told = any(cell.detail.startswith("[") for row in part.rows for cell in row)
                assert part.method or not told, part.name


def test_every_part_of_a_cell_is_in_both(tmp_path: Path) -> None:
    whole = Cell("0.1", "[−0.2, 0.3]", "n = 7", doubt=True)
    table = Table("t", "A table", ("Arm", "Value"), ((whole, whole),))
    base = results(attacks(n=20))
    document = Document("T", "K", "L", (Section("s", "S", "", (table,)),), base.provenance, b"{}")
    for found in both(page_html(document), page_markdown(document)):
        (shown,) = found.tables
        assert shown[1] == ["0.1* [−0.2, 0.3] n = 7"] * 2
