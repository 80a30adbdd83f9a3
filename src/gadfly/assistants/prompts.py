"""Prompts: example dialogues that stand before the real one, as Markdown with id and version.

    hhh        14 dialogues of a helpful, honest and harmless assistant, written for Gadfly; the
               paper's own 14 (Askell et al. 2021, arXiv 2112.00861) have no stated licence
    one-shot   one neutral dialogue of three exchanges, which gives a plain language model the form

A heading starts a dialogue; the rest is text with Human and Assistant markers. The dialogues reach
a model one after another as earlier turns of its conversation, on chat and completion servers
alike, so that an intervention means the same wherever it runs.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from gadfly.errors import FileProblem
from gadfly.records.texts import VersionedText, read_text, shipped_texts
from gadfly.records.transcript import parse
from gadfly.records.values import Message

__all__ = ["Prompt", "read_prompt", "shipped_prompts"]

_PACKAGE = "gadfly.assistants"
_HEADING = re.compile(r"^#{1,6} .*$", re.MULTILINE)


class Prompt(VersionedText):
    """Example dialogues."""

    @cached_property
    def dialogues(self) -> tuple[tuple[Message, ...], ...]:
        """Each dialogue's messages; a line break within a paragraph is a space."""
        parts = (parse("\n\n" + part.strip()).messages for part in _HEADING.split(self.text)[1:])
        return tuple(
            tuple(Message(role=m.role, text=_unwrapped(m.text)) for m in messages)
            for messages in parts
        )

    @property
    def messages(self) -> tuple[Message, ...]:
        """All dialogues, one after another."""
        return tuple(message for dialogue in self.dialogues for message in dialogue)


def shipped_prompts() -> list[str]:
    """Names of the prompts that come with Gadfly."""
    return shipped_texts(_PACKAGE)


def read_prompt(name: str, beside: Path) -> Prompt:
    """A shipped prompt by name, or a Markdown file beside the study.

    :raises FileProblem: there is none of that name, or it does not hold dialogues that start with
        Human and take turns up to an Assistant.
    """
    prompt = read_text(Prompt, name, package=_PACKAGE, beside=beside, what="prompt")
    if not prompt.dialogues:
        raise FileProblem(
            beside / name,
            "holds no dialogue; each starts with a heading (## Title), then Human: and Assistant: "
            "take turns, each after an empty line",
        )
    for place, dialogue in enumerate(prompt.dialogues, start=1):
        roles = [message.role for message in dialogue]
        if not roles or roles != ["human", "assistant"] * (len(roles) // 2):
            raise FileProblem(
                beside / name,
                f"dialogue {place} must start with Human: and take turns up to an Assistant:, "
                f"each after an empty line; got {', '.join(roles) or 'no message'}",
            )
    return prompt


def _unwrapped(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))
