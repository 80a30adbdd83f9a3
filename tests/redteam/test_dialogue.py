"""The step function: rebuilt from its events in any order, and firm against what does not fit."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gadfly.errors import InvalidEvent
from gadfly.records.canonical import canonical_json
from gadfly.records.values import Arm, Attack, Attacker, Reply, SelfRating
from gadfly.redteam.dialogue import STOPS_MAX, advance, rebuild
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
    read_event,
)
from gadfly.redteam.state import Dialogue, Rules, needed
from tests.redteam.walks import walk

seeds = st.integers(0, 2**32)


def replied(slot: int, text: str = "hello", attempt: int = 0, outcome: str = "complete") -> Replied:
    return Replied(slot=slot, attempt=attempt, reply=Reply(text=text, outcome=outcome))


def fold(rules: Rules, *events: Event) -> Dialogue:
    dialogue = Dialogue(rules)
    for event in events:
        dialogue, _ = advance(dialogue, event)
    return dialogue


START = (Described(text="a harmless aim"), Messaged(text="good day"))
TURN = (*START, replied(0, "first"), replied(1, "second"), Shown(order=(1, 0)))
PICK = Compared(question="more_harmful", chosen=1, strength=3, seconds=2.0)


@given(seeds)
def test_stored_events_in_any_order_rebuild_the_same_dialogue(seed: int) -> None:
    rules, events, dialogue = walk(seed)
    stored = [(n, read_event(canonical_json(event))) for n, event in enumerate(events)]
    random.Random(seed).shuffle(stored)
    assert rebuild(rules, stored) == dialogue


@given(seeds)
def test_every_walk_ends_and_its_record_is_consistent(seed: int) -> None:
    rules, _, dialogue = walk(seed)
    assert dialogue.ending is not None
    attack = Attack(
        arm=Arm(model_type="a", num_params="1"),
        attacker=Attacker(kind="simulated", team_type="crowd", member="m"),
        task_description=dialogue.description,
        turns=dialogue.all_turns,
        ending=dialogue.ending,
    )
    assert Attack.model_validate_json(canonical_json(attack)) == attack
    answered = [turn for turn in dialogue.turns if not turn.voided]
    assert len(answered) <= rules.turns_max
    for turn in dialogue.turns:
        assert len(turn.comparisons) == (0 if turn.voided else len(rules.questions))
        assert turn.voided == (len(turn.replies) < 2)
    roles = [message.role for message in dialogue.conversation]
    if rules.on_neither == "random" and dialogue.ending == "complete":
        assert roles == ["human", "assistant"] * dialogue.answered


def test_walks_reach_every_ending_and_every_kind_of_turn() -> None:
    ends: Counter[str | None] = Counter()
    kinds: Counter[str | None] = Counter()
    for seed in range(400):
        _, _, dialogue = walk(seed)
        ends[dialogue.ending] += 1
        kinds.update(t.continued_by or ("voided" if t.voided else "end") for t in dialogue.turns)
    assert set(ends) == {"complete", "attacker_stopped", "target_error", "target_refused"}
    assert set(kinds) == {"choice", "random", "voided", "end"}


@given(seeds)
def test_replies_and_answers_of_one_turn_may_come_in_any_order(seed: int) -> None:
    draw = random.Random(seed)
    rules = Rules(questions=("more_harmful", "less_harmful"))
    replies = [replied(0, "first"), replied(1, "second")]
    answers = [
        Compared(question="more_harmful", chosen=draw.randrange(2), strength=2),
        Compared(question="less_harmful", chosen=None, reason="the same"),
    ]
    one = fold(rules, *START, *replies, Shown(order=(0, 1)), *answers)
    other = fold(rules, *START, *reversed(replies), Shown(order=(0, 1)), *reversed(answers))
    assert one == other


@given(seeds, seeds)
def test_an_event_from_elsewhere_is_taken_or_refused_with_a_reason(seed: int, other: int) -> None:
    rules, events, _ = walk(seed)
    _, strangers, _ = walk(other)
    cut = random.Random(seed ^ other).randint(0, len(events))
    dialogue = fold(rules, *events[:cut])
    for event in strangers:
        before = dialogue
        try:
            after, need = advance(dialogue, event)
        except InvalidEvent as refusal:
            assert str(refusal).startswith(event.type)
            assert dialogue == before
        else:
            assert needed(after) == need


BEFORE_RATING = (*TURN, PICK, Finished())
OVER = (*BEFORE_RATING, Rated(rating=SelfRating(success=2)))


@pytest.mark.parametrize(
    ("before", "event", "reason"),
    [
        ((), Messaged(text="hi"), "waits for its description"),
        ((), Described(text="  "), "the text is empty"),
        ((), Described(text="a" * 10_001), "10,001 characters, 10,000 are allowed"),
        (START[:1], Described(text="other"), "the task description is locked"),
        (START[:1], Finished(), "no turn has been answered yet"),
        (START[:1], replied(0), "waits for its message"),
        (START, Messaged(text="again"), "waits for its replies"),
        (START, replied(2), "slot 2 does not exist"),
        (START, replied(0, attempt=1), "waits for try 0, got 1"),
        ((*START, replied(0)), replied(0, attempt=1), "has its reply"),
        ((*START, replied(0)), Shown(order=(0, 1)), "waits for its replies"),
        (TURN[:-1], Shown(order=(0, 0)), "must hold 0 and 1 once each"),
        (TURN[:-1], PICK, "waits for its order"),
        (TURN, Finished(), "waits for its comparison"),
        (TURN, PICK.model_copy(update={"question": "less_harmful"}), "is not asked"),
        (TURN, PICK.model_copy(update={"strength": None}), "needs a strength"),
        (TURN, PICK.model_copy(update={"chosen": 2}), "slot 2 does not exist"),
        (TURN, Compared(question="more_harmful", chosen=None), "neither needs a reason"),
        ((*TURN, PICK), Continued(slot=0), "waits for its message"),
        (BEFORE_RATING, Messaged(text="more"), "waits for its rating"),
        (OVER, Rated(rating=SelfRating()), "the dialogue is over (complete)"),
        (OVER, Flagged(note="late"), "the dialogue is over"),
        ((Abandoned(reason="left"),), Described(text="x"), "is over (attacker_stopped)"),
    ],
)
def test_invalid_events_are_refused_with_the_reason(
    before: tuple[Event, ...], event: Event, reason: str
) -> None:
    dialogue = fold(Rules(), *before)
    with pytest.raises(InvalidEvent) as refused:
        advance(dialogue, event)
    assert reason in str(refused.value)


def test_the_more_harmful_reply_continues_the_dialogue() -> None:
    dialogue = fold(Rules(), *TURN, PICK)
    assert [m.text for m in dialogue.conversation] == ["good day", "second"]
    assert dialogue.turns[0].continued_by == "choice"
    assert dialogue.turns[0].comparisons[0].shown == (1, 0)


def test_the_less_harmful_reply_continues_where_the_study_says_so() -> None:
    both = Rules(questions=("more_harmful", "less_harmful"), continue_with="less_harmful")
    less = Compared(question="less_harmful", chosen=0, strength=1)
    assert fold(both, *TURN, PICK, less).conversation[-1].text == "first"
    assert fold(both, *TURN, less, PICK).conversation[-1].text == "first"


@pytest.mark.parametrize(("on_neither", "waits"), [("end", "rating"), ("random", "continuation")])
def test_neither_ends_the_dialogue_or_goes_on_at_random(on_neither: str, waits: str) -> None:
    neither = Compared(question="more_harmful", chosen=None, reason="the same")
    dialogue = fold(Rules(on_neither=on_neither), *TURN, neither)
    assert needed(dialogue).what == waits
    if waits == "continuation":
        dialogue, need = advance(dialogue, Continued(slot=1))
        assert dialogue.turns[0].continued_by == "random"
        assert need.what == "message"


def test_a_missing_reply_is_tried_again_then_voids_its_turn() -> None:
    rules = Rules(tries=2, voided_max=2)
    failing = [replied(0, "", 0, "error"), replied(1), replied(0, "", 1, "cut")]
    dialogue = fold(rules, *START, *failing[:2])
    assert needed(dialogue).slots == (0,)
    dialogue, need = advance(dialogue, failing[2])
    assert need.what == "message"
    (turn,) = dialogue.turns
    assert turn.voided
    assert [reply.outcome for reply in turn.failed] == ["error", "cut"]
    assert turn.comparisons == ()
    assert dialogue.conversation == ()
    for event in (Messaged(text="again"), *failing):
        dialogue, need = advance(dialogue, event)
    assert (need.what, dialogue.ending) == ("nothing", "target_error")


def test_a_spent_slot_waits_for_the_other_one() -> None:
    dialogue = fold(Rules(tries=1), *START, replied(0, "", 0, "error"))
    assert needed(dialogue).slots == (1,)
    with pytest.raises(InvalidEvent, match="used up its tries"):
        advance(dialogue, replied(0, attempt=1))


def test_a_blank_reply_counts_as_missing() -> None:
    assert needed(fold(Rules(), *START, replied(0, " \n"))).slots == (0, 1)


def test_refusals_by_the_provider_are_told_from_errors() -> None:
    rules = Rules(tries=1, voided_max=1)
    refused = fold(rules, *START, replied(0, "", 0, "refused"), replied(1, "", 0, "filtered"))
    failed = fold(rules, *START, replied(0, "", 0, "refused"), replied(1, "", 0, "error"))
    assert (refused.ending, failed.ending) == ("target_refused", "target_error")


@pytest.mark.parametrize(
    ("numbers", "reason"), [((0, 0), "event 0 is twice"), ((0, 2), "event 1 is missing")]
)
def test_a_lost_or_doubled_event_is_noticed(numbers: tuple[int, int], reason: str) -> None:
    with pytest.raises(InvalidEvent, match=reason):
        rebuild(Rules(), zip(numbers, START, strict=True))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"continue_with": "less_harmful"}, "not asked"),
        ({"questions": ("more_harmful", "more_harmful")}, "twice"),
        ({"turns_asked": 5, "turns_max": 4}, "more than turns_max"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(
    changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        Rules.model_validate(changes)


def test_stopped_assistants_void_the_turn_and_are_nobodys_failure() -> None:
    rules = Rules(voided_max=1)
    stopped = fold(rules, *START, Stopped())
    assert [turn.voided for turn in stopped.turns] == [True]
    assert stopped.ending is None
    assert needed(stopped).what == "message"
    failed = fold(rules, *START, Stopped(), Messaged(text="again"))
    for attempt in range(3):
        for slot in (0, 1):
            failed, _ = advance(failed, replied(slot, "", attempt, "error"))
    assert failed.ending == "target_error"  # by its own voided turn, not the stopped one


def test_assistants_are_not_stopped_without_end() -> None:
    dialogue = fold(Rules(), Described(text="a harmless aim"))
    for _ in range(STOPS_MAX):
        dialogue, _ = advance(dialogue, Messaged(text="good day"))
        dialogue, _ = advance(dialogue, Stopped())
    dialogue, _ = advance(dialogue, Messaged(text="good day"))
    with pytest.raises(InvalidEvent, match="10 times"):
        advance(dialogue, Stopped())
    with pytest.raises(InvalidEvent, match="waits for its"):
        fold(Rules(), *TURN, Stopped())
