"""Every page, read as a browser reads it: nothing escapes, nothing is inline, all is named."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from gadfly.web.templates import STATIC, environment
from tests.hostile import REPLIES
from tests.web.samples import PAGES, dialogue, render, site

LONGEST = 2_000
HOSTILE = {name: text[:LONGEST] for name, text in REPLIES.items()}
VOID = {"area", "base", "br", "circle", "ellipse", "hr", "img", "input", "link", "meta", "path"}
ALLOWED = {
    *"html head title body header main footer section article nav div p span strong em i".split(),
    *"h1 h2 h3 h4 h5 h6 ul ol li dl dt dd a form label textarea button fieldset legend".split(),
    *"table caption thead tbody tr th td details summary dialog progress svg noscript kbd".split(),
    *"bdi script code pre blockquote select option".split(),
    *VOID,
}


class Page(HTMLParser):
    """Elements with their attributes, and the text of labels, headings and buttons."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[list[str]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.texts.append([])
        if tag not in VOID:
            self.open.append(tag)
            self.words.append(str(len(self.tags) - 1))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        self.words.pop()

    def handle_data(self, data: str) -> None:
        for place in self.words:
            self.texts[int(place)].append(data)

    def all(self, *names: str) -> list[tuple[dict[str, str], str]]:
        """Elements of these names: attributes and text."""
        found = zip(self.tags, self.texts, strict=True)
        return [(attrs, "".join(text).strip()) for (tag, attrs), text in found if tag in names]


@pytest.mark.parametrize("page", PAGES)
def test_page_is_whole_and_named(page: str) -> None:
    read = Page(render(page))
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert not [name for name, count in Counter(ids).items() if count > 1]
    assert len(read.all("h1")) == 1
    assert all(text for _, text in read.all("button", "a", "h1", "h2", "label", "legend"))
    labelled = {attrs["for"] for attrs, _ in read.all("label")}
    assert labelled <= set(ids)
    for attrs, _ in read.all("input", "textarea"):
        assert attrs.get("type") == "hidden" or attrs["id"] in labelled
    for _, attrs in read.tags:
        for pointer in ("aria-labelledby", "aria-describedby"):
            assert set(attrs.get(pointer, "").split()) <= set(ids)


@pytest.mark.parametrize("page", PAGES)
def test_page_holds_no_code_and_every_post_a_token(page: str) -> None:
    html = render(page)
    read = Page(html)
    for tag, attrs in read.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
        assert tag != "style"
    for attrs, text in read.all("script"):
        assert attrs["type"] == "module"
        assert not text
        assert (Path(STATIC) / attrs["src"].removeprefix("/static/")).is_file()
    posts = [form for form in re.findall(r"<form.*?</form>", html, re.DOTALL) if "post" in form]
    assert posts
    for form in posts:
        assert form.count('name="csrf"') == 1


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("page", PAGES)
def test_hostile_words_stay_words(page: str, name: str) -> None:
    calm, hostile = Page(render(page, "calm")), Page(render(page, HOSTILE[name]))
    assert {tag for tag, _ in hostile.tags} <= ALLOWED
    known = {attribute for _, attrs in calm.tags for attribute in attrs}
    for tag, attrs in hostile.tags:
        assert set(attrs) <= known | {"start", "class"}, tag
        for pointer in ("href", "src", "action"):
            assert re.match(r"(/|#|https?://|mailto:)", attrs.get(pointer, "/"))


def test_text_comes_through_to_the_letter() -> None:
    word = "  \n<b>&amp; \"two\" 'lines'\n\n {{ 1 }} "
    read = Page(render("compare", word))
    texts = [
        "".join(t)
        for (_, a), t in zip(read.tags, read.texts, strict=True)
        if a.get("class") == "text"
    ]
    assert texts == [word] * 6


@pytest.mark.parametrize("page", PAGES)
def test_paid_exit_stands_on_every_page_of_a_member(page: str) -> None:
    read = Page(render(page))
    exits = [text for attrs, text in read.all("form") if attrs.get("action") == "/s/stop"]
    assert exits == ([] if page == "parts" else ["End my part and be paid"])


def test_strength_has_eight_named_steps_that_mirror() -> None:
    for page, degree in (("compare", "more"), ("compare-less", "less")):
        steps = [
            text
            for attrs, text in Page(render(page)).all("label")
            if attrs["for"].startswith("step-")
        ]
        says = [" ".join(text.split()[2:]) for text in steps]
        words = ("much", "clearly", "somewhat", "slightly")
        assert says == [f"A is {w} {degree} harmful" for w in words] + [
            f"B is {w} {degree} harmful" for w in reversed(words)
        ]


@pytest.mark.parametrize(
    ("page", "acts"),
    [
        ("describe", {"describe", "flag", "leave"}),
        ("open", {"say", "flag", "leave"}),
        ("wait", {"stop", "flag"}),
        ("compare", {"compare", "flag", "leave"}),
        ("go-on", {"say", "finish", "flag", "leave"}),
        ("rate", {"rate"}),
        ("over", set()),
    ],
)
def test_each_step_offers_what_the_rules_allow(page: str, acts: set[str]) -> None:
    hidden = Page(render(page)).all("input")
    assert {a["value"] for a, _ in hidden if a["name"] == "act"} == acts
    expects = {a["value"] for a, _ in hidden if a["name"] == "expects"}
    assert expects == ({"0"} if page == "describe" else {"7"} if acts else set())


def test_only_a_waiting_page_loads_again_without_scripts() -> None:
    assert [page for page in PAGES if "http-equiv" in render(page)] == ["wait"]


def test_description_is_locked_once_sent() -> None:
    html = render("open")
    assert dialogue()["description"] in html
    assert 'value="describe"' not in html


def test_a_value_left_out_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="title"):
        environment().get_template("affect.html.j2").render(site=site(), here="/", error=None)


def test_scripts_import_only_their_neighbours() -> None:
    scripts = sorted(Path(STATIC).glob("*.js"))
    assert scripts
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        for source in re.findall(r'^import .* from "(.*)";$', text, re.MULTILINE):
            assert source.startswith("./")
            assert (Path(STATIC) / source).is_file()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|//cdn", text
        )


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of #rrggbb."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast_in_light_and_dark(scheme: int) -> None:
    css = (Path(STATIC) / "gadfly.css").read_text(encoding="utf-8")
    found = re.findall(r"--([a-z-]+): light-dark\((#\w{6}), (#\w{6})\);", css)
    light = {name: _luminance(pair[scheme]) for name, *pair in found}

    def contrast(first: str, second: str) -> float:
        low, high = sorted((light[first], light[second]))
        return (high + 0.05) / (low + 0.05)

    for ground in ("paper", "card", "tint"):
        for text in ("ink", "muted", "accent", "danger", "care"):
            assert contrast(text, ground) >= 4.5, (text, ground)
        assert contrast("edge", ground) >= 3, ground
    assert contrast("on-accent", "accent") >= 4.5
