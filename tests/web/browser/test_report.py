"""The report in a real browser: everything it can show, light, dark, small and read out."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest
from playwright.sync_api import Browser

from gadfly.analysis.analyze import analyze
from gadfly.analysis.questions import Beside, Texts
from gadfly.analysis.report.write import write_report
from gadfly.analysis.results import Results
from gadfly.analysis.topics.surveys import surveys
from gadfly.analysis.truth import PROBE_COLUMNS, Truth
from tests.analysis.studies import SOURCE, attacks
from tests.web.browser.eyes import Eyes

WORDS = "soil seed comet orbit flour oven reed kiln sail jib wool yarn lamp fog coin map".split()
ARMS = [("plain lm", "2M"), ("plain lm", "9M"), ("rlhf", "2M"), ("rlhf", "9M")]


@pytest.fixture(scope="module")
def results() -> Results:
    rng = np.random.default_rng(5)
    frame = attacks(ARMS, n=150, members=40, missing=0.05)
    n = frame.height
    order = rng.permutation(n)
    frame = frame.with_columns(
        number=pl.Series(order + 1),
        round=pl.lit(1),
        probability=pl.lit(0.25),
        task_description=pl.Series([" ".join(rng.choice(WORDS, 6)) for _ in range(n)]),
        transcript=pl.lit("\n\nHuman: hello\n\nAssistant: I'm sorry, but I can't help with that."),
        turn_scores=pl.Series([list(rng.normal(size=3)) for _ in range(n)]),
        tags=pl.Series([["Theft"] if x else None for x in rng.random(n) < 0.2]),
    )
    probes = [
        {"model_type": kind, "num_params": size, "number": k, "helpfulness": 0.5, "evasive": k < 5}
        for kind, size in ARMS
        for k in range(1, 31)
    ]
    return analyze(
        frame,
        source=SOURCE,
        resamples=200,
        design="randomised",
        truth=Truth(probes=pl.DataFrame(probes, schema=PROBE_COLUMNS)),
        beside=Beside(
            surveys=surveys(answered=20, counts={"Age": {"25-34": 10, "35-44": 10}}),
            tags=("Theft", "Weapons"),
        ),
        texts=Texts(map=True, terms=True),
    )


def test_the_whole_report_is_for_everybody(
    chromium: Browser, eyes: Eyes, results: Results, tmp_path: Path
) -> None:
    files = write_report(results, tmp_path)
    page = chromium.new_page(viewport={"width": 1280, "height": 900}, java_script_enabled=True)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url))
    page.goto(files.html.as_uri())
    assert said == [files.html.as_uri()]  # it loads nothing, and nothing is refused
    for anchor in page.locator("nav a").all():
        target = anchor.get_attribute("href")
        assert page.locator(f"{target} h2").count() == 1
    assert {path.name for path in files.figures} >= {
        "figure1.svg",
        "figure2.svg",
        "figure5.svg",
        "figure7.svg",
        "figure9.svg",
        "figure11.svg",
        "frontier.svg",
        "interventions.svg",
        "sequential-figure.svg",
    }
    for name in ("id", "download"):
        found = page.evaluate(f"[...document.querySelectorAll('[{name}]')].map(e => e.{name})")
        assert len(found) == len(set(found)), name
    for figure in page.locator("figure").all():
        assert len(figure.locator("figcaption p").first.inner_text()) > 20
        assert figure.locator("a[download]").count() == 1
    tables = page.locator(".table .scroll")
    cut = "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText.slice(0, 60))"
    assert tables.evaluate_all(cut) == []
    eyes.look(page, "report")
    page.set_viewport_size({"width": 390, "height": 800})
    wide = tables.first
    name = wide.locator("tbody th").first
    before = name.bounding_box()
    wide.evaluate("e => { e.scrollLeft = 200 }")
    assert name.bounding_box() == before  # a number keeps the name of its row
    drawn = page.locator("#figure2 .scroll")
    assert drawn.evaluate("e => e.scrollWidth <= e.clientWidth")  # the map is seen whole
    boxes = [key.bounding_box() or {} for key in page.locator("#figure2 .labels_marks text").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert all(box["height"] >= 9 for box in boxes)  # its letters can be read
    assert not any(_overlap(one, other) for one, other in combinations(boxes, 2))
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    page.close()


def _overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "width"), ("y", "height"))
    )


@pytest.mark.parametrize(("scheme", "paper"), [("light", 255), ("dark", 20)])
def test_a_notebook_shows_a_figure_in_the_reports_colours(
    chromium: Browser, results: Results, scheme: Literal["light", "dark"], paper: int
) -> None:
    page = chromium.new_page(color_scheme=scheme)
    page.set_content(f"<p>a cell</p>{results._repr_html_()}")
    style = "e => getComputedStyle(e)"
    drawn = page.locator('.gadfly svg [fill="#ffffff"]').first
    assert drawn.evaluate(f"{style}.fill").startswith(f"rgb({paper}, ")
    text = page.locator('.gadfly svg [fill="#1f2328"]').first
    assert not text.evaluate(f"{style}.fill").startswith(f"rgb({paper}, ")
    assert page.locator(".gadfly").evaluate(f"{style}.fontFamily").startswith("system-ui")
    assert "system-ui" not in page.locator("p").first.evaluate(f"{style}.fontFamily")
    page.close()
