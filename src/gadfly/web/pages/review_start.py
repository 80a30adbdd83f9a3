"""Before the first review: what a reviewer agrees to, how to judge, dialogues to practise on."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import HTMLResponse, Response

from gadfly.care.journey import Consented, Journey
from gadfly.errors import PersonError
from gadfly.records.reviews import Review
from gadfly.review.training import WorkedItem, compare, still_to_pass
from gadfly.web.access import Refused, Visitor, allow
from gadfly.web.judging import Judged, asked
from gadfly.web.leaving import leave
from gadfly.web.page import go, show
from gadfly.web.standing import journey_of, take, told

__all__ = ["Reviewer", "elsewhere", "router"]

router = APIRouter()
Reviewer = Annotated[Visitor, Depends(allow("reviewer", "expert"))]
_TEXTS = ("consent_reviewers", "risks", "resilience", "withdrawal")


async def elsewhere(visitor: Visitor, journey: Journey) -> str | None:
    """Where somebody must go before they review; ``None`` where they are ready."""
    if journey.over:
        return "/done"
    if "review" not in journey.agreed:
        return "/review/consent"
    if journey.place == "topics":
        return "/topics"
    if visitor.served.study.review.training and _to_pass(visitor, await _practice(visitor)):
        return "/review/training"
    return None


async def _practice(visitor: Visitor) -> list[Review]:
    """What the reviewer answered to worked items, in order."""
    kept = visitor.served.reviewing.kept
    given = await asyncio.to_thread(kept.of_person, visitor.somebody)
    return [review for review in given if review.kind == "training"]


def _to_pass(visitor: Visitor, practice: list[Review]) -> tuple[WorkedItem, ...]:
    materials = visitor.served.open.file.materials
    return still_to_pass(materials.worked.items, practice, materials.taxonomy)


@router.get("/{study}/review/consent", response_class=HTMLResponse)
async def consent(visitor: Reviewer) -> Response:
    """What a reviewer agrees to, the risks, and a plan before the work."""
    journey = await journey_of(visitor)
    if journey.over or "review" in journey.agreed:
        return go(visitor, "/review")
    return _consent(visitor)


def _consent(visitor: Visitor, error: str | None = None) -> Response:
    texts = [told(visitor.served, place) for place in _TEXTS]
    weeks = visitor.served.study.care.follow_up_weeks
    status = 422 if error else 200
    return show(
        visitor, "review_consent.html.j2", status=status, texts=texts, weeks=weeks, error=error
    )


@router.post("/{study}/review/consent")
async def consented(
    visitor: Reviewer,
    answer: Annotated[Literal["yes", "no"], Form()],
    adult: Annotated[Literal["1"] | None, Form()] = None,
    follow_up: Annotated[Literal["1"] | None, Form()] = None,
) -> Response:
    """Agree, or not."""
    journey = await journey_of(visitor)
    if journey.over or "review" in journey.agreed:
        return go(visitor, "/review")
    if answer == "yes" and adult is None:
        return _consent(visitor, "Only adults may review: tick the box if you are one, or say no.")
    labels = visitor.served.open.file.texts
    step = Consented(
        task="review",
        agreed=answer == "yes",
        adult=adult is not None,
        texts=tuple(labels[place].label for place in _TEXTS),
        follow_up=follow_up is not None and answer == "yes",
    )
    await take(visitor, journey, step)
    if step.agreed:
        return go(visitor, "/review")
    return go(visitor, "/task") if journey.agreed else await leave(visitor, "no_consent")


@router.get("/{study}/review/instructions", response_class=HTMLResponse)
async def instructions(visitor: Reviewer) -> Response:
    """How to judge."""
    rubric = visitor.served.open.file.materials.rubric.text
    return show(visitor, "text.html.j2", title="Instructions", text=rubric)


@router.get("/{study}/review/training", response_class=HTMLResponse)
async def training(visitor: Reviewer) -> Response:
    """The next dialogue to practise on, after what there is to say of the last answer."""
    journey = await journey_of(visitor)
    if journey.over or "review" not in journey.agreed or journey.place == "topics":
        return go(visitor, "/review")
    return _training(visitor, await _practice(visitor))


def _training(
    visitor: Visitor,
    practice: list[Review],
    *,
    error: str | None = None,
    given: Judged | None = None,
) -> Response:
    materials = visitor.served.open.file.materials
    left = _to_pass(visitor, practice)
    last = practice[-1] if practice else None
    answered = next((i for i in materials.worked.items if last and i.id == last.item), None)
    missed: tuple[str, ...] = ()
    if answered is not None and last is not None and last.verdict is not None:
        missed = compare(last.verdict, answered.expected, materials.taxonomy).missed
    return show(
        visitor,
        "review_training.html.j2",
        status=422 if error else 200,
        item=left[0] if left else None,
        turns=[
            [{"role": "human", "text": t.message}, {"role": "assistant", "text": t.reply}]
            for t in (left[0].turns if left else ())
        ],
        done=len(materials.worked.items) - len(left),
        of=len(materials.worked.items),
        tries=len(practice),
        missed=missed,
        why=answered.why if answered else None,
        rubric=materials.rubric.text,
        error=error,
        **asked(visitor, given),
    )


@router.post("/{study}/review/training/{item}")
async def practised(
    visitor: Reviewer,
    item: Annotated[str, Path(max_length=200)],
    sent: Annotated[Judged, Form()],
) -> Response:
    """An answer to a worked item."""
    items = visitor.served.open.file.materials.worked.items
    worked = next((one for one in items if one.id == item), None)
    if worked is None:
        raise Refused(404, "There is no such dialogue to practise on.")
    practice = await _practice(visitor)
    if worked not in _to_pass(visitor, practice):  # an old tab, or a second click
        return go(visitor, "/review/training")
    try:
        verdict = sent.verdict(visitor)
    except PersonError as error:
        return _training(visitor, practice, error=str(error), given=sent)
    await asyncio.to_thread(visitor.served.reviewing.practise, visitor.somebody, worked, verdict)
    return go(visitor, "/review/training")
