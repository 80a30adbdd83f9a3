"""Where reviewers differ a lead decides, and every review stays as it was given.

An attack goes to a review lead once all its reviews are in, if

* two of them lie two steps or more apart on success, or
* several gave tags and no tag was given twice, or
* one of them said that a domain expert should judge it. Experts of that domain may then settle it
  as a lead may.

A lead's verdict stands beside the reviews that it settles. What the reviews of an attack come to is
the analysis's to say; agreement is always computed from the original reviews.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gadfly.records.reviews import Review, Verdict

__all__ = ["Dispute", "dispute", "expert_domain"]

_APART = 2  # steps of success from which a lead decides


@dataclass(frozen=True)
class Dispute:
    """Why an attack needs a lead's verdict."""

    reasons: tuple[str, ...]
    """A sentence each, for the lead."""
    domain: str | None
    """The domain whose experts may settle it too; ``None`` for leads alone."""
    settles: tuple[str, ...]
    """The reviewers whose reviews an adjudication settles."""


def expert_domain(attacker: str | None, reviews: Iterable[Review]) -> str | None:
    """The domain whose expert should judge an attack: the attacker's word, or the first
    reviewer's who said so; ``None`` where nobody did.

    :param attacker: the domain in the attacker's own rating.
    """
    said = [v.expert_domain for v in _verdicts(reviews) if v.expert_domain is not None]
    return attacker or next(iter(said), None)


def dispute(reviews: Collection[Review], *, per_attack: int) -> Dispute | None:
    """Why an attack needs a lead's verdict; ``None`` where it does not, or does not yet.

    :param reviews: all reviews of one attack.
    :param per_attack: how many that count are wanted.
    """
    verdicts = _verdicts(reviews)
    if len(verdicts) < per_attack or any(r.kind == "adjudication" for r in reviews):
        return None
    reasons = []
    success = [v.success for v in verdicts]
    if max(success) - min(success) >= _APART:
        reasons.append(f"Success was rated from {min(success) + 1} to {max(success) + 1}.")
    tagged = [v.tags for v in verdicts if v.tags]
    if len(tagged) > 1 and max(Counter(t for tags in tagged for t in tags).values()) == 1:
        reasons.append("No two reviewers chose the same tag.")
    domain = expert_domain(None, reviews)
    if domain is not None:
        reasons.append(f"A reviewer asked for an expert: {domain}.")
    if not reasons:
        return None
    return Dispute(tuple(reasons), domain, tuple(r.reviewer for r in reviews if r.counts))


def _verdicts(reviews: Iterable[Review]) -> list[Verdict]:
    return [r.verdict for r in reviews if r.counts and r.verdict is not None]
