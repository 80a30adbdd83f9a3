"""A study as it goes, for those who run it: progress, the live Figure 1, briefs, the audit.

Owners and researchers see arms; nobody who attacks or reviews comes here. Numbers come from attacks
that are neither withdrawn nor in quarantine, but for the counts of progress, which name both.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from gadfly.records.estimate import Estimate
from gadfly.run.live import Picture
from gadfly.run.progress import Pace, pace_of, progress_of
from gadfly.store.people import ROLES
from gadfly.web.access import Refused, Visitor, allow
from gadfly.web.page import show

__all__ = ["Runs", "router", "when", "worded"]

router = APIRouter()
Owner = Annotated[Visitor, Depends(allow("owner"))]
Runs = Annotated[Visitor, Depends(allow("owner", "researcher"))]
Before = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
_LATEST = 10  # attacks on the study's page
_PAGE = 100  # rows of the audit on one page
_COLUMNS = (
    *("name", "usable", "over", "quota"),
    *("lasting", "abandoned", "voided", "quarantined", "withdrawn"),
)
_STATES = ("active", "paused", "left", "erased")


@router.get("/{study}/study", response_class=HTMLResponse)
async def study(visitor: Runs) -> Response:
    """How far the study is, and what it shows so far."""
    picture = await visitor.served.live.picture()
    state = await asyncio.to_thread(_state, visitor)
    waiting = [
        (_link(visitor, attack.number), attack.member, attack.arm, when(since))
        for attack, since in await visitor.served.sitting.waiting()
    ]
    table = _figure_table(picture)
    return show(visitor, "study.html.j2", picture=picture, table=table, waiting=waiting, **state)


def _state(visitor: Visitor) -> dict[str, Any]:
    served, serving = visitor.served, visitor.serving
    rows = serving.store.attacks(served.id)
    arms = progress_of(served.study, rows)
    usable, over = sum(arm.usable for arm in arms), sum(arm.over for arm in arms)
    quota = sum(max(arm.quota, arm.over) for arm in arms)
    counted: dict[str, Counter[str]] = {role: Counter() for role in ROLES}
    for person in serving.people.of_study(served.id):
        for role in person.roles:
            counted[role][person.state] += 1
    return {
        "arms": [tuple(getattr(arm, column) for column in _COLUMNS) for arm in arms],
        "usable": usable,
        "over": over,
        "quota": quota,
        "expected": round(quota * usable / over) if usable < over else quota,
        "lasting": sum(arm.lasting for arm in arms),
        "pace": _told(pace_of(arms, rows, now=datetime.now(UTC))),
        "people": [
            (role.replace("_", " "), *(found[state] for state in _STATES))
            for role, found in counted.items()
            if found
        ],
        "latest": [
            (
                _link(visitor, row.number),
                row.member,
                row.arm,
                _ending(row.ending),
                when(row.assigned_at),
            )
            for row in rows[: -_LATEST - 1 : -1]
        ],
    }


def _told(pace: Pace) -> dict[str, str]:
    """How long it will take, in words."""
    if pace.hours_left is None or pace.per_hour is None:
        done = pace.hours_left == 0
        return {"left": "done" if done else "not known", "why": f"{pace.reason}."}
    hours = pace.hours_left
    if hours < 1:
        left = f"{max(1, round(hours * 60))} min"
    else:
        left = f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"
    return {"left": left, "why": f"until all are over, {pace.per_hour:,.1f} an hour as of late"}


def _link(visitor: Visitor, number: int) -> dict[str, object]:
    return {"text": number, "href": f"{visitor.base}/study/attack/{number}"}


def _ending(ending: str | None) -> str:
    return "lasts" if ending is None else ending.replace("_", " ")


def _figure_table(picture: Picture | None) -> list[tuple[object, ...]]:
    """The figure's numbers in words."""
    if picture is None or picture.results is None:
        return []
    return [
        (
            arm.name,
            arm.lineage_mark,
            f"{arm.n} ({arm.rating.n}, {arm.harmlessness.n})",
            arm.n_members,
            worded(arm.rating),
            worded(arm.harmlessness),
            worded(arm.median),
            worded(arm.cvar05),
        )
        for arm in picture.results.arms
    ]


def when(at: str | None) -> str:
    """A stored time as it is read, in UTC."""
    return "–" if at is None else at[:16].replace("T", " ")


def worded(estimate: Estimate | None) -> str:
    """An estimate with its interval, or why there is none."""
    if estimate is None or estimate.estimate is None:
        return "–" if estimate is None else f"– ({estimate.reason})"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.estimate:.2f} ({estimate.reason})"
    return f"{estimate.estimate:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


@router.get("/{study}/study/figure1.svg")
async def figure(visitor: Runs, dark: bool = False) -> Response:
    """Figure 1 from the attacks so far.

    :raises Refused: nothing is over yet, or it is still being drawn.
    """
    picture = await visitor.served.live.picture()
    if picture is None or picture.results is None:
        raise Refused(404, "There is no figure yet: no attack is over, or it is being drawn.")
    svg = picture.dark if dark else picture.figure
    return Response(svg, media_type="image/svg+xml")


@router.get("/{study}/study/briefs", response_class=HTMLResponse)
async def briefs(visitor: Runs) -> Response:
    """Every brief, who was given it, and what they achieved."""
    served, serving = visitor.served, visitor.serving
    picture = await served.live.picture()
    people = await asyncio.to_thread(serving.people.of_study, served.id)
    attacks = await asyncio.to_thread(serving.store.attacks, served.id)
    given = Counter(person.brief for person in people)
    made = Counter(row.brief or served.open.file.brief.label for row in attacks)
    success = picture.briefs if picture else {}
    differences = picture.differences if picture else {}
    now = [brief.label for brief in served.open.file.briefs]
    labels = dict.fromkeys([*now, *filter(None, made), *filter(None, given)])
    rows = [
        (
            label,
            given[label],
            made[label],
            found.n if (found := success.get(label)) else 0,
            worded(found),
            worded(differences.get(label)),
        )
        for label in labels
    ]
    return show(
        visitor,
        "briefs.html.j2",
        briefs=served.open.file.briefs,
        rows=rows,
        several=len(now) > 1,
        threshold=served.study.success_threshold,
    )


_SOMEBODY = "somebody"
"""Whose feelings were looked at would tell an owner something of them; the row itself has it."""


@router.get("/{study}/study/audit", response_class=HTMLResponse)
async def audit(visitor: Owner, before: Before = None) -> Response:
    """Who did what, who read what, who took what away: the newest first."""
    serving, served = visitor.serving, visitor.served
    entries = serving.audit.entries
    found = await asyncio.to_thread(entries, served.id, before=before, most=_PAGE + 1)
    people = await asyncio.to_thread(serving.people.of_study, served.id)
    logins = {person.name: f"{person.login} ({person.name})" for person in people if person.login}
    return show(
        visitor,
        "audit.html.j2",
        rows=[
            (
                entry.id,
                when(entry.at),
                logins.get(entry.who, entry.who),
                entry.what,
                _SOMEBODY
                if entry.what == "read feelings"
                else logins.get(entry.object, entry.object),
                "" if entry.detail == "{}" else entry.detail,
            )
            for entry in found[:_PAGE]
        ],
        older=found[_PAGE - 1].id if len(found) > _PAGE else None,
        first=before is None,
    )
