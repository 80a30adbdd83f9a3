"""One dialogue of a member: each form is one event, each page follows from the stored events.

What is sent twice is kept once (the form names the number that its event would get), and what does
not fit any more is answered with the page as it stands and the reason, so that nothing typed is
lost. Nothing on the page, in its headers or its timing tells which assistant writes: both replies
come together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from gadfly.errors import InvalidEvent
from gadfly.records.values import Question, SelfRating
from gadfly.redteam.events import (
    Abandoned,
    Compared,
    Described,
    Event,
    Finished,
    Flagged,
    Messaged,
    Rated,
    Stopped,
)
from gadfly.redteam.state import Dialogue, needed
from gadfly.run.sitting import Own, Stand
from gadfly.study.arms import LocalSpec
from gadfly.study.protocol import Version
from gadfly.web.access import Refused, Visitor, allow
from gadfly.web.markdown import markdown
from gadfly.web.page import go, show
from gadfly.web.pages.door import often
from gadfly.web.pausing import is_paused
from gadfly.web.serving import Served
from gadfly.web.standing import stays_on

__all__ = ["leave_open", "router"]

router = APIRouter()
Member = Annotated[Visitor, Depends(allow("member", "expert"))]
Number = Annotated[int, InPath(ge=1, le=2**31 - 1)]
Act = Literal["describe", "say", "compare", "finish", "rate", "flag", "stop", "leave"]
OneToFive = Annotated[int, Field(ge=1, le=5)] | Literal[""]
_ANYWHERE = ("flag", "leave")
"""What does not wait for its turn: it is kept wherever the dialogue stands by then."""
_OPENINGS = 8


class Sent(BaseModel):
    """What a form of the dialogue page sends."""

    act: Act
    expects: Annotated[int, Field(ge=0, le=1_000_000)]
    text: Annotated[str, Field(max_length=200_000)] = ""
    question: Question = "more_harmful"
    side: Literal["A", "B", "neither"] | None = None
    step: Annotated[int, Field(ge=1, le=8)] | None = None
    reason: Annotated[str, Field(max_length=200_000)] = ""
    seconds: Annotated[float, Field(ge=0, le=86_400)] | Literal[""] = ""
    success: OneToFive = ""
    harm: OneToFive = ""
    actionability: OneToFive = ""
    comments: Annotated[str, Field(max_length=200_000)] = ""
    expert_domain: Annotated[str, Field(max_length=200)] = ""
    addendum: Annotated[str, Field(max_length=200_000)] = ""
    unrated: Literal["1"] | None = None
    """They would rather not rate; what they chose all the same is kept."""
    note: Annotated[str, Field(max_length=10_000)] = ""


@router.get("/{study}/attack/{number}", response_class=HTMLResponse)
async def look(visitor: Member, number: Number) -> Response:
    """The dialogue as it stands."""
    return _page(visitor, await _own(visitor, number))


@router.get("/{study}/attack/{number}/state")
async def state(visitor: Member, number: Number) -> Response:
    """What the dialogue waits for, for a page that waits with it."""
    own = await _own(visitor, number)
    need = needed(own.stand.dialogue)
    sitting = visitor.served.sitting
    if need.what == "replies":
        sitting.see_to(own.attack, visitor.somebody)
    said = {"number": own.stand.number, "needs": need.what}
    return JSONResponse(said | {"trouble": sitting.trouble(own.attack)})


@router.post("/{study}/attack/{number}")
async def act(visitor: Member, number: Number, sent: Annotated[Sent, Form()]) -> Response:
    """One step of the person."""
    own = await _own(visitor, number, sent.expects)
    stand = own.stand
    if sent.act == "flag" and _plain(sent.note) in stand.dialogue.flags[len(own.before.flags) :]:
        return go(visitor, f"/attack/{number}")  # sent again
    if sent.act == "flag":
        await often(visitor, "flag", 600, 30, person=visitor.somebody)
    expects = stand.number if sent.act in _ANYWHERE else sent.expects
    try:
        if sent.act in ("describe", "say") and expects == stand.number:
            await stays_on(visitor)
        if sent.expert_domain and sent.expert_domain not in visitor.served.study.review.domains:
            raise InvalidEvent("rated: that field of expertise is none of this study's")
        event = _EVENTS[sent.act](sent, own.before)
        done = await visitor.served.sitting.act(
            own.attack, visitor.somebody, stand, expects, event, theirs=True
        )
    except (InvalidEvent, Refused) as refused:
        own = await _own(visitor, number)
        return _page(visitor, own, error=_reason(refused), given=sent)
    if not done.kept:
        own = await _own(visitor, number)
        error = "This dialogue has moved on since; here is how it stands."
        return _page(visitor, own, error=error)
    return go(visitor, "/task" if sent.act in ("rate", "leave") else f"/attack/{number}")


async def leave_open(visitor: Visitor, reason: str) -> None:
    """End whatever dialogue the person has open."""
    sitting, person = visitor.served.sitting, visitor.somebody
    for attack in await asyncio.to_thread(sitting.kept.of, person):
        while attack.ending is None:
            stand = await sitting.stand(attack)
            if stand.dialogue.ending is not None:
                break
            left = Abandoned(reason=reason)
            done = await sitting.act(attack, person, stand, stand.number, left, theirs=True)
            if done.kept:
                break


async def _own(visitor: Visitor, number: int, expects: int | None = None) -> Own:
    """The person's own attack, by which of theirs it is.

    :raises Refused: it is not theirs, or not there: that looks the same.
    """
    own = await visitor.served.sitting.own(visitor.somebody, number, expects)
    if own is None:
        raise Refused(404, "There is no such dialogue of yours.")
    return own


def _page(
    visitor: Visitor, own: Own, *, error: str | None = None, given: Sent | None = None
) -> Response:
    attack, served = own.attack, visitor.served
    need = needed(own.stand.dialogue)
    if need.what == "nothing" and error is None:
        return go(visitor, "/task")
    if need.what == "replies":
        served.sitting.see_to(attack, visitor.somebody)
    text = brief_text(served.open.version(attack.protocol_hash), attack.brief)
    return show(
        visitor,
        "dialogue.html.j2",
        status=422 if error else 200,
        here=f"{visitor.base}/attack/{own.nth}",
        brief_html=markdown(text),
        openings=_openings(served),
        domains=served.study.review.domains,
        error=error,
        given=given,
        paused=is_paused(visitor),
        trouble=served.sitting.trouble(attack),
        dialogue=_values(own.stand, own.place, served.study.task_size),
    )


def brief_text(version: Version, label: str | None) -> str:
    """The instructions of a brief, with what nobody may ask for; that alone where there is none."""
    texts = [brief.text for brief in version.briefs if brief.label == label]
    if "never_solicit" in version.texts:
        texts.append(version.texts["never_solicit"].text)
    return "\n\n".join(texts)


def _values(stand: Stand, place: int, of: int) -> dict[str, Any]:
    """What the page shows of a dialogue, without anything that tells its arm."""
    dialogue, need = stand.dialogue, needed(stand.dialogue)
    turn = dialogue.turn
    pair = None
    if need.what == "comparison" and turn is not None:
        a, b = (turn.tries[slot][-1].text for slot in turn.shown)
        open_ = list(need.questions)
        pair = {"a": a, "b": b, "question": open_[0], "questions_open": open_}
    last = dialogue.turns[-1] if dialogue.turns else None
    stopped = last is not None and len(dialogue.turns) - 1 in dialogue.stopped
    return {
        "number": place,
        "of": of,
        "needs": need.what,
        "expects": stand.number,
        "description": dialogue.description,
        "messages": [{"role": m.role, "text": m.text} for m in dialogue.conversation],
        "pair": pair,
        "draft": last.message if stopped and last is not None else "",
        "voided": last is not None and last.voided and not stopped and turn is None,
        "may_finish": need.may_finish,
        "turns_answered": dialogue.answered,
        "turns_asked": dialogue.rules.turns_asked,
        "turns_least": dialogue.rules.turns_least,
        "turns_max": dialogue.rules.turns_max,
        "text_max": dialogue.rules.text_max,
    }


def _openings(served: Served) -> list[str]:
    """Openings to click, where everybody who is attacked lives in the embedded town."""
    specs = [arm.assistant for arm in served.study.arms]
    if not all(isinstance(spec, LocalSpec) and spec.path.startswith("sandbox:") for spec in specs):
        return []
    from gadfly.sandbox.talk import examples

    return examples(_OPENINGS)


def _plain(text: str) -> str:
    """As it was typed: forms send line ends as CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _reason(refused: InvalidEvent | Refused) -> str:
    """A refusal, for the person."""
    if isinstance(refused, Refused):
        return str(refused)
    said = str(refused).partition(": ")[2] or str(refused)
    return f"{said[:1].upper()}{said[1:]}."


