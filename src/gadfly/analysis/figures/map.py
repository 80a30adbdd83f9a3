"""Figure 2: the map of attacks, coloured by self-rated success.

Written by hand: Altair makes an element of each dot, 39,000 of them, and a page that takes seconds
to open. As one broken line it draws them well (680 kB, 1.2 s), but of 390,000 attacks in 2.4 GB of
memory. Here many attacks are one path of dots, which are lines of no length with round ends.
Attacks lie over each other, so they are drawn in twelve layers, each with every rating: no rating
covers the others. Within a path the dots go up and down in strips, so that steps from one to the
next are short numbers: the whole map takes some 400 kB.

A phone shows it whole: the report's stylesheet enlarges its letters there and stacks the entries of
its legend in two columns, above the drawing.
"""

from __future__ import annotations

from html import escape

import numpy as np

from gadfly.analysis.figures.palette import INK, MUTED, PAPER, RATING_COLOURS
from gadfly.analysis.sample import Ints
from gadfly.analysis.topics.map import SIDE, MapResult, larger, points_of
from gadfly.analysis.words import safe

__all__ = ["map_svg"]

_LAYERS = 12
_STRIPS = 16
_HEAD = 640  # room of the legend above the map, in its unit
_FOOT = 200
_LETTER = 66  # width of a letter of a name, about
_DOT = 26  # across
_DOTS = 60_000  # attacks, beyond which dots get smaller
_LEGEND = ("0 failed", "1", "2", "3", "4 worked very well")
Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""
_FONT = 'font-family="sans-serif" font-size="130"'


def map_svg(result: MapResult, *, terms: bool = False) -> str:
    """The map as SVG text, without script.

    :param terms: whether the first words of clusters are shown, where the result holds them.
    """
    height = _HEAD + result.height + _FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {height}" '
        f'width="{SIDE // 10}" height="{height // 10}" role="img" class="map">',
        f"<title>Map of {result.n:,} attacks</title>",
        f"<desc>Each dot is an attack, near others like it. Colour: self-rated success, 0 to "
        f"4, as the attacker gave it. Numbers name {len(result.clusters)} clusters.</desc>",
        f'<rect width="{SIDE}" height="{height}" fill="{PAPER}"/>',
        *_legend(result),
        f'<g transform="translate(0 {_HEAD})">',
        *_dots(result),
        *_names(result, terms),
        "</g></svg>",
    ]
    return "\n".join(parts)


def _legend(result: MapResult) -> list[str]:
    """What colours mean, and how many attacks have each; its variables are for phones."""
    ratings = points_of(result)["rating"]
    entries = [
        (colour, label, int((ratings == value).sum()))
        for value, (colour, label) in enumerate(zip(RATING_COLOURS, _LEGEND, strict=True))
    ]
    if result.n_rated < result.n:
        entries.append((MUTED, "not rated", result.n - result.n_rated))
    found = [
        f'<text class="head" x="100" y="180" fill="{INK}" {_FONT} font-weight="600">'
        "Self-rated success</text>"
    ]
    x = 100
    for place, (colour, label, count) in enumerate(entries):
        row, side = divmod(place, 2)
        found.append(
            f'<g class="key" style="--row:{row};--side:{side}" transform="translate({x} 380)">'
            f'<path d="M60 0h0" stroke="{colour}" stroke-width="110" stroke-linecap="round"/>'
            f'<text x="160" y="45" fill="{MUTED}" {_FONT}>{label} · {count:,}</text></g>'
        )
        x += 420 + 70 * len(f"{label} · {count:,}")
    return found


def _dots(result: MapResult) -> list[str]:
    """The attacks, in layers of one path for each rating."""
    points = points_of(result)
    kind = points["rating"].fill_null(-1).to_numpy().astype(np.int64)
    places = points.select("x", "y").to_numpy()
    layer = np.random.default_rng(result.seed).permutation(len(places)) % _LAYERS
    size = _DOT * larger(result.n) * min(1.0, (_DOTS / max(len(places), 1)) ** 0.5)
    found = [f'<g class="dots" fill="none" stroke-width="{size:.0f}" stroke-linecap="round">']
    for number in range(_LAYERS):
        for rating, colour in ((-1, MUTED), *enumerate(RATING_COLOURS)):
            some = places[(layer == number) & (kind == rating)]
            if len(some):
                found.append(f'<path stroke="{colour}" d="{_path(some)}"/>')
    return [*found, "</g>"]


def _path(places: Ints) -> str:
    """Dots from one to the next, up one strip and down the other."""
    strip = places[:, 0] * _STRIPS // SIDE
    down = np.where(strip % 2, -places[:, 1], places[:, 1])
    ordered = places[np.lexsort((down, strip))]
    steps = np.diff(ordered, axis=0, prepend=0).tolist()
    return "".join(f"m{x}{y}h0" if y < 0 else f"m{x} {y}h0" for x, y in steps)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _names(result: MapResult, terms: bool) -> list[str]:
    """The number of each cluster, amid it, on a rim of paper; its words where there is room."""
    style = f'{_FONT} text-anchor="middle" paint-order="stroke" stroke-linejoin="round"'
    rim = f'stroke="{PAPER}" stroke-width="40" fill="{INK}"'
    found = []
    taken = [(c.x - 90, c.y - 65, c.x + 90, c.y + 65) for c in result.clusters]
    for cluster in result.clusters:
        y = cluster.y + 45
        found.append(
            f'<text x="{cluster.x}" y="{y}" {style} {rim} font-weight="600">{cluster.number}</text>'
        )
        if terms and cluster.terms:
            words = safe(", ".join(cluster.terms[:2]))  # more would overlap
            half = len(words) * _LETTER // 2
            x = min(max(cluster.x, half), SIDE - half)
            for middle in (cluster.y + 140, cluster.y - 140):
                box = (x - half, middle - 65, x + half, middle + 65)
                if not any(_overlap(box, other) for other in taken):
                    taken.append(box)
                    text = f"{style} {rim}>{escape(words)}</text>"
                    found.append(f'<text class="term" x="{x}" y="{middle + 45}" {text}')
                    break
    return found
