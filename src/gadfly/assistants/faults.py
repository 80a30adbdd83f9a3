"""What went wrong with a request: read from an exception, a status, its headers and its body.

Servers of one protocol say no in many words. Here each way becomes a :class:`Fault` that says what
follows from it: whether to try again, how long to wait, whose business it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import httpx2
from openai import APIStatusError, OpenAIError

from gadfly.errors import show

__all__ = ["EXCEPTIONS", "Fault", "TooLarge", "brief", "fault_of", "late", "refusal_of", "reset_of"]

_CONTENT = re.compile(
    r"content.?(filter|policy|management)|moderat|safety|polic(y|ies)|flagged|responsible.?ai",
    re.IGNORECASE,
)
_PASSING = {408, 409, 425}


@dataclass(frozen=True)
class Fault:
    """One request that brought no answer."""

    kind: str
    detail: str
    status: int | None = None
    wait: float | None = None
    """Seconds that the server asks for."""
    limited: bool = False
    passing: bool = False
    late: bool = False
    refused: bool = False
    overload: bool = False
    param: str | None = None
    remedy: str | None = None
    """Set where no call can succeed until somebody mends it."""


class TooLarge(Exception):
    """A body that is not read to its end."""


EXCEPTIONS = (
    OpenAIError,
    aiohttp.ClientError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    ValueError,
    TooLarge,
)
"""What a request can raise that brought no status."""


def fault_of(error: Exception, timeout_seconds: float) -> Fault:
    """What an exception means that is no answer of the server."""
    cause = (error.__cause__ or error) if isinstance(error, OpenAIError) else error
    why = brief(f"{type(cause).__name__}: {cause}")
    if isinstance(cause, httpx2.TimeoutException) and "timeout" in str(cause).lower():
        return late(timeout_seconds)
    if isinstance(cause, TooLarge):
        return Fault("broken answer", str(cause))
    if isinstance(cause, httpx2.InvalidURL | ValueError):
        return Fault("bad request", why, remedy="check assistant.base_url")
    return Fault("no connection", why, passing=True)


def late(timeout_seconds: float) -> Fault:
    """No complete answer came in time."""
    detail = f"no complete answer within {timeout_seconds:g} s"
    return Fault("no answer in time", detail, passing=True, late=True, overload=True)


def refusal_of(error: APIStatusError, key_variable: str | None) -> Fault:
    """What a status other than success means."""
    status, headers = error.status_code, error.response.headers
    said = brief(_message(error))
    detail = f"status {status}: {said}"
    if status == 429 and "insufficient_quota" in _message(error):
        return Fault("no credit", detail, status, remedy="the account has no credit left")
    wait = _wait_of(headers)
    if status == 429 or (status == 503 and wait is not None):
        return Fault("rate limited", detail, status, wait=wait, limited=True, overload=True)
    if status >= 500 or status in _PASSING:
        overload = status == 503
        return Fault("server error", detail, status, wait, passing=True, overload=overload)
    if status == 451 or (status in (400, 403, 422) and _CONTENT.search(_message(error))):
        return Fault("refused", detail, status, refused=True)
    remedies = {
        401: f"the key in {key_variable} is not taken; export the right one"
        if key_variable
        else "it wants a key; name its environment variable: assistant.key_variable",
        402: "the account has no credit left",
        403: "this key may not use it; ask whoever owns the server",
        404: "check assistant.base_url (up to and with /v1), model and api",
        405: "check assistant.base_url (up to and with /v1) and api",
    }
    if 300 <= status < 400:
        to = show(headers.get("location"))
        moved = f"it sends us to {to}, which nobody has allowed: put that into the study file"
        return Fault("moved", f"status {status}", status, remedy=moved)
    param = error.param if isinstance(error.param, str) else None
    return Fault("bad request", detail, status, param=param, remedy=remedies.get(status))


def _wait_of(headers: httpx2.Headers) -> float | None:
    """Seconds that a server asks to be left alone; ``None`` where it does not say."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    after = headers.get("retry-after")
    if (seconds := _number(after)) is not None:
        return seconds
    if after:
        try:
            date = parsedate_to_datetime(after)
        except (ValueError, OverflowError):
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    return reset_of(headers)


def reset_of(headers: httpx2.Headers) -> float | None:
    """Seconds until a limit that is used up is reset; ``None`` where none is."""
    resets = (
        _duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    )
    return max((reset for reset in resets if reset is not None), default=None)


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text.strip()) else None


def _duration(text: str) -> float | None:
    """Seconds of "1s", "6m0s", "20ms", or a bare number."""
    if (plain := _number(text)) is not None:
        return plain
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    if not parts or "".join(n + u for n, u in parts) != text.strip():
        return None
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(float(n) * units[u] for n, u in parts)


def _message(error: APIStatusError) -> str:
    body = error.body
    parts = (
        [body.get(k) for k in ("message", "code", "type", "detail")]
        if isinstance(body, dict)
        else []
    )
    said = " ".join(part[:2000] for part in parts if isinstance(part, str))
    return said or error.response.text[:2000]


def brief(text: str) -> str:
    """A hostile text short enough for a record, without what a terminal obeys."""
    return "".join(c if c.isprintable() else " " for c in text[:300])
