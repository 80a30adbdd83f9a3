"""Figure 1 holds any arms, in any number, and shows what is missing."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from importlib.resources import files
from itertools import pairwise

import altair as alt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.analysis.density import density
from gadfly.analysis.figures.figure1 import figure1_csv, figure1_svg
from gadfly.analysis.figures.palette import (
    DARK,
    GRID,
    INK,
    MUTED,
    PAPER,
    RATING_COLOURS,
    TYPE_COLOURS,
    TYPE_SHAPES,
)
from gadfly.analysis.figures.panels import names
from gadfly.analysis.figures.rows import layout
from gadfly.analysis.results import ESTIMATES
from tests.analysis.studies import attacks, results

SVG = "{http://www.w3.org/2000/svg}"
SIZES = ("2.7B", "13B", "52B")
ODD = {
    "one arm": [("plain lm", "2.7B")],
    "one size": [("a", "1B"), ("b", "1B")],
    "no size": [("a", ""), ("b", "")],
    "sizes that are not numbers": [("a", "small"), ("a", "large")],
    "twenty types": [(f"type {i}", size) for i in range(20) for size in ("small", "large")],
}


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", ODD)
def test_it_draws_any_arms(name: str) -> None:
    found = results(attacks(ODD[name], n=15))
    shown = texts(figure1_svg(found))
    for arm in found.arms:
        assert any(arm.num_params in text for text in shown)
        assert any(arm.model_type in text for text in shown)


@pytest.mark.parametrize("missing", [0.0, 1.0])
def test_missing_is_shown_as_missing(missing: float) -> None:
    found = results(attacks(n=15, missing=missing))
    assert texts(figure1_svg(found)).count("not estimable") == (6 if missing else 0)


def test_a_single_attack_is_drawn() -> None:
    assert "2.7B ‡" in texts(figure1_svg(results(attacks((("a", "2.7B"), ("a", "1T")), n=1))))


def test_the_marks_of_the_scorer_stand_beside_the_arms() -> None:
    assert sum("‡" in text for text in texts(figure1_svg(results(attacks())))) == 2


def test_rows_follow_each_other_without_overlap() -> None:
    arms = [(kind, size) for kind in ("a", "b", "c") for size in SIZES]
    rows = layout(results(attacks(arms, n=2)).arms)
    places = [row.y for row in rows.rows]
    assert all(b - a >= 1 for a, b in pairwise(places))
    assert places[-1] + 0.5 <= rows.height
    assert len(rows.arms) == 9
    assert len(rows.rules) == 2


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
def test_labels_of_a_scatter_cover_nothing_and_stay_inside(at: list[tuple[float, float]]) -> None:
    places = [{"x": x, "y": y, "label": "2.7B †"} for x, y in at]
    scale = alt.Scale(domain=[0, 1])
    layers = names(places, alt.X("x:Q", scale=scale), alt.Y("y:Q", scale=scale), (500, 300))
    boxes = []
    for layer in layers[::2]:
        mark = layer.to_dict()["mark"]
        for place in layer.data.values:
            x, y = 500 * place["x"] + mark["dx"], 300 * (1 - place["y"]) + mark["dy"]
            boxes.append((x if mark["align"] == "left" else x - 6.6 * 6, y))
    assert all(0 <= x <= 500 - 6.6 * 6 for x, _ in boxes)
    points = [(500 * x, 300 * (1 - y)) for x, y in at]
    for k, (x, y) in enumerate(boxes):
        assert all(abs(x - a) >= 6.6 * 6 - 1e-6 or abs(y - b) >= 14 for a, b in boxes[:k])
        assert not any(x < a < x + 6.6 * 6 and y - 7 < b < y + 7 for a, b in points)
    alone = len(set(at)) == 1
    assert len(boxes) >= 1 or not alone


def test_types_differ_by_more_than_colour() -> None:
    assert len(set(TYPE_SHAPES)) == len(TYPE_SHAPES)
    assert len(TYPE_SHAPES) % len(TYPE_COLOURS) != 0, "a repeated colour has another shape"


def test_only_the_palettes_colours_are_used_and_the_page_restyles_them() -> None:
    svg = figure1_svg(results(attacks()))
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', svg, re.IGNORECASE))
    assert used <= {INK, MUTED, GRID, PAPER, *TYPE_COLOURS}
    folder = files("gadfly.analysis.report") / "templates"
    css = (folder / "report.css").read_text(encoding="utf-8")
    restyled = set(re.findall(r'\[(?:fill|stroke)="(#[0-9a-f]+)"\]', css))
    assert {INK, MUTED, GRID, PAPER} <= restyled
    lines = set(re.findall(r'\[stroke="(#[0-9a-f]+)"\]', css))
    assert {*DARK} <= lines
    assert restyled <= {INK, MUTED, GRID, PAPER, *TYPE_COLOURS, *RATING_COLOURS}


def test_the_csv_holds_every_estimate_and_no_formula() -> None:
    found = results(attacks((("=1+1", "2.7B"), ("b", "-1"))))
    rows = list(csv.DictReader(io.StringIO(figure1_csv(found))))
    curves = [row for row in rows if row["statistic"] == "density"]
    assert len(rows) - len(curves) == 2 * len(ESTIMATES)
    shown = found.arms[1].density
    assert shown is not None
    points = [(float(r["score"]), float(r["estimate"])) for r in curves if r["num_params"] == "'-1"]
    assert points == list(zip(shown.score, shown.density, strict=True))
    assert {row["model_type"] for row in rows} == {"'=1+1", "b"}
    assert {row["num_params"] for row in rows} == {"2.7B", "'-1"}
    first = next(row for row in rows if row["statistic"] == "rating")
    assert float(first["estimate"]) == found.arms[0].rating.estimate


def test_a_density_has_area_one_and_ends_at_the_data() -> None:
    values = np.random.default_rng(0).normal(3, 2, size=3000)
    curve = density(values)
    assert curve is not None
    assert np.trapezoid(curve.density, curve.score) == pytest.approx(1, abs=0.01)
    assert curve.score[0] == pytest.approx(values.min(), rel=1e-4)
    assert curve.score[-1] == pytest.approx(values.max(), rel=1e-4)
    assert density(np.ones(50)) is None
    assert density(np.repeat([0.3, 0.1 + 0.2], 25)) is None  # rounding is no shape
    assert density(values[:9]) is None
