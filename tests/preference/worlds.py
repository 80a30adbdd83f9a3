"""Harmless pairs with a planted signal: which words a reply holds decides which one is better."""

from __future__ import annotations

import random

from gadfly.records.values import PreferencePair

GOOD = ("gladly", "kindly", "together", "certainly")
BAD = ("grumble", "pudding-hat", "never", "bother")
FILLER = ("the", "garden", "needs", "some", "water", "and", "light", "every", "day", "of", "spring")


def reply(draw: random.Random, words: tuple[str, ...], n: int) -> str:
    text = [draw.choice(FILLER) for _ in range(draw.randint(6, 14))]
    for _ in range(n):
        text.insert(draw.randrange(len(text)), draw.choice(words))
    return " ".join(text) + "."


def planted(
    n: int, *, seed: int = 0, noise: float = 0.0, per_opening: int = 1
) -> list[PreferencePair]:
    """Pairs whose chosen reply holds a good word and whose rejected one a bad word."""
    draw = random.Random(seed)
    pairs = []
    opening = ""
    for index in range(n):
        if index % per_opening == 0:
            opening = f"question {index // per_opening} about the {draw.choice(FILLER)}"
        replies = [reply(draw, GOOD, 1), reply(draw, BAD, 1)]
        if draw.random() < noise:
            replies.reverse()
        pairs.append(
            PreferencePair(
                prefix=f"\n\nHuman: {opening}\n\nAssistant:",
                chosen=" " + replies[0],
                rejected=" " + replies[1],
                source="harmless",
            )
        )
    return pairs
