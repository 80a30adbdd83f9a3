"""How a conversation becomes tokens, in one way for training, scoring and sampling.

A conversation is encoded message by message, and the tokens of a message never depend on what comes
after it: so the beginning of a conversation has the tokens that the beginning of a longer one has,
and all its replies can be scored in one pass. Two forms:

* with a chat template: each message is what the template adds for it (where the template prints the
  beginning of a conversation differently once it goes on, ``incremental`` is false);
* without: ``\\n\\nHuman: ...`` and ``\\n\\nAssistant: ...`` as in the paper's data, and the
  tokenizer's end token after each reply. Where the tokenizer itself begins every text with a token
  (bos, or cls as BERT's does), the first message begins with it.

The last token of a reply's message is its *terminator*, where a preference model is trained and
read. What is said is hostile: a text that spells a token which was added to the vocabulary, special
or not, is encoded in pieces that spell none. Two things are let be: added runs of spaces and lines,
which mark nothing, and an added token of a single character, which has no pieces. Half a surrogate
pair, which no UTF-8 holds, is read as U+FFFD.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from gadfly.errors import PersonError
from gadfly.records.values import Message, Role

__all__ = ["ASSISTANT", "HUMAN", "Encoder"]

HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"
_PROBE = (
    Message(role="human", text="one"),
    Message(role="assistant", text="two"),
    Message(role="human", text="three"),
    Message(role="assistant", text="four"),
)
_STAND_IN = "\ue000{}\ue001"  # private characters, which no template prints


class Encoder:
    """The tokens of conversations, by one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.templated = bool(getattr(tokenizer, "chat_template", None))
        self._frames: dict[tuple[Role, ...], list[tuple[str, str]]] = {}
        added = {str(token): int(place) for token, place in tokenizer.get_added_vocab().items()}
        self._added = {token: place for token, place in added.items() if token.strip()}
        unknown = {tokenizer.unk_token_id} - {tokenizer.eos_token_id}  # GPT-2 has one for both
        self._marks = frozenset(self._added.values()) - unknown
        longest = sorted(self._added, key=len, reverse=True)
        self._spelled = re.compile("|".join(map(re.escape, longest)) or r"(?!)")
        self._printed: dict[str, int] = {}

    @cached_property
    def incremental(self) -> bool:
        """Whether the beginning of a conversation keeps its tokens when it goes on."""
        if not self.templated:
            return True
        texts = [self._template(_PROBE[:end]) for end in range(1, len(_PROBE) + 1)]
        return all(b.startswith(a) for a, b in itertools.pairwise(texts))

    @property
    def stop_texts(self) -> tuple[str, ...]:
        """What ends a reply besides the end token."""
        return () if self.templated else (HUMAN,)

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end a reply: the end token, and the terminator of the chat template."""
        ids = {int(self.tokenizer.eos_token_id)}
        if self.templated and self.incremental:
            tail = self._template(_PROBE[:2]).rpartition("two")[2].strip()
            found = self.tokenizer(tail, add_special_tokens=False)["input_ids"] if tail else []
            if found and str(self.tokenizer.convert_ids_to_tokens(found[0])) in self._added:
                ids.add(int(found[0]))
        return frozenset(ids)

    def messages(self, conversation: Sequence[Message]) -> list[list[int]]:
        """The tokens of each message, in order; joined they are the conversation's.

        :raises PersonError: the chat template refuses the conversation, or is not incremental.
        """
        if not self.templated:
            parts = [self._plain(message) for message in conversation]
            return [[*self._start, *parts[0]], *parts[1:]] if parts else []
        if not self.incremental:
            raise PersonError("the chat template is not incremental: encode whole conversations")
        frame = self._frame(tuple(message.role for message in conversation))
        said = (m.text.strip() if self._trims else m.text for m in conversation)
        return [
            self._safely(before, text, after)
            for (before, after), text in zip(frame, said, strict=True)
        ]

    def conversation(self, conversation: Sequence[Message]) -> list[int]:
        """All tokens of a conversation."""
        if not self.templated or self.incremental:
            return [token for ids in self.messages(conversation) for token in ids]
        return self._whole(conversation, False)

    def prompt(self, conversation: Sequence[Message]) -> list[int]:
        """The tokens that a causal model continues with the assistant's reply."""
        if not self.templated:
            opening = [*(() if conversation else self._start), *self._ids(ASSISTANT)]
        elif self.incremental:
            whole = self._template(_PROBE[:1])
            opening = self._ids(self._template(_PROBE[:1], True).removeprefix(whole))
        else:
            return self._whole(conversation, True)
        return [*self.conversation(conversation), *opening]

    def reply(self, ids: Sequence[int]) -> str:
        """The text of a reply's tokens, up to whatever ends it."""
        said = list(itertools.takewhile(lambda token: token not in self.stop_ids, ids))
        text = str(self.tokenizer.decode(said, skip_special_tokens=True))
        for stop in self.stop_texts:
            text = text.partition(stop)[0]
        return text.strip()

    def _ids(self, text: str) -> list[int]:
        return [
            int(token)
            for token in self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        ]

    @cached_property
    def _start(self) -> tuple[int, ...]:
        """What the tokenizer itself begins every text with, if anything."""
        names = (self.tokenizer.bos_token_id, self.tokenizer.cls_token_id)
        found = self.tokenizer("", verbose=False)["input_ids"][:1]
        return tuple(int(token) for token in found if token in names)

    def _words(self, text: str) -> list[int]:
        """Tokens of hostile text: what spells an added token is read as the pieces of it."""
        cuts = [(m.start() + m.end()) // 2 for m in self._spelled.finditer(text)]
        pieces = itertools.pairwise([0, *cuts, len(text)])
        return [token for start, end in pieces for token in self._unmarked(text[start:end])]

    def _unmarked(self, text: str) -> list[int]:
        """Tokens without a mark, halved as often as it takes: a tokenizer that changes the letters
        first finds a mark in more than its own spelling.
        """
        found = self.tokenizer(
            text, add_special_tokens=False, split_special_tokens=True, verbose=False
        )
        ids = [int(token) for token in found["input_ids"]]
        if len(text) < 2 or self._marks.isdisjoint(ids):
            return ids
        half = len(text) // 2
        return [*self._unmarked(text[:half]), *self._unmarked(text[half:])]

    def _plain(self, message: Message) -> list[int]:
        marker = HUMAN if message.role == "human" else ASSISTANT
        ids = self._safely(f"{marker} ", message.text, "")
        end = int(self.tokenizer.eos_token_id)
        return ids if message.role == "human" else [*ids, end]

    def _safely(self, before: str, said: str, after: str) -> list[int]:
        """Tokens of a printed message in which what was said may spell added tokens."""
        said = _utf8(said)
        if not self._spelled.search(said):
            whole = self._ids(f"{before}{said}{after}")
            if self._count(whole) == self._of_frame(before) + self._of_frame(after):
                return whole
        gap = " " if before.endswith(" ") else ""
        return [*self._ids(before.removesuffix(gap)), *self._words(gap + said), *self._ids(after)]

    def _count(self, ids: Sequence[int]) -> int:
        """How many marks there are."""
        return sum(token in self._marks for token in ids)

    def _of_frame(self, printed: str) -> int:
        """How many marks the form itself prints."""
        if printed not in self._printed:
            self._printed[printed] = self._count(self._ids(printed))
        return self._printed[printed]

    @cached_property
    def _trims(self) -> bool:
        """Whether the chat template takes the space off around what was said."""
        return " one " not in self._template([Message(role="human", text=" one ")])

    def _frame(self, roles: tuple[Role, ...]) -> list[tuple[str, str]]:
        """What an incremental template prints before and after each message's text."""
        if roles not in self._frames:
            hidden = [
                Message(role=role, text=_STAND_IN.format(place)) for place, role in enumerate(roles)
            ]
            texts = [self._template(hidden[:end]) for end in range(1, len(hidden) + 1)]
            frame = []
            for place, (old, new) in enumerate(zip(["", *texts], texts, strict=False)):
                before, found, after = new[len(old) :].partition(_STAND_IN.format(place))
                if not found:
                    raise PersonError("the chat template does not print every message as it is")
                frame.append((before, after))
            self._frames[roles] = frame
        return self._frames[roles]

    def _whole(self, conversation: Sequence[Message], prompt: bool) -> list[int]:
        """A whole conversation by a template that is not incremental, what was said kept apart."""
        hidden = [
            Message(role=message.role, text=_STAND_IN.format(place))
            for place, message in enumerate(conversation)
        ]
        rest, ids = self._template(hidden, prompt), list[int]()
        for place, message in enumerate(conversation):
            before, found, after = rest.partition(_STAND_IN.format(place))
            if not found:  # a template may leave out what was said long ago
                continue
            rest = after
            ids += [*self._ids(before), *self._words(_utf8(message.text))]
        return [*ids, *self._ids(rest)]

    def _template(self, conversation: Sequence[Message], prompt: bool = False) -> str:
        roles = {"human": "user", "assistant": "assistant"}
        said = [{"role": roles[m.role], "content": m.text} for m in conversation]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    said, tokenize=False, add_generation_prompt=prompt
                )
            )
        except Exception as error:
            raise PersonError(f"the chat template refuses this conversation: {error}") from error


def _utf8(text: str) -> str:
    """Text that UTF-8 can hold: half a surrogate pair becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
