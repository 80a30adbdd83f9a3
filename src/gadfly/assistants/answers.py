"""What an answer holds: text, outcome and usage, whatever the server put there.

Every field is checked before it is used. Text is kept up to :data:`TEXT_MOST` characters; what
UTF-8 cannot hold is replaced and said so; tokens that nobody counted are the most they can be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from gadfly.records.transcript import HUMAN_MARKER
from gadfly.records.values import Reply, ReplyOutcome, Usage

if TYPE_CHECKING:  # local assistants need no server's SDK
    from gadfly.assistants.server import Answer

__all__ = ["TEXT_MOST", "TOKENS_MOST", "Api", "replies_of", "usage_of"]

Api = Literal["chat", "completions"]
TEXT_MOST = 100_000
"""Characters of a reply that are kept; a longer one is "cut"."""
TOKENS_MOST = 10**9
"""Tokens that one call can have; a server that counts more is wrong."""
_WHOLE = {"stop", "length", "eos", "eos_token", "end_turn", "stop_sequence", "max_tokens", ""}
_LONE = re.compile("[\ud800-\udfff]")


def replies_of(answer: Answer, api: Api, n: int, bound: Usage) -> list[Reply]:
    """The replies of an answer, at most n and at least one; what it cost stands on the first."""
    choices = answer.body.get("choices")
    found = [c for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []
    found = found[:n] or [{}]
    usage, wrote = usage_of(answer, bound)
    replies = []
    for place, choice in enumerate(found):
        text, outcome, detail = _text(choice, api)
        replies.append(
            Reply(
                text=text,
                outcome=outcome,
                detail=detail,
                tokens_in=None if usage.estimated else usage.tokens_in,
                tokens_out=wrote if len(found) == 1 else None,
                latency_seconds=answer.seconds,
                choice=place if n > 1 else None,
                usage=usage if place == 0 else None,
            )
        )
    return replies


def _text(choice: dict[str, Any], api: Api) -> tuple[str, ReplyOutcome, str | None]:
    message = choice.get("message") if api == "chat" else choice
    message = message if isinstance(message, dict) else {}
    raw = message.get("content" if api == "chat" else "text")
    finish = choice.get("finish_reason") or ""
    finish = finish[:100] if isinstance(finish, str) else "no text"
    if api == "chat" and message.get("refusal"):
        return "", "refused", "the model sent a refusal in place of a reply"
    if finish == "content_filter":
        return _clean(raw if isinstance(raw, str) else "")[0][:TEXT_MOST], "filtered", finish
    if not isinstance(raw, str):
        return "", "error", f"the answer holds no text (finish reason {_said(finish)})"
    if api == "completions":
        raw = raw.removeprefix(" ").split(HUMAN_MARKER, 1)[0]  # some servers know no stop
    text, mended = _clean(raw)
    if len(text) > TEXT_MOST:
        return text[:TEXT_MOST], "cut", f"longer than the {TEXT_MOST:,} characters kept"
    if finish not in _WHOLE:
        return text, "cut", f"it ended with {_said(finish)}"
    return text, "complete", finish if finish == "length" else mended


def _said(finish: str) -> str:
    return ascii(finish)[1:-1] or "none"


def _clean(text: str) -> tuple[str, str | None]:
    """Text that UTF-8 can hold, and what had to be mended."""
    whole = _LONE.sub("\N{REPLACEMENT CHARACTER}", text)
    return whole, None if whole == text else "broken characters were replaced"


def usage_of(answer: Answer, bound: Usage) -> tuple[Usage, int | None]:
    """What an answer cost, and the tokens written where the server counted.

    A server that sends no counts, or zeros, did not count.
    """
    counted = answer.body.get("usage")
    read = _count(counted, "prompt_tokens")
    wrote = _count(counted, "completion_tokens")
    if read and wrote is not None:
        return Usage(calls=answer.calls, tokens_in=read, tokens_out=wrote), wrote
    most = bound.tokens_out
    if most >= TOKENS_MOST:  # without a longest reply its own bytes bound it
        most = answer.size
    update = {"calls": answer.calls, "tokens_out": most, "estimated": True}
    return bound.model_copy(update=update), None


def _count(usage: object, key: str) -> int | None:
    value = usage.get(key) if isinstance(usage, dict) else None
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= TOKENS_MOST
    return value if good else None
