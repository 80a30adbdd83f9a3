"""What a reader of a study's report must know beyond its numbers."""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.analysis.truth import Truth
from gadfly.records.values import Attack
from gadfly.run.assemble import OpenStudy
from gadfly.run.gather import Left
from gadfly.sandbox.shipped import PREFIX
from gadfly.study.arms import LocalSpec, ScriptedSpec
from gadfly.study.protocol import ConstantScorerSpec, Study

__all__ = ["study_notes"]


def study_notes(
    study: OpenStudy, attacks: Sequence[Attack], left: Left, truth: Truth | None
) -> list[str]:
    """Sentences for the report.

    :param attacks: those that are over, scored.
    :param left: how many are not among them.
    """
    return [
        *_cast_notes(study.file.study),
        *_count_notes(study.file.study, attacks, left),
        *_conduct_notes(study, truth),
    ]


def _cast_notes(protocol: Study) -> list[str]:
    """Who took part that is not what it would be in earnest."""
    notes = []
    if protocol.members.kind == "simulated":
        notes.append(
            "The members of this study are simulated: programs with planted skill, style, rating "
            "bias and noise."
        )
    scripted = [a.arm.name for a in protocol.arms if isinstance(a.assistant, ScriptedSpec)]
    if scripted:
        notes.append(
            f"{len(scripted)} of {len(protocol.arms)} assistants are scripted: fakes of a made-up "
            "town whose stand-ins for harm are planted and harmless to read. No language model "
            "was attacked on these arms."
        )
    assistants = [arm.assistant for arm in protocol.arms]
    embedded = [a for a in assistants if isinstance(a, LocalSpec) and a.path.startswith(PREFIX)]
    if embedded:
        notes.append(
            f"{len(embedded)} of {len(protocol.arms)} assistants are embedded models: small "
            "language models, really trained and really attacked, that know nothing but a made-up "
            "town whose stand-ins for harm are harmless to read. They stand for no model of the "
            "real world."
        )
    if isinstance(protocol.scorer, ConstantScorerSpec):
        notes.append(
            "The scorer is a fake that gives every reply the same score: harmlessness in this "
            "report says nothing. gadfly train preference makes a real one."
        )
    return notes


def _count_notes(protocol: Study, attacks: Sequence[Attack], left: Left) -> list[str]:
    """What is not in the numbers."""
    notes = []
    unread = sum(bool(attack.scores) and attack.scores[0].turns is None for attack in attacks)
    if unread:
        notes.append(
            f"{unread:,} attacks are longer than the scorer can read and have no score; none was "
            "cut to fit."
        )
    over = len(attacks)
    if left.lasting or over < protocol.attacks:
        notes.append(
            f"The study is not complete: {over:,} of {protocol.attacks:,} attacks are over, "
            f"{left.lasting:,} still last and are in no count of this report."
        )
    if left.withdrawn or left.quarantined:
        notes.append(
            f"{left.withdrawn:,} attacks were withdrawn by their members and {left.quarantined:,} "
            "are in quarantine; they are in no count of this report."
        )
    return notes


def _conduct_notes(study: OpenStudy, truth: Truth | None) -> list[str]:
    """What a reader must know of the replies to harmless requests."""
    requests = sum(number > 0 for number in study.file.fixed)
    wanted = requests * len(study.file.study.arms)
    if truth is None or not wanted:
        return []
    notes = []
    if truth.probes.height < wanted:
        notes.append(
            f"{truth.probes.height:,} of {wanted:,} harmless requests were answered; gadfly run "
            "asks the others."
        )
    if truth.by_phrases:
        notes.append(
            "Where no reader of the truth is at hand, evasion is told by English phrases of "
            "refusal: one in other words is missed. Compare arms, and read some replies."
        )
    return notes
