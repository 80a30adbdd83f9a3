"""Who did what, who read what, who took what away: rows that are added and never changed.

The database itself refuses to change or delete one (migration 0005). What changes something is
noted in the transaction that changes it. Details hold ids and counts, never what a person wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from gadfly.records.canonical import canonical_json
from gadfly.store.database import Database
from gadfly.store.site_tables import audit

__all__ = ["SYSTEM", "Audit", "Entry", "note", "timestamp"]

SYSTEM = "system"
"""Who did what nobody did by hand."""


@dataclass(frozen=True)
class Entry:
    """One row."""

    id: int
    at: str
    who: str
    """Pseudonym or login of who did it."""
    what: str
    """What they did: "read transcript", "paused member"."""
    object: str
    """To what: "attack 12", "member m-3f2a"."""
    detail: str
    """Canonical JSON."""


def timestamp() -> str:
    """Now, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def note(c: Connection, study_id: int, who: str, what: str, thing: str, **detail: object) -> None:
    """Add a row in the transaction of what it tells of."""
    c.execute(
        insert(audit).values(
            study_id=study_id,
            at=timestamp(),
            who=who,
            what=what,
            object=thing,
            detail=canonical_json(detail).decode(),
        )
    )


class Audit:
    """The audit of the studies of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, study_id: int, who: str, what: str, thing: str, **detail: object) -> None:
        """Note a reading or an export; it is kept before anything is shown."""
        with self._database.writing() as c:
            note(c, study_id, who, what, thing, **detail)

    def entries(self, study_id: int, *, before: int | None = None, most: int = 100) -> list[Entry]:
        """The newest rows, newest first; older ones with ``before`` the last id seen."""
        columns = [audit.c[name] for name in Entry.__dataclass_fields__]
        query = select(*columns).where(audit.c.study_id == study_id)
        if before is not None:
            query = query.where(audit.c.id < before)
        with self._database.reading() as c:
            rows = c.execute(query.order_by(audit.c.id.desc()).limit(most))
            return [Entry(*row) for row in rows]
