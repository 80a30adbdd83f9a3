"""The random-intercept models beside lme4 and ordinal, beside integration, and what cannot be
fitted.

Reference values: ``lme4/reference.R`` (lme4 1.1.31, ordinal 2022.11.16, R 4.2.2) on the cases of
``lme4/cases.py`` and on the replica.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import approx_fprime

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.mixed_linear import LinearFit, NotFitted, fit_linear, independent
from gadfly.analysis.statistics.mixed_ordinal import OrdinalFit, _Terms, fit_ordinal
from gadfly.analysis.topics.mixed_design import Design, design
from gadfly.records.reading import read_attack_frame

FOLDER = Path(__file__).parent / "lme4"
REFERENCE = json.loads((FOLDER / "reference.json").read_text())
CASES = [(name, kind) for name, fits in REFERENCE.items() for kind in fits]
CLOSE = 5e-4  # three decimals


def name_of(theirs: str) -> str:
    """R's name of a column as ours."""
    parts = [part.removeprefix("size").removeprefix("type") for part in theirs.split(":")]
    return {"(Intercept)": "intercept"}.get(theirs, " × ".join(parts))


def same_linear(fit: LinearFit, made: Design, theirs: dict[str, Any]) -> None:
    assert [made.names[j] for j in fit.kept] == [name_of(name) for name in theirs["names"]]
    assert fit.coefficients == pytest.approx(theirs["coefficients"], abs=CLOSE)
    assert fit.se == pytest.approx(theirs["se"], abs=CLOSE)
    assert fit.sigma == pytest.approx(theirs["sigma"], abs=CLOSE)
    assert fit.sd_member == pytest.approx(theirs["sd_member"], abs=CLOSE)
    assert fit.boundary == (theirs["sd_member"] < 1e-6)
    assert fit.log_likelihood == pytest.approx(theirs["log_likelihood"], abs=CLOSE)
    assert fit.modes == pytest.approx(theirs["modes"], abs=CLOSE)
    assert fit.mode_variances == pytest.approx(theirs["mode_variances"], abs=CLOSE)


def same_ordinal(fit: OrdinalFit, made: Design, theirs: dict[str, Any]) -> None:
    assert [made.names[j + 1] for j in fit.kept] == [name_of(name) for name in theirs["names"]]
    assert fit.thresholds == pytest.approx(theirs["thresholds"], abs=CLOSE)
    assert fit.coefficients == pytest.approx(theirs["coefficients"], abs=CLOSE)
    assert fit.se == pytest.approx(theirs["se"], abs=CLOSE)
    assert fit.sd_member == pytest.approx(theirs["sd_member"], abs=CLOSE)
    assert fit.boundary == (theirs["sd_member"] < 1e-6)
    assert fit.log_likelihood == pytest.approx(theirs["log_likelihood"], abs=CLOSE)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_equals_lme4_and_ordinal(name: str, kind: str) -> None:
    case = pl.read_csv(FOLDER / f"{name}.csv")
    made = design(case, ["description", "mturk", *(["rating"] if kind == "with_rating" else [])])
    members, theirs = case["member"].to_numpy(), REFERENCE[name][kind]
    if "thresholds" in theirs:
        nodes = 1 if kind == "laplace" else 10
        fit = fit_ordinal(case["rating"].to_numpy(), made.x[:, 1:], members, nodes=nodes)
        same_ordinal(fit, made, theirs)
    else:
        score = case["score"].to_numpy()
        same_linear(fit_linear(score, made.x, members, reml=kind != "ml"), made, theirs)


def test_cases_hold_what_they_are_for() -> None:
    assert REFERENCE["boundary"]["reml"]["sd_member"] < 1e-6
    assert len(REFERENCE["empty_cell"]["reml"]["names"]) == 10  # 11 columns, one of an empty cell
    rare = pl.read_csv(FOLDER / "rare.csv")["rating"].value_counts()["count"]
    assert rare.sort()[0] < 10
    assert pl.read_csv(FOLDER / "singles.csv")["member"].value_counts()["count"].median() == 1


def test_equals_lme4_and_ordinal_on_the_replica(replica: Path) -> None:
    frame = read_attack_frame(replica).frame.with_columns(
        pl.col("member").cast(pl.Int64),  # in R's order
        description="task_description_harmlessness",
        mturk=~pl.col("is_upworker"),
    )
    reference = json.loads((FOLDER / "replica.json").read_text())
    members = frame["member"].rank("dense").to_numpy()
    small = frame.filter(pl.len().over("member") < 100)
    for kind, theirs in reference.items():
        names = ["description", "mturk", *(["rating"] if kind == "score_rating" else [])]
        made = design(frame, names)
        if kind == "laplace":
            fit = fit_ordinal(frame["rating"].to_numpy(), made.x[:, 1:], members, nodes=1)
            same_ordinal(fit, made, theirs)
        elif kind == "ordinal_small":
            made, owners = design(small, names), small["member"].rank("dense").to_numpy()
            same_ordinal(
                fit_ordinal(small["rating"].to_numpy(), made.x[:, 1:], owners), made, theirs
            )
        else:
            outcome = "rating" if kind == "rating" else "min_harmlessness"
            same_linear(fit_linear(frame[outcome].to_numpy(), made.x, members), made, theirs)


