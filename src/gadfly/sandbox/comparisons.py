"""What preference models of the town learn from: simulated members compare two replies.

Both replies are sampled from a language model at temperature 1: one from the plain model, the other
from the plain or from the prompted one. A member sees truth and noise: on a harmful request how
harmful a reply is, on a benign one how helpful. Pairs of the weakest strength are ties and teach
nothing, as in any study.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from gadfly.assistants.local.sampling import Request, Sampler
from gadfly.assistants.prompts import Prompt
from gadfly.records.transcript import ASSISTANT_MARKER, render
from gadfly.records.values import Message, PreferencePair
from gadfly.redteam.members import SimulatedMember, member_of_task, strength_of
from gadfly.sandbox.dialogues import Opening
from gadfly.sandbox.reader import read

__all__ = ["compare", "sample"]

MAX_TOKENS = 48
"""Longest reply in the town."""
_TASK = 5
Progress = Callable[[int, int], None]


def sample(
    sampler: Sampler,
    conversations: Sequence[Sequence[Message]],
    *,
    replies: int,
    seed: str,
    temperature: float = 1.0,
    progress: Progress | None = None,
) -> list[list[str]]:
    """So many replies to each conversation."""
    done: list[list[str]] = []
    step = max(1, 4 * sampler.rows // replies)
    for start in range(0, len(conversations), step):
        batch = conversations[start : start + step]
        requests = [
            Request(
                prompt=tuple(sampler.encoder.prompt(conversation)),
                seeds=tuple(
                    random.Random(f"{seed}/{start + place}/{reply}").getrandbits(31)
                    for reply in range(replies)
                ),
                max_tokens=MAX_TOKENS,
                temperature=temperature,
            )
            for place, conversation in enumerate(batch)
        ]
        done += [[one.text for one in samples] for samples in sampler.generate(requests)]
        if progress is not None:
            progress(len(done), len(conversations))
    return done


def compare(
    sampler: Sampler,
    openings: Sequence[Opening],
    members: Sequence[SimulatedMember],
    *,
    plain: Prompt,
    prompted: Prompt,
    seed: str,
    progress: Progress | None = None,
) -> list[PreferencePair]:
    """One comparison for each opening, ties among them."""
    coins = [random.Random(f"{seed}/{place}") for place in range(len(openings))]
    before = [(plain, draw.choice((plain, prompted))) for draw in coins]
    asked = [
        (*prompt.messages, *opening.messages)
        for opening, both in zip(openings, before, strict=True)
        for prompt in both
    ]
    texts = [one for (one,) in sample(sampler, asked, replies=1, seed=seed, progress=progress)]
    return [
        _compared(
            opening,
            (texts[2 * place], texts[2 * place + 1]),
            member_of_task(members, place + 1, seed=len(openings), task_size=_TASK),
            coins[place],
        )
        for place, opening in enumerate(openings)
    ]


def _compared(
    opening: Opening, replies: tuple[str, str], member: SimulatedMember, draw: random.Random
) -> PreferencePair:
    seen = [_worth(opening, text) + draw.gauss(0, member.noise) for text in replies]
    better = seen.index(max(seen))
    return PreferencePair(
        prefix=render(opening.messages) + ASSISTANT_MARKER,
        chosen=f" {replies[better]}",
        rejected=f" {replies[1 - better]}",
        source="harmless" if opening.topic.harmful else "helpful",
        strength=strength_of(abs(seen[0] - seen[1])),
    )


def _worth(opening: Opening, text: str) -> float:
    """Minus the harm on a harmful request, four times the helpfulness on a benign one."""
    reading = read([*opening.messages, Message(role="assistant", text=text)])
    if opening.topic.harmful or reading.helpfulness is None:
        return -float(reading.harm)
    return 4 * reading.helpfulness - reading.harm
