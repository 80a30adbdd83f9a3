"""A member's way through the study: consent, topics, tasks, rests, and the end.

One address, ``/task``, always shows where the person is; every form names the step that it expects
to be, so that a second click or an old tab changes nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response

from gadfly.care.journey import Consented, Journey, Left, Passed, TopicsChosen
from gadfly.care.topics.measured import measured, sentence
from gadfly.care.topics.topic import read_topics
from gadfly.redteam.briefs import choose_brief
from gadfly.store.letters import Letters
from gadfly.store.rows import StoredAttack
from gadfly.store.work import Activity
from gadfly.web.access import Visitor, allow
from gadfly.web.leaving import leave
from gadfly.web.page import go, show
from gadfly.web.pages.dialogue import brief_text, leave_open
from gadfly.web.pages.door import often
from gadfly.web.pausing import is_paused, pause
from gadfly.web.standing import counts, journey_of, may_go_on, take, told, within

__all__ = ["router"]

router = APIRouter()
Member = Annotated[Visitor, Depends(allow("member", "expert"))]
Worker = Annotated[Visitor, Depends(allow("member", "expert", "reviewer"))]
Expects = Annotated[int, Form(ge=0)]
Tick = Annotated[Literal["1"] | None, Form()]
_ELSEWHERE = {
    "topics": "/topics",
    "demographics": "/about-you",
    "before": "/feel",
    "after": "/feel",
    "survey": "/feel",
}
"""Places on the way that are pages of their own."""
_LEADS_OUT = ("dialogues", "rest", "after", "survey")
"""Where somebody whose work is paused still finds their way out of a task."""


@router.get("/{study}/task", response_class=HTMLResponse)
async def task(visitor: Member) -> Response:
    """Where the person is."""
    journey = await journey_of(visitor)
    if journey.over:
        return go(visitor, "/done")
    if "attack" not in journey.agreed:
        return _consent(visitor)
    if is_paused(visitor) and journey.place not in _LEADS_OUT:
        return await pause(visitor, visitor.somebody.because or "Your work is paused.")
    if journey.place in _ELSEWHERE:
        return go(visitor, _ELSEWHERE[journey.place])
    if journey.place in ("brief", "dialogues"):
        return await _next_dialogue(visitor, journey)
    if journey.place == "rest":
        text = "\n\n".join(told(visitor.served, place) for place in ("debrief", "rest"))
        return show(visitor, "rest.html.j2", text=text, expects=journey.taken)
    return show(
        visitor,
        "between.html.j2",
        expects=journey.taken,
        done=journey.task,
        letters=await _unread(visitor),
    )


def _consent(visitor: Visitor, error: str | None = None) -> Response:
    return show(
        visitor,
        "consent.html.j2",
        status=422 if error else 200,
        consent=told(visitor.served, "consent"),
        risks=told(visitor.served, "risks"),
        withdrawal=told(visitor.served, "withdrawal"),
        weeks=visitor.served.study.care.follow_up_weeks,
        error=error,
    )


@router.post("/{study}/consent")
async def consent(
    visitor: Member,
    answer: Annotated[Literal["yes", "no"], Form()],
    adult: Tick = None,
    follow_up: Tick = None,
) -> Response:
    """Agree, or not."""
    journey = await journey_of(visitor)
    if journey.over or "attack" in journey.agreed:
        return go(visitor, "/task")
    if answer == "yes" and adult is None:
        error = "Only adults may take part: tick the box if you are one, or say no."
        return _consent(visitor, error)
    texts = visitor.served.open.file.texts
    step = Consented(
        agreed=answer == "yes",
        adult=adult is not None,
        texts=tuple(texts[place].label for place in ("consent", "risks", "withdrawal")),
        follow_up=follow_up is not None and answer == "yes",
    )
    await take(visitor, journey, step)
    if step.agreed:
        return go(visitor, "/task")
    return go(visitor, "/review") if journey.agreed else await leave(visitor, "no_consent")


@router.get("/{study}/topics", response_class=HTMLResponse)
async def topics(visitor: Worker) -> Response:
    """What somebody does not want to meet; open at any moment."""
    journey = await journey_of(visitor)
    known = read_topics(visitor.served.study.care.topics, visitor.served.open.file.path.parent)
    return show(
        visitor,
        "topics.html.j2",
        topics=[
            {"id": t.id, "name": t.name, "definition": f"{t.definition} {sentence(t, measured())}"}
            for t in known
        ],
        chosen=journey.avoid,
        first=journey.place == "topics",
        expects=journey.taken,
    )


@router.post("/{study}/topics")
async def choose_topics(
    visitor: Worker, avoid: Annotated[list[str] | None, Form(max_length=100)] = None
) -> Response:
    """The answer; the newest one holds."""
    known = read_topics(visitor.served.study.care.topics, visitor.served.open.file.path.parent)
    ids = {topic.id for topic in known}
    chosen = tuple(dict.fromkeys(name for name in avoid or () if name in ids))
    journey = await journey_of(visitor)
    if not journey.over:
        await take(visitor, journey, TopicsChosen(avoid=chosen))
    return go(visitor, "/review" if journey.agreed == {"review"} else "")


@router.get("/{study}/instructions", response_class=HTMLResponse)
async def instructions(visitor: Member) -> Response:
    """The brief, and what nobody may ask for."""
    label = _own_brief(visitor, await journey_of(visitor))
    text = brief_text(visitor.served.open.file, label)
    return show(visitor, "text.html.j2", title="Instructions", text=text)


@router.post("/{study}/begin")
async def begin(visitor: Member, expects: Expects) -> Response:
    """Begin the next dialogue of the task; or end the task, where it has none left."""
    journey = await journey_of(visitor)
    if journey.taken != expects or journey.place not in ("brief", "dialogues"):
        return go(visitor, "/task")
    if "attack" not in journey.agreed:
        return go(visitor, "/task")
    begun = await _begun(visitor, journey)
    spent = await _spent(visitor, begun)
    if _is_over(visitor, begun, spent):
        await take(visitor, journey, Passed(place="dialogues"))
        return go(visitor, "/task")
    said = await may_go_on(visitor)
    if not said.may_go_on:
        return await pause(visitor, said.sentence, status=409, stepping_out=bool(begun))
    if spent is not None:
        return _no_task(visitor, spent=spent)
    return await _begin(visitor, journey, begun)


async def _begin(visitor: Visitor, journey: Journey, begun: Sequence[StoredAttack]) -> Response:
    label = await _given_brief(visitor, journey)
    if label is None and len(begun) < visitor.served.study.task_size:
        return _no_task(visitor, topics=journey.avoid)
    if journey.place == "brief":
        journey = await take(visitor, journey, Passed(place="brief"))
    person = replace(visitor.somebody, brief=label)
    attack = await visitor.served.sitting.begin(person, journey.task, may=within(visitor))
    if attack is not None:
        return go(visitor, f"/attack/{await _nth(visitor)}")
    if not begun:
        return _no_task(visitor)
    await take(visitor, journey, Passed(place="dialogues"))
    return go(visitor, "/task")


@router.post("/{study}/go")
async def go_on(
    visitor: Member, place: Annotated[Literal["rest", "between"], Form()], expects: Expects
) -> Response:
    """Go on from a page that asks for nothing."""
    journey = await journey_of(visitor)
    if journey.taken == expects and journey.place == place:
        await take(visitor, journey, Passed(place=place))
    return go(visitor, "/task")


@router.get("/{study}/break", response_class=HTMLResponse)
async def rest(visitor: Worker) -> Response:
    """A break; nothing on it counts as work, and the time is paid."""
    text = told(visitor.served, "rest")
    return show(visitor, "break.html.j2", text=text)


@router.get("/{study}/help", response_class=HTMLResponse)
async def help_page(visitor: Worker) -> Response:
    """Where to find help."""
    return show(visitor, "text.html.j2", title="Help", text=told(visitor.served, "help"))


@router.post("/{study}/stop")
async def stop(visitor: Worker) -> Response:
    """Leave now, paid for the time so far: one click, from every page."""
    journey = await journey_of(visitor)
    if journey.place == "declined":
        return go(visitor, "/done")
    await leave_open(visitor, "the member stopped, paid for the time")
    if not journey.over:
        await take(visitor, journey, Left())
    return await leave(visitor, "complete")  # what was done decides


@router.post("/{study}/finish")
async def finish(visitor: Member, expects: Expects) -> Response:
    """End one's part between two tasks, paid for all of it."""
    journey = await journey_of(visitor)
    if journey.place == "between" and journey.taken == expects:
        await take(visitor, journey, Left())
        return await leave(visitor, "complete")
    return go(visitor, "/task")


