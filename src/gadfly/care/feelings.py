"""What may be seen of feelings by who is not in the ``care`` role: groups of five or more.

What an owner sees must not give one person away, not even to somebody who compares two summaries:

* **Five or more**: a smaller group has no summary, and the reason stands in its place.
* **Complements too**: where one group of a split is too small, the next smallest is withheld as
  well until at least five people are withheld, so that subtracting from the whole finds no small
  group. A page shows the whole or one split, and one split for ever: two splits cut out one person.
* **In steps of five people**: a summary takes in people in the order of their answers, and only
  whole fives of them. One more answer changes nothing, so comparing yesterday's summary with
  today's never finds fewer than five people. A person's answer that counts is one, and stays.
* **Rounded**: means to a tenth of a point (sliders: to a twentieth); no spread, no extremes.

Means and counts only: there is no test of significance here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

__all__ = ["LEAST", "Answered", "GroupSummary", "split", "summarize"]

LEAST = 5
"""Fewest people whose feelings are summarised, and by how many a summary grows."""


@dataclass(frozen=True)
class Answered:
    """What one person's answers came to; one for each person."""

    at: float
    """When the answer that counts was given, seconds since 1970; it only orders."""
    before: float | None
    """Score before, where there is one."""
    after: float
    """Score after."""


@dataclass(frozen=True)
class GroupSummary:
    """A group as an owner may see it."""

    n: int | None
    """How many people are in the summary, a multiple of five; ``None`` where it is withheld."""
    mean: float | None
    """Mean score after, rounded."""
    change: float | None
    """Mean of after - before over the same people, rounded; ``None`` unless all gave both."""
    reason: str = ""
    """Why a number is withheld; empty where none is."""


def summarize(group: Sequence[Answered], *, step: float = 0.1) -> GroupSummary:
    """A group's summary, or the reason why there is none.

    :param group: one entry for each person.
    :param step: what means are rounded to, in points of the score.
    """
    taken = sorted(group, key=lambda answer: answer.at)[: len(group) // LEAST * LEAST]
    if not taken:
        return _withheld(f"fewer than {LEAST} people have answered")
    both = [(a.before, a.after) for a in taken if a.before is not None]
    complete = len(both) == len(taken)
    change = fmean(after - before for before, after in both) if complete else None
    return GroupSummary(
        n=len(taken),
        mean=_rounded(fmean(a.after for a in taken), step),
        change=None if change is None else _rounded(change, step),
        reason="" if complete else "not everybody in the group answered before and after",
    )


def split(
    groups: Mapping[str, Sequence[Answered]], *, step: float = 0.1
) -> dict[str, GroupSummary]:
    """The summaries of groups that have nobody in common, as arms or weeks.

    :param groups: by name; one entry for each person, who stands in one group only.
    """
    by_size = sorted(groups, key=lambda name: (len(groups[name]), name))
    hidden = [name for name in by_size if 0 < len(groups[name]) < LEAST]
    others = [name for name in by_size if len(groups[name]) >= LEAST]
    if hidden:  # one small group alone is what the whole less the others gives away
        while others and sum(len(groups[name]) for name in hidden) < LEAST:
            hidden.append(others.pop(0))
    out = {}
    for name in groups:
        if name in hidden and len(groups[name]) >= LEAST:
            out[name] = _withheld(f"another group has fewer than {LEAST} people")
        else:
            out[name] = summarize(groups[name], step=step)
    return out


def _withheld(reason: str) -> GroupSummary:
    return GroupSummary(n=None, mean=None, change=None, reason=f"withheld: {reason}")


def _rounded(value: float, step: float) -> float:
    return round(round(value / step) * step, 6)
