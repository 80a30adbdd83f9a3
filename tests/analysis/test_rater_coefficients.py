"""Kappa, AC, ICC and Dawid and Skene's model: planted truth, what must not matter, refusals."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.agreement import Ratings
from gadfly.analysis.statistics.dawid_skene import NoModel, dawid_skene
from gadfly.analysis.statistics.gwet import gwet_ac
from gadfly.analysis.statistics.icc import FORMS, Form, icc
from gadfly.analysis.statistics.krippendorff_alpha import krippendorff_alpha, tag_alpha
from gadfly.analysis.statistics.weighted_kappa import WEIGHTS, Weights, weighted_kappa
from gadfly.errors import PersonError
from gadfly.records.estimate import Estimate

KINDS: tuple[Weights, ...] = tuple(WEIGHTS)
FEW = Bootstrap(ci="iid", resamples=200, unit="item")


def test_a_way_that_is_none_gets_no_number_under_its_name() -> None:
    ratings = [[0, 0], [4, 3], [1, 1]]
    for wrong in (
        lambda: icc(ratings, form="(3,1)"),  # type: ignore[arg-type]
        lambda: krippendorff_alpha(ratings, scale="ratio"),  # type: ignore[arg-type]
        lambda: tag_alpha([[frozenset("a")] * 2], distance="dice"),  # type: ignore[arg-type]
        lambda: gwet_ac(ratings, weights="ordinal"),  # type: ignore[arg-type]
        lambda: weighted_kappa(ratings, weights="cubic"),  # type: ignore[arg-type]
    ):
        with pytest.raises(PersonError, match=r"got '.*'; allowed: "):
            wrong()


def both(ratings: Ratings, weights: Weights, how: Bootstrap = FEW) -> list[Estimate]:
    return [weighted_kappa(ratings, weights=weights, how=how), gwet_ac(ratings, weights=weights)]


def drawn(
    accuracy: Any, *, items: int, values: int = 4, seed: int = 0, missing: float = 0.0
) -> tuple[Floats, Floats]:
    """A truth, and raters who see it with a probability each and else guess evenly."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, values, size=items).astype(float)
    raters = len(accuracy)
    sees = rng.random((items, raters)) < np.array(accuracy)
    found = np.where(sees, truth[:, None], rng.integers(0, values, size=(items, raters)))
    return truth, np.where(rng.random(found.shape) < missing, np.nan, found)


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("weights", KINDS)
def test_planted_agreement_is_found(weights: Weights, missing: float) -> None:
    """Both see the truth with p = 0.8 and else agree as chance gives: p² whatever the weights."""
    _, ratings = drawn([0.8] * 3, items=8000, missing=missing)
    for found in both(ratings, weights):
        assert found.estimate == pytest.approx(0.64, abs=0.02)


def test_the_interval_is_that_of_items_drawn_and_written_out() -> None:
    _, ratings = drawn([0.7] * 4, items=60, seed=3, missing=0.3)
    rng = np.random.default_rng(5)
    again = [ratings[rng.integers(60, size=60)] for _ in range(300)]
    how = Bootstrap(ci="iid", resamples=4000, unit="item")
    for coefficient in (weighted_kappa, gwet_ac):
        by_hand = [coefficient(rows, weights="quadratic", how=FEW).estimate for rows in again]
        low, high = np.quantile([x for x in by_hand if x is not None], [0.025, 0.975])
        found = coefficient(ratings, weights="quadratic", how=how)
        assert found.low == pytest.approx(low, abs=0.2 * (high - low))
        assert found.high == pytest.approx(high, abs=0.2 * (high - low))


tables = st.lists(
    st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=3, max_size=3),
    min_size=2,
    max_size=10,
)


@settings(max_examples=60, deadline=None)
@given(tables, st.sampled_from(KINDS), st.permutations(range(3)), st.randoms())
def test_neither_the_order_of_items_nor_the_place_of_raters_matters(
    ratings: list[list[int | None]], weights: Weights, places: list[int], draw: Any
) -> None:
    moved = [[row[place] for place in places] for row in ratings]
    draw.shuffle(moved)
    for one, other in zip(both(ratings, weights), both(moved, weights), strict=True):
        assert other.n == one.n
        assert other.estimate == (None if one.estimate is None else pytest.approx(one.estimate))
    shuffled = list(ratings)
    draw.shuffle(shuffled)
    assert both(shuffled, weights) == both(ratings, weights)


@settings(max_examples=60, deadline=None)
@given(tables, st.permutations(range(5)), st.integers(1, 3), st.integers(-2, 2))
def test_names_do_not_matter_without_weights_nor_units_with_them(
    ratings: list[list[int | None]], names: list[int], factor: int, shift: int
) -> None:
    for weights in KINDS:
        to = names if weights == "unweighted" else [shift + factor * v for v in range(5)]
        renamed = [[None if r is None else to[r] for r in row] for row in ratings]
        for one, other in zip(both(ratings, weights), both(renamed, weights), strict=True):
            assert other.estimate == (None if one.estimate is None else pytest.approx(one.estimate))


