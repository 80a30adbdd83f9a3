"""Pairs as a neural model is trained on them: tokens, a stated mix, a split, and an order.

Each text is the context with one reply, encoded as it will be scored, so that its last token is the
terminator at which the model is read. What does not fit is left out and counted, never cut. The
order of training is made here, once for all epochs and whatever the number of processes: a step is
the same pairs on one machine and on eight, and a training that goes on knows where it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gadfly.errors import PersonError
from gadfly.models.tokens import Encoder
from gadfly.preference.evaluate import TOO_LONG
from gadfly.preference.pairs import Prepared
from gadfly.records.values import Message

__all__ = ["Sequences", "encode", "held_out", "mixed", "order"]

_GROUPED = 32  # batches among which pairs are sorted by length

REFUSED, SURPLUS = "refused by the chat template", "surplus of the mix"


@dataclass(frozen=True)
class Sequences:
    """Pairs that fit, and their tokens."""

    prepared: Prepared
    """The pairs; those that do not fit are counted in ``dropped``."""
    chosen: list[list[int]]
    """Tokens of context and chosen reply."""
    rejected: list[list[int]]
    """Tokens of context and rejected reply."""


def encode(prepared: Prepared, encoder: Encoder, window: int) -> Sequences:
    """The tokens of pairs; a pair with a text of more than ``window`` tokens is left out.

    :raises PersonError: no pair is left.
    """
    chosen: list[list[int]] = []
    rejected: list[list[int]] = []
    reasons: list[str | None] = []
    for messages, pair in zip(prepared.contexts, prepared.pairs, strict=True):
        try:
            texts = [
                encoder.conversation((*messages, Message(role="assistant", text=reply)))
                for reply in (pair.chosen, pair.rejected)
            ]
        except PersonError:  # a template that wants roles by turns, a human first
            reasons.append(REFUSED)
            continue
        fits = max(map(len, texts)) <= window
        reasons.append(None if fits else TOO_LONG)
        if fits:
            chosen.append(texts[0])
            rejected.append(texts[1])
    return Sequences(prepared.without(reasons), chosen, rejected)


def mixed(sequences: Sequences, mix: Mapping[str, float] | None, seed: int) -> Sequences:
    """Pairs in the shares of ``mix``: the source that is shortest sets how many there are.

    They are pairs that fit, so that nothing is left out afterwards and the shares hold.

    :raises PersonError: the mix names other sources than the pairs have.
    """
    if mix is None:
        return sequences
    prepared = sequences.prepared
    if set(mix) != set(prepared.mix):
        raise PersonError(
            f"mix: got shares of {', '.join(sorted(mix))}; the pairs that fit the context have "
            f"these sources, and each needs a share: {', '.join(prepared.mix)}"
        )
    total = min(n / mix[source] for source, n in prepared.mix.items())
    draw = np.random.default_rng([seed, 1])
    source = np.array([pair.source for pair in prepared.pairs])
    reasons: list[str | None] = [SURPLUS] * len(source)
    for name, share in sorted(mix.items()):
        for place in draw.permutation(np.flatnonzero(source == name))[: round(total * share)]:
            reasons[place] = None
    kept = [place for place, reason in enumerate(reasons) if reason is None]
    return Sequences(
        prepared.without(reasons),
        [sequences.chosen[place] for place in kept],
        [sequences.rejected[place] for place in kept],
    )


def held_out(conversation: NDArray[np.uint64], share: float, seed: int) -> NDArray[np.bool_]:
    """Which pairs are kept to judge the model: all of the conversations drawn, at least one.

    :raises PersonError: all pairs are of one conversation.
    """
    keys = np.unique(conversation)
    if len(keys) < 2:
        raise PersonError(
            f"all {len(conversation)} pairs are of one conversation (one first human turn); "
            "at least 2 conversations are needed, so that one can be held out"
        )
    n = min(max(1, round(share * len(keys))), len(keys) - 1)
    drawn = np.random.default_rng([seed, 2]).permutation(keys)[:n]
    return np.isin(conversation, drawn)


def order(lengths: Sequence[int], *, epochs: float, batch: int, seed: int) -> list[int]:
    """Places of pairs in the order of training, a whole number of batches.

    Every pair comes once before any comes twice. Within stretches of some batches pairs of like
    length share a batch, and the batches of a stretch come in any order.
    """
    n = len(lengths)
    steps = max(1, math.ceil(n * epochs / batch - 1e-9))
    draw = np.random.default_rng([seed, 3])
    rounds = math.ceil(steps * batch / n)
    stream = np.concatenate([draw.permutation(n) for _ in range(rounds)])[: steps * batch]
    long = np.asarray(lengths)
    found: list[int] = []
    for start in range(0, len(stream), _GROUPED * batch):
        part = stream[start : start + _GROUPED * batch]
        rows = part[np.argsort(long[part], kind="stable")].reshape(-1, batch)
        found += rows[draw.permutation(len(rows))].ravel().tolist()
    return found
