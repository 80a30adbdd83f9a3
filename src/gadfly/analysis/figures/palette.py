"""The colours and signs of every figure.

Okabe and Ito's palette, which people with any common colour blindness can tell apart, in an order
that also differs in lightness; black and yellow are left out, one for text, one for being unseen
on white. A type has a shape as well as a colour, and its name stands beside its rows, so that no
figure needs colour to be read.

Only these hexadecimal colours stand in a figure. The report's stylesheet names the same ones to
restyle figures for dark screens; a test compares the two. Where no stylesheet reaches a figure, as
in an image, :func:`darkened` does it.

Reference: Okabe & Ito 2008, "Color Universal Design".
"""

from __future__ import annotations

import re

__all__ = [
    "DARK",
    "GRID",
    "INK",
    "MUTED",
    "PAPER",
    "RATING_COLOURS",
    "TYPE_COLOURS",
    "TYPE_SHAPES",
    "chart_config",
    "darkened",
]

INK = "#1f2328"
MUTED = "#5b6570"
GRID = "#dfe3e8"
PAPER = "#ffffff"
TYPE_COLOURS = ("#d55e00", "#e69f00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9")
RATING_COLOURS = ("#c0cad5", "#8cb3c9", "#21918c", "#3b528b", "#440154")
"""Of ratings 0 to 4: viridis (van der Walt & Smith 2015), its yellow end given up for greys. The
higher the rating, the more it stands out: darker on white, lighter on a dark screen.
"""
TYPE_SHAPES = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "cross",
    "triangle-down",
    "triangle-right",
)
DARK = {
    INK: "#e7eaee",
    MUTED: "#a3adb8",
    GRID: "#343b44",
    PAPER: "#1d2127",
    "#d55e00": "#f0803a",
    "#0072b2": "#4a9fe0",
    "#009e73": "#2fc499",
    "#c0cad5": "#3d4854",
    "#8cb3c9": "#3f6c99",
    "#3b528b": "#5ec962",
    "#440154": "#fde725",
}
"""What a colour becomes on a dark screen; the others are light enough."""
_HEX = re.compile(r'(?<=")#[0-9a-f]{6}(?=")')


def darkened(svg: str) -> str:
    """A figure for a dark screen."""
    return _HEX.sub(lambda found: DARK.get(found[0], found[0]), svg)


def chart_config() -> dict[str, object]:
    """Vega-Lite's ``config``: one typeface, quiet axes."""
    return {
        "background": PAPER,
        "font": "sans-serif",
        "aria": False,
        "view": {"stroke": None},
        "concat": {"spacing": 28},
        "title": {
            "anchor": "start",
            "frame": "group",
            "fontSize": 13,
            "fontWeight": 600,
            "color": INK,
            "offset": 10,
        },
        "axis": {
            "labelColor": MUTED,
            "titleColor": MUTED,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "gridColor": GRID,
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
        },
    }
