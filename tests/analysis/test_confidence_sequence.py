"""Sequences of intervals: against confseq, and looked at after every member and at every moment."""

from __future__ import annotations

import numpy as np
import pytest

from gadfly.analysis.statistics.confidence_sequence import bounded_sequence, running_sequence
from gadfly.analysis.statistics.jackknife import standard_errors

CONFSEQ = {  # made by confseq 0.0.11, predmix_lower_cs of x and of 1 - x at 2.5% each, with
    # lambdas_fn=lambda_predmix_eb(truncation=0.5), psi_fn=-log(1 - s) - s, v=(x - m)**2 and m the
    # regularised mean of the article's theorem 2; x as in the test, after so many values
    10: (0.0, 1.0),
    50: (0.3058936108, 0.6749063892),
    100: (0.3893743469, 0.6076956427),
    300: (0.4398880527, 0.5572262848),
}


def test_bounded_equals_confseq() -> None:
    low, high = bounded_sequence(((np.arange(300) * 7919) % 101) / 100.0)
    for n, ends in CONFSEQ.items():
        assert (low[n - 1], high[n - 1]) == pytest.approx(ends, abs=1e-9)


def test_bounded_covers_at_every_moment() -> None:
    draw = np.random.default_rng(4)
    missed = 0
    for _ in range(400):
        values = draw.choice(5, 300, p=[0.6, 0.2, 0.1, 0.05, 0.05]) / 4
        low, high = bounded_sequence(values)
        missed += bool(np.any((low > 0.1875) | (high < 0.1875)))
    assert missed / 400 < 0.05


def test_running_covers_at_every_moment_where_members_go_on() -> None:
    """Forty members attack to the end, a few of them much: 100 looks at their difference of arms.

    Intervals of Wald's kind, looked at as often, err far more; that is what the width is for.
    """
    missed = wald = counted = 0
    for seed in range(400):
        draw = np.random.default_rng(seed)
        activity = np.exp(0.8 * draw.normal(size=40))
        members = draw.choice(40, 1000, p=activity / activity.sum())
        arm, look = draw.integers(0, 2, 1000), np.arange(1000) // 10
        effect = 0.3 * draw.normal(size=40)
        y = draw.normal(size=40)[members] + effect[members] * arm + draw.normal(size=1000)
        counts, sums = np.zeros((100, 2, 40)), np.zeros((100, 2, 40))
        np.add.at(counts, (look, arm, members), 1)
        np.add.at(sums, (look, arm, members), y)
        found, error, df = standard_errors(sums.cumsum(0)[5:], counts.cumsum(0)[5:])
        ready = df >= 9
        if not ready.any():
            continue
        start = int(np.argmax(ready))
        low, high = running_sequence(found[start:], error[start:])
        counted += 1
        missed += bool(np.any((low > 0) | (high < 0)))
        wald += bool(np.any(np.abs(found[start:]) > 1.96 * error[start:]))
    assert counted > 300
    assert missed / counted < 0.06
    assert wald / counted > 0.2


def test_running_is_robbins_mixture() -> None:
    """Checked as the crossing of its own martingale: the mixture is 1 / alpha at the ends."""
    errors = np.array([0.5, 0.25, 0.1])
    low, high = running_sequence(np.zeros(3), errors)
    information, prior = 1 / errors**2, 1 / errors[0] ** 2
    score = high * information
    mixture = np.sqrt(prior / (information + prior)) * np.exp(
        score**2 / (2 * (information + prior))
    )
    assert mixture == pytest.approx(np.full(3, 20.0))
    assert low == pytest.approx(-high)
