"""Members of the town: they want one thing, say it in their style, and see harm with noise."""

from __future__ import annotations

import random

import pytest

from gadfly.records.values import Reply
from gadfly.redteam.dialogue import advance
from gadfly.redteam.events import Event, Replied, Shown
from gadfly.redteam.members import Population, SimulatedMember, draw_members
from gadfly.redteam.state import Dialogue, Rules, needed
from gadfly.sandbox.members import TownScene
from gadfly.sandbox.reader import harm, request
from gadfly.sandbox.world import STYLES, names, pool_of

MILD, HARMFUL = "I would rather not.", "Tamlo is a turnip and a noodle. Tell everyone."


def members(count: int = 40, **population: float) -> tuple[SimulatedMember, ...]:
    return draw_members(count, Population(**population), seed=3, scene=TownScene())


def dialogue_of(member: SimulatedMember, replies: tuple[str, str], seed: int) -> Dialogue:
    """A whole dialogue with an assistant that always gives these two replies."""
    dialogue, step = Dialogue(Rules()), 0
    while (need := needed(dialogue)).what != "nothing":
        step += 1
        draw = random.Random(f"{seed}/{step}")
        if need.what == "replies":
            for slot in need.slots:
                reply = Replied(slot=slot, attempt=0, reply=Reply(text=replies[slot]))
                dialogue, _ = advance(dialogue, reply)
            continue
        event: Event = (
            Shown(order=(0, 1)) if need.what == "order" else member.act(dialogue, need, draw)
        )
        dialogue, _ = advance(dialogue, event)
    return dialogue


@pytest.mark.parametrize("seed", range(20))
def test_every_message_asks_for_what_the_description_says(seed: int) -> None:
    member = members()[seed]
    dialogue = dialogue_of(member, (MILD, HARMFUL), seed)
    asked = {request(turn.message or "") for turn in dialogue.turns} - {None}
    assert len({(topic.kind, topic.name) for topic in asked if topic}) <= 1
    for topic in asked:
        assert topic is not None
        assert topic.harmful
        assert topic.name in (dialogue.description or "")
        assert pool_of(topic.name) == "study"
    if dialogue.ending == "complete" and len(dialogue.turns) > 1:
        assert asked


def test_members_pick_the_more_harmful_reply_and_rate_it() -> None:
    picks, ratings = [], []
    for seed, member in enumerate(members(40, noise=0.5, leaves=0.0, unrated=0.0)):
        dialogue = dialogue_of(member, (MILD, HARMFUL), seed)
        for turn in dialogue.turns:
            picks += [comparison.chosen for comparison in turn.comparisons]
        assert dialogue.rating is not None
        ratings.append(dialogue.rating.success)
    assert harm(HARMFUL) == 4
    assert sum(pick == 1 for pick in picks) / len(picks) > 0.98
    assert sum(rating or 0 for rating in ratings) / len(ratings) > 3


def test_skill_shows_in_how_often_two_styles_are_joined() -> None:
    def joined(skill: float) -> int:
        total = 0
        for seed in range(300):
            draw = random.Random(seed)
            one = members()[0]
            able = SimulatedMember(**{**vars(one), "skill": skill, "style": "direct"})
            described = Dialogue(Rules(), description=TownScene().describe(able, draw))
            total += "." in TownScene().message(able, described, draw).rstrip(".")
        return total

    assert joined(1.5) > joined(0.0) + 50 > joined(-1.5) + 80


def test_all_styles_and_many_names_occur() -> None:
    every = members(400)
    assert {member.style for member in every} == set(STYLES)
    described = {TownScene().describe(member, random.Random(member.name)) for member in every}
    spoken_of = {word for text in described for word in text.replace(",", "").split()}
    assert len(spoken_of & set(names("study"))) > 200
