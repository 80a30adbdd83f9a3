"""What Prolific says of a visit: believed if signed in time, and known again."""

from __future__ import annotations

import time

import orjson
import pytest

from gadfly.web.platforms.fake import FakeProlific
from gadfly.web.platforms.webhooks import (
    WINDOW_SECONDS,
    WebhookRefused,
    read_webhook,
    sign,
)

FAKE = FakeProlific(study_url="https://study.example.org/s", audience="study.example.org")
SECRET = FAKE.webhook_secret


def signed(body: bytes, *, at: str, event: str = "E1") -> dict[str, str]:
    return {
        "x-event-id": event,
        "x-prolific-request-timestamp": at,
        "x-prolific-request-signature": sign(SECRET, at, body),
    }


def test_the_signature_is_the_documented_one() -> None:
    # printf '1{}' | openssl dgst -sha256 -hmac key -binary | base64
    assert sign("key", "1", b"{}") == "QTd2Ycdd0hdRv9Rdq/yRKbjB0SoxlhzPau0PILH80Ok="


@pytest.mark.parametrize(
    ("status", "frees"),
    [("RETURNED", True), ("TIMED-OUT", True), ("REJECTED", True), ("APPROVED", False),
     ("AWAITING REVIEW", False), ("SCREENED OUT", False), ("ACTIVE", False)],
)  # fmt: skip
def test_a_delivery_is_read(status: str, frees: bool) -> None:
    submission = FAKE.start("ann")
    submission.status = status
    headers, body = FAKE.delivery(submission)
    event = read_webhook(headers, body, secret=SECRET, now=time.time())
    assert event is not None
    assert (event.submission, event.status, event.frees) == (submission.id, status, frees)
    assert event.id == headers["X-Event-ID"]
    assert "ann" not in repr(event)


def test_a_second_delivery_and_a_replay_can_be_known() -> None:
    headers, body = FAKE.delivery(FAKE.start("ann"))
    now = time.time()
    first = read_webhook(headers, body, secret=SECRET, now=now)
    replay = read_webhook(headers | {"X-Event-ID": "other"}, body, secret=SECRET, now=now)
    later = str(int(now) + 60)  # Prolific sends it again: same id, signed anew
    again = read_webhook(signed(body, at=later, event=headers["X-Event-ID"]), body,
                         secret=SECRET, now=now + 60)  # fmt: skip
    assert first is not None
    assert replay is not None
    assert again is not None
    assert first.signature == replay.signature
    assert first.id == again.id
    assert again.sent > first.sent


def test_forgeries_are_refused() -> None:
    headers, body = FAKE.delivery(FAKE.start("ann"))
    now = time.time()
    forged = [
        (headers, body.replace(b"ACTIVE", b"REJECTED")),
        (headers | {"X-Prolific-Request-Timestamp": str(int(now) + 1)}, body),
        (headers | {"X-Prolific-Request-Signature": ""}, body),
        (headers | {"X-Prolific-Request-Signature": "ünd"}, body),
        (headers | {"X-Prolific-Request-Signature": sign("x", str(int(now)), body)}, body),
        ({}, body),
    ]
    for given, content in forged:
        with pytest.raises(WebhookRefused, match="signature"):
            read_webhook(given, content, secret=SECRET, now=now)
    with pytest.raises(WebhookRefused, match="signature"):
        read_webhook(headers, body, secret="another secret", now=now)


@pytest.mark.parametrize("apart", [WINDOW_SECONDS + 2, -WINDOW_SECONDS - 2, 10**9])
def test_old_and_future_deliveries_are_refused(apart: float) -> None:
    headers, body = FAKE.delivery(FAKE.start("ann"))
    with pytest.raises(WebhookRefused, match="ago"):
        read_webhook(headers, body, secret=SECRET, now=time.time() + apart)


@pytest.mark.parametrize("at", ["", "soon", "nan", "inf"])
def test_signed_times_that_are_none_are_refused(at: str) -> None:
    with pytest.raises(WebhookRefused, match="timestamp"):
        read_webhook(signed(b"{}", at=at), b"{}", secret=SECRET, now=0.0)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'"x"', b"null",
     b'{"event_type": "submission.status.change"}',
     b'{"event_type": "submission.status.change", "resource_id": 5, "status": "RETURNED"}',
     b'{"event_type": "submission.status.change", "resource_id": "a b", "status": "RETURNED"}',
     b'{"event_type": "submission.status.change", "resource_id": "a", "status": null}',
     b"9" * 70_000],
)  # fmt: skip
def test_signed_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        read_webhook(signed(body, at="100"), body, secret=SECRET, now=100.0)


def test_an_event_without_id_is_refused() -> None:
    with pytest.raises(WebhookRefused, match="X-Event-ID"):
        read_webhook(signed(b"{}", at="100", event=""), b"{}", secret=SECRET, now=100.0)


def test_other_events_are_passed_over() -> None:
    body = orjson.dumps({"event_type": "study.status.change", "resource_id": "s", "status": "X"})
    assert read_webhook(signed(body, at="100"), body, secret=SECRET, now=100.0) is None
