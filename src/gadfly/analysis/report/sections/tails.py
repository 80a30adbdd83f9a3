"""Tails: what a difference of means hides."""

from __future__ import annotations

from collections.abc import Iterator

from gadfly.analysis.figures.tails import tails_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.tails import TailContrast, Tails
from gadfly.analysis.words import Marks, arm_label, interval, legend, safe, scored, ways, worst
from gadfly.records.spreadsheet import csv_text

__all__ = ["section"]

_NAMES = {
    "mean": "Mean",
    "q05": "5% quantile",
    "cvar05": "Worst 5% (CVaR)",
    "cvar01": "Worst 1% (CVaR)",
}
_FAIR = (
    " Each is over attacks to which both arms were open, weighted by the chances with which arms "
    "were drawn; members’ own levels are taken off means, as in “Arm against arm”, not off tails."
)


def section(found: Tails, *, marks: Marks | None = None) -> Section:
    """The worst attacks, arm against arm.

    :param marks: the arms' lineage marks, for their signs.
    """
    marks = marks or {}
    sentences = tuple(_sentence(c, marks) for c in found.contrasts if c.firm)
    return Section(
        name="tails",
        title="The worst attacks, arm against arm",
        lead=(
            "A mean can improve while the worst attacks get worse. Differences of "
            f"{scored('min harmlessness')} in the mean and in the tail; above 0 the larger, or the "
            "one named first, is safer."
            f"{_FAIR if found.weighting == 'overlap' else ''}"
        ),
        parts=tuple(_parts(found, sentences, marks)),
        findings=sentences,
    )


def _parts(found: Tails, sentences: tuple[str, ...], marks: Marks) -> Iterator[Figure | Table]:
    if not found.contrasts:
        return
    known = sum(c.mean.low is not None and c.cvar05.low is not None for c in found.contrasts)
    said = " ".join(sentences) or (
        f"In none of {known:,} pairs do mean and worst 5% part ways with intervals clear of 0 for "
        "all of them at once."
        if known
        else "No pair of arms has intervals of both mean and worst 5%, so nothing can be said."
    )
    how = ways(getattr(c, name) for c in found.contrasts for name in _NAMES)
    ns = [c.mean.n for c in found.contrasts]
    method = (
        f"Intervals: {how}, members drawn once for both arms, not corrected for the number of "
        "comparisons; what is said of mean and tail holds for all pairs at once (Bonferroni). "
        "A tail too thin in either arm has no difference."
        f" {legend(marks.values())}".rstrip()
    )
    svg = tails_svg(found, lambda c: _sign(c, marks))
    if svg is not None:
        yield Figure(
            name="tails-figure",
            title="Mean and tail from size to size",
            svg=svg,
            finding=said,
            method=f"{method} Filled: the interval lies on one side of 0.",
            n=f"Each difference is of {min(ns):,} to {max(ns):,} attacks, its own n in the data",
            csv=_csv(found),
        )
    rows = tuple(
        (
            Cell(f"{_label(c)} {_sign(c, marks)}".strip()),
            *(estimate_cell(getattr(c, name), why=True) for name in _NAMES),
        )
        for c in found.contrasts
    )
    kinds = [c.kind for c in found.contrasts]
    yield Table(
        name="tails-table",
        caption=scored("Differences in mean and tail of min harmlessness"),
        columns=("Difference", *_NAMES.values()),
        rows=rows,
        breaks=frozenset(i for i in range(1, len(kinds)) if kinds[i] != kinds[i - 1]),
        finding=said,
        method=method,
        folded=True,
    )


def _label(c: TailContrast) -> str:
    first, second, within = safe(c.first), safe(c.second), safe(c.within)
    if c.kind == "size":
        return f"{within}, {first} to {second}"
    return f"{second} − {first}, {within}".rstrip(", ")


def _ends(c: TailContrast) -> tuple[tuple[str, str], ...]:
    """The two arms as (model_type, num_params)."""
    ends = (c.first, c.second)
    return tuple((c.within, end) if c.kind == "size" else (end, c.within) for end in ends)


def _sign(c: TailContrast, marks: Marks) -> str:
    return worst(marks[arm] for arm in _ends(c) if arm in marks)


def _sentence(c: TailContrast, marks: Marks) -> str:
    """Where mean and tail part ways."""
    first, second = (arm_label(*end, marks.get(end, "independent")) for end in _ends(c))
    better = c.parted == "mean_better_tail_worse"
    rises, falls = ("improves", "gets worse") if better else ("gets worse", "improves")
    return (
        f"The mean hides the tail: from {first} to {second} mean {scored('min harmlessness')} "
        f"{rises} ({interval(c.mean)}) while the worst 5% {falls} ({interval(c.cvar05)})."
    )


def _csv(found: Tails) -> str:
    columns = ("estimate", "low", "high", "level", "n", "method", "reason")
    rows = [
        [
            c.kind,
            c.first,
            c.second,
            c.within,
            name,
            *(getattr(getattr(c, name), x) for x in columns),
        ]
        for c in found.contrasts
        for name in _NAMES
    ]
    return csv_text(["kind", "first", "second", "within", "statistic", *columns], rows)
