"""Figure 2: the map of attacks, coloured by self-rated success.

A point mark for each attack would be an element each, 39,000 of them, and a page that takes seconds
to open. So a mark here is many attacks: its shape is a path of dots, lines of no length with round
ends. Attacks lie over each other, so they are drawn in twelve layers, each with every rating: no
rating covers the others. Vega writes each dot as a line from its place to its place; the second
half is left out again.

A phone shows it whole: the report's stylesheet enlarges letters and dots there and leaves terms to
the table.
"""

from __future__ import annotations

import re
from typing import Any

import altair as alt
import numpy as np

from gadfly.analysis.figures.palette import INK, MUTED, PAPER, RATING_COLOURS
from gadfly.analysis.figures.panels import inline, specification, svg_of
from gadfly.analysis.sample import Ints
from gadfly.analysis.topics.map import SIDE, MapResult, larger, points_of
from gadfly.analysis.words import safe

__all__ = ["map_svg"]

_LAYERS = 12
_STRIPS = 16
_HEAD = 1500  # room of the legend above the map, in its unit
_FOOT = 200
_KEYS = (560, 340)  # where the first row of the legend is, and how far the next is from it
_LETTER = 66  # width of a letter of a name, about
_DOT = 26  # across
_DOTS = 60_000  # attacks, beyond which dots get smaller
_LEGEND = ("0 failed", "1", "2", "3", "4 worked very well")
_UNITS = 10  # of the map's, to a pixel
Row = dict[str, Any]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""
_TWICE = re.compile(r"M(-?\d+),(-?\d+)L\1,\2(?=[M\"])")
_SIZE = re.compile(r'class="marks" width="(\d+)" height="(\d+)"')


def map_svg(result: MapResult, *, terms: bool = False) -> str:
    """The map as SVG text, without script.

    :param terms: whether the first words of clusters are shown, where the result holds them.
    """
    height = _HEAD + result.height + _FOOT
    numbers, named = _names(result, terms)
    keys = _keys(result)
    x, y = (
        alt.Scale(domain=[0, side], range=[0, side], zero=False, nice=False)
        for side in (SIDE, height)
    )

    def marks(name: str, rows: list[Row], mark: Any) -> Any:
        chart = getattr(alt.Chart(inline(rows), name=name), f"mark_{mark.pop('type')}")(**mark)
        return chart.encode(x=alt.X("x:Q", scale=x, axis=None), y=alt.Y("y:Q", scale=y, axis=None))

    def dots(name: str, rows: list[Row], across: float) -> Any:
        style = {"filled": False, "opacity": 1, "strokeCap": "round", "strokeWidth": across}
        return marks(name, rows, {"type": "point", "size": 4, **style}).encode(
            shape=alt.Shape("path:N", scale=None), stroke=alt.Stroke("colour:N", scale=None)
        )

    def texts(name: str, rows: list[Row], **style: Any) -> Any:
        mark = {"type": "text", "fontSize": 130, "baseline": "middle", "color": INK, **style}
        return marks(name, rows, mark).encode(text=alt.Text("text:N"))

    def rimmed(name: str, rows: list[Row], **style: Any) -> list[Any]:
        rim = {"color": PAPER, "stroke": PAPER, "strokeWidth": 40, "strokeJoin": "round"}
        return [texts(f"{name}_rim", rows, **style, **rim), texts(name, rows, **style)]

    head = [{"x": 100, "y": 200, "text": "Self-rated success"}]
    size = _DOT * larger(result.n) * min(1.0, (_DOTS / max(result.n, 1)) ** 0.5)
    chart = alt.layer(
        texts("head", head, align="left", fontWeight=600),
        dots("keys", keys, 110),
        texts("labels", [row | {"x": row["x"] + 160} for row in keys], align="left", color=MUTED),
        dots("dots", _dots(result), round(size)),
        *rimmed("numbers", numbers, fontWeight=600),
        *rimmed("terms", named),
    ).properties(width=SIDE, height=height)
    specified = specification(chart) | {"padding": 0, "autosize": {"type": "none"}}
    svg = _TWICE.sub(r"M\1,\2h0", svg_of(specified))
    whole = f'class="map" width="{SIDE // _UNITS}" height="{height // _UNITS}"'
    return _SIZE.sub(whole, svg, count=1)


def _keys(result: MapResult) -> list[Row]:
    """What colours mean, and how many attacks have each."""
    ratings = points_of(result)["rating"]
    entries = [
        (colour, label, int((ratings == value).sum()))
        for value, (colour, label) in enumerate(zip(RATING_COLOURS, _LEGEND, strict=True))
    ]
    if result.n_rated < result.n:
        entries.append((MUTED, "not rated", result.n - result.n_rated))
    first, apart = _KEYS
    return [
        {"x": 160 + place % 2 * 4200, "y": first + place // 2 * apart, "path": "m0,0h0"}
        | {"colour": colour, "text": f"{label} · {count:,}"}
        for place, (colour, label, count) in enumerate(entries)
    ]


def _dots(result: MapResult) -> list[Row]:
    """The attacks, in layers of one path for each rating."""
    points = points_of(result)
    kind = points["rating"].fill_null(-1).to_numpy().astype(np.int64)
    places = points.select("x", "y").to_numpy()
    layer = np.random.default_rng(result.seed).permutation(len(places)) % _LAYERS
    found = []
    for number in range(_LAYERS):
        for rating, colour in ((-1, MUTED), *enumerate(RATING_COLOURS)):
            some = places[(layer == number) & (kind == rating)]
            if len(some):
                found.append({"x": 0, "y": _HEAD, "path": _path(some), "colour": colour})
    return found


def _path(places: Ints) -> str:
    """Dots from one to the next, up one strip and down the other."""
    strip = places[:, 0] * _STRIPS // SIDE
    down = np.where(strip % 2, -places[:, 1], places[:, 1])
    ordered = places[np.lexsort((down, strip))]
    steps = np.diff(ordered, axis=0, prepend=0).tolist()
    return "".join(f"m{x},{y}h0" for x, y in steps)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _names(result: MapResult, terms: bool) -> tuple[list[Row], list[Row]]:
    """The number of each cluster, amid it; its words where there is room."""
    numbers, named = [], []
    taken = [(c.x - 90, c.y - 65, c.x + 90, c.y + 65) for c in result.clusters]
    for cluster in result.clusters:
        numbers.append({"x": cluster.x, "y": _HEAD + cluster.y, "text": str(cluster.number)})
        if terms and cluster.terms:
            words = safe(", ".join(cluster.terms[:2]))  # more would overlap
            half = len(words) * _LETTER // 2
            x = min(max(cluster.x, half), SIDE - half)
            for middle in (cluster.y + 140, cluster.y - 140):
                box = (x - half, middle - 65, x + half, middle + 65)
                if not any(_overlap(box, other) for other in taken):
                    taken.append(box)
                    named.append({"x": x, "y": _HEAD + middle, "text": words})
                    break
    return numbers, named
