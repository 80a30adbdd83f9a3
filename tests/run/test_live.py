"""What a study shows while it runs: bit by bit, in several processes at once, and no longer than
asked for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gadfly.run.assemble import make_scorer
from gadfly.run.live import Live, Picture
from gadfly.run.progress import pace_of, progress_of
from gadfly.store.rows import StoredAttack
from gadfly.study.protocol import load_study
from tests.run.conftest import MakeStudy, arm, collected, opened

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def ended(number: int, minutes_ago: float | None, how: str | None = "complete") -> StoredAttack:
    began = NOW - timedelta(hours=9)
    at = None if minutes_ago is None else (NOW - timedelta(minutes=minutes_ago)).isoformat()
    ending = how if at else None
    return StoredAttack(number, number, "p", "m", "open small", "", began.isoformat(), ending, at)  # type: ignore[arg-type]


def test_a_study_of_simulated_members_shows_bit_by_bit(
    make_study: MakeStudy, database_url: str
) -> None:
    path = make_study(arms=[arm("open", quota=12), arm("firm", quota=13)])
    collected(path, database_url)

    async def look() -> list[Picture | None]:
        with opened(path, database_url, create=False) as study:
            here, there = Live(study), Live(study)
            first = await here.picture(wait=30, score=0)
            both = await asyncio.gather(
                here.picture(wait=30, score=30), there.picture(wait=30, score=30)
            )
            return [first, *both, await here.picture(wait=30)]

    first, *later = asyncio.run(look())
    assert first is not None
    assert (first.scored, first.over) == (10, 25)
    for picture in later:
        assert picture is not None
        assert (picture.scored, picture.over) == (25, 25)
        assert picture.results is not None
        assert picture.results.n_attacks == 25
        assert picture.figure.startswith("<svg")
    assert later[2] is later[0]  # nothing has changed: nothing is drawn again


def test_nobody_waits_longer_than_asked_and_nothing_shows_nothing(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_study()
    looked = threading.Event()
    monkeypatch.setattr(
        "gadfly.run.live.make_scorer", lambda file: looked.wait(30) and make_scorer(file)
    )

    async def look() -> tuple[Picture | None, float, Picture | None]:
        with opened(path) as study:
            live = Live(study)
            began = time.monotonic()
            early = await live.picture(wait=0)
            waited = time.monotonic() - began
            looked.set()  # not before: the drawing must still go on when the first one has looked
            return early, waited, await live.picture(wait=30)

    early, waited, late = asyncio.run(look())
    assert early is None
    assert waited < 0.5
    assert late is not None
    assert (late.over, late.results) == (0, None)


def test_progress_names_what_was_abandoned_and_what_failed(make_study: MakeStudy) -> None:
    study = load_study(make_study()).study
    rows = [
        ended(1, 10),
        ended(2, 20, "attacker_stopped"),
        ended(3, 30, "target_error"),
        ended(4, 500),
        ended(5, None),
        replace(ended(6, 500), withdrawn_at=NOW.isoformat()),
        replace(ended(7, 500), quarantined_at=NOW.isoformat()),
    ]
    first, second = progress_of(study, rows)
    assert (first.over, first.lasting, first.abandoned, first.voided) == (6, 1, 1, 1)
    assert (first.usable, first.withdrawn, first.quarantined) == (2, 1, 1)
    assert (second.name, second.over, second.quota) == ("firm small", 0, 10)
    pace = pace_of([first, second], rows, now=NOW)
    assert pace.per_hour == 1.0  # three in three hours
    assert pace.hours_left == 14.0
    assert pace_of([first, second], rows[3:], now=NOW).hours_left is None
    assert pace_of([], rows, now=NOW).hours_left == 0.0
