"""The paper beside the file: every published number, ours, and whether they agree."""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.analysis.report.section import Section
from gadfly.analysis.report.tables import Cell, Table
from gadfly.analysis.reproduce.compare import Comparison
from gadfly.analysis.reproduce.identity import Identity
from gadfly.analysis.reproduce.published import decimals
from gadfly.analysis.words import number

__all__ = ["headline", "section", "summary"]


def section(comparisons: Sequence[Comparison], identity: Identity) -> Section:
    """A summary by figure and table, and every number."""
    return Section(
        name="comparison",
        title="The paper beside this file",
        lead=(
            f"{'' if identity.no_verdict else f'{identity.sentence} '}Every published number, this "
            "file’s, and how far they may lie apart."
        ),
        parts=(summary(comparisons), _every(comparisons)),
        findings=() if identity.no_verdict else (headline(comparisons, identity),),
        notes=(
            "Figures of the paper show 39,877 attacks, the released file holds 38,961: a filter of "
            "personal data took out 916. So the figures’ numbers are reproduced within what that "
            "can move, not to the last digit.",
        ),
    )


def headline(comparisons: Sequence[Comparison], identity: Identity) -> str:
    """The verdict in a sentence."""
    if identity.no_verdict:
        return f"The paper beside this file – {identity.no_verdict}: no verdict."
    judged = [c for c in comparisons if c.verdict in ("reproduced", "differs")]
    wrong = sum(c.verdict == "differs" for c in judged)
    rest = len(comparisons) - len(judged)
    return (
        f"Of {len(judged):,} published numbers that this file can give, "
        f"{len(judged) - wrong:,} are reproduced and {wrong:,} differ; {rest:,} more cannot be "
        "compared."
    )


def summary(comparisons: Sequence[Comparison]) -> Table:
    """One row for each figure, table and part of the released file."""
    rows = []
    for place in dict.fromkeys(c.place for c in comparisons):
        among = [c for c in comparisons if c.place == place]
        count = {v: sum(c.verdict == v for c in among) for v in ("reproduced", "differs")}
        ours = sum(c.ours is not None for c in among)
        said = "; ".join(dict.fromkeys(c.shown for c in among if c.verdict == "no verdict"))
        rest = next((c.reason for c in among if c.verdict == "not comparable"), None)
        judged = f"{count['reproduced']} reproduced, {count['differs']} differ"
        verdict = said or (judged if any(count.values()) else f"not comparable: {rest}")
        rows.append(
            (
                Cell(place),
                Cell(f"{len(among)} published, {ours or 'none'} here"),
                Cell(verdict),
            )
        )
    return Table(
        name="comparison-summary",
        caption="Published numbers, by figure and table",
        columns=("Where", "Numbers", "Verdict"),
        rows=tuple(rows),
        method="A number agrees where the difference lies within what is stated beside it.",
        words=True,
    )


def _every(comparisons: Sequence[Comparison]) -> Table:
    rows = []
    starts = set()
    for place, found in enumerate(comparisons):
        if place and found.place != comparisons[place - 1].place:
            starts.add(place)
        digits = _digits(found)
        finer = digits + 1 if digits else 0  # half of a last digit is allowed
        allowed = f"{number(found.lowest, finer)} to {number(found.highest, finer)}"
        exact = found.lowest == found.highest
        rows.append(
            (
                Cell(f"{found.place}: {found.what}"),
                Cell(number(found.published, digits)),
                Cell(number(found.ours, finer)),
                Cell(number(found.difference, finer)),
                Cell("–")
                if found.lowest is None
                else Cell("none" if exact else allowed, "" if exact else f"for {found.tolerance}"),
                Cell(found.shown, found.reason or "" if found.verdict == "not comparable" else ""),
            )
        )
    return Table(
        name="comparison",
        caption="Every published number beside ours",
        columns=("Number", "Published", "Ours", "Difference", "Allowed", "Verdict"),
        rows=tuple(rows),
        breaks=frozenset(starts),
        method=(
            "Figures: 39,877 attacks, from the vector geometry of the paper; released: 38,961. "
            "Difference: ours less the published; allowed: what rounding, the filter of 916 "
            "attacks and resampling can make of it."
        ),
        folded=True,
        whole=True,
    )


def _digits(found: Comparison) -> int:
    """Counts without decimals, the others as they were published, with three or more."""
    ours = found.published if found.ours is None else found.ours
    whole = float(found.published).is_integer() and float(ours).is_integer()
    return 0 if whole else max(3, decimals(found.published))
