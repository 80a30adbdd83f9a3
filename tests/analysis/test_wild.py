"""The wild cluster bootstrap beside refits written out, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.analysis.statistics import wild
from gadfly.analysis.statistics.wild import wild_interval


def cluster_t(y: np.ndarray, x: np.ndarray, owner: np.ndarray, of: int, null: float) -> float:
    """t of a coefficient with cluster-robust errors (CR0), by its definition."""
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ y
    scores = np.array([x[owner == g].T @ (y - x @ beta)[owner == g] for g in np.unique(owner)])
    variance = inverse @ scores.T @ scores @ inverse
    return float((beta[of] - null) / np.sqrt(variance[of, of]))


def p_by_refits(
    y: np.ndarray, x: np.ndarray, owner: np.ndarray, of: int, null: float, weights: np.ndarray
) -> float:
    """The bootstrap p-value with the null imposed, one least squares fit a resample."""
    rest = np.delete(x, of, axis=1)
    held = y - null * x[:, of]
    fit = rest @ np.linalg.lstsq(rest, held, rcond=None)[0] if rest.size else 0 * y
    fitted, residual = fit + null * x[:, of], held - fit
    t = abs(cluster_t(y, x, owner, of, null))
    found = [abs(cluster_t(fitted + w[owner] * residual, x, owner, of, null)) for w in weights]
    return float(np.mean(np.array(found) >= t * (1 - 1e-9)))


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("members", [7, 14])
def test_the_interval_is_where_refits_put_it(members: int, columns: int) -> None:
    rng = np.random.default_rng(members + columns)
    owner = np.sort(rng.integers(members, size=90))
    x = np.column_stack([np.ones(90), rng.integers(0, 2, 90), rng.normal(size=90)])[:, :columns]
    y = rng.normal(size=members)[owner] + rng.normal(size=90)
    of, resamples, seed = columns - 1, 300, 5
    found = wild_interval(y, x, owner, of=of, level=0.9, resamples=resamples, seed=seed)
    assert found is not None
    weights = wild._weights(len(np.unique(owner)), resamples, seed)
    codes = np.unique(owner, return_inverse=True)[1]
    width = found[1] - found[0]
    for inside, outside in (
        (found[0] + 0.002 * width, found[0] - 0.002 * width),
        (found[1] - 0.002 * width, found[1] + 0.002 * width),
    ):
        assert p_by_refits(y, x, codes, of, inside, weights) > 0.1 - 1e-12
        assert p_by_refits(y, x, codes, of, outside, weights) <= 0.1 + 1e-12


def test_weights_have_mean_0_and_variance_1_and_are_webbs_where_clusters_are_few() -> None:
    for clusters, points in ((8, 6), (30, 2)):
        drawn = wild._weights(clusters, 20_000, 1)
        assert len(np.unique(drawn)) == points
        assert drawn.mean() == pytest.approx(0, abs=0.01)
        assert drawn.var() == pytest.approx(1, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-5, 5), st.floats(0.1, 9))
def test_shift_scale_and_swapped_arms(seed: int, shift: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    owner, arm = np.arange(60) % 10, rng.permutation(np.arange(60) % 2)
    y = rng.normal(size=10)[owner] + rng.normal(size=60)

    def ends(y: np.ndarray, arm: np.ndarray) -> tuple[float, float]:
        x = np.column_stack([np.ones(60), arm])
        found = wild_interval(y, x, owner, of=1, level=0.9, resamples=199, seed=3)
        assert found is not None
        return found

    low, high = ends(y, arm)
    assert ends(shift + scale * y, arm) == pytest.approx((scale * low, scale * high), abs=1e-6)
    assert ends(y, 1 - arm) == pytest.approx((-high, -low), abs=1e-6)
    order = rng.permutation(60)
    x = np.column_stack([np.ones(60), arm])[order]
    again = wild_interval(y[order], x, owner[order], of=1, level=0.9, resamples=199, seed=3)
    assert again == pytest.approx((low, high), abs=1e-9)


def test_two_members_or_equal_values_have_no_interval() -> None:
    one = np.ones((12, 1))
    assert (
        wild_interval(np.ones(12), one, np.arange(12) % 4, level=0.95, resamples=199, seed=1)
        is None
    )
    y = np.arange(12.0) % 5
    assert wild_interval(y, one, np.arange(12) % 2, level=0.95, resamples=199, seed=1) is None
