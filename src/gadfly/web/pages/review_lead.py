"""How reviews go, for those who run the study; and where reviewers differ, a lead's verdict.

Owners and researchers see counts and agreement. A transcript is opened by a review lead, or by an
expert of the field that a reviewer asked for, and each opening is in the audit before anything is
shown. A verdict stands beside the reviews that it settles; those stay as they are.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import HTMLResponse, Response

from gadfly.analysis.agreement import Agreement, review_agreement
from gadfly.errors import PersonError
from gadfly.records.estimate import Estimate
from gadfly.records.reviews import Review
from gadfly.review.assignment import in_share
from gadfly.run.reviewing import Transcript
from gadfly.store.reviews import READ, Waiting
from gadfly.web.access import Refused, Visitor, allow
from gadfly.web.judging import Judged, asked
from gadfly.web.page import go, show
from gadfly.web.standing import journey_of

__all__ = ["router"]

router = APIRouter()
Staff = Annotated[Visitor, Depends(allow("owner", "researcher", "review_lead"))]
Settler = Annotated[Visitor, Depends(allow("review_lead", "expert"))]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
_RESAMPLES = 500  # of a page that is looked at while reviews come in; an export takes more
_NAMES = {
    "success": "Success",
    "success_kappa": "Success, Fleiss' kappa",
    "binary_kappa": "Success or not, Fleiss' kappa",
    "intent_harm": "Harm of intent",
    "tags": "Tags",
}


@router.get("/{study}/study/reviews", response_class=HTMLResponse)
async def queue(visitor: Staff) -> Response:
    """How far the reviews are, how far reviewers agree, and what is to be settled."""
    return show(visitor, "reviews.html.j2", **await asyncio.to_thread(_state, visitor))


def _state(visitor: Visitor) -> dict[str, Any]:
    reviewing, study = visitor.served.reviewing, visitor.served.study
    spec, k = study.review, study.review.per_attack
    rows = [
        row
        for row in reviewing.kept.waiting(visitor.served.id)
        if in_share(row.number, share=spec.share, seed=study.seed)
    ]
    reviews = reviewing.kept.of_study(visitor.served.id)
    done = Counter(min(row.done, k) for row in rows)
    lead = visitor.is_any("review_lead")
    place = f"{visitor.base}/study/reviews"
    return {
        "attacks": len(rows),
        "k": k,
        "full": done[k],
        "open": sum(row.open for row in rows),
        "skipped": sum(row.skipped for row in rows),
        "settled": sum(row.settled > 0 for row in rows),
        "by_reviews": [(n, done[n]) for n in range(k + 1)],
        "experts": [
            (row.number, row.expert_domain, row.done)
            for row in rows
            if row.expert_domain is not None and row.done < k
        ],
        "disputes": [
            (
                {"text": number, "href": f"{place}/{number}"} if lead else number,
                " ".join(why.reasons),
            )
            for number, why in sorted(reviewing.disputes(reviews).items())
        ],
        "missed": [
            (number, name, " ".join(told)) for number, name, told in reviewing.all_missed(reviews)
        ],
        "agreement": _agreement(visitor, reviews),
    }


def _agreement(visitor: Visitor, reviews: list[Review]) -> list[tuple[str, str, str, int, str]]:
    study = visitor.served.study
    found: Agreement = review_agreement(
        reviews,
        per_attack=study.review.per_attack,
        threshold=study.success_threshold,
        taxonomy=visitor.served.open.file.materials.taxonomy.label,
        resamples=_RESAMPLES,
    )
    return [(title, *_shown(getattr(found, name))) for name, title in _NAMES.items()]


def _shown(estimate: Estimate) -> tuple[str, str, int, str]:
    value = "–" if estimate.estimate is None else f"{estimate.estimate:.2f}"
    low, high = estimate.low, estimate.high
    span = "–" if low is None or high is None else f"{low:.2f} to {high:.2f}"
    return value, span, estimate.n, estimate.reason or ""


@router.get("/{study}/study/reviews/{number}", response_class=HTMLResponse)
async def one(visitor: Settler, number: Number) -> Response:
    """An attack with its reviews beside each other, to be settled."""
    row, read = await _open(visitor, number)
    return await _one(visitor, row, read)


async def _one(
    visitor: Visitor,
    row: Waiting,
    read: Transcript,
    *,
    error: str | None = None,
    given: Judged | None = None,
) -> Response:
    reviewing = visitor.served.reviewing
    reviews = await asyncio.to_thread(reviewing.kept.of_attack, row.id)
    why = reviewing.disputes(reviews).get(row.number)
    return show(
        visitor,
        "review_settle.html.j2",
        status=422 if error else 200,
        here=f"{visitor.base}/study/reviews/{row.number}",
        number=row.number,
        description=read.description,
        turns=[[{"role": m.role, "text": m.text} for m in turn] for turn in read.turns],
        reviews=reviews,
        reasons=why.reasons if why else (),
        may_settle=any(review.counts for review in reviews),
        error=error,
        **asked(visitor, given),
    )


@router.post("/{study}/study/reviews/{number}")
async def settle(visitor: Settler, number: Number, sent: Annotated[Judged, Form()]) -> Response:
    """A verdict that settles the reviews of an attack."""
    row, read = await _open(visitor, number)
    person, reviewing = visitor.somebody, visitor.served.reviewing
    try:
        verdict = sent.verdict(visitor)
        await asyncio.to_thread(reviewing.settle, person, row.id, read, verdict)
    except PersonError as error:
        return await _one(visitor, row, read, error=str(error), given=sent)
    return go(visitor, "/study/reviews" if visitor.is_any("review_lead") else "/review")


async def _open(visitor: Visitor, number: int) -> tuple[Waiting, Transcript]:
    """An attack and its transcript, once the audit has it that this person opened it.

    :raises Refused: it is not theirs to open, or not there.
    """
    person, reviewing = visitor.somebody, visitor.served.reviewing
    rows = await asyncio.to_thread(reviewing.kept.waiting, visitor.served.id)
    row = next((row for row in rows if row.number == number), None)
    if row is None:
        raise Refused(404, "There is no such attack to review.")
    if row.member in await asyncio.to_thread(reviewing.kept.known_as, person):
        raise Refused(403, "This attack is your own; somebody else settles it.")
    expert_only = not visitor.is_any("review_lead")
    if expert_only and "review" not in (await journey_of(visitor)).agreed:
        raise Refused(403, "Read first what reviewing asks of you, and agree to it.")
    if expert_only and number not in await asyncio.to_thread(reviewing.for_expert, person):
        raise Refused(403, "This attack does not wait for your field.")
    if number in await asyncio.to_thread(reviewing.kept.judged, person, open_only=True):
        raise Refused(409, "You are reviewing this attack yourself; judge it first, blind.")
    await asyncio.to_thread(
        visitor.serving.audit.add, visitor.served.id, person.name, READ, f"attack {number}"
    )
    read = await asyncio.to_thread(reviewing.transcript, row.id)
    if read is None:
        raise Refused(404, "There is no such attack to review.")
    return row, read
