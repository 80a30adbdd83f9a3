"""Figure 9: attacks by tag, all of them and those that succeeded, the most common tag on top.

The bar of successes stands in the bar of all, so that its share is seen; both counts stand at the
end, so that no colour needs to be read. Beside the bars stands each tag's success rate with its
interval; counts are of these attacks and have none.
"""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import altair as alt

from gadfly.analysis.figures.palette import INK, TYPE_COLOURS
from gadfly.analysis.figures.panels import inline, specification, svg_of
from gadfly.analysis.topics.tags import TagsResult
from gadfly.analysis.words import safe
from gadfly.records.spreadsheet import csv_text

__all__ = ["tags_csv", "tags_svg"]

_WIDTH = 330  # pixels of the longest bar
_RATES = 220  # of the rates
_STEP = 30  # of a row: two lines of a name
_LINE = 34  # characters of a line
_LABEL = 64  # characters of a tag
_MOST = 40  # tags that are drawn; the data hold all
_NAMES = ("All attacks", "Successful")
_COLOURS = (TYPE_COLOURS[5], TYPE_COLOURS[0])


def tags_svg(result: TagsResult) -> str:
    """The figure as SVG text."""
    data = [
        {
            "row": row,
            "tag": "\n".join(
                wrap(safe(tag.tag, longest=_LABEL), _LINE, max_lines=2, placeholder="…")
            ),
            "all": tag.total,
            "successful": tag.successful,
            "counts": f"{tag.total:,} / {tag.successful:,}",
            "first": _NAMES[0],
            "second": _NAMES[1],
            "rate": tag.rate.estimate,
            "low": tag.rate.low,
            "high": tag.rate.high,
        }
        for row, tag in enumerate(result.tags[:_MOST])
    ]
    height = _STEP * max(len(data), 1)
    lines = [line for point in data for line in str(point["tag"]).split("\n")]
    width = round(6.4 * max(map(len, lines), default=1))
    base = alt.Chart(inline(data)).encode(
        y=alt.Y("row:O", axis=None, scale=alt.Scale(type="band", padding=0.2)),
    )
    scale = alt.Scale(domain=list(_NAMES), range=list(_COLOURS))
    legend = alt.Legend(title=None, orient="top", labelColor=INK, labelFontSize=12)
    names = alt.layer(
        *(
            base.transform_filter(f"{'' if two else '!'}test(/\\n/, datum.tag)")
            .mark_text(align="right", fontSize=12, color=INK, limit=width, lineBreak="\n", dy=dy)
            .encode(x=alt.value(width), text=alt.Text("tag:N"))
            for two, dy in ((False, 0), (True, -7))
        )
    )
    all_bars = base.mark_bar(opacity=1).encode(
        x=alt.X("all:Q", axis=alt.Axis(title="attacks", tickCount=5)),
        color=alt.Color("first:N", scale=scale, legend=legend),
    )
    successes = base.mark_bar(opacity=1, size=_STEP / 3).encode(
        x=alt.X("successful:Q"), color=alt.Color("second:N", scale=scale, legend=legend)
    )
    counts = base.mark_text(align="left", dx=5, fontSize=12, color=INK)
    chart = alt.hconcat(
        names.properties(width=width, height=height),
        alt.layer(
            all_bars, successes, counts.encode(x=alt.X("all:Q"), text=alt.Text("counts:N"))
        ).properties(width=_WIDTH, height=height),
        _rates(base).properties(width=_RATES, height=height),
        spacing=16,
    )
    return svg_of(specification(chart))


def _rates(base: Any) -> Any:
    """The success rate of every row with its interval; nothing where it was never rated."""
    x = alt.X(
        "rate:Q",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(
            title="success rate", values=[0, 0.25, 0.5, 0.75, 1], format="%", labelFlush=False
        ),
    )
    there = base.transform_filter("isValid(datum.rate)")
    return alt.layer(
        there.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2, color=_COLOURS[1])
        .encode(x=alt.X("low:Q"), x2=alt.X2("high:Q")),
        there.mark_point(size=56, opacity=1, filled=True, color=_COLOURS[1]).encode(x=x),
    )


def tags_csv(result: TagsResult) -> str:
    """Every tag with its counts and its rate."""
    columns = ["tag", "total", "successful", "unrated", "rate", "low", "high", "level", "method"]
    rows = [
        (
            *(tag.tag, tag.total, tag.successful, tag.unrated, tag.rate.estimate),
            *(tag.rate.low, tag.rate.high, tag.rate.level, tag.rate.method),
        )
        for tag in result.tags
    ]
    return csv_text(columns, rows)
