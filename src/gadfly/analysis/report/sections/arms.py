"""Arms: Figure 1, the statistics of every arm, and what is missing or weak."""

from __future__ import annotations

from gadfly.analysis.figures.figure1 import figure1_csv, figure1_svg
from gadfly.analysis.findings import span_sentence
from gadfly.analysis.report import tables
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.results import ArmResult, Results
from gadfly.analysis.words import legend, scored, ways

__all__ = ["section", "signs"]


def section(results: Results) -> Section:
    """How well attacks worked, and how safe the replies were."""
    arms = results.arms
    findings = (
        span_sentence(arms, "rating", what="Mean self-rated success"),
        span_sentence(arms, "harmlessness", what=scored("Mean min harmlessness")),
        span_sentence(arms, "cvar05", what="The mean of its worst 5%"),
    )
    figure = Figure(
        name="figure1",
        title="Figure 1. Success of attacks, and harmlessness of replies",
        svg=figure1_svg(results),
        finding=" ".join(findings),
        method=(
            "Each row is one arm, named at the left. Left: mean of the attackers’ own ratings. "
            f"Middle: mean of the {scored('lowest')} harmlessness score among the assistant’s "
            f"replies. Bars are intervals ({_methods(results)}); a hollow point has none. "
            "Faint lines join the sizes of one type. Right: Gaussian kernel densities of equal "
            f"area, cut at the lowest and highest score. {_weighted(results)}{signs(results)}"
        ),
        n=_numbers(arms),
        csv=figure1_csv(results),
    )
    doubts = tables.doubts_table(results)
    return Section(
        name="arms",
        title="Arms",
        lead="How well attacks worked, and how safe the replies were.",
        parts=(
            figure,
            tables.arms_table(results),
            tables.tails_table(results),
            *((doubts,) if doubts.rows else ()),
        ),
    )


def _methods(results: Results) -> str:
    """How the intervals of the two means were made."""
    return ways(e for a in results.arms for e in (a.rating, a.harmlessness))


def _weighted(results: Results) -> str:
    """What the parts of the figure count, where that is not the same."""
    if results.weighting == "attack":
        return ""
    return "Each member counts once in points, quartiles and ticks, each attack in the densities. "


def signs(results: Results) -> str:
    """What the signs beside arms mean, of those that there are."""
    marks = {arm.lineage_mark for arm in results.arms}
    none = "No sign: scorer and arm share no data." if "independent" in marks else ""
    return f"{legend(marks)} {none}".strip()


def _numbers(arms: tuple[ArmResult, ...]) -> str:
    """How many attacks stand behind both means."""
    rated, scored_ = _range(arms, "rating"), _range(arms, "harmlessness")
    both = f"{rated} attacks are rated"
    return f"By arm {both} and {'as many' if rated == scored_ else scored_} scored"


def _range(arms: tuple[ArmResult, ...], statistic: str) -> str:
    """Number of attacks behind a statistic, lowest to highest arm."""
    counts = [getattr(arm, statistic).n for arm in arms]
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
