"""Figure 1 three ways: as published, with the paper's intervals, and with intervals by member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from gadfly.analysis.report.section import Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.results import ArmResult
from gadfly.analysis.words import marked, number
from gadfly.records.estimate import Estimate

__all__ = ["section"]

Values = Mapping[str, float]
_PANELS = {
    "rating": ("mean rating", "Self-rated success, mean"),
    "harmlessness": ("mean min harmlessness", "Min harmlessness, mean"),
}


def section(
    arms: Sequence[ArmResult], paper_arms: Sequence[ArmResult], published: Mapping[str, Values]
) -> Section:
    """Means of both panels, and how much wider intervals are that respect members.

    :param arms: with intervals from resamples of members.
    :param paper_arms: the same arms with intervals from resamples of attacks.
    :param published: the values of each panel by statistic, "ARM | what".
    """
    return Section(
        name="figure1-paper",
        title="Figure 1 with the paper’s intervals",
        lead=(
            "The paper resamples single attacks, as if each were made by somebody else. A few busy "
            "members made most of them, so its intervals are too narrow."
        ),
        parts=tuple(
            _table(name, arms, paper_arms, published[name])
            for name in published
            if any(getattr(arm, name).estimate is not None for arm in arms)
        ),
    )


def _table(
    name: str, arms: Sequence[ArmResult], paper_arms: Sequence[ArmResult], published: Values
) -> Table:
    what, caption = _PANELS[name]
    rows, ratios = [], []
    for arm, theirs in zip(arms, paper_arms, strict=True):
        ours, iid = (_estimate(a, name) for a in (arm, theirs))
        wider = _width(ours) / _width(iid) if _width(ours) and _width(iid) else None
        ratios += [wider] if wider else []
        rows.append(
            (
                Cell(marked(arm)),
                _published(published, arm.name, what),
                estimate_cell(iid),
                estimate_cell(ours),
                Cell(number(wider, 1)),
            )
        )
    finding = ""
    if ratios:
        finding = (
            f"Intervals that respect members are {number(min(ratios), 1)} to "
            f"{number(max(ratios), 1)} times as wide as those that do not (median "
            f"{number(median(ratios), 1)})."
        )
    methods = "; ".join(dict.fromkeys(_estimate(a[0], name).method for a in (paper_arms, arms)))
    return Table(
        name=f"figure1-{name.replace('_', '-')}",
        caption=f"{caption}: published, and here",
        columns=("Arm", "Published", "Here, by attack", "Here, by member", "Times as wide"),
        rows=tuple(rows),
        finding=finding,
        method=f"Published: 39,877 attacks, from the figure’s geometry. Here: {methods}.",
    )


def _estimate(arm: ArmResult, name: str) -> Estimate:
    found: Estimate = getattr(arm, name)
    return found


def _width(estimate: Estimate) -> float:
    return 0.0 if estimate.low is None or estimate.high is None else estimate.high - estimate.low


def _published(values: Values, arm: str, what: str) -> Cell:
    if f"{arm} | {what}" not in values:
        return Cell("–")
    low, high = (number(values[f"{arm} | interval, {end}"]) for end in ("low", "high"))
    return Cell(number(values[f"{arm} | {what}"]), f"[{low}, {high}]")
