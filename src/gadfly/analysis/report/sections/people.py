"""People: who made the attacks, whether members learn or tire, and groups of them compared."""

from __future__ import annotations

from collections.abc import Iterator

from gadfly.analysis.figures.people import AS_THEY_GO, COLUMNS, people_groups, people_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.people import GAP_MINUTES, GroupContrast, People, Trend
from gadfly.analysis.words import data_name, interval, number, safe, scored, ways
from gadfly.records.spreadsheet import csv_text

__all__ = ["section"]

_NAMES = {
    "success_rate": "success rate",
    "rating": "mean rating",
    "harmlessness": "mean min harmlessness",
}
_ESTIMATE = ("estimate", "low", "high", "level", "n", "method", "reason")


def section(found: People) -> Section:
    """Concentration, learning and fatigue, and groups."""
    svg = people_svg(found)
    figure = () if svg is None else (_figure(found, svg), _changes(found))
    groups = () if not found.groups else (_groups(found),)
    return Section(
        name="people",
        title="People",
        lead="Who made the attacks, whether members learn or tire, and how groups differ.",
        parts=(_concentration(found), *figure, *groups),
        findings=tuple(_stands_out(found)),
        notes=tuple(_notes(found)),
    )


def _concentration(found: People) -> Table:
    made = found.concentration
    tops = [
        (Cell(f"Share of the busiest {top.members:,}"), Cell(number(top.share, 1, percent=True)))
        for top in made.top
    ]
    return Table(
        name="concentration",
        caption="How members share the attacks",
        columns=("", "Found"),
        rows=(
            (Cell("Gini coefficient"), estimate_cell(made.gini, why=True)),
            *tops,
            (Cell("Members who made 80%"), Cell(f"{made.members_for_80:,}")),
        ),
        finding=f"{made.members_for_80:,} of {len(made.counts):,} members made 80% of "
        f"{sum(made.counts):,} attacks.",
        method="Of these members, and certain.",
    )


def _figure(found: People, svg: str) -> Figure:
    rows = [
        [kind, "", "", data_name(t.outcome), *(getattr(t.slope, name) for name in _ESTIMATE), ""]
        for kind, trends in (("learning", found.learning), ("fatigue", found.fatigue))
        for t in trends
    ]
    rows += [
        [c.column, c.first, c.second, data_name(c.outcome)]
        + [getattr(c.difference, name) for name in _ESTIMATE]
        + [c.design]
        for c in found.contrasts
    ]
    drawn = [group.heading for group in people_groups(found)]
    going = (
        "Learning: change for each doubling of a member’s own attacks. Fatigue: change for "
        "each attack later in a sitting, at equal place in the whole; a sitting ends after "
        f"{GAP_MINUTES} minutes without an attack. Both within members and arms, and without the "
        "last attack of each, after which they may have stopped because of how it went. "
        if AS_THEY_GO in drawn
        else ""
    )
    groups = "Groups: differences over attacks. " if {*drawn} - {AS_THEY_GO} else ""
    return Figure(
        name="people-figure",
        title="Members as they go on, and groups of them",
        svg=svg,
        finding=" ".join(_stands_out(found)) or "No change and no difference stands out.",
        method=(
            f"{going}{groups}Bars: intervals ({_ways(found)}); "
            "filled: the interval excludes 0. What is said to stand out does so for all changes, "
            "or all differences, at once (Bonferroni)."
        ),
        n=f"{sum(found.concentration.counts):,} attacks by "
        f"{len(found.concentration.counts):,} members",
        csv=csv_text(("what", "first", "second", "outcome", *_ESTIMATE, "design"), rows),
    )


def _changes(found: People) -> Table:
    """The numbers of the figure."""
    rows = [
        (
            Cell(f"{group.heading}: {line.label}"),
            *(
                estimate_cell(p.estimate, 3 if k else 1, points=not k, why=True)
                for k, p in enumerate(line.points)
            ),
        )
        for group in people_groups(found)
        for line in group.lines
    ]
    return Table(
        name="changes",
        caption="The same in numbers",
        columns=("Difference, or change", *(scored(name).capitalize() for name in _NAMES.values())),
        rows=tuple(rows),
        method=f"Intervals: {_ways(found)}.",
        folded=True,
    )


def _ways(found: People) -> str:
    changes = [trend.slope for trend in (*found.learning, *found.fatigue)]
    return ways([*changes, *(contrast.difference for contrast in found.contrasts)])


def _groups(found: People) -> Table:
    rows = [
        (
            Cell(f"{COLUMNS[column]}: {safe(group.name)}"),
            Cell(f"{group.members:,}"),
            Cell(f"{group.attacks:,}"),
            estimate_cell(group.success_rate, percent=True),
            estimate_cell(group.harmlessness),
        )
        for column, groups in found.groups.items()
        for group in groups
    ]
    every = [group for groups in found.groups.values() for group in groups]
    return Table(
        name="groups",
        caption="Groups of members",
        columns=("Group", "Members", "Attacks", "Success rate", scored("Mean min harmlessness")),
        rows=tuple(rows),
        finding="Whether groups differ is told by the interval of their difference, above.",
        method=f"Intervals of rates: {ways(g.success_rate for g in every)}; of means: "
        f"{ways(g.harmlessness for g in every)}.",
    )


def _stands_out(found: People) -> Iterator[str]:
    """Changes, and differences, whose intervals exclude 0 for all of them at once."""
    for trend in found.learning:
        if trend.firm:
            yield _went(trend, "for each doubling of the attacks that a member has made")
    for trend in found.fatigue:
        if trend.firm:
            yield _went(trend, "with each attack later in a sitting")
    for contrast in found.contrasts:
        if contrast.firm:
            yield _differs(contrast)


def _went(trend: Trend, when: str) -> str:
    way = "rises" if (trend.slope.estimate or 0) > 0 else "falls"
    rate = trend.outcome == "success_rate"
    shown = interval(trend.slope, 1 if rate else 3, points=rate)
    return f"The {scored(_NAMES[trend.outcome])} {way} {when}: {shown}."


def _differs(contrast: GroupContrast) -> str:
    rate = contrast.outcome == "success_rate"
    shown = interval(contrast.difference, 1 if rate else 2, points=rate)
    return (
        f"{COLUMNS[contrast.column]} {safe(contrast.second)} less {safe(contrast.first)}: "
        f"{scored(_NAMES[contrast.outcome])} {shown} ({contrast.design})."
    )


def _notes(found: People) -> Iterator[str]:
    learning, fatigue = found.learning[0].slope, found.fatigue[0].slope
    if learning.estimate is None:
        yield f"Learning is {learning.reason}."
    if fatigue.estimate is None and fatigue.reason != learning.reason:
        yield f"Fatigue is {fatigue.reason}."
    if any(c.design == "observational" for c in found.contrasts):
        yield (
            "Groups marked observational were not made by chance: their members may differ in "
            "much else."
        )
