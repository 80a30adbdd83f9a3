"""One study's reviews: what somebody gets next, what they see of it, what becomes of the answer.

Which attack comes next is proposed from one look at the queue and taken in a transaction of its
own; where somebody else was faster, the next proposal is made. An attack is read for the topics
that a reviewer opted out of only when it is about to be proposed, and what was found is kept by
this process, because the text of an attack that is over does not change.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from gadfly.care.topics.classifier import Finding, find_topics, worst
from gadfly.care.topics.topic import read_topics
from gadfly.errors import PersonError, show
from gadfly.records.reviews import Review, ReviewKind, Verdict
from gadfly.records.transcript import attack_messages
from gadfly.records.values import Message
from gadfly.redteam.dialogue import rebuild
from gadfly.redteam.events import read_event
from gadfly.review.adjudication import Dispute, dispute
from gadfly.review.assignment import Assigned, Candidate, Reviewer, matches, next_attack
from gadfly.review.tags import check_tags
from gadfly.review.training import WorkedItem, compare, expected_of
from gadfly.run.assemble import OpenStudy
from gadfly.store.people import Person
from gadfly.store.reviews import Kept, Place, Reviews, Waiting
from gadfly.store.work import May, Work

__all__ = ["Reviewing", "Taken", "Transcript"]


@dataclass(frozen=True)
class Transcript:
    """What a reviewer may see of an attack: nothing about the arm, the member or any rating."""

    number: int
    """The attack's number in the study; on no page of a reviewer."""
    description: str
    """The attacker's own task description; the preview."""
    turns: tuple[tuple[Message, ...], ...]
    """The dialogue as it went on, by turn."""


@dataclass(frozen=True)
class Taken:
    """What somebody got who asked for an attack."""

    place: Place | None
    """``None`` where there is nothing for them."""
    reason: str = ""
    """Why there is nothing, for the reviewer to read."""


