"""Agreement beside published examples, planted truth, and what must not change it.

Against the packages krippendorff 0.9 and statsmodels 0.15, in an environment of their own, 300
random tables (2-59 attacks, 2-5 reviewers, up to 40% missing) agreed to 1e-15 on α of all scales,
on α of tags with a distance of our own, and on κ.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.statistics.agreement import Ratings
from gadfly.analysis.statistics.fleiss_kappa import fleiss_kappa
from gadfly.analysis.statistics.krippendorff_alpha import krippendorff_alpha, tag_alpha
from gadfly.records.estimate import Estimate

Scale = Literal["nominal", "ordinal", "interval"]
SCALES: tuple[Scale, ...] = ("nominal", "ordinal", "interval")

# Krippendorff 2011, section D: twelve units, four observers, missing data (a dot).
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
UNITS: Ratings = [
    [None if c == "." else int(c) for c in unit] for unit in zip(*OBSERVERS, strict=True)
]
# Fleiss 1971, table 1: thirty patients, six diagnoses each, one of five categories.
PATIENTS = (
    "444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 "
    "144444 124444 222333 144444 224445 333335 111455 111112 224444 133555 "
    "555555 244444 224555 114444 144445 222224 111155 224444 133333 555555"
)
FLEISS: Ratings = [[int(c) for c in patient] for patient in PATIENTS.split()]


def over(resamples: int) -> Bootstrap:
    return Bootstrap(ci="iid", resamples=resamples, unit="item")


def alpha(ratings: Ratings, scale: Scale = "ordinal", resamples: int = 200) -> Estimate:
    return krippendorff_alpha(ratings, scale=scale, how=over(resamples))


def drawn(
    accuracy: float, *, items: int, raters: int = 3, seed: int = 0, missing: float = 0.0
) -> Ratings:
    """Raters who see the truth with a probability, and otherwise guess evenly."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, size=(items, 1))
    sees = rng.random((items, raters)) < accuracy
    given = np.where(sees, truth, rng.integers(0, 5, size=(items, raters)))
    gone = rng.random((items, raters)) < missing
    return [
        [None if hole else int(x) for x, hole in zip(row, holes, strict=True)]
        for row, holes in zip(given, gone, strict=True)
    ]


