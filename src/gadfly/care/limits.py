"""Exposure and its limits: whether a person may go on, and if not, until when they pause.

Decisions:

* **Windows roll**: any 24 hours and any 7 days. A calendar day could be worked twice around
  midnight, and would be another one in every time zone.
* **Everything counts**: the pieces of work are those of all studies of the server, attacks and
  reviews alike; the limits are those of the study in which the person wants to go on. Work done in
  two windows or two studies at once is one time, not two.
* **A clock that goes back frees nobody**: work from the future stands in every window, and a piece
  that ends before it began has no length but counts.
* **A break is time without work**, at least as long as the study asks. Shorter ones do not count as
  a break, however many.
* **A pause for minutes ends a quarter of an hour after the first minute is free**: nobody is let in
  for one minute.

Pure: times are seconds since 1970, handed in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gadfly.care.settings import Limits

__all__ = ["Exposure", "Piece", "Stretch", "Verdict", "exposure", "merged", "verdict"]

DAY = 24 * 3600.0
WEEK = 7 * DAY
_WORTHWHILE = 15 * 60.0  # seconds of work that a pause for minutes waits for

Reason = Literal["break", "day", "week", "severe"]
Stretch = tuple[float, float]
"""Begin and end of time at work, seconds since 1970."""


@dataclass(frozen=True)
class Piece:
    """Some work of a person, in any study of the server; breaks are no work."""

    start: float
    """When it began, seconds since 1970."""
    end: float
    """When it ended."""
    dialogues: int = 0
    """Dialogues that it began, attacked or reviewed."""
    severe: int = 0
    """How many of them were severe."""


@dataclass(frozen=True)
class Exposure:
    """What a person did of late."""

    minutes_day: float
    """Minutes of work in the last 24 hours."""
    minutes_week: float
    """Minutes of work in the last 7 days."""
    severe_day: int
    """Severe dialogues in the last 24 hours."""
    minutes_since_break: float
    """Minutes of work since the last break."""


@dataclass(frozen=True)
class Verdict:
    """Whether a person may go on."""

    reason: Reason | None = None
    """Why they must pause; ``None`` where they may go on."""
    until: float | None = None
    """When they may go on, seconds since 1970; ``None`` where they may now."""
    sentence: str = ""
    """What they are told; empty where they may go on."""

    @property
    def may_go_on(self) -> bool:
        """Whether nothing stands against going on."""
        return self.reason is None


def exposure(limits: Limits, pieces: Sequence[Piece], *, now: float) -> Exposure:
    """What a person did in the last day and week, and since the last break.

    :param pieces: all work of the person on this server that ended in the last 7 days, any order.
    """
    stretches = merged(pieces)
    return Exposure(
        minutes_day=_seconds(stretches, now - DAY) / 60,
        minutes_week=_seconds(stretches, now - WEEK) / 60,
        severe_day=sum(p.severe for p in pieces if p.end > now - DAY),
        minutes_since_break=_since_break(stretches, limits.break_minutes * 60, now) / 60,
    )


def verdict(
    limits: Limits, pieces: Sequence[Piece], *, now: float, may_be_severe: bool = True
) -> Verdict:
    """Whether a person may begin or go on with a dialogue; of several pauses the longest.

    :param pieces: as for :func:`exposure`.
    :param may_be_severe: whether what comes next could be severe. An attack always could; an item
        to review that nobody found severe could not.
    """
    done = exposure(limits, pieces, now=now)
    stretches = merged(pieces)
    dialogues = [(p.end, p.dialogues) for p in pieces]
    severe = [(p.end, p.severe) for p in pieces]
    pauses: list[tuple[float, Reason, str]] = []
    if done.minutes_since_break >= limits.minutes_before_break:
        told = f"You have worked for {_minutes(done.minutes_since_break)} without a break."
        pauses.append((stretches[-1][1] + limits.break_minutes * 60, "break", told))
    windows: tuple[tuple[Reason, str, float, int, int], ...] = (
        ("day", "24 hours", DAY, limits.minutes_per_day, limits.dialogues_per_day),
        ("week", "7 days", WEEK, limits.minutes_per_week, limits.dialogues_per_week),
    )
    for reason, words, window, minutes, count in windows:
        if (free := _minutes_free(stretches, minutes * 60.0, window, now)) is not None:
            told = f"You have worked {_minutes(minutes)} or more in the last {words}."
            pauses.append((free, reason, told))
        if (free := _count_free(dialogues, count, window, now)) is not None:
            told = f"You have worked on {count} or more dialogues in the last {words}."
            pauses.append((free, reason, told))
    free = _count_free(severe, limits.severe_per_day, DAY, now) if may_be_severe else None
    if free is not None:
        told = f"{limits.severe_per_day} or more of your dialogues of the last 24 hours were hard."
        pauses.append((free, "severe", told))
    if not pauses:
        return Verdict()
    until, reason, told = max(pauses)
    return Verdict(reason, until, f"{told} You can go on in {_wait(until - now)}.")


def merged(pieces: Iterable[Piece]) -> list[Stretch]:
    """Time at work, in order and without overlaps."""
    out: list[Stretch] = []
    for start, end in sorted((min(p.start, p.end), p.end) for p in pieces):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def _seconds(stretches: Sequence[Stretch], since: float) -> float:
    return sum(max(0.0, end - max(start, since)) for start, end in stretches)


def _since_break(stretches: Sequence[Stretch], long_enough: float, now: float) -> float:
    total, later = 0.0, now
    for start, end in reversed(stretches):
        if later - end >= long_enough:
            break
        total, later = total + end - start, start
    return total


def _minutes_free(
    stretches: Sequence[Stretch], most: float, window: float, now: float
) -> float | None:
    """When less than the most will have been worked in the window; ``None`` where it is now."""
    left = most
    for start, end in reversed(stretches):
        inside = end - max(start, now - window)
        if inside <= 0:
            return None
        if inside >= left:
            return math.ceil(end - left + window + _WORTHWHILE)
        left -= inside
    return None


def _count_free(
    counted: Sequence[tuple[float, int]], most: int, window: float, now: float
) -> float | None:
    """When fewer than the most will stand in the window; ``None`` where they do now."""
    left = most
    for at, count in sorted(counted, reverse=True):
        if at <= now - window:
            return None
        left -= count
        if left <= 0:
            return math.ceil(at + window)
    return None


def _minutes(count: float) -> str:
    whole = math.floor(count)
    return "1 minute" if whole == 1 else f"{whole} minutes"


def _wait(seconds: float) -> str:
    """A time to wait, rounded up to what people say; an hour may be a minute longer, since a
    day that ends in whole seconds is told as 24 hours.
    """
    minutes = max(1, math.ceil(seconds / 60))
    if minutes < 100:
        return _minutes(minutes)
    hours = math.ceil((minutes - 1) / 60)
    return f"{hours} hours" if hours < 48 else f"{math.ceil(hours / 24)} days"
