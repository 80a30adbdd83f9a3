"""The comparison: published, ours, their difference, what it may be, and a verdict.

There is a verdict only on the paper's own data (:mod:`.identity`); and only where the file can give
the number at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from gadfly.analysis.reproduce.bounds import Own
from gadfly.analysis.reproduce.identity import Identity
from gadfly.analysis.reproduce.published import Basis, Group, Origin, published
from gadfly.records.canonical import Record
from gadfly.records.spreadsheet import csv_text

__all__ = ["COLUMNS", "Comparison", "Verdict", "compare", "comparison_csv"]

Verdict = Literal["reproduced", "differs", "not comparable", "no verdict"]
_SURVEYS = "a file of attacks holds no survey and no ratings by reviewers"
_TAGS = (
    "released tags are those of three reviewers together, the figure counts by a rule that the "
    "paper does not state"
)
_ABSENT = "the file has nothing of this name"
_REASONS = {
    "figure4": _SURVEYS,
    "table2": _SURVEYS,
    "kappa": _SURVEYS,
    "figure9": _TAGS,
}


class Comparison(Record):
    """One published number beside ours."""

    group: str
    """Group of the published numbers."""
    place: str
    """Figure, table or section."""
    what: str
    """What the number is."""
    basis: Basis
    """What it is of."""
    origin: Origin
    """Where it is from."""
    published: float
    """The published number."""
    ours: float | None
    """Ours; null where the file cannot give it."""
    difference: float | None
    """Ours less the published; null where there is none of ours."""
    lowest: float | None
    """Lowest difference that still agrees; null where there is none of ours."""
    highest: float | None
    """Highest difference that still agrees; null where there is none of ours."""
    tolerance: str
    """What the two allow for."""
    verdict: Verdict
    """Whether they agree."""
    reason: str | None
    """Why there is no verdict; null where there is one."""

    @property
    def shown(self) -> str:
        """The verdict for reading."""
        return f"{self.reason}: no verdict" if self.verdict == "no verdict" else self.verdict


def compare(own: Mapping[str, Mapping[str, Own]], identity: Identity) -> tuple[Comparison, ...]:
    """Every published number beside ours."""
    return tuple(
        _one(group, what, value, own.get(group.name, {}).get(what), identity)
        for group in published().groups
        for what, value in group.values.items()
    )


def _one(group: Group, what: str, value: float, own: Own | None, identity: Identity) -> Comparison:
    missing = own is None or own.value is None
    difference = lowest = highest = ours = None
    tolerance = ""
    if own is not None and own.value is not None:
        # counts are exact
        precision = 0.0 if isinstance(own.value, int) else group.precision_of(value)
        ours, difference = float(own.value), float(own.value - value)
        lowest, highest = 0.0 - own.below - precision, own.above + precision
        tolerance = own.why
    verdict: Verdict = "no verdict"
    reason = identity.no_verdict
    if missing or group.name in _REASONS:
        verdict = "not comparable"
        reason = _REASONS.get(group.name) or (own.why if own else _ABSENT)
    elif group.basis == "released" and identity.kind == "unfiltered":
        verdict, reason = "not comparable", "published of the released attacks alone"
    elif reason is None and difference is not None and lowest is not None and highest is not None:
        slack = 1e-9
        verdict = "reproduced" if lowest - slack <= difference <= highest + slack else "differs"
    return Comparison(
        group=group.name,
        place=group.place,
        what=what,
        basis=group.basis,
        origin=group.origin,
        published=value,
        ours=ours,
        difference=difference,
        lowest=lowest,
        highest=highest,
        tolerance=tolerance,
        verdict=verdict,
        reason=reason,
    )


COLUMNS = (
    "place",
    "what",
    "basis",
    "published",
    "ours",
    "difference",
    "lowest",
    "highest",
    "tolerance",
    "verdict",
    "reason",
    "source",
)
"""Columns of ``comparison.csv``; ``lowest`` and ``highest`` bound the difference."""


def comparison_csv(comparisons: tuple[Comparison, ...]) -> str:
    """The comparison as a table for spreadsheets."""
    origins = published().origins
    rows = []
    for found in comparisons:
        source = f"{found.place}: {origins[found.origin]}"
        rows.append([*(getattr(found, name) for name in COLUMNS[:-1]), source])
    return csv_text(COLUMNS, rows)
