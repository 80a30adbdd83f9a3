"""Prolific's webhooks: what a platform says happened to a submission, believed only if signed.

From the documentation (docs.prolific.com, "Webhooks": verifying, receiving, X-Event-ID,
X-Timestamp): the signature is the base64 of HMAC-SHA256 over the timestamp header followed by the
body, bytes as they came; events come at least once, in any order, a second delivery under the same
X-Event-ID; X-Timestamp says when an event was sent. The secret is one for a workspace.

X-Event-ID and X-Timestamp are not covered by the signature. Whoever catches a delivery could send
it again within the window under another id. So a caller keeps the id *and* the signature and drops
an event of which it has seen either, and what follows from a status is a fact set once, never a
count added to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from gadfly.errors import PersonError

__all__ = ["FREED", "WINDOW_SECONDS", "WebhookEvent", "WebhookRefused", "read_webhook", "sign"]

WINDOW_SECONDS = 300.0
"""How far the time of a delivery may lie from ours, before or after."""

FREED = frozenset({"RETURNED", "TIMED-OUT", "REJECTED"})
"""Statuses after which the platform gives the person's slot to somebody else."""

_BODY_MOST = 64 * 2**10
_ID = re.compile(r"[!-~]{1,255}")


class WebhookRefused(PersonError):
    """A delivery that is not believed."""


@dataclass(frozen=True)
class WebhookEvent:
    """The status of a submission changed."""

    id: str
    """The same for every delivery of one event."""
    signature: str
    """Of this delivery; kept beside the id, which is not signed."""
    submission: str
    """The platform's id of the visit."""
    status: str
    """In Prolific's words: RETURNED, TIMED-OUT, AWAITING REVIEW."""
    sent: float
    """Seconds since 1970 at which the delivery was signed; older ones than one seen are stale."""

    @property
    def frees(self) -> bool:
        """Whether the person's slot goes to somebody else."""
        return self.status in FREED


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a delivery: base64 of HMAC-SHA256 over timestamp and body."""
    digest = hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def read_webhook(
    headers: Mapping[str, str], body: bytes, *, secret: str, now: float
) -> WebhookEvent | None:
    """Verify a delivery and read it; ``None`` for events that are not about a submission.

    :param headers: as they came, whatever their case.
    :param now: seconds since 1970.
    :raises WebhookRefused: unsigned, forged, too old or too new, or not what Prolific sends.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get("x-prolific-request-timestamp", "")
    signature = given.get("x-prolific-request-signature", "")
    if len(body) > _BODY_MOST:
        raise WebhookRefused("the body is too large")
    if not hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode()):
        raise WebhookRefused("the signature does not fit: another secret, or a forgery")
    sent = _seconds(timestamp)
    if not abs(now - sent) <= WINDOW_SECONDS:
        raise WebhookRefused(f"it was signed {now - sent:.0f} s ago; allowed: {WINDOW_SECONDS:.0f}")
    event = given.get("x-event-id", "")
    if not _ID.fullmatch(event):
        raise WebhookRefused("it has no X-Event-ID")
    return _read(event, signature, sent, body)


def _read(event: str, signature: str, sent: float, body: bytes) -> WebhookEvent | None:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise WebhookRefused("the body is no JSON") from None
    if not isinstance(said, dict):
        raise WebhookRefused("the body is no JSON object")
    if said.get("event_type") != "submission.status.change":
        return None
    submission, status = said.get("resource_id"), said.get("status")
    if not isinstance(submission, str) or not _ID.fullmatch(submission):
        raise WebhookRefused("the event names no submission")
    if not isinstance(status, str) or not status:
        raise WebhookRefused("the event names no status")
    return WebhookEvent(event, signature, submission, status, sent)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise WebhookRefused("its timestamp is no number of seconds")
    return seconds
