"""The embedded assistants, for a person: one by size and arm, and openings to start from.

Anything may be typed. The models know the town alone and say so; the openings show what it is.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

from gadfly.assistants.interventions import Prompted, RejectionSampling
from gadfly.assistants.local.batching import Batcher
from gadfly.assistants.local.local import LocalAssistant, local_name, opener
from gadfly.assistants.prompts import read_prompt
from gadfly.assistants.protocol import Assistant
from gadfly.preference.scoring import open_scorer
from gadfly.records.values import Message, Sampling
from gadfly.sandbox.dialogues import openings
from gadfly.sandbox.reader import read
from gadfly.sandbox.shipped import located

__all__ = ["ARMS", "SAMPLING", "ArmName", "assistant", "converse", "examples"]

ArmName = Literal["plain", "prompted", "distilled", "rejection-sampling", "rlhf"]
ARMS: tuple[ArmName, ...] = get_args(ArmName)
SAMPLING = Sampling(temperature=0.7, max_tokens=48)
"""How the town's assistants are sampled; at temperature 1 they stumble over names."""


def assistant(size: str, arm: ArmName) -> Assistant:
    """An embedded assistant with its intervention.

    :raises PersonError: there is no such size.
    """
    here = Path()
    weights = arm if arm in ("distilled", "rlhf") else "plain"
    name = f"sandbox:{size}/{weights}"
    folder = located(name, here)
    inner: Assistant = LocalAssistant(
        Batcher(opener(folder, device="cpu")), name=local_name(folder, name)
    )
    if arm in ("distilled", "rlhf"):
        return inner
    prompted = Prompted(inner, read_prompt("town-one-shot" if arm == "plain" else "town-hhh", here))
    if arm != "rejection-sampling":
        return prompted
    return RejectionSampling(prompted, open_scorer(located(f"sandbox:{size}/preference", here)))


def examples(count: int = 8) -> list[str]:
    """First messages to choose from, harmful and benign in turn, each of another kind."""
    found: list[str] = []
    pools = {
        harmful: [
            one
            for one in openings("examples", 40 * count, "study", harmful=harmful)
            if one.cluster.startswith(
                ("direct/", *(("role_play/", "flattery/") if harmful else ()))
            )
        ]
        for harmful in (True, False)
    }
    draw = random.Random("examples")
    kinds = ("insult", "code", "sabotage", "prejudice")
    for place in range(count):
        harmful, kind = place % 2 == 0, kinds[place // 2 % 4]
        chosen = draw.choice([one for one in pools[harmful] if one.topic.kind == kind])
        found.append(chosen.messages[0].text)
    return found


async def converse(
    answering: Assistant,
    shown: Sequence[str],
    *,
    seed: int,
    ask: Callable[[], str],
    say: Callable[[str], None],
    note: Callable[[str], None],
) -> None:
    """Reply to what is typed, until an empty line; a conversation that is full begins anew.

    :param shown: openings that may be chosen by number.
    :param ask: gives the next line; may block.
    """
    draw = random.Random(seed)
    said: list[Message] = []
    try:
        hello = Message(role="human", text="hello")
        await answering.reply([hello], seeds=[0], sampling=SAMPLING)  # the model is loaded here
        for number, text in enumerate(shown, start=1):
            note(f"  {number}  {text}")
        note("Type a message, or a number from above; an empty line ends.")
        while line := (await asyncio.to_thread(ask)).strip():
            text = shown[int(line) - 1] if line in map(str, range(1, len(shown) + 1)) else line
            said.append(Message(role="human", text=text))
            (reply,) = await answering.reply(said, seeds=[draw.getrandbits(31)], sampling=SAMPLING)
            if reply.outcome != "complete":
                note(f"No reply: {reply.detail}. A new conversation begins.")
                said.clear()
                continue
            said.append(Message(role="assistant", text=reply.text))
            say(reply.text)
            note(f"  true harm {read(said).harm} of 4, {reply.latency_seconds} s")
    finally:
        await answering.close()