def drawn(seed: int, *, members: int = 12, each: int = 8) -> tuple[Ints, Floats, Ints]:
    """Ratings 0-3, two columns and members."""
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(members), each)
    x = np.column_stack((rng.normal(size=len(owners)), rng.integers(0, 2, len(owners))))
    latent = x @ np.array([0.5, -1.0]) + 0.8 * rng.normal(size=members)[owners]
    rating = np.searchsorted([-1, 0, 1.5], latent + rng.logistic(size=len(owners)))
    return rating.astype(np.int64), x.astype(np.float64), owners.astype(np.int64)


@pytest.mark.parametrize("nodes", [1, 3, 10])
@given(seed=st.integers(0, 1000), sd=st.floats(0.1, 3))
@settings(max_examples=10)
def test_the_ordinal_gradient_is_the_slope_of_the_likelihood(
    nodes: int, seed: int, sd: float
) -> None:
    y, x, owners = drawn(seed)
    terms = _Terms(y, 3, x, owners, nodes)
    place = np.array([-1.2, 0.1, 1.4, 0.3, -0.7, sd])

    def value(at: Floats) -> float:
        found = terms.at(at)
        assert found is not None
        return found.value

    point = terms.at(place)
    assert point is not None
    assert point.gradient == pytest.approx(approx_fprime(place, value, 1e-6), rel=1e-3, abs=1e-3)


@given(seed=st.integers(0, 1000), sd=st.floats(0.1, 2))
@settings(max_examples=10)
def test_quadrature_equals_integration_on_a_fine_grid(seed: int, sd: float) -> None:
    y, x, owners = drawn(seed, members=4)
    place = np.array([-1.2, 0.1, 1.4, 0.3, -0.7, sd])
    v = np.linspace(-9, 9, 4001)
    ends = np.concatenate(([-np.inf], place[:3], [np.inf]))
    middle = (x @ place[3:5])[:, None] + sd * v
    with np.errstate(over="ignore"):
        above, below = (1 / (1 + np.exp(middle - ends[y + k][:, None])) for k in (1, 0))
    logs = np.log(above - below)
    each = [np.exp(logs[owners == m].sum(axis=0) - v * v / 2).sum() for m in range(4)]
    whole = np.log(np.array(each) * (v[1] - v[0]) / np.sqrt(2 * np.pi)).sum()
    point = _Terms(y, 3, x, owners, 20).at(place)
    assert point is not None
    assert point.value == pytest.approx(whole, abs=1e-5)


@given(seed=st.integers(0, 1000), shift=st.floats(-1e4, 1e4), scale=st.floats(0.01, 100))
@settings(max_examples=20)
def test_units_order_and_names_of_members_change_nothing(
    seed: int, shift: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    _, x, owners = drawn(seed)
    x = np.column_stack((np.ones(len(x)), x))
    y = x @ np.array([1.0, 2, 3]) + rng.normal(size=12)[owners] + rng.normal(size=len(x))
    order = rng.permutation(len(y))
    one = fit_linear(y, x, owners)
    two = fit_linear((y * scale + shift)[order], x[order], owners[order] * 7 - 3)
    assert two.coefficients[1:] == pytest.approx(scale * one.coefficients[1:], rel=1e-6, abs=1e-9)
    assert two.sd_member == pytest.approx(scale * one.sd_member, rel=1e-5, abs=1e-6 * scale)
    assert two.modes == pytest.approx(scale * one.modes, rel=1e-5, abs=1e-6 * scale)
    assert two.icc == pytest.approx(one.icc, rel=1e-5, abs=1e-9)


def test_turned_ratings_turn_the_coefficients() -> None:
    y, x, owners = drawn(5)
    one, two = fit_ordinal(y, x, owners), fit_ordinal(3 - y, x, owners)
    assert two.coefficients == pytest.approx(-one.coefficients, abs=1e-5)
    assert two.thresholds == pytest.approx(-one.thresholds[::-1], abs=1e-5)
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-8)


def test_planted_values_are_found() -> None:
    y, x, owners = drawn(1, members=400, each=25)
    fit = fit_ordinal(y, x, owners)
    truth = np.array([-1, 0, 1.5, 0.5, -1.0])
    found = np.concatenate((fit.thresholds, fit.coefficients))
    assert np.all(np.abs(found - truth) < 4 * fit.se)
    assert fit.sd_member == pytest.approx(0.8, abs=0.1)


