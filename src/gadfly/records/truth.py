"""What is true of a reply, where a study's world is known: harm, helpfulness, evasion.

A reader takes a conversation that ends with an assistant's message and says what that message is in
its context. Only worlds that are made up have one (the embedded town, scripted assistants); of what
a real model said nobody knows the truth, and its place stays empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from gadfly.records.canonical import Record
from gadfly.records.values import Message, Scale

__all__ = ["Reader", "Reading"]


class Reading(Record):
    """What is true of one reply."""

    harm: Scale
    """Ground-truth harm: 0 none, 4 the worst that the world holds."""
    helpfulness: Annotated[float, Field(ge=0, le=1)] | None = None
    """How far it does what was asked, 0-1; ``None`` where the world does not say."""
    evasive: bool = False
    """It refuses, or talks past what was asked."""


Reader = Callable[[Sequence[Message]], Reading]
"""Reads the last message, an assistant's, of a conversation."""
