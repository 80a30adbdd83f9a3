"""Where each arm stands in a figure: one row per arm, types under their own heading.

Rows hold any number of arms, sizes that are not numbers and long names, and they label every mark
directly. Where no type has more than one arm there are no headings.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gadfly.analysis.figures.palette import TYPE_COLOURS, TYPE_SHAPES
from gadfly.analysis.results import ArmResult
from gadfly.analysis.words import MARKS, safe

__all__ = ["Layout", "Row", "layout"]

_GAP = 0.35  # rows of white between two types
_LABEL = 30  # characters of a name that has a row to itself
_SHORT = (22, 12)  # characters of a type and a size on one row


@dataclass(frozen=True)
class Row:
    """One line of a figure."""

    y: float
    """Its middle, in rows from the top."""
    label: str
    """What stands at its left."""
    heading: bool
    """The name of a type, without an arm."""
    arm: ArmResult | None
    """The arm; ``None`` for a heading."""
    colour: str
    """Colour of its type."""
    shape: str
    """Shape of its type's points."""
    group: int
    """Number of its type, from 0."""


@dataclass(frozen=True)
class Layout:
    """All rows of a figure."""

    rows: tuple[Row, ...]
    """From top to bottom."""
    height: float
    """Height in rows."""
    rules: tuple[float, ...]
    """Where a line parts two types."""
    characters: int
    """Length of the longest label."""

    @property
    def arms(self) -> list[tuple[Row, ArmResult]]:
        """The rows that hold an arm."""
        return [(row, row.arm) for row in self.rows if row.arm is not None]


def layout(arms: tuple[ArmResult, ...]) -> Layout:
    """Places for arms that stand in their final order."""
    by_type = Counter(arm.model_type for arm in arms)
    headings = max(by_type.values(), default=0) > 1
    rows: list[Row] = []
    rules: list[float] = []
    y = 0.0
    for group, kind in enumerate(by_type):
        look = {
            "colour": TYPE_COLOURS[group % len(TYPE_COLOURS)],
            "shape": TYPE_SHAPES[group % len(TYPE_SHAPES)],
        }
        if headings:
            if group:
                y += _GAP
                rules.append(y - _GAP / 2)
            label = safe(kind, longest=_LABEL)
            rows.append(Row(y + 0.5, label, heading=True, arm=None, group=group, **look))
            y += 1
        for arm in arms:
            if arm.model_type == kind:
                label = _label(arm, headings)
                rows.append(Row(y + 0.5, label, heading=False, arm=arm, group=group, **look))
                y += 1
    longest = max((len(row.label) for row in rows), default=0)
    return Layout(tuple(rows), y, tuple(rules), longest)


def _label(arm: ArmResult, headings: bool) -> str:
    """The size under a heading, or both parts without one, with the mark of the scorer."""
    size = safe(arm.num_params, longest=_LABEL if headings else _SHORT[1])
    kind = "" if headings else safe(arm.model_type, longest=_SHORT[0])
    return " ".join(part for part in (kind, size, MARKS[arm.lineage_mark]) if part) or "–"