@router.post("/{study}/beat/{activity}", status_code=204)
async def beat(visitor: Worker, activity: Activity) -> Response:
    """A sign that a page is seen and in use; nothing for somebody who has left."""
    await often(visitor, f"beat {visitor.somebody.id}", 60, 60)  # a page sends two a minute
    if visitor.somebody.state != "left" and await counts(visitor, activity):
        await asyncio.to_thread(visitor.serving.work.sign, visitor.somebody, activity)
    return Response(status_code=204)


async def _next_dialogue(visitor: Visitor, journey: Journey) -> Response:
    """The brief before a task's first dialogue, or what comes between two of them."""
    begun, of = await _begun(visitor, journey), visitor.served.study.task_size
    still = any(attack.ending is None for attack in begun)
    open_one = await _nth(visitor) if still else None
    if open_one is not None and not is_paused(visitor):
        return go(visitor, f"/attack/{open_one}")
    spent = await _spent(visitor, begun)
    over = _is_over(visitor, begun, spent)
    said = await may_go_on(visitor)
    if not said.may_go_on and (is_paused(visitor) or not over):
        ends, out = journey.taken if over else None, bool(begun)
        return await pause(visitor, said.sentence, stepping_out=out, dialogue=open_one, ends=ends)
    if spent is not None and not begun:
        return _no_task(visitor, spent=spent)
    label, left = await _given_brief(visitor, journey), len(begun) < of and spent is None
    if label is None and left:
        return _no_task(visitor, topics=journey.avoid)
    fresh = left and label != (begun[-1].brief if begun else None)
    return show(
        visitor,
        "begin.html.j2",
        brief=brief_text(visitor.served.open.file, label) if fresh else None,
        spent=spent if len(begun) < of else None,
        done=len(begun),
        of=of,
        least=visitor.served.study.rules.turns_least,
        expects=journey.taken,
        letters=await _unread(visitor),
    )


