"""Assignment: balanced within members and across the study, positive, and recorded."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from gadfly.redteam.assignment import (
    ARMS_MAX,
    FLOOR,
    POLICY,
    ArmCount,
    Draw,
    draw_arm,
    probabilities,
)

counts = st.builds(
    ArmCount,
    quota=st.integers(1, 500),
    assigned=st.integers(0, 500),
    by_member=st.integers(0, 50),
)
arms = st.lists(counts, min_size=1, max_size=ARMS_MAX).map(
    lambda found: {f"arm {i}": arm for i, arm in enumerate(found)}
)


def simulate(quotas: dict[str, int], members: int, seed: int) -> list[tuple[int, Draw]]:
    """Assign a whole study: members take tasks of five in a random order."""
    draw = random.Random(seed)
    assigned: Counter[str] = Counter()
    met: Counter[tuple[int, str]] = Counter()
    out: list[tuple[int, Draw]] = []
    while True:
        member = draw.randrange(members)
        for _ in range(5):
            state = {
                name: ArmCount(quota, assigned[name], met[member, name])
                for name, quota in quotas.items()
            }
            drawn = draw_arm(state, draw)
            if drawn is None:
                return out
            assigned[drawn.arm] += 1
            met[member, drawn.arm] += 1
            out.append((member, drawn))


@given(arms)
def test_every_open_arm_can_be_drawn_and_no_other(found: dict[str, ArmCount]) -> None:
    p = probabilities(found)
    assert set(p) == {name for name, arm in found.items() if arm.assigned < arm.quota}
    if p:
        assert sum(p.values()) == pytest.approx(1)
        assert min(p.values()) >= FLOOR or len(p) == 1


@given(arms, st.integers(0, 2**32))
def test_the_probabilities_drawn_from_are_those_stored(
    found: dict[str, ArmCount], seed: int
) -> None:
    drawn = draw_arm(found, random.Random(seed))
    if drawn is None:
        assert probabilities(found) == {}
        return
    assert drawn.assignment.policy == POLICY
    assert drawn.assignment.probabilities == probabilities(found)
    assert drawn.arm in drawn.assignment.probabilities
    closed = sum(arm.assigned >= arm.quota for arm in found.values())
    assert drawn.assignment.round == closed + 1


def test_arms_are_drawn_with_the_stored_probabilities() -> None:
    found = {"a": ArmCount(100, 10, 0), "b": ArmCount(100, 12, 1), "c": ArmCount(50, 2, 0)}
    p = probabilities(found)
    draw = random.Random(1)
    n = 20_000
    drawn = Counter(d.arm for _ in range(n) if (d := draw_arm(found, draw)))
    test = chisquare([drawn[name] for name in p], [n * p[name] for name in p])
    assert test.pvalue > 0.001


def test_a_study_is_balanced_within_members_and_across_arms() -> None:
    quotas = {f"arm {i}": 100 for i in range(12)}
    drawn = simulate(quotas, members=20, seed=3)
    assert Counter(d.arm for _, d in drawn) == quotas

    half = drawn[: len(drawn) // 2]
    across = Counter(d.arm for _, d in half)
    assert max(across.values()) - min(across.values()) <= 15

    spread = []
    for member in range(20):
        met = Counter(d.arm for m, d in half if m == member)
        spread.append(max(met.values()) - min(met[name] for name in quotas))
    plain = random.Random(4)
    by_coin = []
    for member in range(20):
        n = sum(m == member for m, _ in half)
        met = Counter(plain.choices(list(quotas), k=n))
        by_coin.append(max(met.values()) - min(met[name] for name in quotas))
    assert sum(spread) < sum(by_coin) / 2


def test_unequal_quotas_fill_at_one_pace() -> None:
    quotas = {"large": 600, "small": 60}
    half = simulate(quotas, members=15, seed=5)[:330]
    share = Counter(d.arm for _, d in half)["small"] / 330
    assert 60 / 660 - 0.05 < share < 60 / 660 + 0.1


def test_weighting_by_the_stored_probabilities_undoes_the_design() -> None:
    """Horvitz-Thompson: Σ 1[arm] / p(arm) over attacks estimates the attacks, for every arm."""
    quotas = {f"arm {i}": 400 for i in range(4)}
    drawn = [d for _, d in simulate(quotas, members=10, seed=6) if d.assignment.round == 1]
    for name in quotas:
        total = sum(1 / d.assignment.probabilities[name] for d in drawn if d.arm == name)
        assert total == pytest.approx(len(drawn), rel=0.15)
