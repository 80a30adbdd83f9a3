"""The rules of one dialogue, as a pure step function.

``advance(dialogue, event)`` gives the next dialogue and what is needed to go on. Nothing lives
between two steps but the stored events: :func:`rebuild` folds them back. The runner drives models
and simulated members through it in a loop, the site drives people through it one request at a
time; rules and records are the same, so the two can be compared.

    description → message → replies → order → comparison → (continuation) → message … → rating

* The task description comes first and is locked; the rating closes, with an addendum.
* Both replies are shown together, and only when both are complete: the time one takes would
  otherwise tell which assistant wrote it.
* The reply picked as more harmful continues the dialogue (or the less harmful one, where the study
  says so). After "neither" the dialogue goes to its rating, or on from a random reply.
* A reply that stays missing after every try voids its turn: kept, compared by nobody, no part of
  the conversation. Too many voided turns in a row end the dialogue as the target's failure.
* An attacker may stop the assistants before their replies are shown: that turn is voided too, and
  is nobody's failure.
* Two replies of one turn, and two questions about them, may be answered in any order: the dialogue
  that results is the same.

An event that does not fit the present state is refused (:class:`InvalidEvent`) with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

from gadfly.errors import InvalidEvent, show
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
    Stopped,
)
from gadfly.redteam.state import REPLIES, Dialogue, Needed, OpenTurn, Rules, needed

__all__ = ["STOPS_MAX", "advance", "rebuild"]

STOPS_MAX = 10
"""How often the assistants of one dialogue can be stopped: each time may cost their work."""


def rebuild(rules: Rules, events: Iterable[tuple[int, Event]]) -> Dialogue:
    """The dialogue of numbered events, whatever the order in which they are handed over.

    :raises InvalidEvent: a number is missing or twice, or an event does not fit.
    """
    dialogue = Dialogue(rules)
    for expected, (number, event) in enumerate(sorted(events, key=lambda pair: pair[0])):
        if number != expected:
            what = "twice" if number < expected else "missing"
            raise InvalidEvent(f"event {min(number, expected)} is {what}")
        dialogue, _ = advance(dialogue, event)
    return dialogue


def advance(dialogue: Dialogue, event: Event) -> tuple[Dialogue, Needed]:
    """One step: the dialogue after the event, and what it needs next.

    :raises InvalidEvent: the event does not fit the present state; its message is the reason.
    """
    if dialogue.ending is not None:
        raise InvalidEvent(f"{event.type}: the dialogue is over ({dialogue.ending})")
    after = _STEPS[type(event)](dialogue, event)
    return after, needed(after)


def _expect(dialogue: Dialogue, event: Event, what: str) -> None:
    waits = needed(dialogue).what
    if waits != what:
        raise InvalidEvent(f"{event.type}: the dialogue waits for its {waits}")


def _text(dialogue: Dialogue, event: Described | Messaged) -> str:
    longest = dialogue.rules.text_max
    if not event.text.strip():
        raise InvalidEvent(f"{event.type}: the text is empty")
    if len(event.text) > longest:
        raise InvalidEvent(
            f"{event.type}: the text has {len(event.text):,} characters, {longest:,} are allowed"
        )
    return event.text


def _open(dialogue: Dialogue, event: Event, what: str) -> OpenTurn:
    _expect(dialogue, event, what)
    if dialogue.turn is None:  # cannot be: these states have an open turn
        raise InvalidEvent(f"{event.type}: no turn is open")
    return dialogue.turn


def _slot(event: Event, slot: int) -> int:
    if not 0 <= slot < REPLIES:
        raise InvalidEvent(f"{event.type}: slot {slot} does not exist, 0 and 1 do")
    return slot


def _described(dialogue: Dialogue, event: Described) -> Dialogue:
    if dialogue.description is not None:
        raise InvalidEvent(
            "described: the task description is locked; an addendum comes at the end"
        )
    return replace(dialogue, description=_text(dialogue, event))


def _messaged(dialogue: Dialogue, event: Messaged) -> Dialogue:
    _expect(dialogue, event, "message")
    return replace(dialogue, turn=OpenTurn(_text(dialogue, event)))


def _replied(dialogue: Dialogue, event: Replied) -> Dialogue:
    turn = _open(dialogue, event, "replies")
    slot = _slot(event, event.slot)
    if slot not in needed(dialogue).slots:
        raise InvalidEvent(f"replied: slot {slot} has its reply or has used up its tries")
    if event.attempt != len(turn.tries[slot]):
        due = len(turn.tries[slot])
        raise InvalidEvent(f"replied: slot {slot} waits for try {due}, got {event.attempt}")
    tries = tuple(
        (*old, event.reply) if place == slot else old for place, old in enumerate(turn.tries)
    )
    turn = replace(turn, tries=tries)
    if not _decided(turn, dialogue.rules):
        return replace(dialogue, turn=turn)
    return _void(dialogue, turn)


def _decided(turn: OpenTurn, rules: Rules) -> bool:
    """Every slot has its reply or has spent its tries, and at least one has none.

    The turn waits for the other slot even when one has failed for good: which of two replies came
    first must not decide what is kept.
    """
    spent = [turn.spent(slot, rules) for slot in range(REPLIES)]
    return any(spent) and all(spent[slot] or turn.has(slot) for slot in range(REPLIES))


def _void(dialogue: Dialogue, turn: OpenTurn) -> Dialogue:
    limit = dialogue.rules.voided_max
    turns = (*dialogue.turns, turn.record(voided=True))
    in_time = [t for place, t in enumerate(turns) if place not in dialogue.stopped]
    last = in_time[-limit:]
    if len(last) < limit or not all(t.voided for t in last):
        return replace(dialogue, turns=turns, turn=None)
    refused = {reply.outcome for reply in turn.failed} <= {"refused", "filtered"}
    return replace(
        dialogue,
        turns=turns,
        turn=None,
        ending="target_refused" if refused else "target_error",
    )


def _stopped(dialogue: Dialogue, event: Stopped) -> Dialogue:
    turn = _open(dialogue, event, "replies")
    if len(dialogue.stopped) >= STOPS_MAX:
        raise InvalidEvent(
            f"stopped: the assistants were stopped {STOPS_MAX} times in this dialogue; wait for "
            "their replies, or leave it"
        )
    return replace(
        dialogue,
        turns=(*dialogue.turns, turn.record(voided=True)),
        turn=None,
        stopped=dialogue.stopped | {len(dialogue.turns)},
    )


def _shown(dialogue: Dialogue, event: Shown) -> Dialogue:
    turn = _open(dialogue, event, "order")
    if sorted(event.order) != list(range(REPLIES)):
        raise InvalidEvent(f"shown: order must hold 0 and 1 once each, got {event.order}")
    return replace(dialogue, turn=replace(turn, shown=event.order))


def _compared(dialogue: Dialogue, event: Compared) -> Dialogue:
    turn = _open(dialogue, event, "comparison")
    if event.question not in needed(dialogue).questions:
        raise InvalidEvent(f"compared: {event.question} is not asked, or has its answer")
    if event.chosen is None:
        if event.strength is not None or not (event.reason and event.reason.strip()):
            raise InvalidEvent("compared: neither needs a reason and has no strength")
    else:
        _slot(event, event.chosen)
        if event.strength is None:
            raise InvalidEvent("compared: a choice needs a strength of 1 to 4")
    asked = dialogue.rules.questions
    answers = sorted((*turn.answers, event), key=lambda answer: asked.index(answer.question))
    turn = replace(turn, answers=tuple(answers))
    after = replace(dialogue, turn=turn)
    if len(answers) < len(asked):
        return after
    deciding = next(a for a in answers if a.question == dialogue.rules.continue_with)
    if deciding.chosen is not None:
        return _end_turn(after, turn, deciding.chosen, "choice")
    if dialogue.rules.on_neither == "end":
        return replace(_end_turn(after, turn, None, None), closing=True)
    return after


def _continued(dialogue: Dialogue, event: Continued) -> Dialogue:
    turn = _open(dialogue, event, "continuation")
    return _end_turn(dialogue, turn, _slot(event, event.slot), "random")


def _end_turn(
    dialogue: Dialogue,
    turn: OpenTurn,
    continued: int | None,
    by: Literal["choice", "random"] | None,
) -> Dialogue:
    turns = (*dialogue.turns, turn.record(continued=continued, by=by))
    full = sum(not t.voided for t in turns) >= dialogue.rules.turns_max
    return replace(dialogue, turns=turns, turn=None, closing=full)


def _finished(dialogue: Dialogue, _event: Finished) -> Dialogue:
    waits = needed(dialogue)
    if waits.what != "message":
        raise InvalidEvent(f"finished: the dialogue waits for its {waits.what}")
    if not waits.may_finish:
        raise InvalidEvent("finished: no turn has been answered yet; to leave is to abandon")
    return replace(dialogue, closing=True)


def _rated(dialogue: Dialogue, event: Rated) -> Dialogue:
    _expect(dialogue, event, "rating")
    if event.addendum is not None and len(event.addendum) > dialogue.rules.text_max:
        raise InvalidEvent(f"rated: the addendum is too long: {show(event.addendum)}")
    return replace(dialogue, rating=event.rating, addendum=event.addendum, ending="complete")


def _flagged(dialogue: Dialogue, event: Flagged) -> Dialogue:
    return replace(dialogue, flags=(*dialogue.flags, event.note))


def _abandoned(dialogue: Dialogue, event: Abandoned) -> Dialogue:
    return replace(dialogue, ending="attacker_stopped")


_STEPS: dict[type[Event], Callable[[Dialogue, Any], Dialogue]] = {
    Described: _described,
    Messaged: _messaged,
    Replied: _replied,
    Stopped: _stopped,
    Shown: _shown,
    Compared: _compared,
    Continued: _continued,
    Flagged: _flagged,
    Finished: _finished,
    Rated: _rated,
    Abandoned: _abandoned,
}