async def _unread(visitor: Visitor) -> int:
    """Letters that the person has not opened."""
    return await asyncio.to_thread(Letters(visitor.serving.store).unread, visitor.somebody)


async def _begun(visitor: Visitor, journey: Journey) -> list[StoredAttack]:
    """The dialogues of the person's task."""
    mine = await asyncio.to_thread(visitor.served.sitting.kept.of, visitor.somebody)
    return [attack for attack in mine if attack.task == journey.task]


async def _nth(visitor: Visitor) -> int:
    """Which of the person's dialogues is open: nobody begins one before the last is over."""
    return len(await asyncio.to_thread(visitor.served.sitting.kept.of, visitor.somebody))


async def _spent(visitor: Visitor, begun: Sequence[StoredAttack]) -> str | None:
    """Why no dialogue can be begun for want of money; one that is open goes on."""
    if any(attack.ending is None for attack in begun):
        return None
    return await visitor.served.sitting.spent(visitor.somebody)


def _is_over(visitor: Visitor, begun: Sequence[StoredAttack], spent: str | None) -> bool:
    """Whether a task has no dialogue left: its debrief follows, whatever limit was reached."""
    full = len(begun) >= visitor.served.study.task_size or spent is not None
    return bool(begun) and full and all(attack.ending is not None for attack in begun)


def _no_task(visitor: Visitor, *, topics: Sequence[str] = (), spent: str | None = None) -> Response:
    """There is nothing to begin: the topics left out, the budget, or the study has all it needs."""
    return show(visitor, "no_task.html.j2", topics=bool(topics), spent=spent)


def _own_brief(visitor: Visitor, journey: Journey) -> str | None:
    """Label of the person's brief, as long as it leads to nothing that they opted out of."""
    own = (b for b in visitor.served.open.file.briefs if b.label == visitor.somebody.brief)
    return next((b.label for b in own if not set(b.topics) & set(journey.avoid)), None)


async def _given_brief(visitor: Visitor, journey: Journey) -> str | None:
    """Label of the person's brief; they are given one where they have none that suits them."""
    person, own = visitor.somebody, _own_brief(visitor, journey)
    if own is not None:
        return own
    people = await asyncio.to_thread(visitor.serving.people.of_study, visitor.served.id)
    brief = choose_brief(
        visitor.served.open.file.briefs,
        Counter(one.brief for one in people if one.brief is not None),
        domains=person.domains,
        avoid=journey.avoid,
        draw=random.Random(f"brief/{visitor.served.study.seed}/{person.name}"),
    )
    label = None if brief is None else brief.label
    await asyncio.to_thread(visitor.serving.people.set_brief, person, label)
    return label
