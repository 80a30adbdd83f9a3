"""How people feel: before and after a task, every few tasks, and weeks later for those who agreed.

An answer is kept together with the step that it completes; a survey of several questionnaires is
asked one page at a time, and its last page completes the step. Each can be skipped. An answer that
calls for help leads to the help page at once. Nothing here is seen by anybody but the ``care``
role, and nothing of it touches pay or what comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response

from gadfly.care.forms import CareForms
from gadfly.care.instruments.instrument import Instrument
from gadfly.care.journey import Felt, Journey
from gadfly.errors import PersonError
from gadfly.records.canonical import canonical_json
from gadfly.store.feelings import Feeling, Feelings
from gadfly.web.access import Visitor, allow
from gadfly.web.asking import answers_of, calls_for_help, shown
from gadfly.web.following import due_for
from gadfly.web.page import go, show
from gadfly.web.serving import Served
from gadfly.web.standing import journey_of, take

__all__ = ["forms_of", "router"]

router = APIRouter()
Member = Annotated[Visitor, Depends(allow("member", "expert"))]
Somebody = Annotated[Visitor, Depends(allow("member", "expert", "reviewer"))]
Reviewer = Annotated[Visitor, Depends(allow("reviewer", "expert"))]
Act = Annotated[Literal["answer", "skip"], Form()]
Expects = Annotated[int | None, Form(ge=0)]
_LEADS = {
    "before": "Before the task begins, and only if you like.",
    "after": "The task is over. Answer only if you like.",
}


@dataclass(frozen=True)
class _Asked:
    """What is asked of somebody now."""

    instrument: Instrument
    moment: str
    task: int
    """0 for a follow-up."""
    last: bool
    """Nothing more is asked at this moment."""
    expects: int
    """Steps and answers so far; a form names what it was made for."""


@router.get("/{study}/feel", response_class=HTMLResponse)
async def feel(visitor: Member) -> Response:
    """The question that stands next on the person's way."""
    journey = await journey_of(visitor)
    asked = await _next(visitor, journey)
    return go(visitor, "/task") if asked is None else _page(visitor, asked)


@router.post("/{study}/feel")
async def felt(visitor: Member, act: Act, expects: Expects = None) -> Response:
    """The answer, or that there is none; the first one stands."""
    journey = await journey_of(visitor)
    asked = await _next(visitor, journey)
    if asked is None or expects not in (None, asked.expects):
        return go(visitor, "/task")
    return await _keep(visitor, asked, act, journey)


@router.get("/{study}/follow-up", response_class=HTMLResponse)
async def follow_up(visitor: Somebody) -> Response:
    """What is asked weeks after the last task, of those who agreed to it."""
    asked = await _followed(visitor)
    if asked is None:
        text = "Nothing is asked of you now. Thank you for coming back."
        return show(visitor, "text.html.j2", title="How have you been?", text=text)
    return _page(visitor, asked)


@router.post("/{study}/follow-up")
async def followed(visitor: Somebody, act: Act, expects: Expects = None) -> Response:
    """The answer; the first one stands."""
    asked = await _followed(visitor)
    if asked is None or expects not in (None, asked.expects):
        return go(visitor)
    return await _keep(visitor, asked, act, None)


@router.get("/{study}/review/feel", response_class=HTMLResponse)
async def feel_reviewing(visitor: Reviewer) -> Response:
    """What reviewers are asked after every so many tasks; a rest follows."""
    asked = await _reviewed(visitor)
    return go(visitor, "/review/rest") if asked is None else _page(visitor, asked)


@router.post("/{study}/review/feel")
async def felt_reviewing(visitor: Reviewer, act: Act, expects: Expects = None) -> Response:
    """The answer; the first one stands."""
    asked = await _reviewed(visitor)
    if asked is None or expects not in (None, asked.expects):
        return go(visitor, "/review/rest")
    return await _keep(visitor, asked, act, None)


async def _reviewed(visitor: Visitor) -> _Asked | None:
    """The survey of a reviewer who has just done a task, if it is its turn."""
    study, kept = visitor.served.study, visitor.served.reviewing.kept
    done = await asyncio.to_thread(kept.finished, visitor.somebody)
    tasks, begun = divmod(done, study.review.task_size)
    if begun or not tasks or tasks % study.care.survey_every:
        return None
    return await _open(visitor, forms_of(visitor.served).survey, "review", tasks, 0)


async def _next(visitor: Visitor, journey: Journey) -> _Asked | None:
    if journey.place in ("before", "after"):
        slider = (forms_of(visitor.served).slider,)
        return await _open(visitor, slider, journey.place, journey.task, journey.taken)
    if journey.place != "survey":
        return None
    survey = forms_of(visitor.served).survey
    asked = await _open(visitor, survey, "survey", journey.task, journey.taken)
    if asked is None:  # the study asks nothing more since
        await take(visitor, journey, Felt(moment="survey", answered=False))
    return asked


async def _followed(visitor: Visitor) -> _Asked | None:
    week = await due_for(visitor.serving, visitor.served, visitor.somebody)
    survey = forms_of(visitor.served).survey
    return None if week is None else await _open(visitor, survey, f"week {week}", 0, 0)


async def _open(
    visitor: Visitor, forms: Sequence[Instrument], moment: str, task: int, taken: int
) -> _Asked | None:
    """The first of these questionnaires that the person was not asked at this moment yet."""
    own = await asyncio.to_thread(Feelings(visitor.serving.store).own, visitor.somebody)
    there = {f.instrument for f in own if (f.moment, f.task) == (moment, task)}
    left = [form for form in forms if form.label not in there]
    return _Asked(left[0], moment, task, len(left) == 1, taken + len(own)) if left else None


def _page(visitor: Visitor, asked: _Asked, *, error: str | None = None) -> HTMLResponse:
    here = visitor.request.url.path
    status = 422 if error else 200
    around = {"here": here, "expects": asked.expects, "error": error}
    values = shown(asked.instrument) | around
    if asked.moment in _LEADS:
        lead = f"{_LEADS[asked.moment]} {asked.instrument.prompt}"
        return show(visitor, "affect.html.j2", status=status, **(values | {"lead": lead}))
    return show(visitor, "questionnaire.html.j2", status=status, **values)


async def _keep(visitor: Visitor, asked: _Asked, act: str, journey: Journey | None) -> Response:
    person, kept = visitor.somebody, Feelings(visitor.serving.store)
    answers: dict[str, float] = {}
    if act == "answer":
        try:
            answers = answers_of(asked.instrument, await visitor.request.form())
        except PersonError as error:
            return _page(visitor, asked, error=str(error))
    before = await asyncio.to_thread(kept.own, person)
    help_them = calls_for_help(asked.instrument, answers, before)
    feeling = Feeling(
        asked.task, asked.moment, asked.instrument.label, answers, distressed=help_them
    )
    step = None
    if journey is not None and asked.last:
        done = Felt.model_validate({"moment": journey.place, "answered": bool(answers)})
        step = (journey.taken, canonical_json(done).decode())
    await asyncio.to_thread(kept.keep, person, feeling, step=step)
    if help_them:
        return go(visitor, "/help")
    return go(visitor, visitor.request.url.path.removeprefix(visitor.base))  # what comes next


def forms_of(served: Served) -> CareForms:
    """What a study asks its people."""
    return served.open.file.forms
