"""When a study could have stopped, arm by arm and contrast by contrast."""

from __future__ import annotations

from collections.abc import Iterator

from gadfly.analysis.figures.sequential import sequential_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.sequential import ContrastSequence, Sequential
from gadfly.analysis.words import number, safe
from gadfly.records.spreadsheet import csv_text

__all__ = ["section"]

_WHAT = {"rating": "mean rating", "success_rate": "success rate"}


def section(found: Sequential) -> Section | None:
    """The study as it went; ``None`` where nobody knows its order."""
    if found.reason is not None or not found.arms:
        return None
    svg = sequential_svg(found)
    return Section(
        name="sequential",
        title="When it could have stopped",
        lead=(
            "Intervals that hold at every moment of the study at once: one may look after every "
            "attack and stop at will. They are wider than those of a size fixed before."
        ),
        parts=(*(() if svg is None else (_figure(found, svg),)), *_tables(found)),
        findings=tuple(_decided(found)),
        notes=(
            "Each arm and each contrast is by itself: nothing is corrected for several. The "
            "intervals are for who may stop at any time; at the planned end the others are "
            "narrower.",
        ),
    )


def _figure(found: Sequential, svg: str) -> Figure:
    arm = found.arms[0]
    first = safe(f"{arm.model_type} {arm.num_params}".strip())
    rows = [
        [" ".join(c.second), k.attacks, k.estimate, k.low, k.high]
        for c in found.contrasts
        for k in c.looks
    ]
    level = found.contrasts[0].last.level
    return Figure(
        name="sequential-figure",
        title=f"Differences from the first arm as the study went ({found.design})",
        svg=svg,
        finding=" ".join(_decided(found)) or "No difference was ever decided.",
        method=(
            f"Difference of the {_WHAT[found.outcome]} of each arm less {first}. Bands: "
            f"{level * 100:g}% intervals for every moment at once, normal mixture over the member "
            "jackknife, from ten effective members on. Upright line: where 0 was first excluded, "
            "which stands, even where a later band holds 0 again."
        ),
        n=f"{found.attacks:,} attacks in the order of the study",
        csv=csv_text(("arm", "attacks", "estimate", "low", "high"), rows),
    )


def _tables(found: Sequential) -> Iterator[Table]:
    rate = found.outcome == "success_rate"
    wanted = number(found.precision, 2, percent=False)
    yield Table(
        name="sequential-arms",
        caption=f"The {_WHAT[found.outcome]} of each arm, whenever one stops",
        columns=("Arm", "At the end", "Exact, first attacks", f"Within ±{wanted} after"),
        rows=tuple(
            (
                Cell(safe(f"{arm.model_type} {arm.num_params}".strip())),
                estimate_cell(arm.last, percent=rate),
                estimate_cell(arm.exact, percent=rate),
                Cell(_at(arm.precise_at)),
            )
            for arm in found.arms
        ),
        method=f"At the end: {found.arms[0].last.method}. Exact: {found.arms[0].exact.method}.",
    )
    if found.contrasts:
        yield Table(
            name="sequential-contrasts",
            caption=f"Differences of the {_WHAT[found.outcome]}, whenever one stops "
            f"({found.design})",
            columns=("Difference", "At the end", "Could have stopped after"),
            rows=tuple(
                (Cell(_name(c)), estimate_cell(c.last, points=rate), Cell(_at(c.decided_at)))
                for c in found.contrasts
            ),
            finding=" ".join(_decided(found)) or "No difference was ever decided.",
            method=f"At the end: {found.contrasts[0].last.method}. Stopped where it excludes 0."
            + " pp: percentage points." * rate,
        )


def _decided(found: Sequential) -> Iterator[str]:
    """The contrast that was decided first, and how many were."""
    at = sorted((c.decided_at, _name(c)) for c in found.contrasts if c.decided_at is not None)
    if at:
        yield (
            f"{len(at):,} of {len(found.contrasts):,} differences of the {_WHAT[found.outcome]} "
            "from the first arm, each by itself, were decided before the end; "
            f"{at[0][1]} could have stopped after {at[0][0]:,} of {found.attacks:,} attacks."
        )


def _name(contrast: ContrastSequence) -> str:
    second, first = (safe(" ".join(pair).strip()) for pair in (contrast.second, contrast.first))
    return f"{second} − {first}"


def _at(attacks: int | None) -> str:
    return "never" if attacks is None else f"{attacks:,} attacks"
