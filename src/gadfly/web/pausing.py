"""The page of somebody who may not go on now: why, what is paid, help, and whom to write to."""

from __future__ import annotations

import asyncio

from fastapi import Response

from gadfly.store.letters import Letters
from gadfly.web.access import Visitor
from gadfly.web.page import show
from gadfly.web.standing import told

__all__ = ["is_paused", "pause"]


def is_paused(visitor: Visitor) -> bool:
    """Whether somebody paused this person's work, rather than a limit."""
    return visitor.somebody.state == "paused"


async def pause(
    visitor: Visitor,
    sentence: str,
    *,
    status: int = 200,
    stepping_out: bool = False,
    dialogue: int | None = None,
    ends: int | None = None,
) -> Response:
    """A pause. Who was paused finds help on it, and a letter to those who look after them.

    :param stepping_out: they pause in the middle of a task: how to leave the role stands there.
    :param dialogue: number of the dialogue that they have open.
    :param ends: step of their way, where no dialogue of their task is left: the debrief is next.
    """
    paused = is_paused(visitor)
    places = ["help"] * paused + ["debrief"] * (stepping_out and ends is None)
    kept = Letters(visitor.serving.store)
    written = await asyncio.to_thread(kept.of, visitor.somebody, "care") if paused else None
    return show(
        visitor,
        "pause.html.j2",
        status=status,
        sentence=sentence,
        minutes=visitor.served.study.care.limits.break_minutes,
        dialogue=dialogue,
        ends=ends,
        written=None if written is None else len(written),
        text="\n\n".join(told(visitor.served, place) for place in places),
    )
