"""Which prompts begin alike: a prompt of example dialogues is read once, not before every talk.

What :data:`ENOUGH` different prompts of a call and the latest ones before it share, if it is long,
is a prefix. The last few are kept with their keys and values. A prompt goes with the prefix that it
shares most of; the rest of prompts stand alone.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gadfly.assistants.local.shared import Layers

__all__ = ["ENOUGH", "LEAST", "Group", "Prefixes", "common"]

ENOUGH = 8
"""Different prompts that must begin alike."""
LEAST = 48
"""Tokens that they must share."""
_KEPT = 4  # prefixes, the latest used
_RECENT = 32  # prompts that are remembered
_MOST_OF = 0.75  # of a prefix, that a prompt must share to go with it

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """Prompts that begin alike."""

    places: tuple[int, ...]
    """Which prompts of the call."""
    length: int
    """Tokens that they share."""
    layers: Layers
    """Keys and values of these tokens; empty where they share none."""


class Prefixes:
    """The prefixes of one model."""

    def __init__(self, read: Callable[[Ids], Layers]) -> None:
        """:param read: gives the keys and values of tokens; empty where it cannot."""
        self._read = read
        self._kept: OrderedDict[Ids, Layers] = OrderedDict()
        self._recent: deque[Ids] = deque(maxlen=_RECENT)

    def groups(self, prompts: Sequence[Ids]) -> list[Group]:
        """Every prompt of a call in one group."""
        self._learn(prompts)
        left, found = list(range(len(prompts))), []
        for prefix in sorted(self._kept, key=len, reverse=True):
            shares = {
                place: min(common(prefix, prompts[place]), len(prompts[place]) - 1)
                for place in left
            }
            own = [p for p in left if shares[p] >= max(LEAST, _MOST_OF * len(prefix))]
            if own:
                self._kept.move_to_end(prefix)
                length = min(shares[place] for place in own)
                layers = [(k[:, :length], v[:, :length]) for k, v in self._kept[prefix]]
                found.append(Group(tuple(own), length, layers))
                left = [place for place in left if place not in own]
        return [*found, Group(tuple(left), 0, ())] if left else found

    def _learn(self, prompts: Sequence[Ids]) -> None:
        """Find new prefixes among the prompts that go with none."""
        new = {
            prompt
            for prompt in (*self._recent, *prompts)
            if not any(common(p, prompt) >= max(LEAST, _MOST_OF * len(p)) for p in self._kept)
        }
        self._recent.extend(dict.fromkeys(prompts))
        for alike in _runs(sorted(new)):
            prefix = alike[0][: common(alike[0], alike[-1])]  # sorted: the ends differ most
            if layers := self._read(prefix):
                self._kept[prefix] = layers
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def common(one: Ids, other: Ids) -> int:
    """How many tokens two prompts share from their beginnings."""
    most = min(len(one), len(other))
    if one[:most] == other[:most]:
        return most
    return next(place for place in range(most) if one[place] != other[place])


def _runs(prompts: Iterable[Ids]) -> list[list[Ids]]:
    """Stretches of sorted prompts in which neighbours begin alike, if long enough."""
    runs: list[list[Ids]] = []
    for prompt in prompts:
        if runs and common(runs[-1][-1], prompt) >= LEAST:
            runs[-1].append(prompt)
        else:
            runs.append([prompt])
    return [run for run in runs if len(run) >= ENOUGH]
