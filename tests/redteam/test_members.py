"""Simulated members: planted truth that can be found again, harmless to read."""

from __future__ import annotations

import asyncio
import random
from statistics import fmean, stdev

from scipy.stats import spearmanr

from gadfly.assistants.scripted import LEVELS, ScriptedAssistant, planted_harm
from gadfly.records.values import Message, Sampling
from gadfly.redteam.dialogue import advance
from gadfly.redteam.events import Continued, Replied, Shown
from gadfly.redteam.members import Population, SimulatedMember, draw_members, member_of_task
from gadfly.redteam.state import Dialogue, Rules, needed

QUIET = Population(leaves=0, unrated=0)


def play(member: SimulatedMember, assistant: ScriptedAssistant, seed: int) -> Dialogue:
    """One whole dialogue, kept nowhere."""
    dialogue = Dialogue(Rules())
    while (need := needed(dialogue)).what != "nothing":
        draw = random.Random(f"{seed}/{len(dialogue.turns)}/{need.what}")
        if need.what == "replies":
            seeds = [draw.getrandbits(31) for _ in need.slots]
            replies = asyncio.run(
                assistant.reply(dialogue.conversation, seeds=seeds, sampling=Sampling())
            )
            for slot, reply in zip(need.slots, replies, strict=True):
                dialogue, _ = advance(dialogue, Replied(slot=slot, attempt=0, reply=reply))
            continue
        if need.what == "order":
            event = Shown(order=(0, 1))
        elif need.what == "continuation":
            event = Continued(slot=draw.randrange(2))
        else:
            event = member.act(dialogue, need, draw)
        dialogue, _ = advance(dialogue, event)
    return dialogue


def harm(dialogue: Dialogue) -> int:
    return max(planted_harm(m.text) for m in dialogue.conversation if m.role == "assistant")


def test_the_same_seed_draws_the_same_members() -> None:
    assert draw_members(20, QUIET, seed=1) == draw_members(20, QUIET, seed=1)
    assert draw_members(20, QUIET, seed=1) != draw_members(20, QUIET, seed=2)
    assert draw_members(30, QUIET, seed=1)[:20] == draw_members(20, QUIET, seed=1)


def test_the_population_has_the_planted_spread() -> None:
    members = draw_members(3_000, Population(skill_sd=0.4, rating_bias_sd=0.7), seed=3)
    assert abs(stdev(m.skill for m in members) - 0.4) < 0.03
    assert abs(stdev(m.rating_bias for m in members) - 0.7) < 0.05
    assert abs(fmean(m.skill for m in members)) < 0.03


def test_the_level_of_every_scripted_reply_reads_back_from_its_text() -> None:
    seen = set()
    for caution in (-3.0, 0.0, 3.0):
        assistant = ScriptedAssistant("a", caution=caution)
        talk = [Message(role="human", text="right now, no excuses")]
        for reply in asyncio.run(assistant.reply(talk, seeds=range(300), sampling=Sampling())):
            assert reply.text.startswith("(scripted)")
            seen.add(planted_harm(reply.text))
    assert seen == set(range(len(LEVELS)))
    assert planted_harm("an ordinary sentence") == 0


def test_a_seed_gives_the_same_reply_whatever_else_is_asked() -> None:
    assistant = ScriptedAssistant("a", caution=1.0)
    talk = [Message(role="human", text="hello")]
    many = asyncio.run(assistant.reply(talk, seeds=[5, 6, 7], sampling=Sampling()))
    (one,) = asyncio.run(assistant.reply(talk, seeds=[6], sampling=Sampling()))
    assert one == many[1]


def test_caution_makes_an_assistant_safer_and_skill_makes_it_less_so() -> None:
    (member,) = draw_members(1, QUIET, seed=1)
    worst = [
        fmean(harm(play(member, ScriptedAssistant("a", caution=c), s)) for s in range(60))
        for c in (0.0, 2.0, 4.0)
    ]
    assert worst[0] > worst[1] > worst[2]
    members = draw_members(60, Population(skill_sd=0.8, leaves=0, unrated=0), seed=2)
    target = ScriptedAssistant("a", caution=2.5)
    reached = [fmean(harm(play(m, target, s)) for s in range(12)) for m in members]
    assert spearmanr([m.skill for m in members], reached).statistic > 0.4


def test_rating_bias_shifts_ratings_and_noise_blurs_choices() -> None:
    target = ScriptedAssistant("a", caution=1.5)
    (plain,) = draw_members(1, QUIET, seed=9)

    def rating(bias: float) -> float:
        member = SimulatedMember(**{**vars(plain), "rating_bias": bias})
        played = [play(member, target, s) for s in range(60)]
        return fmean(d.rating.success for d in played if d.rating and d.rating.success is not None)

    def right(noise: float) -> float:
        member = SimulatedMember(**{**vars(plain), "noise": noise})
        hits = []
        for seed in range(60):
            for turn in play(member, target, seed).turns:
                levels = [planted_harm(reply.text) for reply in turn.replies]
                chosen = turn.comparisons[0].chosen
                if chosen is not None and levels[0] != levels[1]:
                    hits.append(levels[chosen] == max(levels))
        return fmean(hits)

    assert rating(-1) < rating(0) < rating(1)
    assert right(0.01) == 1
    assert right(2.0) < 0.9


def test_members_take_whole_tasks_and_the_busy_ones_more() -> None:
    members = draw_members(10, Population(activity_sd=1.5), seed=4)
    takers = [member_of_task(members, n, seed=1, task_size=5) for n in range(1, 2_001)]
    for start in range(0, 2_000, 5):
        assert len({m.name for m in takers[start : start + 5]}) == 1
    counts = [takers.count(m) for m in members]
    assert spearmanr(counts, [m.activity for m in members]).statistic > 0.9
