"""Contrasts: arm against arm, with p-values corrected and Simpson traps named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from gadfly.analysis.figures.contrasts import Sign, interventions_svg, sizes_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.results import ArmResult
from gadfly.analysis.topics.cells import OUTCOMES, control
from gadfly.analysis.topics.contrasts import KINDS, Contrast, Contrasts
from gadfly.analysis.topics.traps import Trap
from gadfly.analysis.words import (
    data_name,
    interval,
    legend,
    number,
    safe,
    scored,
    several,
    ways,
    worst,
)
from gadfly.records.spreadsheet import csv_text

__all__ = ["section"]

_NAMES = {
    "rating": "mean rating",
    "success_rate": "success rate",
    "harmlessness": "mean min harmlessness",
}
_MARKS = {
    "randomised": "randomised: arms were assigned at random, so a difference beyond chance is an "
    "effect of the arm on attacks like these",
    "observational": "observational: arms were not assigned at random, so a difference may come "
    "from who attacked, when and how",
}
_FAIR = (
    " Arms were drawn with chances that differ by what a member had met, by quotas, and by when an "
    "arm was open. So a difference is over attacks to which each of its arms was open, weighted "
    "by those chances, members’ own levels taken off: it need not be that of the arms’ means."
)
_UNWEIGHTED = (
    " The chances with which arms were drawn were not kept, so differences are of plain means: "
    "fair where every arm was as likely for everybody at all times."
)
_ESTIMATE = ("estimate", "low", "high", "level", "n", "method", "reason")


def section(found: Contrasts, arms: tuple[ArmResult, ...]) -> Section:
    """Differences between arms.

    :param arms: the arms of the same analysis, for their marks and numbers of attacks.
    """
    return Section(
        name="contrasts",
        title="Arm against arm",
        lead=(
            "What an intervention buys, and what size buys. Every difference here is "
            f"{_MARKS[found.design]}.{_drawn(found)}"
        ),
        parts=tuple(_parts(found, arms)),
        findings=tuple(_trap_sentences(found.traps, _sign(arms))),
        notes=(*_notes(found), *_uncompared(arms)),
    )


def _drawn(found: Contrasts) -> str:
    """What the chances of arms that were drawn are used for."""
    if found.design == "observational":
        return ""
    return _FAIR if found.weighting == "overlap" else _UNWEIGHTED


def _parts(found: Contrasts, arms: tuple[ArmResult, ...]) -> Iterator[Figure | Table]:
    if not found.contrasts:
        return
    level = found.contrasts[0].difference.level

    sign, signs = _sign(arms), legend(arm.lineage_mark for arm in arms)
    drawn = (
        ("interventions", "Interventions compared", interventions_svg(found, sign, 1 - level)),
        ("sizes", "Sizes compared", sizes_svg(found, sign, 1 - level)),
    )
    for name, title, svg in drawn:
        own = [c for c in found.contrasts if c.kind.startswith("intervention") == (name[0] == "i")]
        if svg is not None:
            yield Figure(
                name=name,
                title=f"{title} ({found.design})",
                svg=svg,
                finding=_finding(own, level),
                method=f"{_method(own, level)} {signs}".strip(),
                n=f"{sum(arm.n for arm in arms):,} attacks, each difference with its own n",
                csv=_csv(own),
            )
    yield _table(found.contrasts, sign)
    if found.traps:
        yield _traps_table(found.traps, sign)


def _sign(arms: Sequence[ArmResult]) -> Sign:
    """The sign that the scores of some interventions, or of some sizes, need."""
    return lambda names: worst(
        arm.lineage_mark for arm in arms if {arm.model_type, arm.num_params} & set(names)
    )


def _finding(contrasts: Sequence[Contrast], level: float) -> str:
    """How many differences stand out, by outcome."""
    said = []
    for outcome in OUTCOMES:
        own = [c for c in contrasts if c.outcome == outcome and c.p_holm is not None]
        firm = sum(c.p_holm is not None and c.p_holm < 1 - level for c in own)
        said.append(f"{firm:,} of {len(own):,} in {scored(_NAMES[outcome])}")
    return f"Differences that stand out after Holm’s correction: {', '.join(said)}."


def _method(own: Sequence[Contrast], level: float) -> str:
    what = own[0].difference.method.split("; ")[0]
    how = ways(c.difference for c in own)
    if "MOVER" in how and own[0].design == "randomised":
        how += "; MOVER’s are wider than need be: one may hold 0 though p is small"
    return (
        f"Points: {what}; bars: intervals ({how}). Filled: p below {1 - level:.2g} after Holm’s "
        f"correction within its family. p: {_how_p(own)}. Trends are slopes for a tenfold size, "
        "conditional on these models."
    )


def _how_p(contrasts: Sequence[Contrast]) -> str:
    return several(c.p_method for c in contrasts)


def _csv(contrasts: Sequence[Contrast]) -> str:
    names = ("kind", "first", "second", "within")
    after = ("left_out", "p", "p_holm", "p_bh", "family_size", "p_method", "design")
    rows = [
        [
            data_name(c.outcome),
            *(getattr(c, name) for name in names),
            *(getattr(c.difference, name) for name in _ESTIMATE),
            *(getattr(c, name) for name in after),
        ]
        for c in contrasts
    ]
    return csv_text(["outcome", *names, *_ESTIMATE, *after], rows)


def _table(contrasts: Sequence[Contrast], sign: Sign) -> Table:
    """Every contrast in a row, its outcomes side by side."""
    places = dict.fromkeys((c.kind, c.first, c.second, c.within) for c in contrasts)
    by_place = {(c.outcome, c.kind, c.first, c.second, c.within): c for c in contrasts}
    rows = []
    for place in places:
        named = by_place["rating", *place]
        cells = [Cell(f"{_label(named)} {sign(_interventions(named))}".strip())]
        for outcome in OUTCOMES:
            contrast = by_place[outcome, *place]
            cells.append(
                estimate_cell(contrast.difference, points=outcome == "success_rate", why=True)
            )
            cells.append(Cell(_p(contrast.p_holm), f"BH {_p(contrast.p_bh)}"))
        rows.append(tuple(cells))
    kinds = [kind for kind, *_ in places]
    columns = ["Difference"]
    for outcome in OUTCOMES:
        columns += [scored(_NAMES[outcome]).capitalize(), "p (Holm)"]
    families = "; ".join(
        f"{KINDS[kind]}: {next(c.family_size for c in contrasts if c.kind == kind):,}"
        for kind in dict.fromkeys(kinds)
    )
    return Table(
        name="contrast-table",
        caption=f"Differences between arms ({contrasts[0].design})",
        columns=tuple(columns),
        rows=tuple(rows),
        breaks=frozenset(i for i in range(1, len(kinds)) if kinds[i] != kinds[i - 1]),
        method=(
            f"Intervals: {ways(c.difference for c in contrasts)}. "
            f"p: {_how_p(contrasts)}; adjusted by Holm and by Benjamini and Hochberg (BH) "
            f"within families, one for each outcome and kind, of so many p-values: {families}. "
            "pp: percentage points."
        ),
        folded=True,
    )


def _label(contrast: Contrast) -> str:
    first, second = safe(contrast.first), safe(contrast.second)
    if contrast.kind == "intervention":
        return f"{second} − {first}, {safe(str(contrast.within))}".rstrip(", ")
    if contrast.kind == "intervention_pooled":
        return f"{second} − {first}, all sizes"
    within = safe(str(contrast.within))
    return f"{within}, {first} to {second}" + (", trend" if contrast.kind == "trend" else "")


def _interventions(contrast: Contrast) -> tuple[str, ...]:
    between = contrast.kind in ("intervention", "intervention_pooled")
    return (contrast.first, contrast.second) if between else (str(contrast.within),)


def _traps_table(traps: Sequence[Trap], sign: Sign) -> Table:
    rows = tuple(
        (
            Cell(f"{safe(trap.second)} − {safe(trap.first)}"),
            Cell(f"{scored(_NAMES[trap.outcome])} {_of_score(trap, sign)}".strip()),
            estimate_cell(trap.pooled, points=trap.outcome == "success_rate", why=True),
            estimate_cell(trap.stratified, points=trap.outcome == "success_rate", why=True),
            Cell(trap.strata),
            Cell(_unevenness(trap)),
        )
        for trap in traps
    )
    clear = sum(trap.clear for trap in traps)
    return Table(
        name="traps",
        caption="Simpson traps: pooled orders that the strata contradict",
        columns=("Difference", "Outcome", "Pooled", "Within strata", "Strata", "How uneven"),
        rows=rows,
        finding=f"{len(traps):,} pooled orders are contradicted, {clear:,} with both differences "
        "clear of 0 among all that are compared (Bonferroni).",
        method="Pooled: over all attacks of a size or intervention. Within strata: the mean of the "
        "differences within interventions (or sizes), with equal weight, or of those within "
        "members who attacked both, by the information on each. pp: percentage points.",
    )


def _unevenness(trap: Trap) -> str:
    share = number(trap.share, 0, percent=True)
    if trap.heaviest is None:
        return f"{share} of the attacks are by members who attacked both"
    return f"{share} of one side’s attacks are on {safe(trap.heaviest)}"


def _of_score(trap: Trap, sign: Sign) -> str:
    """The sign of a trap's scores; ratings need none."""
    return sign((trap.first, trap.second)) if trap.outcome == "harmlessness" else ""


