"""No schedule of reviewers breaks the rule: never one's own, never twice, never more than k."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from gadfly.review.assignment import Candidate, Reviewer, in_share, matches, next_attack
from gadfly.review.settings import ReviewSpec

SPEC = ReviewSpec()
ANNA = Reviewer(names={"anna"}, seen=())
DOMAINS = (None, None, "law", "medicine and health")


def ask(
    *candidates: Candidate, who: Reviewer = ANNA, spec: ReviewSpec = SPEC, seed: int = 0
) -> int | None:
    return next_attack(candidates, who, spec=spec, seed=0, draw=random.Random(seed)).attack


class Desk:
    """What a store would keep, in plain sets, and the checks that must always hold."""

    def __init__(self, k: int, gold_share: float, draw: random.Random) -> None:
        self.spec = ReviewSpec(per_attack=k, gold_share=gold_share)
        self.draw = draw
        self.people = [{f"p{i}", f"alias{i}"} for i in range(5)]
        self.domains = [("law",), (" Medicine and  HEALTH ",), (), (), ("law",)]
        self.author = {a: draw.choice(["p0", "alias1", "p2", "sim-1"]) for a in range(1, 9)}
        self.domain = {a: draw.choice(DOMAINS) for a in self.author}
        self.opted_out = {(p, a): draw.random() < 0.1 for p in range(5) for a in self.author}
        self.settled = {a for a in self.author if draw.random() < 0.2}
        self.done: Counter[int] = Counter()
        self.seen: defaultdict[int, set[int]] = defaultdict(set)
        self.leases: dict[int, tuple[int, bool]] = {}

    def taken(self, attack: int) -> int:
        return self.done[attack] + list(self.leases.values()).count((attack, False))

    def candidates(self, person: int) -> list[Candidate]:
        return [
            Candidate(
                attack=a,
                member=member,
                taken=self.taken(a),
                expert_domain=self.domain[a],
                must_not_see=self.opted_out[person, a],
                settled=a in self.settled,
            )
            for a, member in self.author.items()
        ]

    def asks(self, person: int) -> None:
        who = Reviewer(self.people[person], self.seen[person], self.domains[person])
        found = next_attack(self.candidates(person), who, spec=self.spec, seed=0, draw=self.draw)
        if found.attack is None:
            assert found.reason
            return
        attack = found.attack
        assert attack not in self.seen[person], "never twice, a skipped one included"
        assert self.author[attack] not in self.people[person], "never one's own"
        assert not self.opted_out[person, attack]
        assert matches(self.domain[attack], self.domains[person])
        assert found.gold == (attack in self.settled)
        self.leases[person] = (attack, found.gold)
        self.seen[person].add(attack)
        assert self.taken(attack) <= self.spec.per_attack

    def step(self, person: int, action: str) -> None:
        if person not in self.leases:
            self.asks(person)
            return
        attack, gold = self.leases.pop(person)
        if action == "finish" and not gold:
            self.done[attack] += 1
            assert self.done[attack] <= self.spec.per_attack
        elif action == "expire":
            self.seen[person].discard(attack)


@given(
    k=st.integers(1, 4),
    gold=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 10_000),
    steps=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["finish", "skip", "expire"])), max_size=120
    ),
)
def test_no_schedule_breaks_the_rule(
    k: int, gold: float, seed: int, steps: list[tuple[int, str]]
) -> None:
    desk = Desk(k, gold, random.Random(seed))
    for person, action in steps:
        desk.step(person, action)


def test_every_attack_gets_its_k_reviews_when_there_are_people_enough() -> None:
    seen: defaultdict[str, set[int]] = defaultdict(set)
    done: Counter[int] = Counter()
    draw = random.Random(1)
    for _ in range(3):
        for person in ("anna", "ben", "cleo", "dora"):
            for _ in range(10):
                who = Reviewer(names={person}, seen=seen[person])
                rows = [Candidate(attack=a, member="m", taken=done[a]) for a in range(1, 11)]
                found = next_attack(rows, who, spec=SPEC, seed=0, draw=draw)
                if found.attack is not None:
                    seen[person].add(found.attack)
                    done[found.attack] += 1
                    assert max(done.values()) - min(done[a] for a in range(1, 11)) <= 2
    assert done == Counter(dict.fromkeys(range(1, 11), 3))


def test_fewest_reviews_come_first_and_ties_are_fair() -> None:
    rows = [Candidate(attack=1, member="m", taken=2)]
    rows += [Candidate(attack=a, member="m", taken=1) for a in range(2, 7)]
    found = Counter(ask(*rows, seed=seed) for seed in range(2000))
    assert set(found) == {2, 3, 4, 5, 6}
    assert chisquare(list(found.values())).pvalue > 1e-4


def test_the_order_of_candidates_decides_nothing_but_the_tie() -> None:
    rows = [Candidate(attack=a, member="m", taken=a % 3) for a in range(1, 10)]
    assert {ask(*rows, seed=s) for s in range(200)} == {
        ask(*reversed(rows), seed=s) for s in range(200)
    }


def test_an_expert_gets_the_flagged_ones_first_and_nobody_else_gets_them() -> None:
    plain = Candidate(attack=1, member="m", taken=0)
    flagged = Candidate(attack=2, member="m", taken=2, expert_domain="Law")
    expert = replace(ANNA, domains=("law",))
    assert {ask(plain, flagged, who=expert, seed=s) for s in range(50)} == {2}
    assert {ask(plain, flagged, seed=s) for s in range(50)} == {1}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (Candidate(attack=1, member="anna", taken=0), "Nothing waits"),
        (Candidate(attack=1, member="m", taken=3), "Nothing waits"),
        (Candidate(attack=1, member="m", taken=0, settled=True), "Nothing waits"),
        (Candidate(attack=1, member="m", taken=0, expert_domain="law"), "an expert of its field"),
        (Candidate(attack=1, member="m", taken=0, must_not_see=True), "opted out of"),
    ],
)
def test_who_gets_nothing_is_told_why(row: Candidate, says: str) -> None:
    found = next_attack([row], ANNA, spec=SPEC, seed=0, draw=random.Random(0))
    assert found.attack is None
    assert says in found.reason


def test_undecided_topics_are_marked_for_the_preview() -> None:
    row = Candidate(attack=1, member="m", taken=0, preview_first=True)
    assert next_attack([row], ANNA, spec=SPEC, seed=0, draw=random.Random(0)).preview_first


def test_gold_items_come_as_often_as_the_study_says_and_take_no_place() -> None:
    spec = ReviewSpec(gold_share=0.25)
    plain = [Candidate(attack=a, member="m", taken=0) for a in (1, 2, 3)]
    gold = Candidate(attack=9, member="m", taken=3, settled=True)
    found = Counter(ask(*plain, gold, spec=spec, seed=s) == 9 for s in range(2000))
    assert binomtest(found[True], 2000, 0.25).pvalue > 1e-4
    assert not any(ask(*plain, gold, seed=s) == 9 for s in range(200))


@given(seed=st.integers(0, 2**63 - 1), small=st.floats(0.01, 1), large=st.floats(0.01, 1))
def test_a_larger_share_only_adds(seed: int, small: float, large: float) -> None:
    low, high = sorted((small, large))
    few = {a for a in range(1, 60) if in_share(a, share=low, seed=seed)}
    assert few <= {a for a in range(1, 60) if in_share(a, share=high, seed=seed)}
    assert all(in_share(a, share=1.0, seed=seed) for a in range(1, 60))


def test_a_share_is_about_that_share_and_is_obeyed() -> None:
    chosen = [a for a in range(1, 4001) if in_share(a, share=0.3, seed=7)]
    assert binomtest(len(chosen), 4000, 0.3).pvalue > 1e-4
    rows = [Candidate(attack=a, member="m", taken=0) for a in range(1, 200)]
    spec = ReviewSpec(share=0.3)
    got = {
        next_attack(rows, ANNA, spec=spec, seed=7, draw=random.Random(s)).attack for s in range(500)
    }
    assert got <= set(chosen)
