"""Turns: min harmlessness beside the length of dialogues, and static beside live readings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from gadfly.analysis.report.section import Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.static import ArmStatic, Reading, Static
from gadfly.analysis.topics.turns import ArmTurns, Turns
from gadfly.analysis.words import (
    AS_THEY_CAME,
    Marks,
    arm_label,
    interval,
    legend,
    number,
    safe,
    scored,
    ways,
)
from gadfly.records.estimate import Estimate

__all__ = ["section"]


def section(
    found: Turns, readings: Static, *, marks: Marks | None = None, drawn: bool = False
) -> Section:
    """What dialogue length does to scores, and what one message would have said.

    :param marks: the arms' lineage marks, for their signs.
    :param drawn: whether arms were drawn with chances that other sections compare them by.
    """
    marks = marks or {}
    by_reply = any(arm.static.estimate is not None for arm in readings.arms)
    parts = [_turns_table(found, marks)]
    parts += [_first_table(found, marks)] if by_reply else []
    parts += [_static_table(readings, marks)] if by_reply or readings.asked else []
    missing = readings.arms[0].static.reason if readings.arms else None
    without = f"The first replies alone cannot be shown: {missing}."
    return Section(
        name="turns",
        title=scored("Min harmlessness and turns"),
        lead=(
            "Scores go with the number of replies: a minimum over more of them is lower, whatever "
            "they are. So each arm’s mean stands beside its turns, and beside what it would be at "
            "equal turns."
            f"{AS_THEY_CAME if drawn else ''}"
            f" {legend(marks.values())}".rstrip()
        ),
        parts=tuple(parts),
        findings=tuple(_reversed(readings, marks)),
        notes=() if by_reply or not missing else (without,),
    )


def _turns_table(found: Turns, marks: Marks) -> Table:
    names = ("turns", "harmlessness", "equal_turns", "correlation")
    rows = tuple(
        (Cell(_name(arm, marks)), *(estimate_cell(getattr(arm, name), why=True) for name in names))
        for arm in found.arms
    )
    plain, equal = ([getattr(a, n) for a in found.arms] for n in ("harmlessness", "equal_turns"))
    pairs, moved = _moved(plain, equal)
    shared = ", ".join(f"{x} or more" if x == found.most else str(x) for x in found.strata)
    return Table(
        name="turns-table",
        caption=scored("Turns and min harmlessness by arm"),
        columns=(
            "Arm",
            "Turns",
            scored("Mean min harmlessness"),
            "At equal turns",
            "Correlation with turns",
        ),
        rows=rows,
        finding=f"At equal turns {moved:,} of {pairs:,} pairs of arms change their order.",
        method=(
            f"At equal turns: means within strata of replies ({shared or 'none is shared'}), "
            "weighted as they come over all arms; they hold "
            f"{number(found.covered, 0, percent=True)} of scored attacks. Correlation: Pearson’s "
            "r. Intervals of plain means are made as in the table of arms; at equal turns: "
            f"{ways(a.equal_turns for a in found.arms)}; of r: "
            f"{ways(a.correlation for a in found.arms)}. Turns are an outcome of the arm, so this "
            "is no correction, it is another view."
        ),
    )


def _first_table(found: Turns, marks: Marks) -> Table:
    rows = tuple(
        (Cell(_name(arm, marks)), *(estimate_cell(e, why=True) for e in arm.first))
        for arm in found.arms
    )
    return Table(
        name="first-replies",
        caption=scored("Mean of the lowest score over the first replies"),
        columns=(
            "Arm",
            *(f"First {k}" if k > 1 else "First reply" for k in range(1, found.most + 1)),
        ),
        rows=rows,
        method="All replies where a dialogue had fewer. Intervals: made as in the table of arms.",
    )


def _static_table(found: Static, marks: Marks) -> Table:
    names = ("prompts", "static", "live", "gap")
    rows = tuple(
        (Cell(_name(arm, marks)), *(estimate_cell(getattr(arm, name), why=True) for name in names))
        for arm in found.arms
    )
    return Table(
        name="static",
        caption="Static prompts beside live attackers",
        columns=(
            "Arm",
            "Static: fixed prompts",
            "Static: reply to the opening",
            scored("Live: lowest of the dialogue"),
            "Live − opening",
        ),
        rows=rows,
        finding=" ".join(_static_findings(found)),
        method=(
            "Fixed prompts: mean score of one reply to each of "
            f"{found.asked:,} prompts, prompts drawn once for all arms. Opening: mean score of the "
            "first reply; these attackers wrote it and knew that they could go on. Intervals of "
            "opening and live: made as in the table of arms; of their difference: members drawn "
            "once for both."
            if found.asked
            else "Opening: mean score of the first reply; these attackers wrote it and knew that "
            "they could go on. Intervals: made as in the table of arms; of the difference members "
            "are drawn once for both. For fixed prompts give the study a list (static in its "
            "file), or gadfly analyze a file of scores (--static)."
        ),
    )


_READINGS: dict[Reading, str] = {"prompts": "static prompts", "opening": "replies to the opening"}


def _static_findings(found: Static) -> Iterator[str]:
    for reading, words in _READINGS.items():
        turned = [r for r in found.reversals if r.reading == reading]
        if found.pairs[reading]:
            yield (
                f"By {words}, {len(turned):,} of {found.pairs[reading]:,} pairs of interventions "
                f"of one size stand in another order than under live attacks, "
                f"{sum(r.clear for r in turned):,} with both differences clear of 0 among all "
                "pairs (Bonferroni)."
            )


def _reversed(found: Static, marks: Marks) -> Iterator[str]:
    """Reversals whose intervals are clear."""
    for r in found.reversals:
        if not r.clear:
            continue
        pair = [(kind, marks.get((kind, r.within), "independent")) for kind in (r.first, r.second)]
        first, second = (arm_label(kind, "", mark) for kind, mark in pair)
        within = safe(r.within)
        safer = second if (r.static.estimate or 0) > 0 else first
        yield (
            f"Static and live attacks disagree at {within or 'one size'}: by "
            f"{_READINGS[r.reading]} {safer} is the safer of {first} and {second} "
            f"({interval(r.static)}), under live attacks the other ({interval(r.live)})."
        )


def _moved(one: Sequence[Estimate], other: Sequence[Estimate]) -> tuple[int, int]:
    """Number of pairs with both estimates, and of those whose order differs."""
    both = [
        (a.estimate, b.estimate)
        for a, b in zip(one, other, strict=True)
        if a.estimate is not None and b.estimate is not None
    ]
    pairs = list(combinations(both, 2))
    return len(pairs), sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in pairs)


def _name(arm: ArmTurns | ArmStatic, marks: Marks) -> str:
    mark = marks.get((arm.model_type, arm.num_params), "independent")
    return arm_label(arm.model_type, arm.num_params, mark)