def test_two_values_have_no_steps_between_them() -> None:
    _, ratings = drawn([0.7] * 3, items=50, values=2, missing=0.2)
    for plain, *weighted in zip(*(both(ratings, weights) for weights in KINDS), strict=True):
        for other in weighted:
            assert other.estimate == pytest.approx(plain.estimate)


def test_gwet_stays_high_where_kappa_falls_to_nothing() -> None:
    """The paradox: 96 of 100 items agree, nearly all on one value (Feinstein and Cicchetti)."""
    ratings = [[1, 1]] * 95 + [[0, 0]] + [[1, 0]] * 2 + [[0, 1]] * 2
    kappa, ac = both(ratings, "unweighted")
    assert kappa.estimate == pytest.approx(0.3127, abs=1e-4)
    chance = 2 * 0.97 * 0.03
    assert ac.estimate == pytest.approx((0.96 - chance) / (1 - chance))


def test_kappa_of_one_rater_with_the_others() -> None:
    _, ratings = drawn([0.9, 0.9, 0.9, 0.2], items=400)
    pairs = [
        weighted_kappa(ratings[:, [3, other]], weights="linear", how=FEW).estimate
        for other in range(3)
    ]
    odd = weighted_kappa(ratings, weights="linear", of_rater=3, how=FEW)
    assert odd.estimate == pytest.approx(np.mean([p for p in pairs if p is not None]))
    good = weighted_kappa(ratings, weights="linear", of_rater=0, how=FEW)
    assert good.estimate is not None
    assert odd.estimate is not None
    assert good.estimate > odd.estimate + 0.2


def test_a_pair_without_a_common_item_is_left_out() -> None:
    ratings = [[0, 0, None], [1, 1, None], [None, 1, 1], [None, 0, 1], [None, 0, 0]]
    found = weighted_kappa(ratings, weights="unweighted", how=FEW)
    assert "mean over 2 pairs" in found.method
    assert found.estimate == pytest.approx((1 + 0.4) / 2)


@pytest.mark.parametrize(
    ("ratings", "says"),
    [
        ([], "rat"),
        ([[1, None], [None, 2]], "two rat"),
        ([[1], [2]], "two rat"),
        ([[3, 3], [3, 3]], "every rating is the same"),
    ],
)
@pytest.mark.parametrize("weights", KINDS)
def test_undefined_is_explained(ratings: Ratings, says: str, weights: Weights) -> None:
    for found in both(ratings, weights):
        assert (found.estimate, found.low) == (None, None)
        assert found.reason is not None
        assert says in found.reason


def test_the_icc_of_planted_variances() -> None:
    """Items 4, raters 1, rest 3: (2,1) is 4/8; raters that differ by item lose nothing here."""
    rng = np.random.default_rng(2)
    n, k = 4000, 40
    ratings = 2 * rng.normal(size=(n, 1)) + np.linspace(-1, 1, k) * np.sqrt(3)
    ratings = ratings + np.sqrt(3) * rng.normal(size=(n, k))
    found = {form: icc(ratings, form=form) for form in FORMS}
    assert found["(2,1)"].estimate == pytest.approx(4 / (4 + 1.05 + 3), abs=0.02)
    assert found["(2,k)"].estimate == pytest.approx(k * 0.497 / (1 + (k - 1) * 0.497), abs=0.01)
    one = found["(1,1)"]
    assert one.low is not None
    assert one.high is not None
    assert one.estimate is not None
    assert one.low < one.estimate < one.high


def test_the_icc_interval_holds_the_truth_as_often_as_it_says() -> None:
    """One-way, true ICC 0.5, 12 items: of 400 about 20 miss; 40 or more have a chance of 1e-5."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(400):
        found = icc(rng.normal(size=(12, 1)) + rng.normal(size=(12, 3)), form="(1,1)")
        assert found.low is not None
        assert found.high is not None
        missed += not found.low <= 0.5 <= found.high
    assert 4 < missed < 40


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("ratings", "one_way", "two_way"),
    [
        ([[1, 2], [3, None]], "there are 1", "1 of 4 are missing"),
        ([[1], [2]], "two ratings each, there are 0", "there are 2 and 1"),
        ([], "there are 0", "there are 0 and 0"),
        ([[1, 2], [2, 1]], "all items have the same mean", "all items have the same mean"),
        ([[0, 0], [0, 0]], "all items have the same mean", "all items have the same mean"),
    ],
)
def test_the_icc_says_why_there_is_none(
    ratings: Ratings, one_way: str, two_way: str, form: Form
) -> None:
    for how in (None, FEW):
        found = icc(ratings, form=form, how=how)
        assert found.estimate is None
        assert found.reason is not None
        assert (one_way if form.startswith("(1") else two_way) in found.reason


def test_reviewers_who_differ_by_item_have_a_one_way_icc() -> None:
    """Three of eight rate each item, as in a study: nobody's column is full."""
    rng = np.random.default_rng(1)
    by_item = np.round(rng.normal(size=(200, 1)) + rng.normal(size=(200, 3)))
    ratings = np.full((200, 8), np.nan)
    for row, three in zip(ratings, by_item, strict=True):
        row[rng.permutation(8)[:3]] = three
    for form in FORMS[::2]:
        assert form.startswith("(1")
        assert icc(ratings, form=form) == icc(by_item, form=form)
        assert icc(ratings, form=form, how=FEW).estimate == pytest.approx(
            icc(by_item, form=form).estimate
        )
    ratings[0] = [1, 2, *[np.nan] * 6]
    assert icc(ratings, form="(1,1)", how=FEW).low is not None
    assert icc(ratings, form="(1,1)").reason == (
        "no interval: items have different numbers of ratings"
    )
    assert "there are 2 to 3" in str(icc(ratings, form="(1,k)").reason)


