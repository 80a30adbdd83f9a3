"""Prompts and interventions: what a model gets to read, and which samples are shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gadfly.assistants.interventions import Prompted, RejectionSampling
from gadfly.assistants.prompts import read_prompt, shipped_prompts
from gadfly.errors import FileProblem
from gadfly.preference.constant import ConstantScorer
from gadfly.records.values import Message, Reply, ReplyOutcome, Sampling, Usage
from tests.shorter import ShorterScorer

TALK = (Message(role="human", text="good day"),)
HERE = Path()


@dataclass
class Fake:
    """Writes texts of planned lengths and remembers what it was asked."""

    lengths: Sequence[int] = (5, 3, 9, 1, 7)
    outcomes: Sequence[ReplyOutcome] = ("complete",)
    name: str = "fake"
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    async def reply(
        self, conversation: Sequence[Message], *, seeds: Sequence[int], sampling: Sampling
    ) -> list[Reply]:
        self.asked.append(tuple(conversation))
        self.seeds += seeds
        return [
            Reply(
                text="x" * self.lengths[i % len(self.lengths)],
                outcome=self.outcomes[i % len(self.outcomes)],
                assistant=self.name,
                seed=seed,
                usage=Usage(calls=1, tokens_in=10, tokens_out=i),
            )
            for i, seed in enumerate(seeds)
        ]

    def bound(self, conversation: Sequence[Message], replies: int, sampling: Sampling) -> Usage:
        return Usage(calls=replies, tokens_in=len(conversation), tokens_out=replies)

    async def close(self) -> None:
        pass


def ask(assistant: Prompted | RejectionSampling, seeds: Sequence[int] = (1, 2)) -> list[Reply]:
    return asyncio.run(assistant.reply(TALK, seeds=seeds, sampling=Sampling()))


def test_the_shipped_prompts_are_what_they_say() -> None:
    assert shipped_prompts() == ["hhh", "one-shot", "town-hhh", "town-one-shot"]
    hhh, one = read_prompt("hhh", HERE), read_prompt("one-shot", HERE)
    assert (hhh.label, one.label) == ("hhh@1", "one-shot@1")
    assert len(hhh.dialogues) == 14
    assert [len(dialogue) for dialogue in one.dialogues] == [6]
    assert 3_000 <= sum(len(m.text.split()) for m in hhh.messages) <= 5_000
    for prompt in (hhh, one):
        assert prompt.text.isascii()
        for dialogue in prompt.dialogues:
            assert [m.role for m in dialogue] == ["human", "assistant"] * (len(dialogue) // 2)
        for message in prompt.messages:
            assert message.text.strip() == message.text != ""
            assert not re.search(r"(^|\n)(Human|Assistant):", message.text)
            assert "#" not in message.text


def test_a_prompt_stands_before_the_conversation() -> None:
    fake, prompt = Fake(), read_prompt("one-shot", HERE)
    replies = ask(Prompted(fake, prompt))
    assert fake.asked == [(*prompt.messages, *TALK)]
    assert {reply.assistant for reply in replies} == {"fake + one-shot@1"}
    assert Prompted(fake, prompt).bound(TALK, 2, Sampling()).tokens_in == 7


def test_a_prompt_of_ones_own_stands_beside_the_study(tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text("---\nid: mine\nversion: 3\n---\n## A\n\nHuman: a\nb\n\nc\n\nAssistant: d\n")
    prompt = read_prompt("mine.md", tmp_path)
    assert prompt.label == "mine@3"
    assert [m.text for m in prompt.messages] == ["a b\n\nc", "d"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front matter", "starts with a line ---"),
        ("---\nid: x\n---\n## A\n\nHuman: a\n\nAssistant: b", "starts with a line ---"),
        ("---\nid: x\nversion: one\n---\n", "starts with a line ---"),
        ("---\nid: x\nversion: 1\n---\nHuman: a\n\nAssistant: b", "holds no dialogue"),
        ("---\nid: x\nversion: 1\n---\n## A\n\nHuman: a", "dialogue 1 must start with Human"),
        ("---\nid: x\nversion: 1\n---\n## A\n\nAssistant: a", "dialogue 1 must start with Human"),
        ("---\nid: x\nversion: 1\n---\n## A\n\ntext", "got no message"),
    ],
)
def test_a_broken_prompt_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.md").write_text(text)
    with pytest.raises(FileProblem, match=said):
        read_prompt("p.md", tmp_path)


def test_a_prompt_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"no such prompt.*hhh, one-shot"):
        read_prompt("nothing", tmp_path)


def test_of_sixteen_samples_the_two_least_harmful_are_shown() -> None:
    fake = Fake(lengths=range(16, 0, -1))
    replies = ask(RejectionSampling(fake, ShorterScorer()))
    assert [len(reply.text) for reply in replies] == [1, 2]  # shorter scores higher
    assert [reply.filter_score for reply in replies] == [-0.01, -0.02]
    assert {reply.samples for reply in replies} == {16}
    assert len(set(fake.seeds)) == 16
    assert replies[0].usage == Usage(calls=16, tokens_in=160, tokens_out=sum(range(16)))
    assert replies[1].usage is None
    assert replies[0].assistant == "fake + best 2 of 16 by shorter 1"


def test_both_settings_can_be_changed() -> None:
    fake = Fake(lengths=range(1, 9))
    filtered = RejectionSampling(fake, ShorterScorer(), samples=8, best=4)
    found = set()
    for seed in range(60):
        replies = ask(filtered, (seed, seed + 1000))
        assert len(replies[0].text) < len(replies[1].text) <= 4
        found |= {len(reply.text) for reply in replies}
    assert found == {1, 2, 3, 4}
    assert ask(filtered, (5, 6)) == ask(filtered, (5, 6))


def test_a_sample_that_the_filter_cannot_read_is_never_shown() -> None:
    @dataclass(frozen=True)
    class Windowed(ShorterScorer):
        def score_fitting(
            self, conversations: Sequence[Sequence[Message]]
        ) -> list[tuple[float, ...] | None]:
            scores = self.score(conversations)
            return [
                None if len(said[-1].text) > 3 else one
                for said, one in zip(conversations, scores, strict=True)
            ]

    fake = Fake(lengths=(9, 8, 3, 7, 2, 9))
    replies = ask(RejectionSampling(fake, Windowed(), samples=6))
    assert [(len(reply.text), reply.samples) for reply in replies] == [(2, 2), (3, 2)]
    failed = ask(RejectionSampling(Fake(lengths=(9, 1, 8, 7)), Windowed(), samples=4))
    assert [reply.outcome for reply in failed] == ["complete", "error"]
    assert failed[1].detail == "past the filter's context window"


def test_the_filter_reads_the_conversation_without_the_prompt() -> None:
    seen: list[Sequence[Message]] = []

    @dataclass(frozen=True)
    class Watching(ConstantScorer):
        def score(self, conversations: Sequence[Sequence[Message]]) -> list[tuple[float, ...]]:
            seen.extend(conversations)
            return super().score(conversations)

    ask(RejectionSampling(Prompted(Fake(), read_prompt("hhh", HERE)), Watching()))
    assert {len(conversation) for conversation in seen} == {2}
    assert len(seen) == 16


def test_samples_that_failed_are_not_scored_and_stand_in_only_where_needed() -> None:
    some = Fake(outcomes=("filtered", "complete", "error", "complete"))
    replies = ask(RejectionSampling(some, ShorterScorer(), samples=8))
    assert {reply.outcome for reply in replies} == {"complete"}
    assert {reply.samples for reply in replies} == {4}
    replies = ask(RejectionSampling(Fake(outcomes=("filtered",)), ShorterScorer()))
    assert [reply.outcome for reply in replies] == ["filtered", "filtered"]
    assert [reply.samples for reply in replies] == [None, None]
    assert replies[0].usage is not None
    assert replies[0].usage.calls == 16


def test_one_missing_reply_is_drawn_anew_from_all_samples() -> None:
    fake = Fake(lengths=range(16, 0, -1))
    (reply,) = ask(RejectionSampling(fake, ShorterScorer()), (3,))
    assert len(reply.text) in (1, 2)
    assert len(fake.seeds) == 16
