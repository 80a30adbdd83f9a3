"""Transcripts as text: the form in which the paper's data were published.

A speaker's marker is ``Human:`` or ``Assistant:`` after an empty line, or at the very start of the
text. Words like these within a line are text. A marker that a person typed after an empty line
cannot be told from a real one and counts as one; two markers of one speaker in a row are two
messages. One space after a marker belongs to the marker; everything else is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gadfly.records.values import Attack, Message, Reply, Role, Turn

__all__ = [
    "ASSISTANT_MARKER",
    "HUMAN_MARKER",
    "REPLY_PATTERN",
    "Parsed",
    "attack_messages",
    "attack_text",
    "parse",
    "render",
    "to_turns",
]

ASSISTANT_MARKER = "\n\nAssistant:"
HUMAN_MARKER = "\n\nHuman:"
_START = r"(?:\A[ \t\r\n]*|\n\n)"  # not \s: re and polars differ on it
REPLY_PATTERN = _START + r"Assistant:"
"""Finds each reply of a text; understood alike by ``re`` and by polars."""
MARKER_PATTERN = _START + r"(?:Human|Assistant):"
"""Finds each message of a text; understood alike by ``re`` and by polars."""
_MARKER = re.compile(_START + r"(Human|Assistant):")
_ROLES: dict[str, Role] = {"Human": "human", "Assistant": "assistant"}
_NAMES: dict[Role, str] = {"human": "Human", "assistant": "Assistant"}


@dataclass(frozen=True)
class Parsed:
    """A transcript taken apart."""

    messages: tuple[Message, ...]
    """In order; empty where the text has no marker."""
    exact: bool
    """Whether :func:`render` prints the very same text."""


def parse(text: str) -> Parsed:
    """The messages of a transcript.

    >>> [m.text for m in parse("\\n\\nHuman: hi\\n\\nAssistant: hello").messages]
    ['hi', 'hello']
    """
    found = list(_MARKER.finditer(text))
    if not found:
        return Parsed((), exact=not text)
    ends = [m.start() for m in found[1:]] + [len(text)]
    messages = tuple(
        Message(role=_ROLES[m.group(1)], text=text[m.end() : end].removeprefix(" "))
        for m, end in zip(found, ends, strict=True)
    )
    return Parsed(messages, render(messages) == text)


def render(messages: Iterable[Message]) -> str:
    """The text of a conversation: each message after an empty line and its speaker's marker."""
    return "".join(f"\n\n{_NAMES[m.role]}: {m.text}" for m in messages)


def to_turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """Messages paired into turns: a message without reply and a reply without message stand."""
    turns: list[Turn] = []
    waiting: str | None = None
    for message in messages:
        if message.role == "human":
            if waiting is not None:
                turns.append(Turn(message=waiting))
            waiting = message.text
        else:
            reply = (Reply(text=message.text),)
            turns.append(Turn(message=waiting, replies=reply, continued=0, continued_by="only"))
            waiting = None
    if waiting is not None:
        turns.append(Turn(message=waiting))
    return tuple(turns)


def attack_messages(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """The conversation as it went on: messages and the replies that continued it.

    A voided turn is not part of it. Where a dialogue ended on a choice of neither, its last
    message stands without a reply.
    """
    messages: list[Message] = []
    for turn in turns:
        if turn.voided:
            continue
        if turn.message is not None:
            messages.append(Message(role="human", text=turn.message))
        if turn.continued is not None:
            messages.append(Message(role="assistant", text=turn.replies[turn.continued].text))
    return tuple(messages)


def attack_text(attack: Attack) -> str:
    """The transcript of an attack, as published where it was published."""
    if attack.transcript is not None:
        return attack.transcript
    return render(attack_messages(attack.turns))