class Reviewing:
    """The reviews of one study, as this process serves them."""

    def __init__(self, study: OpenStudy) -> None:
        self.study = study
        self.kept = Reviews(study.store)
        self._work = Work(study.store)
        self._topics = read_topics(study.file.study.care.topics, study.file.path.parent)
        self._found: dict[int, dict[str, Finding] | None] = {}
        self._draw = random.SystemRandom()
        self.severe_from = study.file.study.care.limits.severe_from

    # What comes next

    def take(self, person: Person, avoid: Sequence[str], *, may: May | None = None) -> Taken:
        """The person's open place, or a new one.

        :param avoid: ids of the topics that they opted out of.
        :param may: raises where another one is too much for them.
        """
        spec = self.study.file.study.review
        seconds = spec.lease_minutes * 60.0
        while True:
            there = self.kept.current(person, most=spec.per_attack, seconds=seconds)
            if there is not None:
                there = self.still(person, there, avoid)
                if there is not None:
                    return Taken(there)
                continue
            proposed, attack_id = self._propose(person, avoid)
            if attack_id is None:
                return Taken(None, reason=proposed.reason)
            claimed = self.kept.claim(
                person,
                attack_id,
                most=spec.per_attack,
                seconds=seconds,
                gold=proposed.gold,
                unsure=proposed.preview_first,
                may=may,
            )
            if claimed is not None:
                return Taken(claimed)

    def still(self, person: Person, place: Place, avoid: Sequence[str]) -> Place | None:
        """An open place, as far as the topics that its holder leaves out now allow it; one that
        touches them is given back without loss, and is ``None``.
        """
        row = next(iter(self.kept.waiting(self.study.id, only=place.attack_id)), None)
        if row is None:
            return place
        if row.id not in self._found:
            self._read(row)
        known = self._candidate(row, avoid)
        if known is None or not known.must_not_see:
            return replace(place, unsure=known is not None and known.preview_first)
        self.kept.drop(person, place)
        return None

    def _propose(self, person: Person, avoid: Sequence[str]) -> tuple[Assigned, int | None]:
        protocol = self.study.file.study
        rows = {row.number: row for row in self.kept.waiting(self.study.id)}
        candidates = {number: self._candidate(row, avoid) for number, row in rows.items()}
        reviewer = Reviewer(
            names=self.kept.known_as(person), seen=self.kept.met(person), domains=person.domains
        )
        while True:
            proposed = next_attack(
                [c for c in candidates.values() if c is not None],
                reviewer,
                spec=protocol.review,
                seed=protocol.seed,
                draw=self._draw,
            )
            if proposed.attack is None:
                return proposed, None
            row = rows[proposed.attack]
            if row.id in self._found:
                return proposed, row.id
            self._read(row)
            candidates[row.number] = self._candidate(row, avoid)

    def _candidate(self, row: Waiting, avoid: Sequence[str]) -> Candidate | None:
        """As far as it is known; ``None`` where there is nothing to judge."""
        plain = Candidate(
            attack=row.number,
            member=row.member,
            taken=row.done + row.open,
            expert_domain=row.expert_domain,
            settled=row.settled > 0,
        )
        if row.id not in self._found:
            return plain
        found = self._found[row.id]
        if found is None:
            return None
        said = worst(found, avoid) if avoid else "absent"
        return replace(plain, must_not_see=said == "present", preview_first=said == "undecided")

    def _read(self, row: Waiting) -> None:
        seen = self._transcript(row)
        said = [message.text for turn in seen.turns for message in turn]
        judged = any(message.role == "assistant" for turn in seen.turns for message in turn)
        self._found[row.id] = find_topics(self._topics, seen.description, *said) if judged else None

    # One attack

    def transcript(self, attack_id: int) -> Transcript | None:
        """What a reviewer may see of an attack; ``None`` where it is no longer to be seen."""
        row = next(iter(self.kept.waiting(self.study.id, only=attack_id)), None)
        return None if row is None else self._transcript(row)

    def _transcript(self, row: Waiting) -> Transcript:
        rules = self.study.version(row.protocol_hash).study.rules
        bodies = self.study.store.events_of(row.id)
        dialogue = rebuild(rules, ((number, read_event(body)) for number, body in bodies))
        turns = (attack_messages([turn]) for turn in dialogue.all_turns)
        return Transcript(row.number, dialogue.description or "", tuple(t for t in turns if t))

    def missed(self, person: Person, place: Place) -> tuple[str, ...]:
        """What of somebody's answer to a gold item is not as a lead settled it; else nothing."""
        if place.kind != "gold" or place.state != "done":
            return ()
        return self._missed(self.kept.of_attack(place.attack_id)).get(person.name, ())

    def all_missed(self, reviews: Iterable[Review]) -> list[tuple[int, str, tuple[str, ...]]]:
        """Attack, reviewer and what was not as settled, of every gold item that somebody missed.

        :param reviews: all reviews of the study.
        """
        return [
            (number, name, missed)
            for number, given in _by_attack(reviews).items()
            for name, missed in self._missed(given).items()
            if missed
        ]

    def disputes(self, reviews: Iterable[Review]) -> dict[int, Dispute]:
        """What a lead is to settle, by the attack's number.

        :param reviews: all reviews of the study.
        """
        per_attack = self.study.file.study.review.per_attack
        found = {
            number: dispute(given, per_attack=per_attack)
            for number, given in _by_attack(reviews).items()
        }
        return {number: why for number, why in found.items() if why is not None}

    def for_expert(self, person: Person) -> list[int]:
        """Numbers of the disputed attacks that this person may settle as an expert."""
        if not person.domains:
            return []
        out = self.kept.judged(person)
        return [
            number
            for number, why in self.disputes(self.kept.of_study(self.study.id)).items()
            if why.domain is not None and matches(why.domain, person.domains) and number not in out
        ]

    def _missed(self, reviews: Sequence[Review]) -> dict[str, tuple[str, ...]]:
        """By reviewer, of the reviews of one attack."""
        leads = [r.verdict for r in reviews if r.kind == "adjudication" and r.verdict is not None]
        taxonomy = self.study.file.materials.taxonomy
        return {
            r.reviewer: compare(r.verdict, expected_of(leads[-1], taxonomy), taxonomy).missed
            for r in reviews
            if leads and r.kind == "gold" and r.verdict is not None
        }

    # Answers

    def check(self, verdict: Verdict) -> None:
        """Check that a verdict names tags and domains of this study alone.

        :raises PersonError: it does not.
        """
        spec = self.study.file.study.review
        check_tags(verdict.tags, self.study.file.materials.taxonomy, most=spec.tags_max)
        if verdict.expert_domain not in (None, *spec.domains):
            raise PersonError(
                f"{show(verdict.expert_domain)} is no field of this study; choose one on the page"
            )

    def answer(
        self,
        person: Person,
        place: Place,
        read: Transcript,
        verdict: Verdict | None,
        *,
        turns_seen: int,
    ) -> Kept:
        """Keep a verdict on an attack, or that it was skipped.

        :param turns_seen: turns that were revealed.
        """
        turns_seen = min(turns_seen, len(read.turns))
        review = self._review(
            person,
            place.kind,
            verdict,
            attack=read.number,
            turns_seen=turns_seen,
            seen_enough=verdict is not None and turns_seen < len(read.turns),
            seconds=max(0.0, self._work.now() - place.began),
        )
        most, severe_from = self.study.file.study.review.per_attack, self.severe_from
        return self.kept.answer(person, place, review, most=most, severe_from=severe_from)

    def practise(self, person: Person, item: WorkedItem, verdict: Verdict) -> None:
        """Keep an answer to a worked item."""
        review = self._review(
            person, "training", verdict, item=item.id, turns_seen=len(item.turns), seconds=0.0
        )
        self.kept.practise(person, review)

    def settle(self, person: Person, attack_id: int, read: Transcript, verdict: Verdict) -> None:
        """Keep a lead's verdict on an attack; it settles every review that counts.

        :raises PersonError: it has none, is the lead's own, or was judged by them before.
        """
        settles = tuple(r.reviewer for r in self.kept.of_attack(attack_id) if r.counts)
        if not settles:
            raise PersonError("nobody has reviewed this attack yet; there is nothing to settle")
        review = self._review(
            person,
            "adjudication",
            verdict,
            attack=read.number,
            settles=settles,
            turns_seen=len(read.turns),
            seconds=0.0,
        )
        self.kept.settle(person, attack_id, review, severe_from=self.severe_from)

    def _review(
        self, person: Person, kind: ReviewKind, verdict: Verdict | None, **more: Any
    ) -> Review:
        file = self.study.file
        return Review(
            study=file.study.name,
            protocol_hash=file.protocol_hash,
            kind=kind,
            reviewer=person.name,
            taxonomy=file.materials.taxonomy.label,
            verdict=verdict,
            reviewed_at=datetime.now(UTC),
            **more,
        )


def _by_attack(reviews: Iterable[Review]) -> dict[int, list[Review]]:
    found: dict[int, list[Review]] = {}
    for review in reviews:
        if review.attack is not None:
            found.setdefault(review.attack, []).append(review)
    return found
