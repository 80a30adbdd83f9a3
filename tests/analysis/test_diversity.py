"""Statistics of diversity: against published code, planted truth, and their limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from gadfly.analysis.bootstrap import Bootstrap, bootstrap
from gadfly.analysis.embedding import space_of
from gadfly.analysis.sample import Draws, Sample
from gadfly.analysis.statistics.chao2 import chao2
from gadfly.analysis.statistics.entropy import Entropy
from gadfly.analysis.statistics.korn_graubard import interval_of
from gadfly.analysis.statistics.near_duplicates import near_duplicates
from gadfly.analysis.statistics.novelty import is_new
from gadfly.analysis.statistics.rarefied import rarefied
from gadfly.analysis.statistics.repeats import repeats
from gadfly.analysis.statistics.self_similarity import SelfSimilarity
from gadfly.analysis.statistics.vendi import vendi


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_vendi_equals_the_published_package() -> None:
    # vendi-score 0.0.3: vendi.score_dual(X) and vendi.score_X(X), of these rows
    rows = np.random.default_rng(2023).normal(size=(40, 6)) + 0.7
    assert vendi(unit(rows)) == pytest.approx(4.778684441617419, abs=1e-10)


@given(st.integers(1, 12), st.integers(1, 30))
def test_vendi_is_a_number_of_different_attacks(different: int, copies: int) -> None:
    rows = np.repeat(np.eye(12)[:different], copies, axis=0)
    assert vendi(rows) == pytest.approx(different)
    turn = np.linalg.qr(np.random.default_rng(copies).normal(size=(12, 12)))[0]
    assert vendi(rows @ turn) == pytest.approx(different), "no turn of the axes changes it"
    assert vendi(np.vstack([rows, np.zeros((3, 12))])) == pytest.approx(different)


def test_vendi_of_more_vectors_than_dimensions_equals_that_by_pairs() -> None:
    rows = unit(np.random.default_rng(1).normal(size=(30, 8)))
    eigenvalues = np.linalg.eigvalsh(rows @ rows.T / 30)
    worth = eigenvalues[eigenvalues > 1e-12]
    assert vendi(rows) == pytest.approx(np.exp(-(worth * np.log(worth)).sum()))
    assert vendi(rows[:5]) <= 5


def test_entropy_is_scipys_and_its_correction() -> None:
    codes = np.repeat([0.0, 1.0, 2.0, 3.0], [50, 30, 15, 5])
    plain = scipy_entropy([50, 30, 15, 5])
    assert Entropy().estimate(codes) == pytest.approx(plain + 3 / 200)
    rng = np.random.default_rng(0)
    few = [Entropy().estimate(rng.choice(8, 60).astype(float)) for _ in range(400)]
    assert np.mean(few) == pytest.approx(np.log(8), abs=0.005), "uncorrected: too low by 0.058"


def test_entropy_of_labels_that_nobody_gave_yet_has_no_interval() -> None:
    rng = np.random.default_rng(1)
    shares = 1 / np.arange(1, 2001)
    members = rng.integers(0, 40, 800)
    for kinds, told in ((2000, True), (20, False)):
        codes = rng.choice(kinds, 800, p=shares[:kinds] / shares[:kinds].sum())
        sample = Sample.of(codes.astype(float), members)
        (found,) = bootstrap(sample, [Entropy()], how=Bootstrap(resamples=200), seed=1)
        assert found.estimate is not None
        assert (found.low is None) == ("occur once" in str(found.reason)) == told


def test_entropy_of_resamples_is_that_of_the_labels_written_out() -> None:
    rng = np.random.default_rng(3)
    sample = Sample.of(rng.choice(5, 80).astype(float), rng.integers(0, 9, 80))
    counts = rng.integers(0, 3, size=(20, 9))
    counts[:, 0] += 1
    found = Entropy().resampler(sample)(Draws(sample, counts))
    for row, value in zip(counts, found, strict=True):
        written = np.repeat(sample.values, row[sample.clusters])
        assert value == pytest.approx(Entropy().estimate(written))


def test_self_similarity_is_the_mean_over_pairs() -> None:
    rows = unit(np.random.default_rng(5).normal(size=(25, 4)) + 0.5)
    cosines = (rows @ rows.T)[np.triu_indices(25, 1)]
    assert SelfSimilarity(rows).estimate(np.arange(25.0)) == pytest.approx(cosines.mean())
    copies = np.repeat(rows[:1], 7, axis=0)
    assert SelfSimilarity(copies).estimate(np.arange(7.0)) == pytest.approx(1)


def test_self_similarity_of_resamples_counts_no_copy_of_an_attack_as_its_pair() -> None:
    rng = np.random.default_rng(6)
    rows, members = unit(rng.normal(size=(20, 3))), rng.integers(0, 6, 20)
    sample = Sample.of(np.arange(20.0), members)
    counts = rng.integers(1, 4, size=(5, sample.n_clusters))
    found = SelfSimilarity(rows).resampler(sample)(Draws(sample, counts))
    for row, value in zip(counts, found, strict=True):
        drawn = np.repeat(np.arange(20), row[sample.clusters])
        pairs = [(a, b) for a in drawn for b in drawn if a != b]
        assert value == pytest.approx(np.mean([rows[a] @ rows[b] for a, b in pairs]))


def test_chao2_equals_scikit_bios_chao1_where_members_are_many() -> None:
    # scikit-bio 0.7.4: chao1(counts), bias-corrected, of these counts
    counts = np.array([12, 7, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1, 0])
    found = chao2(counts, members=10**9)
    assert found.estimate == pytest.approx(15.333333333, abs=1e-6)
    assert (found.low, found.reason) == (None, "a lower bound, which has no interval")


def test_chao2_is_no_more_than_there_is() -> None:
    reached = np.array([3, 1, 1, 1, 1, 0])
    assert chao2(reached, members=20).estimate == pytest.approx(5 + 0.95 * 6)
    found = chao2(reached, members=20, most=6)
    assert (found.estimate, found.reason) == (6, "no more than the 6 clusters that there are")


def test_chao2_says_where_nothing_hints_at_more() -> None:
    found = chao2(np.array([5, 4, 3]), members=6)
    assert found.estimate == 3
    assert found.low is None
    assert "nothing hints" in str(found.reason)
    assert chao2(np.array([1, 1]), members=1).estimate is None
    assert chao2(np.array([9, 1, 1, 1]), members=10).estimate == 4 + 0.9 * 3 * 2 / 2


def test_rarefaction_finds_the_same_diversity_at_any_size_of_arm() -> None:
    rng = np.random.default_rng(8)

    def reached(n: int) -> tuple[float, float, float]:
        kinds = rng.integers(0, 40, n)
        found = rarefied(
            lambda rows: float(len(np.unique(kinds[rows]))),
            rng.integers(0, 60, n),
            size=100,
            name="kinds",
            seed=1,
        )
        assert found.estimate is not None
        return found.estimate, found.low, found.high

    expected = 40 * (1 - (39 / 40) ** 100)
    for n in (500, 8000):
        estimate, low, high = reached(n)
        assert estimate == pytest.approx(expected, abs=1.5)
        assert low < expected < high


def test_rarefaction_covers_what_other_members_would_give() -> None:
    """Members keep to a few kinds of their own, so it is members that the interval must feel."""
    hits, runs, widths = 0, 60, []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        members = np.repeat(np.arange(40), 20)
        kinds = rng.integers(0, 30, (40, 2))[members, rng.integers(0, 2, 800)]
        found = rarefied(
            lambda rows, kinds=kinds: float(len(np.unique(kinds[rows]))),
            members,
            size=60,
            name="kinds",
            seed=seed,
        )
        assert found.low is not None
        hits += found.low <= 22.94 <= found.high  # mean of 400 studies, SD 0.94
        widths.append(found.high - found.low)
    assert hits / runs >= 0.93
    assert 1 <= np.mean(widths) / (2 * 1.96 * 0.94) < 2, "on the wide side, not beyond"


def test_rarefaction_gives_no_interval_where_half_the_members_lack_attacks() -> None:
    members = np.concatenate([np.zeros(200, int), np.arange(1, 15)])
    found = rarefied(lambda rows: 2.0, members, size=100, name="x", seed=0)
    assert found.estimate == 2
    assert found.low is None
    assert "may lack" in str(found.reason)
    assert rarefied(lambda rows: 2.0, members, size=500, name="x", seed=0).estimate is None


def words(rng: np.random.Generator, count: int) -> list[str]:
    letters = list("abcdefghijklmnop")
    return ["".join(rng.choice(letters, 6)) for _ in range(count)]


def test_planted_near_duplicates_are_found_and_no_others() -> None:
    rng = np.random.default_rng(0)
    vocabulary = words(rng, 2000)
    base = [list(rng.choice(vocabulary, rng.integers(12, 25))) for _ in range(800)]
    texts, truth = [" ".join(text) for text in base], list(range(800))
    for number in range(100):
        for _ in range(rng.integers(1, 5)):
            changed = list(base[number])
            changed[rng.integers(len(changed))] = str(rng.choice(vocabulary))
            texts.append(" ".join(changed).upper() + "?!")
            truth.append(number)
    groups, planted = near_duplicates(texts), np.array(truth)
    pairs = np.triu_indices(len(texts), 1)
    found = (groups[:, None] == groups[None])[pairs]
    real = (planted[:, None] == planted[None])[pairs]
    assert found[real].mean() >= 0.98, "recall"
    assert real[found].mean() == 1, "precision"


def test_near_duplicates_see_through_case_digits_and_signs_alone() -> None:
    texts = ["Bake 12 loaves, please", "bake 99 loaves please!", "", "!?", "Ride 12 horses, now"]
    assert near_duplicates(texts).tolist() == [0, 0, 1, 1, 2]
    order = [4, 2, 0, 3, 1]
    assert near_duplicates([texts[i] for i in order]).tolist() == [0, 1, 2, 1, 2]


def test_a_template_used_often_is_one_group() -> None:
    rng = np.random.default_rng(2)
    names = words(rng, 400)
    template = "tell me a long and friendly story about the town of {} in the old days please"
    texts = [template.format(name) for name in names] + words(rng, 50)
    groups = near_duplicates(texts)
    assert np.bincount(groups).max() == 400
    assert groups.max() == 50


def test_repeats_move_by_what_others_then_no_longer_repeat() -> None:
    rng = np.random.default_rng(6)
    groups, members = rng.integers(0, 60, 90), rng.integers(0, 9, 90)
    rows = np.flatnonzero(rng.random(90) < 0.7)
    inside = np.isin(np.arange(90), rows)
    left = []
    for member in range(9):
        rest = members != member
        again = np.bincount(groups[rest], minlength=60)[groups] > 1
        left.append(again[rest & inside].mean())
    found = repeats(groups, members, rows)
    share = (np.bincount(groups)[groups] > 1)[rows]
    assert found.estimate == pytest.approx(share.mean())
    sizes = np.bincount(members[rows]).astype(float)
    moves = np.array(left) - np.mean(left)
    ends = interval_of(sizes, np.array([share.sum()]), len(rows), 0.95, moves=moves)
    assert (found.low, found.high) == pytest.approx(ends)


def test_rare_repeats_of_two_members_are_covered() -> None:
    """Taken as a plain share, the interval held the truth in 88% of these."""
    rng = np.random.default_rng(7)
    members = np.repeat(np.arange(40), 20)
    found = [repeats(rng.integers(0, 16_000, 800), members, np.arange(800)) for _ in range(200)]
    truth = 1 - (1 - 1 / 16_000) ** 799
    assert np.mean([f.low <= truth <= f.high for f in found if f.low and f.high]) > 0.95
    assert repeats(np.arange(30), np.arange(30) % 10, np.arange(30)).estimate == 0
    assert repeats(*[np.arange(0)] * 3).reason == "no attack"


def test_novelty_of_more_of_the_same_is_five_percent_and_of_something_else_all() -> None:
    rng = np.random.default_rng(4)
    earlier, same = unit(rng.normal(size=(1500, 5))), unit(rng.normal(size=(1500, 5)))
    assert is_new(same, earlier, seed=0)[1].mean() == pytest.approx(0.05, abs=0.02)
    wide = [np.hstack([x, np.zeros((1500, 2))]) for x in (same, earlier)]
    other = np.zeros((100, 7))
    other[:, 6] = 1
    rows, new = is_new(np.vstack([wide[0], other]), wide[1], seed=0)
    assert new[rows >= 1500].all()


def test_novelty_of_texts_is_five_percent_where_they_are_more_of_the_same() -> None:
    """Words follow Zipf's law, so most are rare. By the words of one side it was 8% to 14%."""
    rng = np.random.default_rng(5)
    share = 1 / np.arange(1, 4001)
    found = []
    for _ in range(6):
        drawn = rng.choice(4000, size=(800, 8), p=share / share.sum())
        texts = [" ".join(f"w{word}" for word in row) for row in drawn]
        space = space_of(texts[:400], earlier=texts[400:], clusters=1)
        assert space.beside is not None
        found.append(is_new(*space.beside, seed=0)[1].mean())
    assert found == pytest.approx([0.05] * 6, abs=0.035)


