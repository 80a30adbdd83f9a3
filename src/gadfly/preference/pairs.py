"""Preference pairs made ready: parsed, those that teach nothing left out, and split.

A split keeps every conversation whole. Pairs of one dialogue share their opening, and a model that
has seen one turn of it is not tested by the next (PAPER section 3.1: never by row). The
conversation of a pair is known by :func:`gadfly.preference.lineage.conversation_key`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gadfly.errors import PersonError
from gadfly.preference.lineage import conversation_key
from gadfly.records.transcript import MARKER_PATTERN, parse
from gadfly.records.values import Message, PreferencePair

__all__ = ["Prepared", "context", "folds", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """Pairs that can be learned from or tested on."""

    pairs: tuple[PreferencePair, ...]
    """In the order given."""
    contexts: tuple[tuple[Message, ...], ...]
    """What was said before the replies of each pair."""
    conversation: NDArray[np.uint64]
    """Which conversation each pair is of."""
    dropped: dict[str, int]
    """Pairs left out, by reason."""

    @property
    def n_conversations(self) -> int:
        """How many conversations there are."""
        return len(set(self.conversation.tolist()))

    @property
    def mix(self) -> dict[str, int]:
        """Pairs by source."""
        return dict(sorted(Counter(pair.source for pair in self.pairs).items()))

    def only(self, which: NDArray[np.bool_]) -> Prepared:
        """The pairs wanted, for a split; nothing is counted as left out."""
        places = np.flatnonzero(which).tolist()
        return Prepared(
            tuple(self.pairs[place] for place in places),
            tuple(self.contexts[place] for place in places),
            self.conversation[which],
            self.dropped,
        )

    def without(self, reasons: Sequence[str | None]) -> Prepared:
        """The pairs for which there is no reason to leave them out; the others are counted.

        :raises PersonError: none is left.
        """
        found = Counter(self.dropped)
        found.update(reason for reason in reasons if reason is not None)
        kept = self.only(np.array([reason is None for reason in reasons], dtype=np.bool_))
        if not kept.pairs:
            raise PersonError(_none_left(sum(found.values()), found))
        return Prepared(kept.pairs, kept.contexts, kept.conversation, dict(sorted(found.items())))


def context(pair: PreferencePair) -> tuple[Message, ...]:
    """The messages before the replies; the last assistant marker opens none.

    A prefix without any marker is one human message.
    """
    if not re.search(MARKER_PATTERN, pair.prefix):
        return (Message(role="human", text=pair.prefix),) if pair.prefix.strip() else ()
    messages = parse(pair.prefix).messages
    last = messages[-1]
    return messages[:-1] if last.role == "assistant" and not last.text.strip() else messages


def prepare(
    pairs: Sequence[PreferencePair], dropped_before: Mapping[str, int] | None = None
) -> Prepared:
    """Leave out what teaches nothing, and parse the rest.

    Left out and counted: ties (choices of the weakest strength, Bai et al. 2022, section 2.2),
    identical and empty replies, and a pair that stood before. ``dropped_before`` counts what the
    reader of the pairs left out, and is counted with the rest.
    """
    kept: list[PreferencePair] = []
    dropped: Counter[str] = Counter(dropped_before or {})
    seen: set[tuple[str, str, str]] = set()
    for pair in pairs:
        key = (pair.prefix, pair.chosen, pair.rejected)
        reason = _useless(pair) or ("repeated pair" if key in seen else None)
        if reason is not None:
            dropped[reason] += 1
            continue
        seen.add(key)
        kept.append(pair)
    if not kept:
        raise PersonError(_none_left(len(pairs) + sum((dropped_before or {}).values()), dropped))
    contexts = tuple(context(pair) for pair in kept)
    keys = np.array([conversation_key(messages) for messages in contexts], dtype=np.uint64)
    return Prepared(tuple(kept), contexts, keys, dict(sorted(dropped.items())))


def _useless(pair: PreferencePair) -> str | None:
    if pair.strength == 1:
        return "tie"
    chosen, rejected = pair.chosen.strip(), pair.rejected.strip()
    if not chosen or not rejected:
        return "empty reply"
    return "identical replies" if chosen == rejected else None


def _none_left(n: int, dropped: Counter[str]) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
    detail = f" ({reasons})" if reasons else ""
    return (
        f"no preference pairs are left of {n}{detail}; "
        "allowed: pairs of two different replies that are not empty, with a choice above a tie"
    )


def folds(conversation: NDArray[np.uint64], k: int, seed: int) -> NDArray[np.int64]:
    """The fold of each pair, 0 to k − 1: conversations are shuffled and dealt round in turn.

    There are never more folds than conversations. One conversation cannot be split.
    """
    keys, place = np.unique(conversation, return_inverse=True)
    if len(keys) < 2:
        raise PersonError(
            f"all {len(conversation)} pairs are of one conversation (one first human turn); "
            "at least 2 conversations are needed, so that one can be held out"
        )
    dealt = np.arange(len(keys)) % min(k, len(keys))
    shuffled = np.random.default_rng(seed).permutation(dealt)
    return np.asarray(shuffled[place], dtype=np.int64)
