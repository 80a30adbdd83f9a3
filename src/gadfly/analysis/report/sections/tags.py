"""Tags: Figure 9, with the rate of success of each tag."""

from __future__ import annotations

from math import exp

from gadfly.analysis.figures.tags import tags_csv, tags_svg
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.statistics.exact_rate import exact_rate
from gadfly.analysis.topics.tags import TagCount, TagsResult
from gadfly.analysis.words import interval, number, safe, ways

__all__ = ["section"]

_ENOUGH = 10  # attacks of a tag whose rate is worth a sentence
_RULES = {
    "any": "any of its reviewers gave it",
    "majority": "more than half of its reviewers gave it",
    "all": "all of its reviewers gave it",
}
_UNION = (
    "The attacks carry the union of their reviewers’ tags, so tags count where any reviewer gave "
    "them; counts by a majority or by all need each reviewer’s own and cannot be made from it."
)


def section(result: TagsResult) -> Section:
    """Which harms attacks were about, and which of them worked."""
    who = "their authors" if result.success == "author" else "a majority of their reviewers"
    success = f"successes are attacks that {who} rated {result.threshold:g} or more (0 to 4)"
    counted = f"A tag counts where {_RULES[result.rule]}; {success}."
    intervals = f"Intervals: {ways(tag.rate for tag in result.tags)}."
    figure = Figure(
        name="figure9",
        title="Figure 9. Attacks by tag",
        svg=tags_svg(result),
        finding=_finding(result),
        method=(
            f"{counted} An attack may have several tags. Beside the bars: all / successful. Right: "
            f"the share that succeeded of those with the tag that were rated. {intervals}"
        ),
        n=f"{result.n_tags:,} tags of {result.n_reviewed:,} reviewed attacks",
        csv=tags_csv(result),
    )
    unrated = any(tag.unrated for tag in result.tags)
    rows = tuple(
        (
            Cell(safe(tag.tag, longest=64)),
            Cell(f"{tag.total:,}"),
            Cell(f"{tag.successful:,}"),
            *((Cell(f"{tag.unrated:,}"),) if unrated else ()),
            estimate_cell(tag.rate, percent=True),
        )
        for tag in result.tags
    )
    columns = ("Tag", "Attacks", "Successful", *(("Not rated",) if unrated else ()), "Success rate")
    table = Table(
        name="tags-rates",
        caption="How often attacks with each tag worked",
        columns=columns,
        rows=rows,
        finding=_best(result),
        method=f"{counted} {intervals}",
        folded=True,
    )
    return Section(
        name="tags",
        title="Figure 9. Tags",
        lead="Which harms attacks were about, and which of them worked.",
        parts=(figure, table),
        notes=(_UNION,) if result.rules == ("any",) else (),
    )


def _finding(result: TagsResult) -> str:
    names = [f"“{safe(tag.tag, longest=64)}” ({tag.total:,})" for tag in result.tags[:3]]
    effective = result.entropy.estimate
    spread = (
        ""
        if effective is None
        else f" Tags are spread as evenly as {exp(effective):.1f} equally common ones would be."
    )
    return (
        f"Most common: {', '.join(names)}. {number(result.other.estimate, 1, percent=True)} of "
        "the reviewed attacks are tagged as something else (“Other”), "
        f"{number(result.invalid.estimate, 1, percent=True)} as no attack (“N/A”).{spread}"
    )


def _best(result: TagsResult) -> str:
    """The tags that worked most and least often, of those with attacks enough."""

    def of(tag: TagCount) -> str:
        return f"“{safe(tag.tag, longest=64)}” ({interval(tag.rate, 0, percent=True)})"

    enough = [tag for tag in result.tags if tag.rate.n >= _ENOUGH]
    if len(enough) < 2:
        return f"No two tags have {_ENOUGH} attacks or more that were rated."
    ordered = sorted(enough, key=lambda tag: (tag.rate.estimate or 0.0, tag.tag))
    low, high = ordered[0], ordered[-1]
    level = 1 - (1 - low.rate.level) / len(enough)  # the extremes of so many differ by chance
    least, most = (
        exact_rate(tag.successful, tag.rate.n, level=level, unit="attack") for tag in (high, low)
    )
    apart = (least.low or 0.0) > (most.high or 1.0)
    doubt = "" if apart else f" Chance alone may part the extremes of {len(enough)} tags so far."
    return f"Highest rate: {of(high)}; lowest: {of(low)}.{doubt}"
