"""Surveys: who the people are and how they felt, of five people or more."""

from __future__ import annotations

from collections.abc import Iterator

from gadfly.analysis.figures.surveys import demographics_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.surveys import LEAST, Choice, Round, Surveys
from gadfly.analysis.words import interval, number, safe, ways
from gadfly.records.spreadsheet import csv_text

__all__ = ["section"]


def section(found: Surveys) -> Section:
    """Figure 4, table 2, and feelings over time."""
    return Section(
        name="surveys",
        title="Who the people are, and how they felt",
        lead=f"What people said of themselves and of their feelings: groups of {LEAST} or more.",
        parts=tuple(_parts(found)),
        findings=tuple(_changes(found)),
        notes=(
            f"Counts under {LEAST} are withheld, and others where they would give those away. "
            f"Answers count in whole groups of {LEAST} people, means are rounded, and intervals "
            "are given from ten people on, so no single answer can be found. Who answers is not "
            "drawn by chance: those who feel bad may stay away.",
        ),
    )


def _parts(found: Surveys) -> Iterator[Figure | Table]:
    svg = demographics_svg(found)
    if svg is not None:
        yield _figure(found, svg)
    if found.items:
        yield _items(found)
    if found.rounds:
        yield _rounds(found)
    if found.briefs:
        yield _briefs(found)


def _figure(found: Surveys, svg: str) -> Figure:
    rows = [
        (question.text, choice.text, *_counted(choice))
        for question in found.questions
        for choice in question.choices
    ]
    shares = [c.share for q in found.questions for c in q.choices if c.share is not None]
    withheld = sum(c.people is None for q in found.questions for c in q.choices)
    return Figure(
        name="figure4",
        title="Figure 4. Who the people are",
        svg=svg,
        finding=f"{found.answered:,} people are counted; {withheld:,} of {len(rows):,} counts are "
        "withheld.",
        method="Bars: people by answer. Lines: intervals of the share among people like those who "
        f"answered ({ways(shares)}), as people of {found.answered:,}.",
        n=f"{found.answered:,} people who answered",
        csv=csv_text(("question", "answer", "people", "share", "low", "high"), rows),
    )


def _counted(choice: Choice) -> tuple[object, ...]:
    share = choice.share
    ends = (None, None, None) if share is None else (share.estimate, share.low, share.high)
    return tuple("" if value is None else value for value in (choice.people, *ends))


def _items(found: Surveys) -> Table:
    asked = [item.asked for item in found.items]
    return Table(
        name="table2",
        caption="Table 2. How people felt",
        columns=("Asked", "Feeling", "People", "Answers", "Mean"),
        rows=tuple(
            (
                Cell(safe(item.asked)),
                Cell(f"{safe(item.item)} ({safe(item.instrument)})"),
                Cell(f"{item.people:,}"),
                Cell(f"{item.mean.n:,}"),
                estimate_cell(item.mean),
            )
            for item in found.items
        ),
        breaks=frozenset(i for i in range(1, len(asked)) if asked[i] != asked[i - 1]),
        method=f"{found.items[0].mean.method}; people as units, since they answer several times.",
    )


def _rounds(found: Surveys) -> Table:
    return Table(
        name="feelings-over-time",
        caption="Feelings over time: each answer beside the same people’s first",
        columns=("Asked", "Feeling", "Answer", "People", "Mean", "Change since the first"),
        rows=tuple(
            (
                Cell(safe(r.asked)),
                Cell(f"{safe(r.item)} ({safe(r.instrument)})"),
                Cell(f"{r.round:,}"),
                Cell(f"{r.mean.n:,}"),
                estimate_cell(r.mean),
                estimate_cell(r.change),
            )
            for r in found.rounds
        ),
        finding=" ".join(_changes(found)) or "No change since the first answers stands out.",
        method=f"{found.rounds[0].mean.method}. Change is of people who gave both answers.",
    )


def _briefs(found: Surveys) -> Table:
    return Table(
        name="feelings-by-brief",
        caption="Pleasure after the first task, by brief (0 to 1)",
        columns=("Brief", "People", "Mean", "Change over the task"),
        rows=tuple(
            (
                Cell(safe(brief.brief)),
                Cell("withheld" if brief.people is None else f"{brief.people:,}"),
                Cell(number(brief.mean)),
                Cell(number(brief.change)),
            )
            for brief in found.briefs
        ),
        method="As the study's own pages show it: means alone, rounded.",
    )


def _changes(found: Surveys) -> Iterator[str]:
    """The latest change of each scale whose interval excludes 0."""
    latest: dict[tuple[str, str, str], Round] = {}
    for one in found.rounds:
        latest[one.asked, one.instrument, one.item] = one
    for one in latest.values():
        low, high = one.change.low, one.change.high
        if low is not None and high is not None and (low > 0 or high < 0):
            way = "rose" if low > 0 else "fell"
            yield (
                f"{safe(one.item).capitalize()} ({safe(one.instrument)}, {safe(one.asked)}) {way} "
                f"by answer {one.round:,}: {interval(one.change)}."
            )
