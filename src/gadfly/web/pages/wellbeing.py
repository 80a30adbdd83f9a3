"""How the people of a study are, as far as its owners may know: groups, counts, and whom was told.

One split of one answer of each person is shown, the same for ever (``care.feelings`` says why).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from gadfly.care.demographics.counts import counted
from gadfly.care.feelings import Answered, split
from gadfly.records.spreadsheet import csv_text
from gadfly.store.feelings import Feelings
from gadfly.store.people import Person
from gadfly.store.quarantine import Quarantine
from gadfly.web.access import Visitor, allow
from gadfly.web.following import due_for
from gadfly.web.page import show
from gadfly.web.pages.feelings import forms_of
from gadfly.web.telling import NO_MAIL

__all__ = ["router"]

router = APIRouter()
Looker = Annotated[Visitor, Depends(allow("owner", "researcher"))]
_STEP = 0.05  # of a slider from 0 to 1


@router.get("/{study}/study/wellbeing", response_class=HTMLResponse)
async def wellbeing(visitor: Looker) -> Response:
    """Groups and counts."""
    people = await _everybody(visitor)
    slider = forms_of(visitor.served).slider
    kept = Feelings(visitor.serving.store)
    answers = await asyncio.to_thread(kept.groups, people, slider.label, "pleasure")
    groups = {name: [Answered(*one) for one in rows] for name, rows in answers.items()}
    due = Counter([await due_for(visitor.serving, visitor.served, one) for one in people])
    return show(
        visitor,
        "wellbeing.html.j2",
        groups=[
            (name, g.n or g.reason, _number(g.mean), _number(g.change))
            for name, g in split(groups, step=_STEP).items()
        ],
        due=[(week, due[week]) for week in visitor.served.study.care.follow_up_weeks if due[week]],
        about=[
            (question, [(choice, _number(n, "withheld")) for choice, n in rows.items()])
            for question, rows in (await _about(visitor, people)).items()
        ],
        csv=f"{visitor.base}/study/wellbeing/about.csv",
    )


@router.get("/{study}/study/wellbeing/about.csv")
async def about(visitor: Looker) -> Response:
    """The counts of who takes part, as a table; taking them is noted."""
    served, by = visitor.served, visitor.somebody.name
    counts = await _about(visitor, await _everybody(visitor))
    add = visitor.serving.audit.add
    await asyncio.to_thread(add, served.id, by, "exported", "counts of demographics")
    rows = [
        (question, choice, "" if n is None else n)
        for question, counts_of in counts.items()
        for choice, n in counts_of.items()
    ]
    name = f"{served.study.name}-people.csv"
    return Response(
        csv_text(("question", "answer", "people"), rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/{study}/study/reports", response_class=HTMLResponse)
async def reports(visitor: Annotated[Visitor, Depends(allow("owner", "care"))]) -> Response:
    """Reports of the worst content: what became of them, and no word of them."""
    notices = await asyncio.to_thread(Quarantine(visitor.serving.store).notices, visitor.served.id)
    contact = visitor.served.study.care.legal_contact
    name = "The legal contact" if contact is None else f"{contact.name} ({contact.address})"
    by_hand = contact is None or any(n.failure == NO_MAIL for n in notices if n.told_at is None)
    mend = (
        f"This server cannot send mail: {NO_MAIL}. Tell them yourself now, with the number of the "
        "attack and nothing of its content; then have whoever runs the server set it."
    )
    return show(
        visitor,
        "reports.html.j2",
        rows=[
            (
                f"Attack {n.attack}",
                n.at[:16],
                "not told yet" if n.told_at is None else f"told {n.told_at[:16]}",
                n.tries,
                n.failure or "",
            )
            for n in notices
        ],
        waiting=sum(n.told_at is None for n in notices),
        contact=name,
        mend=mend if by_hand else None,
    )


async def _everybody(visitor: Visitor) -> list[Person]:
    return await asyncio.to_thread(visitor.serving.people.of_study, visitor.served.id)


async def _about(visitor: Visitor, people: list[Person]) -> dict[str, dict[str, int | None]]:
    about = forms_of(visitor.served).about
    answers = await asyncio.to_thread(Feelings(visitor.serving.store).demographics, people)
    counts = counted(about, answers)
    return {question.text: counts[question.id] for question in about.questions}


def _number(value: float | None, missing: str = "") -> str:
    return missing if value is None else f"{value:g}"