def test_perfect_agreement_has_an_icc_without_an_interval() -> None:
    for form in FORMS:
        found = icc([[1, 1], [2, 2], [5, 5]], form=form)
        assert found.estimate == pytest.approx(1)
        assert found.reason == "no interval: raters never differ on an item"


def test_dawid_and_skene_find_the_truth_and_who_errs() -> None:
    accuracy = [0.9, 0.8, 0.6, 0.3, 0.1]
    truth, ratings = drawn(accuracy, items=3000, missing=0.2)
    found = dawid_skene(ratings)
    share = np.mean(found.posterior.argmax(axis=1) == truth)
    votes = (ratings[:, :, None] == np.arange(4)).sum(axis=1)
    assert share > 0.9
    assert share > np.mean(votes.argmax(axis=1) == truth) + 0.05
    np.testing.assert_allclose(found.prevalence, 0.25, atol=0.03)
    right = np.einsum("kjj->k", found.confusion) / 4
    np.testing.assert_allclose(right, np.array(accuracy) * 0.75 + 0.25, atol=0.03)
    np.testing.assert_allclose(found.confusion.sum(axis=2), 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 1.0]))
def test_the_likelihood_never_falls(seed: int, prior: float) -> None:
    _, ratings = drawn([0.9, 0.7, 0.5], items=25, values=3, seed=seed, missing=0.1)
    try:
        path = np.array(dawid_skene(ratings, prior=prior).log_likelihood)
    except NoModel:
        return
    assert np.all(np.diff(path) >= -1e-9 * np.abs(path[1:]))


def test_other_names_of_classes_change_nothing_else() -> None:
    _, ratings = drawn([0.9, 0.8, 0.7], items=200, values=3)
    found = dawid_skene(ratings)
    for names in permutations(range(3)):
        other = dawid_skene(np.array(names)[ratings.astype(int)].astype(float))
        np.testing.assert_allclose(other.posterior[:, list(names)], found.posterior, atol=1e-6)


def test_an_item_without_a_rating_has_no_class() -> None:
    _, ratings = drawn([0.9, 0.9, 0.9], items=60)
    ratings[7] = np.nan
    found = dawid_skene(ratings)
    assert np.isnan(found.posterior[7]).all()
    whole = dawid_skene(np.delete(ratings, 7, axis=0))
    np.testing.assert_allclose(found.confusion, whole.confusion, atol=1e-12)
    np.testing.assert_allclose(found.prevalence, whole.prevalence, atol=1e-12)


def test_classes_that_changed_places_are_refused() -> None:
    """Raters who all guess: the likeliest model may call them wrong more often than right."""
    rng = np.random.default_rng(552)
    shape = int(rng.integers(4, 12)), int(rng.integers(3, 6))
    ratings = rng.integers(0, int(rng.integers(2, 5)), shape).astype(float)
    with pytest.raises(NoModel, match="changed places"):
        dawid_skene(ratings)


@pytest.mark.parametrize(
    ("ratings", "says"),
    [
        ([[0, 1], [1, 1], [0, 0]], "needs three raters"),
        ([[0, 1, None], [None, 1, 0], [1, None, 1]], "at most 2 ratings of an item"),
        ([[1, 1, 1], [1, 1, 1]], "every rating is the same"),
        ([], "needs three raters"),
    ],
)
def test_what_the_model_cannot_tell_is_refused(ratings: Ratings, says: str) -> None:
    with pytest.raises(NoModel, match=says):
        dawid_skene(ratings)


def test_no_convergence_is_an_error() -> None:
    _, ratings = drawn([0.6, 0.6, 0.6], items=100)
    with pytest.raises(NoModel, match="did not converge in 3 steps"):
        dawid_skene(ratings, most_steps=3)


def test_an_icc_below_chance_has_no_interval_rather_than_a_wrong_one() -> None:
    apart = [[k % 3, (k + 1) % 3] for k in range(9)]
    for form in FORMS:
        found = icc(apart, form=form)
        assert found.estimate is not None
        assert found.estimate < 0
        assert found.low is None or found.low <= found.estimate <= found.high
    assert icc(apart, form="(2,k)").reason == "no interval: raters agree less than by chance"
