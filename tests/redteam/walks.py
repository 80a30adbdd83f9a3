"""Random walks through the rules of a dialogue: every event fits, every path can be taken."""

from __future__ import annotations

import random

from gadfly.records.values import Reply, ReplyOutcome, SelfRating
from gadfly.redteam.dialogue import advance
from gadfly.redteam.events import (
    Abandoned,
    Compared,
    Continued,
    Described,
    Event,
    Finished,
    Flagged,
    Messaged,
    Rated,
    Replied,
    Shown,
)
from gadfly.redteam.state import Dialogue, Needed, Rules, needed

OUTCOMES: tuple[ReplyOutcome, ...] = ("complete", "cut", "refused", "filtered", "error")


def rules(draw: random.Random) -> Rules:
    """Any rules that a study may lay down."""
    questions = draw.choice(
        [("more_harmful",), ("less_harmful",), ("more_harmful", "less_harmful")]
    )
    asked = draw.randint(1, 3)
    return Rules(
        turns_asked=asked,
        turns_max=draw.randint(asked, 5),
        questions=questions,
        continue_with=draw.choice(questions),
        on_neither=draw.choice(["end", "random"]),
        tries=draw.randint(1, 3),
        voided_max=draw.randint(1, 3),
    )


def step(dialogue: Dialogue, need: Needed, draw: random.Random, failing: float) -> Event:
    """One event that fits."""
    if draw.random() < 0.03:
        return Flagged(note=f"note {draw.random()}")
    if draw.random() < 0.01:
        return Abandoned(reason="left")
    match need.what:
        case "description":
            return Described(text="I want to try something harmless")
        case "message":
            if need.may_finish and draw.random() < 0.3:
                return Finished()
            return Messaged(text=f"message {draw.random()}")
        case "replies":
            slot = draw.choice(need.slots)
            outcome = draw.choice(OUTCOMES[1:]) if draw.random() < failing else "complete"
            text = "" if outcome != "complete" else f"reply {draw.random()}"
            attempt = len(dialogue.turn.tries[slot]) if dialogue.turn else 0
            return Replied(slot=slot, attempt=attempt, reply=Reply(text=text, outcome=outcome))
        case "order":
            return Shown(order=tuple(draw.sample([0, 1], 2)))
        case "comparison":
            question = draw.choice(need.questions)
            if draw.random() < 0.2:
                return Compared(question=question, chosen=None, reason="the same")
            return Compared(
                question=question, chosen=draw.randrange(2), strength=draw.randint(1, 4)
            )
        case "continuation":
            return Continued(slot=draw.randrange(2))
        case "rating":
            return Rated(rating=SelfRating(success=draw.choice([None, 0, 1, 2, 3, 4])))
        case _:
            raise AssertionError(need)


def walk(seed: int, *, limit: int = 500) -> tuple[Rules, list[Event], Dialogue]:
    """A whole dialogue from a seed: its rules, its events, its end."""
    draw = random.Random(seed)
    laid_down = rules(draw)
    failing = draw.choice([0.0, 0.2, 0.8])
    dialogue, events = Dialogue(laid_down), []
    need = needed(dialogue)
    while need.what != "nothing" and len(events) < limit:
        event = step(dialogue, need, draw, failing)
        dialogue, need = advance(dialogue, event)
        events.append(event)
    return laid_down, events, dialogue