def test_what_never_differs_has_no_interval() -> None:
    members = np.repeat(np.arange(20), 10)
    same = rarefied(lambda rows: 1 - 1e-15, members, size=40, name="same", seed=0, most=1.0)
    assert same.estimate == pytest.approx(1)
    assert same.low is None
    assert "no draw differs" in str(same.reason)
    less = rarefied(lambda rows: float(rows[0] % 2), members, size=40, name="less", seed=0)
    assert less.low is not None
    assert less.estimate is not None
    assert less.low <= less.estimate, "texts without a word are worth nothing"
    rows = np.ones((200, 1))
    sample = Sample.of(np.arange(200.0), members)
    (alike,) = bootstrap(sample, [SelfSimilarity(rows)], how=Bootstrap(resamples=200), seed=1)
    assert (alike.estimate, alike.low) == (1.0, None)


def test_statistics_of_rows_go_through_the_bootstrap() -> None:
    rng = np.random.default_rng(9)
    rows, members = unit(rng.normal(size=(300, 4)) + 0.4), rng.integers(0, 30, 300)
    sample = Sample.of(np.arange(300.0), members)
    found = bootstrap(sample, [SelfSimilarity(rows)], how=Bootstrap(resamples=400), seed=1)[0]
    assert found.low is not None
    assert found.low < found.estimate < found.high
    assert found.high - found.low < 0.2
