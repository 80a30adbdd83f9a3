"""From the store back to records: a study's attacks as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gadfly.preference.protocol import Scorer
from gadfly.records.values import Assignment, Attack, Attacker, Scores
from gadfly.redteam.dialogue import rebuild
from gadfly.redteam.events import Flagged, read_event
from gadfly.run.assemble import OpenStudy
from gadfly.store.rows import StoredAttack

__all__ = ["Left", "gather", "gather_flags", "gather_one", "left_out"]


@dataclass(frozen=True)
class Left:
    """What no report and no export holds."""

    lasting: int
    """Attacks that still last."""
    withdrawn: int
    """Attacks that their members took back."""
    quarantined: int
    """Attacks that are shut away."""


def gather(
    study: OpenStudy, *, scorer: Scorer | None = None, over_only: bool = True
) -> dict[int, Attack]:
    """A study's attacks by row id, in the order of assignment; none that its person withdrew or
    that is in quarantine.

    :param scorer: whose scores stand on them; none without it.
    :param over_only: leave out dialogues that still last.
    """
    events = study.store.events(study.id)
    scores = study.store.scores(study.id, scorer.name, scorer.version) if scorer else {}
    return {
        row.id: _attack(study, row, events.get(row.id, []), scores)
        for row in study.store.attacks(study.id)
        if (row.ending is not None or not over_only) and not row.quarantined_at
        if not row.withdrawn_at
    }


def gather_one(study: OpenStudy, row: StoredAttack) -> Attack:
    """One attack, over or not, without scores; whether it may be seen is the caller's to ask."""
    return _attack(study, row, study.store.events_of(row.id), {})


def gather_flags(study: OpenStudy) -> list[tuple[StoredAttack, list[str]]]:
    """What was flagged in dialogues, the newest first; nothing withdrawn or in quarantine."""
    events = study.store.events(study.id)
    found = []
    for row in reversed(study.store.attacks(study.id)):
        if row.quarantined_at is None and row.withdrawn_at is None:
            bodies = (body for _, body in events.get(row.id, ()) if '"flagged"' in body)
            notes = [e.note for e in map(read_event, bodies) if isinstance(e, Flagged)]
            found += [(row, notes)] if notes else []
    return found


def left_out(study: OpenStudy) -> Left:
    """How many attacks of a study no report and no export holds."""
    rows = study.store.attacks(study.id)
    withdrawn = [row for row in rows if row.withdrawn_at is not None]
    there = [row for row in rows if row.withdrawn_at is None]
    hidden = sum(row.quarantined_at is not None for row in there)
    lasting = sum(row.ending is None and row.quarantined_at is None for row in there)
    return Left(lasting, len(withdrawn), hidden)


def _attack(
    study: OpenStudy, row: StoredAttack, bodies: list[tuple[int, str]], scores: Mapping[int, str]
) -> Attack:
    version = study.version(row.protocol_hash)
    protocol = version.study
    dialogue = rebuild(protocol.rules, ((number, read_event(body)) for number, body in bodies))
    kind = protocol.members.kind
    arm = next(a.arm for a in protocol.arms if a.arm.name == row.arm)
    scored = scores.get(row.id)
    return Attack(
        study=protocol.name,
        protocol_hash=row.protocol_hash,
        number=row.number,
        arm=arm,
        attacker=Attacker(
            kind=kind, team_type=row.team_type or protocol.team_type, member=row.member
        ),
        assignment=Assignment.model_validate_json(row.assignment),
        brief=row.brief or version.brief.label,
        task_description=dialogue.description,
        addendum=dialogue.addendum,
        turns=dialogue.all_turns,
        rating=dialogue.rating,
        ending=row.ending or "attacker_stopped",
        flags=dialogue.flags,
        scores=() if scored is None else (Scores.model_validate_json(scored),),
        started_at=datetime.fromisoformat(row.assigned_at),
        ended_at=None if row.ended_at is None else datetime.fromisoformat(row.ended_at),
    )