@pytest.mark.parametrize(
    ("scale", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_krippendorffs_own_example(scale: Scale, published: float) -> None:
    found = alpha(UNITS, scale)
    assert found.estimate == pytest.approx(published, abs=5e-4)
    assert found.n == 11  # one unit has a single value
    assert found.low is None
    assert found.reason == "no interval: with fewer than 40 items it would not hold its level"
    often = alpha(UNITS * 40, scale)
    assert often.low is not None
    assert often.high is not None
    assert often.low < published < often.high


def test_fleiss_own_example() -> None:
    found = fleiss_kappa(FLEISS, raters=6)
    assert found.estimate == pytest.approx(0.430, abs=5e-4)
    assert found.n == 30
    often = fleiss_kappa(FLEISS * 4, raters=6)  # type: ignore[operator]
    assert often.low is not None
    assert often.low < 0.430


def test_masi_as_passonneau_defines_it() -> None:
    """Two attacks, two reviewers: D_o and D_e by hand."""
    a, ab, c = frozenset("a"), frozenset("ab"), frozenset("c")
    # a and ab: 1/2 alike by Jaccard, 2/3 monotone: distance 2/3. Everything with c: distance 1.
    within = 2 * (2 / 3)  # the first attack; the second agrees
    between = 2 * (1 * 1 * (2 / 3) + 1 * 2 * 1 + 1 * 2 * 1)
    expected = 1 - 3 * within / between
    assert tag_alpha([[a, ab], [c, c]]).estimate == pytest.approx(expected)
    jaccard = 1 - 3 * (2 * 0.5) / (2 * (0.5 + 2 + 2))
    assert tag_alpha([[a, ab], [c, c]], distance="jaccard").estimate == pytest.approx(jaccard)


@pytest.mark.parametrize("accuracy", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_planted_agreement_is_found(accuracy: float, missing: float) -> None:
    """Two raters both see the truth with p², and otherwise agree as chance gives: α = κ = p²."""
    ratings = drawn(accuracy, items=6000, missing=missing)
    for scale in SCALES:
        found = alpha(ratings, scale, resamples=100)
        assert found.estimate == pytest.approx(accuracy**2, abs=0.03)
    kappa = fleiss_kappa(ratings, raters=3, how=over(100))
    assert kappa.estimate == pytest.approx(accuracy**2, abs=0.04)
    tags = [[None if r is None else frozenset("abcde"[r]) for r in row] for row in ratings]
    assert tag_alpha(tags, how=over(100)).estimate == pytest.approx(accuracy**2, abs=0.03)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """95% of 150 studies: 8 misses expected, 22 or more has a chance below 1e-5."""
    missed = 0
    for seed in range(150):
        found = alpha(drawn(0.7, items=80, seed=seed), "nominal", resamples=300)
        assert found.low is not None
        assert found.high is not None
        missed += not found.low <= 0.49 <= found.high
    assert missed < 22


@pytest.mark.parametrize("scale", SCALES)
def test_the_interval_is_that_of_attacks_drawn_and_written_out(scale: Scale) -> None:
    ratings = drawn(0.6, items=60, seed=3, missing=0.2)
    rng = np.random.default_rng(5)
    by_hand = [
        alpha([ratings[i] for i in rng.integers(60, size=60)], scale, resamples=50).estimate
        for _ in range(400)
    ]
    found = alpha(ratings, scale, resamples=4000)
    low, high = np.quantile([x for x in by_hand if x is not None], [0.025, 0.975])
    width = high - low
    assert found.low == pytest.approx(low, abs=0.15 * width)
    assert found.high == pytest.approx(high, abs=0.15 * width)


tables = st.lists(
    st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=0, max_size=5),
    min_size=2,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(tables, st.sampled_from(SCALES), st.randoms(use_true_random=False))
def test_who_rated_and_in_which_order_changes_nothing(
    ratings: list[list[int | None]], scale: Scale, draw: Any
) -> None:
    shuffled = [draw.sample(row, len(row)) for row in ratings]
    draw.shuffle(shuffled)
    assert alpha(shuffled, scale) == alpha(ratings, scale)


@settings(max_examples=60, deadline=None)
@given(tables, st.permutations(range(5)), st.integers(-3, 3), st.integers(1, 4))
def test_each_scale_keeps_what_it_should(
    ratings: list[list[int | None]], names: list[int], shift: int, factor: int
) -> None:
    """Nominal: any renaming. Ordinal: any growing one, and a reversal. Interval: shift and size."""

    def renamed(names: list[int]) -> Ratings:
        return [[None if r is None else names[r] for r in row] for row in ratings]

    for scale, other in (
        ("nominal", names),
        ("ordinal", [0, 1, 4, 9, 16]),
        ("ordinal", [4, 3, 2, 1, 0]),
        ("interval", [shift + factor * r for r in range(5)]),
    ):
        before, after = alpha(ratings, scale), alpha(renamed(other), scale)  # type: ignore[arg-type]
        assert after.estimate == (
            None if before.estimate is None else pytest.approx(before.estimate)
        )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=3, max_size=12).filter(lambda x: len(set(x)) > 1))
def test_perfect_agreement_is_one(truth: list[int]) -> None:
    ratings = [[r, r, r] for r in truth * 20]
    tags = [[frozenset("ab"[: r % 3])] * 2 for r in [0, 1, *truth] * 20]
    found = [alpha(ratings, scale) for scale in SCALES]
    found += [fleiss_kappa(ratings, raters=3, how=over(200)), tag_alpha(tags, how=over(200))]
    for one in found:
        assert one.estimate == pytest.approx(1)
        assert one.low == pytest.approx(1)
        assert one.reason is not None
        assert "the interval is a point" in one.reason


@pytest.mark.parametrize(("rare", "some"), [(11, False), (12, True)])
def test_an_interval_needs_ratings_that_are_not_all_alike(rare: int, some: bool) -> None:
    """Two items on which raters differ are worth as much as one that both rate otherwise."""
    ratings = [[1, 0]] * 10 + [[1, 1]] * (rare - 5) + [[0, 0]] * 200
    for found in (alpha(ratings, "nominal"), fleiss_kappa(ratings, raters=2, how=over(200))):
        assert (found.low is not None) == some
        assert some or "other than the commonest worth fewer than 12 items" in str(found.reason)


def test_the_closer_a_miss_the_less_it_costs_where_order_counts() -> None:
    near = [[0, 0], [1, 1], [2, 2], [3, 4], [4, 3]]
    far = [[0, 0], [1, 1], [2, 2], [0, 4], [4, 0]]
    for scale, costs in (("nominal", False), ("ordinal", True), ("interval", True)):
        a, b = alpha(near, scale).estimate, alpha(far, scale).estimate  # type: ignore[arg-type]
        assert a is not None
        assert b is not None
        assert (a > b + 0.2) == costs


@pytest.mark.parametrize(
    ("ratings", "n", "says"),
    [
        ([], 0, "no item has two ratings or more"),
        ([[3], [None, 2], []], 0, "no item has two ratings or more"),
        ([[3, 3], [3, 3, 3]], 2, "every rating is the same"),
    ],
)
def test_undefined_is_explained(ratings: Ratings, n: int, says: str) -> None:
    empty_sets = [[None if r is None else frozenset[str]() for r in row] for row in ratings]
    found = [alpha(ratings, scale) for scale in SCALES]
    found.append(tag_alpha(empty_sets))
    for one in found:
        assert (one.estimate, one.low, one.n) == (None, None, n)
        assert one.reason is not None
        assert says in one.reason


def test_kappa_takes_only_attacks_with_its_number_of_reviews() -> None:
    found = fleiss_kappa([*FLEISS, [1, 1], [2, None, 2, 2, 2, 2], []], raters=6)
    assert found == fleiss_kappa(FLEISS, raters=6)
    for other in (1, 3):
        reason = fleiss_kappa(FLEISS, raters=other).reason
        assert reason == f"no item has exactly {other} ratings"


def test_one_attack_has_an_estimate_and_no_interval() -> None:
    found = alpha([[0, 1, 1]])
    assert found.estimate is not None
    assert found.low is None
    assert found.reason == "no interval: with fewer than 40 items it would not hold its level"