def _compared(sent: Sent, dialogue: Dialogue) -> Event:
    seconds = None if sent.seconds == "" else sent.seconds
    if sent.side == "neither":
        reason = _plain(sent.reason)
        return Compared(question=sent.question, chosen=None, reason=reason, seconds=seconds)
    turn = dialogue.turn
    if turn is None or not turn.shown:
        raise InvalidEvent("compared: there are no two replies to compare now")
    if sent.step is None:
        raise InvalidEvent("compared: choose one of the eight steps, or neither")
    first = sent.step <= 4
    return Compared(
        question=sent.question,
        chosen=turn.shown[0 if first else 1],
        strength=5 - sent.step if first else sent.step - 4,
        seconds=seconds,
    )


def _rated(sent: Sent, _: Dialogue) -> Event:
    if sent.unrated is None and "" in (sent.success, sent.harm, sent.actionability):
        raise InvalidEvent(
            "rated: choose a step for each of the three questions, or say that you would rather not"
        )

    def stored(shown: int | str) -> int | None:
        return None if isinstance(shown, str) else shown - 1

    return Rated(
        rating=SelfRating(
            success=stored(sent.success),
            harm=stored(sent.harm),
            actionability=stored(sent.actionability),
            comments=_plain(sent.comments) or None,
            expert_domain=sent.expert_domain or None,
        ),
        addendum=_plain(sent.addendum) or None,
    )


_EVENTS: Mapping[Act, Callable[[Sent, Dialogue], Event]] = {
    "describe": lambda sent, _: Described(text=_plain(sent.text)),
    "say": lambda sent, _: Messaged(text=_plain(sent.text)),
    "compare": _compared,
    "finish": lambda sent, _: Finished(),
    "rate": _rated,
    "flag": lambda sent, _: Flagged(note=_plain(sent.note)),
    "stop": lambda sent, _: Stopped(),
    "leave": lambda sent, _: Abandoned(reason="the member left this dialogue"),
}
