"""Concentration: against the paper's counts, and what any coefficient must keep."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.analysis.statistics.gini import gini, members_for, top_share

COUNTS = st.lists(st.integers(1, 500), min_size=2, max_size=30)


def test_the_papers_members(shared: Path) -> None:
    figures = json.loads((shared / "reference" / "ganguli2022_figures.json").read_text())
    counts = np.array(figures["fig5_attacks_per_member_desc"], dtype=np.float64)
    assert (len(counts), counts.sum()) == (324, 39_877)
    assert gini(counts).estimate == pytest.approx(0.804, abs=5e-4)
    shares = [round(100 * top_share(counts, top), 1) for top in (1, 10, 20, 49, 100)]
    assert shares == [5.8, 30.4, 49.4, 80.2, 95.1]
    assert members_for(counts, 0.8) == 49


@given(COUNTS, st.integers(2, 9))
def test_is_half_the_mean_difference_and_knows_no_unit(counts: list[int], times: int) -> None:
    values = np.sort(np.array(counts, dtype=np.float64))
    apart = np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean())
    found = gini(values).estimate
    assert found == pytest.approx(apart, abs=1e-9)
    assert gini(values * times).estimate == pytest.approx(found, abs=1e-9)
    assert gini(np.repeat(values, times)).estimate == pytest.approx(found, abs=1e-9)


def test_known_limits() -> None:
    assert gini(np.full(9, 4.0)).estimate == pytest.approx(0)
    assert gini(np.array([0.0] * 9 + [5.0])).estimate == pytest.approx(0.9)
    assert gini(np.array([3.0])).estimate is None
    assert "nobody has any" in str(gini(np.zeros(3)).reason)
    assert gini(np.array([3.0, 1.0])).low is None
    assert members_for(np.array([5.0, 3.0, 2.0]), 0.8) == 2
