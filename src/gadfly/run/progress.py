"""How far a study is, and when it will be full at the pace of the last hours.

Counted from the attacks' rows alone, so it is quick and the same whoever attacks: people on the
site, or simulated members that some runner drives. Abandoned attacks and those whose assistant
failed are over and count towards the quota (:mod:`gadfly.redteam.assignment`), so the study is full
before as many are usable; both numbers stand side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gadfly.store.rows import StoredAttack
from gadfly.study.protocol import Study

__all__ = ["ArmProgress", "Pace", "pace_of", "progress_of"]

WINDOW = timedelta(hours=3)
"""How far back the pace is measured."""
LEAST = timedelta(minutes=5)
"""How long a study must have gone before its pace says anything."""
_ENOUGH = 3  # dialogues that must have ended


@dataclass(frozen=True)
class ArmProgress:
    """One arm's attacks."""

    name: str
    quota: int
    """Attacks wanted; 0 for an arm of an earlier version of the study."""
    over: int
    """Attacks that are over, however they ended."""
    usable: int
    """Of those over: came to their end, neither shut away nor taken back."""
    lasting: int
    """Attacks under way."""
    abandoned: int
    """Of those over: the attacker stopped."""
    voided: int
    """Of those over: the assistant failed, or its provider refused."""
    quarantined: int
    """Of all: shut away, seen by named roles alone."""
    withdrawn: int
    """Of all: taken back by their members."""


@dataclass(frozen=True)
class Pace:
    """How fast, and how much longer."""

    per_hour: float | None
    """Attacks that end in an hour; ``None`` where none did of late."""
    hours_left: float | None
    """Hours until every quota is reached at this pace; ``None`` where nobody can tell."""
    reason: str | None
    """Why something is not known."""


def progress_of(study: Study, rows: Iterable[StoredAttack]) -> tuple[ArmProgress, ...]:
    """The arms as the study lists them, then those of earlier versions."""
    counts = {arm.arm.name: Counter[str]() for arm in study.arms}
    for row in rows:
        found = counts.setdefault(row.arm, Counter())
        found["lasting" if row.ending is None else "over"] += 1
        found[row.ending or ""] += 1
        hidden = row.quarantined_at is not None or row.withdrawn_at is not None
        found["usable"] += row.ending == "complete" and not hidden
        found["quarantined"] += row.quarantined_at is not None
        found["withdrawn"] += row.withdrawn_at is not None
    quotas = {arm.arm.name: arm.quota for arm in study.arms}
    return tuple(
        ArmProgress(
            name=name,
            quota=quotas.get(name, 0),
            over=found["over"],
            usable=found["usable"],
            lasting=found["lasting"],
            abandoned=found["attacker_stopped"],
            voided=found["target_error"] + found["target_refused"],
            quarantined=found["quarantined"],
            withdrawn=found["withdrawn"],
        )
        for name, found in counts.items()
    )


def pace_of(arms: Sequence[ArmProgress], rows: Sequence[StoredAttack], *, now: datetime) -> Pace:
    """From the attacks that ended in the last hours, or since the first began if that is later."""
    left = sum(max(0, arm.quota - arm.over) for arm in arms)
    if not left:
        return Pace(None, 0.0, "every quota is reached")
    ends = [datetime.fromisoformat(row.ended_at) for row in rows if row.ended_at is not None]
    ended = sum(now - WINDOW < end <= now for end in ends)
    if not ended:
        hours = round(WINDOW.total_seconds() / 3600)
        return Pace(None, None, f"no dialogue has ended in the last {hours} hours")
    began = max(now - WINDOW, datetime.fromisoformat(min(row.assigned_at for row in rows)))
    if now - began < LEAST or ended < _ENOUGH:
        return Pace(None, None, "the study has only begun")
    per_hour = ended / max((now - began).total_seconds(), 1.0) * 3600
    return Pace(per_hour, left / per_hour, None)
