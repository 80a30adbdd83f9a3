"""What a scorer was made from, and whether a score by it may be trusted of a given assistant.

In the paper the metric for rejection sampling and RLHF is a preference model of the same family as
the one these assistants optimise (Ganguli et al. 2022, section 3.2, footnote 11): the optimiser
marks its own work. So every scorer carries its lineage, and :func:`mark` computes from two of them
whether one may judge what the other one shaped.

A training conversation is known by a 64-bit hash of its first human turn, normalised: the same
opening in another file, or with other spacing, is the same conversation. Of n conversations about
n²/2⁶⁵ pairs collide by chance, which is none in practice.

What a model is made from hands on what shaped it (:func:`inherited`). Decisions:

* **Pretraining text is what a family stands for.** Who shares it is "unverified", not "circular",
  so a lineage of kind :data:`PRETRAINED` hands on its family and not the hash of its text.
* **A family is known by its weights.** Its name is "folder@hash"; only the hash is compared.
* **A checkpoint that brings no lineage** was pretrained on what nobody lists. As an arm, nobody has
  said what it is or what was done to it: its lineage is ``None``, and every mark is "unverified".
  Once it is what a training starts from, the training names it by its weights and takes it for a
  pretrained model. What comes of it is known, as scorers on such a base are: its family stands for
  the unlisted text, and everything later is listed. Somebody who tunes a model elsewhere on a
  scorer's data and trains on is not found out by this.
* **A scorer that brings no lineage** may have learned from anything, and no family stands for that:
  what was trained against it has unknown conversations and members.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from gadfly.records.canonical import Record, content_hash
from gadfly.records.values import Message

__all__ = [
    "PRETRAINED",
    "Inherited",
    "Lineage",
    "Mark",
    "conversation_key",
    "further_families",
    "inherited",
    "lineage_hash",
    "mark",
    "package_version",
    "text_key",
]

Mark = Literal["circular", "unverified", "independent"]

PRETRAINED = "pretrained"
"""Kind of a language model trained from nothing."""


@cache
def package_version() -> str:
    """The installed version of Gadfly; "unknown" where it runs without being installed."""
    try:
        return version("gadfly")
    except PackageNotFoundError:
        return "unknown"


class Lineage(Record):
    """What a scorer was made from. Equal lineages make equal scorers."""

    kind: str
    """How it scores ("linear", "constant", "neural"), or how an assistant was made ("distilled",
    "rlhf")."""
    package_version: str
    """Version of Gadfly that made it."""
    features: dict[str, str | int | float | bool]
    """Configuration of its features and its fit."""
    training_data: tuple[str, ...]
    """"sha256:..." of each training file, sorted; empty where it learned from none."""
    seed: int | None
    """Seed of its training."""
    mix: dict[str, int]
    """Training pairs by source."""
    base: str | None
    """The pretrained model it starts from; ``None`` for none."""
    conversations: tuple[int, ...] | None
    """Hashes of the first human turns it trained on, sorted; ``None`` where unknown."""
    members: tuple[str, ...] | None
    """Study members whose picks it learned from, sorted; ``None`` where unknown."""
    families: tuple[str, ...] = ()
    """Families that shaped it beside its own, sorted: those of a reward model or a teacher."""

    @model_serializer(mode="wrap")
    def _without_empty_families(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A lineage of one family reads, and hashes, as it did before there was this field."""
        found: dict[str, Any] = plain(self)
        if not self.families:
            found.pop("families", None)
        return found

    @model_validator(mode="after")
    def _sorted(self) -> Lineage:
        for name in ("training_data", "conversations", "members", "families"):
            values = getattr(self, name)
            if values is not None and list(values) != sorted(set(values)):
                raise ValueError(f"{name} must be sorted, each once")
        return self

    @property
    def family(self) -> str:
        """What it shares its blind spots with: its base model, else its kind."""
        return self.base if self.base is not None else self.kind


