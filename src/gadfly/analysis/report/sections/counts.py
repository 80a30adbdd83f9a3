"""Table 1: how often each arm was attacked, and how it was rated."""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.analysis.report.section import Section
from gadfly.analysis.report.tables import Cell, Table
from gadfly.analysis.topics.counts import ArmCounts
from gadfly.analysis.words import safe

__all__ = ["section"]


def section(arms: Sequence[ArmCounts]) -> Section:
    """Attacks and ratings of every arm, and of all."""
    total = sum(arm.n for arm in arms)
    largest = max(arms, key=lambda arm: arm.n)
    ratings = [sum(arm.rating_counts[level] for arm in arms) for level in range(5)]
    rows = [
        _row(_name(arm), [arm.n, arm.n_members, *arm.rating_counts, arm.unrated]) for arm in arms
    ]
    unrated = sum(arm.unrated for arm in arms)
    rows.append(_row("All arms", [total, None, *ratings, unrated]))
    return Section(
        name="table1",
        title="Table 1. Attacks by arm",
        lead="How often each arm was attacked, and how the attackers rated their success.",
        parts=(
            Table(
                name="counts",
                caption="Attacks and self-rated success by arm",
                columns=(
                    "Arm",
                    "Attacks",
                    "Members",
                    *(f"Rated {level}" for level in range(5)),
                    "Unrated",
                ),
                rows=tuple(rows),
                breaks=frozenset({len(arms)}),
                finding=(
                    f"{_name(largest)} has {largest.n:,} of {total:,} attacks "
                    f"({100 * largest.n / total:.0f}%), {_name(min(arms, key=lambda c: c.n))} "
                    f"the fewest ({min(arm.n for arm in arms):,})."
                ),
                method="Counted; members of several arms count in each.",
            ),
        ),
    )


def _name(arm: ArmCounts) -> str:
    return f"{safe(arm.model_type)} {safe(arm.num_params, longest=20)}".strip()


def _row(name: str, numbers: Sequence[int | None]) -> tuple[Cell, ...]:
    return (Cell(name), *(Cell("–" if n is None else f"{n:,}") for n in numbers))
