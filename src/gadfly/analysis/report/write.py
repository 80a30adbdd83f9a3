"""The report of an analysis: drawn from its results alone, which hold no text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from altair.utils.schemapi import debug_mode

from gadfly.analysis.findings import KIND_NAMES, attackers
from gadfly.analysis.report.page import Document, Written, section_html, write_document
from gadfly.analysis.report.section import Section
from gadfly.analysis.report.sections import (
    arms,
    contrasts,
    coverage,
    efficacy,
    evasion,
    judges,
    missing,
    mixed,
    outcomes,
    people,
    ratings,
    scores,
    sequential,
    surveys,
    tags,
    tails,
    truth,
    turns,
)
from gadfly.analysis.report.sections import map as map_section
from gadfly.analysis.results import Results, Topics, results_json
from gadfly.analysis.topics.map import MapResult
from gadfly.analysis.words import scored_by

__all__ = ["notebook_html", "report", "sections_of", "write_report"]

_BY_ATTACK = set("contrasts tails turns missing evasion people scores judges tags coverage".split())
_ONCE = "Here members who attacked more weigh more, other than in the table of arms."


def write_report(results: Results, out: Path | str) -> Written:
    """Write report.html, report.md, results.json and the figures' SVG into a folder."""
    return write_document(report(results), Path(out))


def report(results: Results) -> Document:
    """The report of an analysis."""
    how_many = "arm" if len(results.arms) == 1 else "arms"
    random = results.design == "randomised"
    people = KIND_NAMES[results.attacker_kind]
    banner = (
        "No person attacked here.",
        f"Every attack was made by {people}; these numbers do not say what people would achieve.",
    )
    # A figure is checked when it is whole; to check each part as it is made takes an eighth longer.
    with scored_by(results.score), debug_mode(False):
        sections = sections_of(results)
    return Document(
        title=results.title,
        kicker="Red-team report",
        lead=(
            f"{results.n_attacks:,} attacks by {results.n_members:,} {attackers(results)} on "
            f"{len(results.arms)} {how_many}"
            f"{', assigned at random' if random else '; no random assignment is recorded'}."
        ),
        sections=sections,
        provenance=results.provenance,
        results=results_json(results),
        banner=None if results.attacker_kind == "human" else banner,
        findings=results.findings,
        notes=results.notes,
        scorer=results.scorer,
    )


def notebook_html(results: Results) -> str:
    """The part about arms, for a notebook."""
    with scored_by(results.score):
        return section_html(arms.section(results))


def sections_of(results: Results) -> tuple[Section, ...]:
    """The parts of a report, without those that have nothing to show."""
    every = (
        arms.section(results),
        *(_answered(results, results.topics) if results.topics else ()),
        truth.section(results),
        outcomes.section(results),
        outcomes.reading(results),
    )
    return tuple(section for section in every if section is not None)


def _mapped(found: MapResult) -> Section:
    """Its clusters are named where they were asked to be."""
    return map_section.section(found, show_text=any(c.terms for c in found.clusters))


def _answered(results: Results, topics: Topics) -> Iterator[Section]:
    """What was asked beyond the arms; where members count once there, it is said that they do not
    here.
    """
    for part in filter(None, _answers(results, topics)):
        if results.weighting == "member" and part.name in _BY_ATTACK:
            yield replace(part, lead=f"{part.lead} {_ONCE}")
        else:
            yield part


def _answers(results: Results, topics: Topics) -> Iterator[Section | None]:
    """What was asked beyond the arms."""
    marks = {(arm.model_type, arm.num_params): arm.lineage_mark for arm in results.arms}
    yield contrasts.section(topics.contrasts, results.arms)
    yield tails.section(topics.tails, marks=marks)
    drawn = topics.contrasts.weighting == "overlap"
    yield turns.section(topics.turns, topics.static, marks=marks, drawn=drawn)
    yield missing.section(topics.missing, drawn=drawn)
    yield evasion.section(topics.evasion) if topics.evasion else None
    yield mixed.section(topics.mixed, marks=marks)
    yield efficacy.section(topics.efficacy)
    yield people.section(topics.people)
    yield scores.section(topics.scores)
    for found in topics.judges:
        yield judges.section(found)
    yield ratings.section(topics.agreement) if topics.agreement else None
    yield tags.section(topics.tags) if topics.tags else None
    yield sequential.section(topics.sequential) if topics.sequential else None
    yield surveys.section(topics.surveys) if topics.surveys else None
    yield _mapped(topics.map) if topics.map else None
    yield coverage.section(topics.coverage) if topics.coverage else None
