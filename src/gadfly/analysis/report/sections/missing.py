"""Missing ratings: every attack in the denominator, and what the gaps could change."""

from __future__ import annotations

from gadfly.analysis.report.section import Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.cells import MOST_ARMS, SOME_PAIRS
from gadfly.analysis.topics.missing import ArmMissing, Bounds, Missing
from gadfly.analysis.words import AS_THEY_CAME, number, safe

__all__ = ["section"]


def section(found: Missing, *, drawn: bool = False) -> Section:
    """Bounds of success rate and mean rating.

    :param drawn: whether arms were drawn with chances that other sections compare them by.
    """
    gone, n = sum(arm.unrated for arm in found.arms), sum(arm.n for arm in found.arms)
    if not gone:
        lead = f"All {n:,} attacks have a rating, so nothing that is missing could change a rate."
        return Section(name="missing", title="What is missing", lead=lead, parts=())
    sentence = (
        f"{gone:,} of {n:,} attacks have no rating. Of {found.pairs:,} pairs of arms "
        f"{found.clear:,} differ in success rate with an interval clear of 0 for all of them at "
        "once (Bonferroni), and "
        f"{found.settled:,} would, whatever the missing ratings were."
        f"{SOME_PAIRS if len(found.arms) > MOST_ARMS else ''}"
    )
    rows = tuple(
        (
            Cell(f"{safe(arm.model_type)} {safe(arm.num_params, longest=20)}".strip()),
            Cell(f"{arm.n:,}"),
            Cell(f"{arm.unrated:,}", _outcomes(arm)),
            estimate_cell(arm.success_rate.rated, percent=True, why=True),
            _bounds(arm.success_rate, percent=True),
            estimate_cell(arm.rating.rated, why=True),
            _bounds(arm.rating),
        )
        for arm in found.arms
    )
    table = Table(
        name="missing-table",
        caption="Success with every attack in the denominator",
        columns=(
            "Arm",
            "Attacks",
            "Without a rating",
            "Success rate, rated",
            "All attacks: from, to",
            "Mean rating, rated",
            "All attacks: from, to",
        ),
        rows=rows,
        finding=sentence,
        method=(
            "From: had every attack without a rating failed. To: had every one worked (4). In "
            "brackets the outer ends of the intervals of both, which hold the truth at least as "
            f"often as {found.arms[0].rating.rated.level * 100:g}% (Manski’s bounds). Scores of "
            "harmlessness have no ends, so they have no such bounds."
        ),
    )
    return Section(
        name="missing",
        title="What is missing",
        lead="Statistics of rated attacks take the others to be like them. These bounds do not."
        + AS_THEY_CAME * drawn,
        parts=(table,),
        findings=(sentence,),
    )


def _outcomes(arm: ArmMissing) -> str:
    parts = (f"{n:,} {name.replace('_', ' ')}" for name, n in arm.unrated_by_outcome.items())
    return ", ".join(parts)


def _bounds(bounds: Bounds, *, percent: bool = False) -> Cell:
    """Both bounds above their interval."""
    digits = 1 if percent else 2
    low, high, out, up = (
        number(x, digits, percent=percent)
        for x in (bounds.lowest.estimate, bounds.highest.estimate, bounds.low, bounds.high)
    )
    both = bounds.low is not None and bounds.high is not None
    return Cell(f"{low}, {high}", f"[{out}, {up}]" if both else "")
