"""Markdown of consent and briefs: it becomes its own few elements and nothing else."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from gadfly.web.markdown import markdown
from tests.hostile import REPLIES

PLAIN = {
    *"p h2 h3 h4 h5 h6 ul ol li a em strong code pre blockquote hr br".split(),
    *"table thead tbody tr th td".split(),
}
ATTACKS = [
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](data:image/png;base64,AAAA)",
    "[x](vbscript:x) [x](file:///etc/passwd) [x](//example.org) [x](/admin/erase)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](https://example.org/seen.png)",
    '[x](https://example.org "\\" onmouseover=\\"alert(1)")',
    '[x](https://example.org/"onmouseover="alert(1))',
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "a <!-- b --> <?php ?> <![CDATA[x]]>",
    '```"onmouseover=alert(1)\nx\n```',
    "| a |\n|:-:|\n| <script>alert(1)</script> |",
]


class _Read(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", [*ATTACKS, *REPLIES.values()])
def test_nothing_but_markdown_comes_out(text: str) -> None:
    for tag, attrs in _Read(markdown(text)).tags:
        assert tag in PLAIN
        assert set(attrs) <= {"href", "rel", "target", "title", "class", "start"}
        if tag == "a":
            assert str(attrs["href"]).startswith(("http://", "https://", "mailto:"))
            assert attrs["rel"] == "noopener noreferrer"


def test_what_a_researcher_needs() -> None:
    html = markdown(
        "# Title\n\n1. **One** *two*\n\n[us](https://example.org/a?b=1&c=2)\n\n<a@example.org>"
    )
    assert "<h2>Title</h2>" in html
    assert "<li><strong>One</strong> <em>two</em></li>" in html
    assert 'href="https://example.org/a?b=1&amp;c=2"' in html
    assert 'href="mailto:a@example.org"' in html


def test_a_table_keeps_its_alignment_without_inline_style() -> None:
    html = markdown("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert html.count(' class="number"') == 2
    assert "style" not in html


@pytest.mark.parametrize(("top", "tags"), [(1, ["h1", "h3"]), (3, ["h3", "h5"]), (6, ["h6", "h6"])])
def test_headings_begin_where_the_page_says(top: int, tags: list[str]) -> None:
    assert [tag for tag, _ in _Read(markdown("# a\n\n### b", top=top)).tags] == tags
