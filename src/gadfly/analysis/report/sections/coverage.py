"""Coverage and diversity: repeats, what parts of a study are worth, and tags across clusters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gadfly.analysis.report.section import Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.coverage import ClusterRow, CoverageResult, Diversity
from gadfly.analysis.words import interval, number, safe, ways
from gadfly.records.estimate import Estimate

__all__ = ["section"]

_cell = partial(estimate_cell, why=True)
_TEXTS = {"task_description": "task descriptions", "transcript": "transcripts"}
_UPWORK = {"true": "Members from Upwork", "false": "Other members"}
_HEADS = {"brief": "Brief", "team_type": "Team"}


def section(result: CoverageResult) -> Section:
    """How different attacks are, and what they reach."""
    parts = (_repeats(result), _templates(result), _diversity(result), _clusters(result))
    tags = (_tags(result),) if result.tags and result.n_reviewed else ()
    return Section(
        name="coverage",
        title="Coverage and diversity",
        lead=(
            f"How many different attacks there are, by their {_TEXTS[result.text]}"
            + ("; which kinds no tag covers, and which tags no attack reached." if tags else ".")
        ),
        parts=tuple(part for part in (*parts, *tags) if part is not None),
        findings=tuple(_findings(result)),
        notes=(
            "Diversity is that of words: two attacks that ask the same in other words count as "
            "different.",
        ),
    )


def _findings(result: CoverageResult) -> Iterator[str]:
    if result.repeats.largest:
        most = result.repeats.largest[0]
        yield (
            f"{_shown(result.repeats.share, percent=True)} of attacks nearly repeat another; the "
            f"largest group of them has {most.n:,} attacks by {_count(most.n_members, 'member')}."
        )
    if result.novelty is not None and result.novelty.estimate is not None:
        share = _shown(result.novelty, percent=True)
        yield f"{share} of attacks are new against the earlier corpus; more of the same gives 5%."
    bare = [row.number for row in result.clusters if row.n_reviewed and not _covered(row)]
    if bare:
        listed = ", ".join(map(str, bare))
        yield f"No tag but catch-alls covers the reviewed attacks of clusters {listed}."
    unreached = [safe(row.tag) for row in result.tags if not row.n]
    if unreached and result.n_reviewed:
        yield f"No reviewed attack has the tags {'; '.join(unreached)}."


def _repeats(result: CoverageResult) -> Table:
    found = result.repeats
    rows = [
        (Cell("Attacks that nearly repeat another"), _cell(found.share, percent=True)),
        (Cell("Attacks that nearly repeat one of the same member"), _cell(found.own, percent=True)),
        (Cell("Different attacks"), Cell(f"{found.distinct:,}")),
        (
            Cell("Repeats made by the 10 members with the most"),
            Cell(number(found.top_members_share, 0, percent=True)),
        ),
        (Cell("What all attacks are worth (Vendi score)"), Cell(number(result.vendi, 1))),
    ]
    if result.novelty is not None:
        new = _cell(result.novelty, percent=True)
        rows.append((Cell("New against the earlier corpus (5%: more of the same)"), new))
    return Table(
        name="repeats",
        caption="Repeats",
        columns=("", "Found"),
        rows=tuple(rows),
        method=(
            "Near-duplicates share 0.7 or more of their words and pairs of words (Jaccard). The "
            "share of repeats is also the chance that one more attack would be one (Good-Turing). "
            f"Intervals: {ways((found.share, found.own))}; {result.n:,} attacks."
        ),
    )


def _templates(result: CoverageResult) -> Table | None:
    rows = tuple(
        (
            Cell(str(number_)),
            Cell(f"{group.n:,}"),
            Cell(f"{group.n_members:,}"),
            Cell(number(group.top_share, 0, percent=True)),
            _cell(group.success_rate, percent=True),
        )
        for number_, group in enumerate(result.repeats.largest, 1)
    )
    if not rows:
        return None
    return Table(
        name="templates",
        caption="The largest groups of near-duplicates",
        columns=("Group", "Attacks", "Members", "By its busiest member", "Success rate"),
        rows=rows,
        method="What near-duplicates join; their texts are not shown.",
        folded=True,
    )


def _diversity(result: CoverageResult) -> Table:
    rows = result.diversity
    of_arms = [row for row in rows if row.dimension == "arm" and row.vendi.low is not None]
    finding = ""
    if len(of_arms) > 1:
        least, most = (f(of_arms, key=_worth) for f in (min, max))
        finding = (
            f"{result.drawn:,} attacks are worth {number(least.vendi.estimate, 1)} different ones "
            f"on {_name(least)}, {number(most.vendi.estimate, 1)} on {_name(most)}"
            f"{_apart(least.vendi, most.vendi)}."
        )
    untagged = "; ".join({r.tag_entropy.reason: None for r in rows if r.tag_entropy.reason})
    return Table(
        name="diversity",
        caption="Diversity of arms and of groups of members",
        columns=(
            "Attacks on or by",
            "Attacks",
            "Members",
            "Near-duplicates",
            "Self-similarity",
            f"Vendi score of {result.drawn:,}",
            f"Clusters reached by {result.drawn:,}",
            "by all",
            "within reach",
            "Entropy of tags",
        ),
        rows=tuple(_row(row) for row in rows),
        breaks=frozenset(
            i for i in range(1, len(rows)) if rows[i].dimension != rows[i - 1].dimension
        ),
        finding=finding,
        method=(
            "Self-similarity: mean cosine of two attacks, lower is more diverse. Vendi score: "
            "effective number of different attacks. Sizes are made equal by drawing "
            f"{result.drawn:,} attacks (rarefaction; intervals over half-samples of members). "
            "Within reach: Chao2 over members, a lower bound without an interval. Entropy in nats, "
            f"Miller-Madow{f' (*: {untagged})' if untagged else ''}. {result.method}."
        ),
    )


def _row(row: Diversity) -> tuple[Cell, ...]:
    return (
        Cell(_name(row)),
        Cell(f"{row.n:,}"),
        Cell(f"{row.n_members:,}"),
        _cell(row.repeats, percent=True),
        _cell(row.self_similarity, 3),
        _cell(row.vendi, 1),
        _cell(row.clusters, 1),
        Cell(f"{row.clusters_reached}"),
        Cell(number(row.clusters_within_reach.estimate, 1)),
        estimate_cell(row.tag_entropy),
    )


def _apart(least: Estimate, most: Estimate) -> str:
    """Whether even the two at the ends have intervals that meet."""
    meet = least.high is not None and most.low is not None and least.high >= most.low
    return ", whose intervals overlap" * meet


def _clusters(result: CoverageResult) -> Table:
    rates = [row for row in result.clusters if row.success_rate.low is not None]
    finding = ""
    if len(rates) > 1:
        least, most = (f(rates, key=lambda r: r.success_rate.estimate or 0) for f in (min, max))
        finding = (
            f"Attacks succeeded least in cluster {least.number} "
            f"({_shown(least.success_rate, percent=True)}), most in cluster {most.number} "
            f"({_shown(most.success_rate, percent=True)})"
            f"{_apart(least.success_rate, most.success_rate)}; with so many clusters, some differ "
            "by chance."
        )
    return Table(
        name="clusters",
        caption="Clusters of attacks, and whether tags cover them",
        columns=("Cluster", "Attacks", "Members", "Success rate", "Reviewed", "No tag", "Tags"),
        rows=tuple(
            (
                Cell(str(row.number)),
                Cell(f"{row.n:,}"),
                Cell(f"{row.n_members:,}"),
                _cell(row.success_rate, percent=True),
                Cell(f"{row.n_reviewed:,}"),
                Cell(f"{row.n_uncovered:,}"),
                Cell(_common(row, result)),
            )
            for row in result.clusters
        ),
        finding=finding,
        method="No tag: reviewed attacks with none but catch-alls. Tags: the three most common.",
        folded=True,
    )


def _common(row: ClusterRow, result: CoverageResult) -> str:
    """The most common tags of a cluster."""
    order = sorted(range(len(row.tags)), key=lambda i: -row.tags[i])[:3]
    return "; ".join(f"{safe(result.tags[i].tag)} {row.tags[i]}" for i in order if row.tags[i])


def _tags(result: CoverageResult) -> Table:
    rows = []
    for place, tag in enumerate(result.tags):
        order = sorted(result.clusters, key=lambda row: -row.tags[place])[:3]
        where = ", ".join(f"{row.number} ({row.tags[place]})" for row in order if row.tags[place])
        counts = (Cell(f"{tag.n:,}"), Cell(f"{tag.clusters_reached}"), Cell(where or "–"))
        rows.append((Cell(safe(tag.tag)), *counts))
    return Table(
        name="tags-by-cluster",
        caption="Tags of the taxonomy across clusters",
        columns=("Tag", "Attacks", "Clusters", "Most in cluster (attacks)"),
        rows=tuple(rows),
        method=f"Of {result.n_reviewed:,} reviewed attacks; an attack may have several tags.",
        folded=True,
    )


def _covered(row: ClusterRow) -> bool:
    return row.n_uncovered < row.n_reviewed


def _worth(row: Diversity) -> float:
    return row.vendi.estimate or 0.0


def _name(row: Diversity) -> str:
    if row.dimension == "all":
        return "All attacks"
    if row.dimension == "is_upworker":
        return _UPWORK[row.name[0]]
    name = " ".join(safe(part) for part in row.name).strip()
    return f"{_HEADS[row.dimension]} {name}" if row.dimension in _HEADS else name


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _shown(estimate: Estimate, *, percent: bool = False) -> str:
    return interval(estimate, 1 if percent else 2, percent=percent)
