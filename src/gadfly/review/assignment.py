"""Which attack a reviewer gets next: blind, overlapping, never one's own, never twice.

The rule sees neither arm nor verdicts, so neither can steer it. Of the attacks that this reviewer
may get, it takes those with the fewest reviews done or under way, and of these one at random, so
that every attack has its first review before any has its second and nobody can tell from the order
what comes.

* A lease holds a place, so finished and leased reviews together never exceed the study's number.
  A skip holds none, and the attack does not come back to whoever skipped it. The caller counts
  leases that have not expired, and assigns in one transaction.
* "A domain expert should judge this" closes an attack to everybody else: it waits for reviewers of
  that domain, and they get such attacks first.
* Topics that a reviewer has opted out of are left out, undecided ones carry a mark: the preview
  shows, as always, and says that it is uncertain.
* A gold item is an attack whose verdict a review lead has settled. It is extra: it takes no place,
  and looks like any other. Where none is left for this reviewer, an ordinary attack comes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gadfly.records.texts import plain
from gadfly.review.settings import ReviewSpec

__all__ = ["Assigned", "Candidate", "Reviewer", "in_share", "matches", "next_attack"]


@dataclass(frozen=True)
class Candidate:
    """What the rule knows of one attack that is over."""

    attack: int
    """Its number in the study."""
    member: str
    """The attacker's pseudonym."""
    taken: int
    """Reviews that count, and open leases, together."""
    expert_domain: str | None = None
    """The domain whose expert should judge it; ``None`` for anybody."""
    must_not_see: bool = False
    """It touches a topic that this reviewer has opted out of."""
    preview_first: bool = False
    """Whether it touches one is undecided."""
    settled: bool = False
    """A review lead has settled its verdict, so it can be a gold item."""


@dataclass(frozen=True)
class Reviewer:
    """What the rule knows of the person who asks for an attack."""

    names: Collection[str]
    """Pseudonyms under which the same person reviews or attacks in this study."""
    seen: Collection[int]
    """Attacks that this person reviewed, skipped, adjudicated or read; by number."""
    domains: Collection[str] = ()
    """Fields in which this person is an expert."""


@dataclass(frozen=True)
class Assigned:
    """The attack to review next, or why there is none."""

    attack: int | None
    """Its number; ``None`` where there is none."""
    gold: bool = False
    """It is a gold item. Not to be shown."""
    preview_first: bool = False
    """Say on the preview that nobody knows whether it touches an opted-out topic."""
    reason: str = ""
    """Why there is none, for the reviewer to read; empty where there is one."""


def matches(domain: str | None, domains: Iterable[str]) -> bool:
    """Whether somebody of these domains may judge, or attack, what asks for this one.

    Capitals and spaces do not matter; what asks for no domain is for everybody.

    >>> matches("Computer  security", ["law", "computer security"]), matches("law", [])
    (True, False)
    """
    return domain is None or plain(domain) in {plain(known) for known in domains}


def in_share(attack: int, *, share: float, seed: int) -> bool:
    """Whether an attack is among the share that is reviewed.

    It follows from the study's seed and the attack's number alone, so it is known at once, never
    changes, and is blind to the arm.
    """
    digest = hashlib.sha256(f"review:{seed}:{attack}".encode()).digest()
    return int.from_bytes(digest[:6], "big") < share * 2**48


def next_attack(
    candidates: Iterable[Candidate],
    reviewer: Reviewer,
    *,
    spec: ReviewSpec,
    seed: int,
    draw: random.Random,
) -> Assigned:
    """The attack that this reviewer gets next.

    :param candidates: attacks that are over and not quarantined.
    :param seed: the study's seed, from which the reviewed share follows.
    :param draw: breaks ties, and decides where gold items come.
    """
    left = [
        c
        for c in candidates
        if c.attack not in reviewer.seen
        and c.member not in reviewer.names
        and in_share(c.attack, share=spec.share, seed=seed)
    ]
    wanted = [c for c in left if c.taken < spec.per_attack and not c.settled]
    allowed = [c for c in wanted if _may_see(c, reviewer)]
    gold = [c for c in left if c.settled and _may_see(c, reviewer)]
    if gold and draw.random() < spec.gold_share:
        chosen = draw.choice(gold)
        return Assigned(chosen.attack, gold=True, preview_first=chosen.preview_first)
    if not allowed:
        return Assigned(None, reason=_why_none(wanted))
    expert = [c for c in allowed if c.expert_domain is not None] or allowed
    fewest = min(c.taken for c in expert)
    chosen = draw.choice([c for c in expert if c.taken == fewest])
    return Assigned(chosen.attack, preview_first=chosen.preview_first)


def _may_see(candidate: Candidate, reviewer: Reviewer) -> bool:
    return not candidate.must_not_see and matches(candidate.expert_domain, reviewer.domains)


def _why_none(wanted: list[Candidate]) -> str:
    if not wanted:
        return "Nothing waits for your review now. Thank you; more may come."
    if not any(c.must_not_see for c in wanted):
        return "What still needs a review waits for an expert of its field."
    return (
        "What still needs a review touches topics that you opted out of, or waits for an expert "
        "of its field."
    )
