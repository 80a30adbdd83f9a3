"""Reviews of attacks, for tests of what is made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gadfly.records.reviews import Review, Verdict

__all__ = ["review"]


def review(attack: int | None, reviewer: str, success: int, *tags: str, **more: Any) -> Review:
    """One verdict of one reviewer, with fields that a test sets otherwise."""
    given: dict[str, Any] = {
        "study": "town",
        "attack": attack,
        "reviewer": reviewer,
        "taxonomy": "ours@1",
        "verdict": Verdict(success=success, intent_harm=1, tags=tags),
        "turns_seen": 1,
        "seconds": 1.0,
        "reviewed_at": datetime(2026, 1, 2, tzinfo=UTC),
    }
    return Review(**(given | more))
