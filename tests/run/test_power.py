"""The biased coin in arrays is the one that a study draws with; a study file is read as a plan."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from gadfly.analysis.coin import coin_probabilities
from gadfly.analysis.trials import Assumed
from gadfly.redteam.assignment import ArmCount, draw_arm, probabilities
from gadfly.run.power import biased_coin, study_power
from gadfly.study.template import write_template


def test_the_coin_has_the_probabilities_of_the_rule() -> None:
    draw = np.random.default_rng(1)
    for _ in range(200):
        k = int(draw.integers(2, 9))
        quota, assigned = draw.integers(1, 30, k), draw.integers(0, 30, k)
        assigned[0] = quota[0] - 1  # one arm is open
        assigned = np.minimum(assigned, quota)
        met = draw.integers(0, 6, k)
        arms = {str(a): ArmCount(int(quota[a]), int(assigned[a]), int(met[a])) for a in range(k)}
        rule = probabilities(arms)
        coin = coin_probabilities(quota, assigned[None], met[None])[0]
        assert coin == pytest.approx([rule.get(str(a), 0.0) for a in range(k)])


def test_the_coin_fills_the_quotas_and_balances_within_members_as_the_runner_does() -> None:
    quotas, members = [60, 60, 30], 10
    coin = biased_coin(np.ones((200, members)), quotas, np.random.default_rng(2))
    cells = coin.arm * members + coin.member
    counts = np.stack([np.bincount(c, minlength=3 * members) for c in cells])
    counts = counts.reshape(200, 3, members)
    assert (counts.sum(axis=2) == quotas).all()
    spread = (counts[:, 0] - counts[:, 1]).std()

    draw, found = random.Random(3), []
    for _ in range(60):
        made = np.zeros((3, members), dtype=int)
        for _ in range(sum(quotas)):
            who = draw.randrange(members)
            arms = {
                str(a): ArmCount(q, int(made[a].sum()), int(made[a, who]))
                for a, q in enumerate(quotas)
            }
            drawn = draw_arm(arms, draw)
            assert drawn is not None
            made[int(drawn.arm), who] += 1
        found.append(made[0] - made[1])
    assert spread == pytest.approx(np.std(found), rel=0.15)


def test_a_round_ends_where_an_arm_is_full() -> None:
    coin = biased_coin(np.ones((5, 4)), [6, 12, 30], np.random.default_rng(4))
    for arm, number in zip(coin.arm, coin.round, strict=True):
        for place, now in enumerate(number):
            full = (np.bincount(arm[:place], minlength=3) >= [6, 12, 30]).sum()
            assert now == full


def test_a_study_file_is_a_plan(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    result = study_power(
        write_template(tmp_path),
        Assumed(outcome="success", effect=0.2),
        simulations=100,
        progress=lambda done, total: told.append((done, total)),
    )
    assert (result.plan.members, result.plan.attacks, result.seed) == (30, 200, 2022)
    assert result.plan.gini == pytest.approx(0.52, abs=0.005)  # activity_sd 1.0
    assert told[-1][0] == told[-1][1]
    human = study_power(
        write_template(tmp_path / "people", people=True),
        Assumed(outcome="rating", effect=0.5),
        simulations=100,
        members=12,
    )
    assert (human.plan.members, human.plan.gini) == (12, 0.80)
