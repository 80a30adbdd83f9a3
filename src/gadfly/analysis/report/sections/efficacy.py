"""Figure 5: how many attacks each member made, and whose attacks reached low scores."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from gadfly.analysis.figures.efficacy import efficacy_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.sections.mixed import term_name
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.efficacy import Efficacy
from gadfly.analysis.words import number
from gadfly.records.spreadsheet import csv_text

__all__ = ["section"]


def section(found: Efficacy) -> Section | None:
    """The figure with its numbers; ``None`` where nobody attacked."""
    svg = efficacy_svg(found)
    if svg is None:
        return None
    return Section(
        name="efficacy",
        title="Figure 5. Members",
        lead="How unevenly members share the attacks, and whose attacks reach low scores.",
        parts=(_figure(found, svg), _numbers(found)),
        findings=(_spread(found),),
        terms=(
            (
                "Efficacy",
                "How far the scores of a member’s attacks lie below (more effective) or above the "
                "average of members, arms and task descriptions being equal. It is shrunk: the "
                "fewer attacks, the nearer to 0.",
            ),
        ),
        notes=(
            "Intervals of efficacy speak of one member each; among many members some exclude 0 by "
            "chance alone. They hold over all members together: those of the most extreme miss "
            "more often, because efficacy is shrunk towards the average.",
            *([_leaning(found)] if found.doubt else []),
        ),
    )


def _leaning(found: Efficacy) -> str:
    return (
        f"As to their intercepts, {found.doubt}. So the average that efficacy is measured from "
        "leans towards them, and intervals of the busiest may miss their efficacy."
    )


def _spread(found: Efficacy) -> str:
    return (
        f"{found.members_for_80:,} of {len(found.attacks):,} members made 80% of the attacks "
        f"(Gini coefficient {number(found.gini.estimate)})."
    )


def _effective(found: Efficacy) -> str:
    if found.reason is not None:
        return f"Efficacy is not estimable: {found.reason}."
    return (
        f"Of {len(found.members):,} members {found.more_effective:,} are more effective than the "
        f"average with an interval clear of it, {found.less_effective:,} less; were all alike, "
        f"about {number(_by_chance(found), 1)} would be on each side."
    )


def _by_chance(found: Efficacy) -> float:
    """Members expected below 0 with all of their interval if no member deviated.

    The mean of n residuals, shrunk to n / (n + ``half_at``) of itself, would have to lie half an
    interval from 0: so fewer do than (1 - level) / 2 of the members.
    """
    residual, half_at = found.sd_residual or 0.0, found.half_at or 0.0
    spreads = (residual * sqrt(m.attacks) / (m.attacks + half_at) for m in found.members)
    halves = ((m.high - m.low) / 2 for m in found.members)
    return sum(NormalDist().cdf(-half / sd) for half, sd in zip(halves, spreads, strict=True))


def _figure(found: Efficacy, svg: str) -> Figure:
    columns = ["rank", "attacks", "intercept", "low", "high"]
    rows: list[list[object]] = [
        [rank, m.attacks, m.intercept, m.low, m.high] for rank, m in enumerate(found.members, 1)
    ]
    if not rows:
        columns, rows = columns[:2], [[k, count] for k, count in enumerate(found.attacks, 1)]
    keeps = ""
    if found.half_at is not None:
        keeps = (
            f" Intercepts are shrunk: after {number(found.half_at, 1)} attacks half of a "
            "deviation is kept. Orange: more effective than the average; green: less."
        )
    return Figure(
        name="figure5",
        title="Figure 5. Attacks and efficacy of members",
        svg=svg,
        finding=f"{_spread(found)} {_effective(found)}",
        method=(
            f"Efficacy: {found.method}, {100 * found.level:g}%, for one member each.{keeps} "
            "Members are shown by rank alone."
        ),
        n=(
            f"{sum(found.attacks):,} attacks by {len(found.attacks):,} members, "
            f"{found.n:,} of them in the model"
        ),
        csv=csv_text(columns, rows),
    )


def _numbers(found: Efficacy) -> Table:
    counts = (found.more_effective, found.less_effective)
    more, less = ("–" if count is None else f"{count:,}" for count in counts)
    rows = (
        (Cell("Gini coefficient of attacks"), estimate_cell(found.gini, why=True)),
        (Cell("Attacks by the busiest tenth"), Cell(number(found.top_tenth, 1, percent=True))),
        (Cell("Members who made 80%"), Cell(f"{found.members_for_80:,}")),
        (Cell("Members more effective than the average"), Cell(more)),
        (Cell("Members less effective"), Cell(less)),
        (Cell("Standard deviation of the intercepts shown"), Cell(number(found.sd_estimates, 3))),
        (Cell("The same as the model estimates it"), Cell(number(found.sd_member, 3))),
        (Cell("Standard deviation of the residual"), Cell(number(found.sd_residual, 3))),
    )
    absent = ", ".join(f"{term_name(name)} ({why})" for name, why in sorted(found.left_out.items()))
    return Table(
        name="efficacy-numbers",
        caption="Concentration and efficacy in numbers",
        columns=("What", "Found"),
        rows=rows,
        finding="" if found.reason is None else _effective(found),
        method=f"The model lacks {absent}." if absent else "",
    )