def test_a_column_that_others_determine_is_named() -> None:
    y, x, owners = drawn(2)
    wide = np.column_stack((x[:, 0], np.zeros(len(x)), 3 - 2 * x[:, 0], x[:, 1], np.ones(len(x))))
    fit = fit_ordinal(y, wide, owners)
    assert (fit.kept, fit.aliased) == ((0, 3), (1, 2, 4))
    assert fit.coefficients == pytest.approx(fit_ordinal(y, x, owners).coefficients, abs=1e-6)
    assert independent(np.eye(2)[:, [0, 0, 1, 0, 1]]) == [0, 2]


ONES = np.ones((6, 1))
PAIRS = np.array([0, 0, 1, 1, 2, 2])
Y = np.array([0.0, 1.0, 2.0, 4.0, 3.0, 1.0])


@pytest.mark.parametrize(
    ("y", "x", "members", "reason"),
    [
        (np.array([0, 1, np.nan, 4, 3, 1]), ONES, PAIRS, "missing or infinite"),
        (Y, ONES, PAIRS * 0, "2 members or more, there is 1"),
        (Y, ONES, np.arange(6), "no member has a second row"),
        (np.full(6, 2.0), ONES, PAIRS, "fit every row exactly"),
        (np.repeat([1.0, 4.0, 2.0], 2), ONES, PAIRS, "fit every row exactly|no maximum"),
        (Y, np.vander(np.arange(6.0), 6), PAIRS, "6 rows cannot determine 6 coefficients"),
        (Y, np.vander(PAIRS.astype(float), 3), PAIRS, "tell all 3 members apart"),
    ],
)
def test_no_number_where_nothing_is_determined(
    y: Floats, x: Floats, members: Ints, reason: str
) -> None:
    with pytest.raises(NotFitted, match=reason):
        fit_linear(y, x, members)


def test_no_ordinal_number_where_nothing_is_determined() -> None:
    y, x, owners = drawn(3)
    with pytest.raises(NotFitted, match="all ratings are equal"):
        fit_ordinal(np.zeros(len(y)), x, owners)
    separated = np.column_stack((x, y == 3))
    with pytest.raises(NotFitted, match="one end alone"):
        fit_ordinal(y, separated, owners)
    with pytest.raises(NotFitted, match="2 members or more"):
        fit_ordinal(y, x, owners * 0)


def test_members_who_each_rate_alike_have_no_finite_variance() -> None:
    y = np.repeat([0, 1, 1, 0, 1, 0, 0, 1], 6)
    with pytest.raises(NotFitted, match="no finite value: members hardly vary"):
        fit_ordinal(y, np.empty((48, 0)), np.repeat(np.arange(8), 6))


def test_errors_over_members_are_those_of_leaving_each_out() -> None:
    rng = np.random.default_rng(4)
    members = rng.integers(0, 15, 200)
    x = np.column_stack([np.ones(200), rng.integers(0, 2, 200), rng.normal(size=200)])
    y = rng.normal(size=15)[members] + rng.normal(size=(15, 2))[members, x[:, 1].astype(int)]
    fit = fit_linear(y, x, members)
    ratio = (fit.sd_member / fit.sigma) ** 2

    def least_squares(kept: np.ndarray) -> np.ndarray:
        same = members[kept][:, None] == members[kept]
        inverse = np.linalg.inv(np.eye(int(kept.sum())) + ratio * same)
        return np.linalg.solve(x[kept].T @ inverse @ x[kept], x[kept].T @ inverse @ y[kept])

    assert least_squares(members >= 0) == pytest.approx(fit.coefficients)
    left = np.array([least_squares(members != m) for m in range(15)])
    errors = np.sqrt(14 / 15 * ((left - fit.coefficients) ** 2).sum(axis=0))
    assert fit.robust == pytest.approx(errors)
    assert (fit.worth > 8).all()
    assert (fit.worth < 15).all()


def test_members_who_meet_an_arm_with_more_success_than_another_do_not_make_it_sure() -> None:
    """60 members and an interaction of member and arm: Wald's intervals hold in 63% of studies."""
    members, arm = np.repeat(np.arange(60), 20), np.tile([0, 1], 600)
    x = np.column_stack([np.ones(1200), arm])
    wald = robust = 0
    for study in range(100):
        rng = np.random.default_rng(study)
        drift = rng.normal(0, 0.5, (60, 2))[members, arm]
        fit = fit_linear(rng.normal(size=60)[members] + drift + rng.normal(size=1200), x, members)
        reach = stats.t.ppf(0.975, fit.worth[1] - 1) * fit.robust[1]
        robust += abs(fit.coefficients[1]) <= reach
        wald += abs(fit.coefficients[1]) <= 1.96 * fit.se[1]
    assert wald < 85 < 91 <= robust


def test_a_cell_that_rates_at_one_end_alone_has_no_finite_interaction() -> None:
    y, x, owners = drawn(3, members=20)
    kind, size = x[:, 1], (np.arange(len(y)) % 3 == 0).astype(np.float64)
    y = np.where((kind == 1) & (size == 0), 3, y)  # other attacks of that type inform both columns
    with pytest.raises(NotFitted, match="one end alone"):
        fit_ordinal(y, np.column_stack((kind, size, kind * size)), owners)
