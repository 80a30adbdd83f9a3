"""The report: one file, no network, no script, no transcript, harmless with hostile names."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gadfly.analysis.analyze import analyze
from gadfly.analysis.report.page import Written
from gadfly.analysis.report.write import write_report
from gadfly.errors import OperatorError
from tests.analysis.conftest import SOURCE, frame, study

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred\x1b[0m",
    "a | b | c\n# head",
    "‮txt.exe",
    "x" * 3000,
    "{{ 777 * 3 }}",
    "&lt;b&gt;",
]


class Page(HTMLParser):
    """Collects what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def report(tmp_path: Path, data: object = None) -> Written:
    made = study(1) if data is None else data
    return write_report(analyze(made, source=SOURCE, resamples=100), tmp_path / "report")


def test_the_page_stands_alone(tmp_path: Path) -> None:
    html = report(tmp_path).html.read_text(encoding="utf-8")
    page = Page(html)
    assert "script" not in page.tags
    assert "link" not in page.tags
    for name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "action", "poster", "srcset"):
            assert value is not None
            assert value.startswith(("#", "data:")), (name, value[:80])
        assert not name.startswith("on"), name
    assert not re.search(r"url\((?!['\"]?(#|data:))", html)
    assert "@import" not in html
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    anchors = {v[1:] for n, v in page.attributes if n == "href" and v and v.startswith("#")}
    assert anchors <= set(ids)


def test_the_page_can_be_read_by_everybody(tmp_path: Path) -> None:
    html = report(tmp_path).html.read_text(encoding="utf-8")
    page = Page(html)
    assert page.tags.count("h1") == 1
    assert page.tags.count("main") == 1
    assert page.tags.count("table") == page.tags.count("caption")
    assert ("lang", "en") in page.attributes
    assert {value for name, value in page.attributes if name == "scope"} >= {"col", "row"}
    assert "prefers-color-scheme" in html
    assert "@media print" in html
    assert any(name == "aria-label" or name == "aria-labelledby" for name, _ in page.attributes)
    assert ("name", "viewport") in page.attributes


def test_hostile_names_are_text(tmp_path: Path) -> None:
    rows = [
        {"model_type": name, "num_params": name, "member": f"m{i}"}
        for name in HOSTILE
        for i in range(3)
    ]
    files = report(tmp_path, frame(rows))
    html = files.html.read_text(encoding="utf-8")
    page = Page(html)
    assert "img" not in page.tags
    assert "script" not in page.tags
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "2331" not in page.text  # nothing in a name is evaluated
    markdown = files.markdown.read_text(encoding="utf-8")
    assert "<script" not in markdown
    assert "<img" not in markdown
    assert "\x1b" not in markdown
    assert "\n# head" not in markdown


def test_no_text_of_a_dialogue_is_ever_in_it(tmp_path: Path) -> None:
    import polars as pl

    secret = "SENTINEL-7391"
    data = study(1).with_columns(
        transcript=pl.lit(f"\n\nHuman: {secret}"), task_description=pl.lit(secret)
    )
    data = data.with_columns(member=pl.concat_str(pl.lit("MEMBERID-"), pl.col("member")))
    files = report(tmp_path, data)
    for path in (files.html, files.markdown, files.results, *files.figures):
        text = path.read_text(encoding="utf-8")
        assert secret not in text
        assert "MEMBERID" not in text


@pytest.mark.parametrize(
    "rows",
    [
        [{}],
        [{"rating": None, "outcome": "unrated"}],
        [{"min_harmlessness": None, "outcome": "judge_error"}],
        [{"model_type": f"type {i}", "num_params": "", "member": f"m{i}"} for i in range(20)],
        [{"min_harmlessness": float(i % 2) * 1e6, "member": f"m{i}"} for i in range(30)],
        [
            {"min_harmlessness": (i % 7 - 3) * 1e-309, "member": f"m{i}", "rating": float(i % 5)}
            for i in range(60)
        ],
    ],
)
def test_odd_studies_have_a_report(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    files = report(tmp_path, frame(rows))
    html = files.html.read_text(encoding="utf-8")
    assert "<svg" in html
    assert ">nan<" not in html.lower()
    assert "None" not in Page(html).text


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file")
    with pytest.raises(OperatorError, match="cannot be written"):
        report(tmp_path)