def lineage_hash(lineage: Lineage) -> str:
    """The content hash of a lineage, as it stands on every score."""
    return content_hash(lineage)


def text_key(text: str) -> int:
    """64-bit hash of a text, blind to case, spacing and Unicode compatibility forms.

    >>> text_key("Hello  there") == text_key(" hello there\\n")
    True
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    digest = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def conversation_key(messages: Iterable[Message]) -> int:
    """What tells a conversation from others: the hash of its first human turn.

    A conversation without a human turn is known by its first message, an empty one by "".
    """
    first = ""
    for place, message in enumerate(messages):
        if message.role == "human":
            return text_key(message.text)
        if place == 0:
            first = message.text
    return text_key(first)


@dataclass(frozen=True)
class Inherited:
    """What several lineages hand on to what is made from them."""

    training_data: frozenset[str]
    """Hashes of their training files."""
    conversations: frozenset[int] | None
    """Their conversations; ``None`` where those of one are unknown."""
    members: frozenset[str] | None
    """Their members; ``None`` where those of one are unknown."""
    families: frozenset[str]
    """Their families, and those that shaped them."""


def inherited(before: Iterable[Lineage | None]) -> Inherited:
    """The union of lineages; ``None`` is a model of which nothing is known."""
    data, keys, members, families = set[str](), set[int](), set[str](), set[str]()
    unknown = nameless = False
    for one in before:
        unknown |= one is None or one.conversations is None
        nameless |= one is None or one.members is None
        if one is not None:
            data |= set() if one.kind == PRETRAINED else set(one.training_data)
            keys |= set(one.conversations or ())
            members |= set(one.members or ())
            families |= {one.family, *one.families}
    return Inherited(
        training_data=frozenset(data),
        conversations=None if unknown else frozenset(keys),
        members=None if nameless else frozenset(members),
        families=frozenset(families),
    )


def further_families(own: str, families: Iterable[str]) -> tuple[str, ...]:
    """The families that are not ``own``, sorted, each once whatever its folder was called."""
    named = {_family_key(name): name for name in sorted(families, reverse=True)}
    named.pop(_family_key(own), None)
    return tuple(sorted(named.values()))


def _family_key(name: str) -> str:
    """What tells a family from others: the hash in "name@hash", else the name.

    >>> _family_key("base@c60bfc3bc63c") == _family_key("copy@c60bfc3bc63c")
    True
    """
    found = re.search(r"@([0-9a-f]{12})$", name)
    return found[1] if found else name


def mark(scorer: Lineage | None, shaped_by: Lineage | None) -> Mark:
    """Whether ``scorer`` may judge an assistant that was shaped by ``shaped_by``.

    Same model or shared training rows: "circular". A family in common, shared members, or anything
    unknown: "unverified". Other families, disjoint data and members: "independent".
    """
    if scorer is None or shaped_by is None:
        return "unverified"
    if _same_or_shared(scorer, shaped_by):
        return "circular"
    if not _disjoint(scorer.conversations, shaped_by.conversations):
        return "unverified"
    if _families(scorer) & _families(shaped_by):
        return "unverified"
    if not _disjoint(scorer.members, shaped_by.members):
        return "unverified"
    return "independent"


def _families(lineage: Lineage) -> set[str]:
    return {_family_key(name) for name in (lineage.family, *lineage.families)}


def _disjoint(one: tuple[object, ...] | None, other: tuple[object, ...] | None) -> bool:
    """Whether two sets surely share nothing: what is unknown may share anything but nothing."""
    if one == () or other == ():
        return True
    return one is not None and other is not None and not set(one) & set(other)


def _same_or_shared(one: Lineage, other: Lineage) -> bool:
    """Whether two lineages are one, or share a training file or a training conversation."""
    if lineage_hash(one) == lineage_hash(other):
        return True
    if set(one.training_data) & set(other.training_data):
        return True
    return bool(set(one.conversations or ()) & set(other.conversations or ()))