def _trap_sentences(traps: Sequence[Trap], sign: Sign) -> Iterator[str]:
    """The widest clear trap of ratings and of scores."""
    for outcome in ("harmlessness", "rating"):
        clear = [trap for trap in traps if trap.clear and trap.outcome == outcome]
        if not clear:
            continue
        trap = max(
            clear, key=lambda t: abs((t.pooled.estimate or 0) - (t.stratified.estimate or 0))
        )
        over = trap.strata
        what = f"{scored(_NAMES[outcome])} {_of_score(trap, sign)}".strip()
        pooled, within = (
            "higher" if (e.estimate or 0) > 0 else "lower" for e in (trap.pooled, trap.stratified)
        )
        yield (
            f"A Simpson trap: pooled over {over}, {what} is {pooled} for "
            f"{safe(trap.second)} than for {safe(trap.first)} ({interval(trap.pooled)}), within "
            f"{over} it is {within} ({interval(trap.stratified)}); "
            f"{_unevenness(trap)}. Compare within {over}."
        )


def _notes(found: Contrasts) -> Iterator[str]:
    if found.design == "observational" and found.contrasts:
        yield (
            "Differences between arms are observational; their p-values ask whether other members "
            "would have shown a difference, not whether the arm made it."
        )
    if any(c.kind == "trend" for c in found.contrasts):
        yield (
            "A trend in size is conditional on these models: few points that may differ in more "
            "than size."
        )


def _uncompared(arms: Sequence[ArmResult]) -> Iterator[str]:
    """Which pairs are too many to be compared."""
    pairs = [(arm.model_type, arm.num_params) for arm in arms]
    every: tuple[tuple[Literal[0, 1], str], ...] = (
        (0, "interventions"),
        (1, "sizes, in Simpson traps,"),
    )
    for axis, what in every:
        chosen = control(pairs, axis)
        if chosen is not None:
            k = len({pair[axis] for pair in pairs})
            yield (
                f"{k:,} {what} are too many for every two to be compared: each is compared with "
                f"{safe(chosen) or 'the one without a name'} alone, and "
                f"{math.comb(k - 1, 2):,} other pairs are not."
            )


def _p(value: float | None) -> str:
    """A p-value for reading."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
