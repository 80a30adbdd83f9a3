"""How far reviewers of the same attacks agree, beyond chance.

Krippendorff's α = 1 − D_o / D_e. With n_uc how often attack u got answer c, m_u its number of
answers (attacks with one answer alone are left out), n_c = Σ_u n_uc, n = Σ_c n_c, and δ_ck the
distance of two answers:

    D_o = (1/n) Σ_u Σ_ck n_uc n_uk δ_ck / (m_u − 1)          disagreement within attacks
    D_e = Σ_ck n_c n_k δ_ck / (n (n − 1))                    disagreement of any two answers

    nominal    δ = 1 for different answers
    interval   δ = (c − k)²
    ordinal    δ = (r_c − r_k)², r_c = Σ_{g<c} n_g + n_c/2 the midrank of an answer
    jaccard    δ = 1 − |A ∩ B| / |A ∪ B| for sets of tags; two empty sets are alike
    masi       δ = 1 − |A ∩ B| / |A ∪ B| · M, M = 1 for equal sets, 2/3 where one holds the other,
               1/3 where they overlap, 0 where they do not

Fleiss' κ = (P̄ − P_e) / (1 − P_e), with P̄ the mean over attacks of the share of pairs of answers
that are alike and P_e = Σ_c (n_c/n)². It needs the same number of answers for every attack, knows
no order, and is what the paper reports; α takes any number of answers.

Both are 1 for perfect agreement, 0 for what chance gives, and below 0 for less. Neither is defined
where every answer is the same: nothing could have differed. Intervals resample attacks, so they
speak of other attacks like these, judged by reviewers like these.

References: Krippendorff 2019, *Content Analysis*, 4th edition, chapter 12 (and 2011, "Computing
Krippendorff's Alpha-Reliability"); Passonneau 2006, "Measuring Agreement on Set-valued Items
(MASI)"; Fleiss 1971, doi 10.1037/h0031619.

>>> krippendorff_alpha([[0, 0], [4, 3], [1, 1], [3, 4]], scale="ordinal", resamples=200).n
4
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.protocol import Resampler, Statistic
from gadfly.records.estimate import Estimate

__all__ = ["Ratings", "TagSets", "fleiss_kappa", "krippendorff_alpha", "tag_alpha"]

Answer = TypeVar("Answer", int, tuple[str, ...])
Ratings = Sequence[Sequence[int | None]]
"""For each attack the answers that it got, in any order; ``None`` is a missing one."""
TagSets = Sequence[Sequence[frozenset[str] | None]]
"""For each attack the sets of tags that it got."""
Of = Callable[[Floats], Floats]
"""The coefficient under each of several weightings of the attacks (a row of weights each)."""


def krippendorff_alpha(
    ratings: Ratings,
    *,
    scale: Literal["nominal", "ordinal", "interval"],
    resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """Krippendorff's α of ratings; ``n`` is the number of attacks with two or more."""
    values, counts = _counts([[r for r in row if r is not None] for row in ratings])
    v = np.array(values, dtype=np.float64)
    if scale == "ordinal":
        of = _ordinal(counts)
    else:
        apart = v[:, None] - v[None, :]
        of = _fixed(counts, apart**2 if scale == "interval" else (apart != 0).astype(np.float64))
    return _estimate(f"Krippendorff's alpha, {scale}", counts, of, resamples, level)


def tag_alpha(
    tags: TagSets,
    *,
    distance: Literal["masi", "jaccard"] = "masi",
    resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """Krippendorff's α of sets of tags; ``n`` is the number of attacks with two or more sets."""
    rows = [[tuple(sorted(s)) for s in row if s is not None] for row in tags]
    values, counts = _counts(rows)
    sets = [frozenset(value) for value in values]
    delta = np.array([[_apart(a, b, distance) for b in sets] for a in sets]).reshape(
        [len(sets)] * 2
    )
    of = _fixed(counts, delta)
    return _estimate(f"Krippendorff's alpha of tags, {distance}", counts, of, resamples, level)


def fleiss_kappa(
    ratings: Ratings, *, raters: int, resamples: int = 2000, level: float = 0.95
) -> Estimate:
    """Fleiss' κ over the attacks that got exactly ``raters`` answers; ``n`` is their number."""
    rows = [[r for r in row if r is not None] for row in ratings]
    _, counts = _counts([row for row in rows if len(row) == raters])
    alike = ((counts**2).sum(axis=1) - raters) / (raters * (raters - 1))

    def of(weights: Floats) -> Floats:
        marginals = weights @ counts
        p = marginals / marginals.sum(axis=1, keepdims=True)
        chance = (p**2).sum(axis=1)
        return np.asarray((weights @ alike / weights.sum(axis=1) - chance) / (1 - chance))

    name = f"Fleiss' kappa of attacks with {raters} reviews each"
    return _estimate(name, counts, of, resamples, level)


@dataclass(frozen=True)
class _Coefficient(Statistic):
    """A coefficient as the bootstrap asks for it; the values are the places of the attacks."""

    of: Of
    name: str = "agreement"

    def estimate(self, values: Floats) -> float:
        return float(self.of(np.ones((1, len(values))))[0])

    def resampler(self, sample: Sample) -> Resampler:
        def each(draws: Draws) -> Floats:
            with np.errstate(invalid="ignore"):  # all answers alike: 0/0, left out as undefined
                return self.of(draws.multiplicities.astype(np.float64))

        return each


def _estimate(name: str, counts: Floats, of: Of, resamples: int, level: float) -> Estimate:
    n, answers = counts.shape
    how = Bootstrap(ci="iid", resamples=resamples, level=level)
    if answers < 2:
        reason = (
            "every review gave the same answer, so agreement cannot be told from chance"
            if n
            else "no attack has reviews enough to compare"
        )
        return Estimate(
            estimate=None, low=None, high=None, level=level, n=n, method=name, reason=reason
        )
    sample = Sample.of(np.arange(n, dtype=np.float64), None)
    seed = seed_of(sample, name, counts.tobytes().hex())
    (found,) = bootstrap(sample, [_Coefficient(of, name)], how=how, seed=seed)
    if found.low is not None and found.low == found.high:
        point = "the interval is a point: in every resample agreement is the same"
        return found.model_copy(update={"reason": point})
    return found


def _counts(rows: Sequence[Sequence[Answer]]) -> tuple[list[Answer], Floats]:
    """The answers in order, and how often each attack with two or more got each.

    Attacks stand in a canonical order, so no order of attacks or reviewers changes a number.
    """
    paired = [row for row in rows if len(row) > 1]
    values = sorted({value for row in paired for value in row})
    place = {value: i for i, value in enumerate(values)}
    counts = np.zeros((len(paired), len(values)))
    for u, row in enumerate(paired):
        for value in row:
            counts[u, place[value]] += 1
    return values, counts[np.lexsort(counts.T)] if values else counts


def _fixed(counts: Floats, delta: Floats) -> Of:
    """α where the distance of two answers is always the same."""
    within = ((counts @ delta) * counts).sum(axis=1) / (counts.sum(axis=1) - 1)

    def of(weights: Floats) -> Floats:
        marginals = weights @ counts
        between = ((marginals @ delta) * marginals).sum(axis=1)
        return np.asarray(1 - (marginals.sum(axis=1) - 1) * (weights @ within) / between)

    return of


def _ordinal(counts: Floats) -> Of:
    """α where the distance of two answers is the square of how many answers lie between."""
    items, answers = counts.shape
    spread = counts / (counts.sum(axis=1, keepdims=True) - 1)
    pairs = (counts[:, :, None] * spread[:, None, :]).reshape(items, answers * answers)

    def of(weights: Floats) -> Floats:
        marginals = weights @ counts
        rank = np.cumsum(marginals, axis=1) - marginals / 2
        delta = (rank[:, :, None] - rank[:, None, :]) ** 2
        within = ((weights @ pairs).reshape(delta.shape) * delta).sum(axis=(1, 2))
        between = np.einsum("bc,bck,bk->b", marginals, delta, marginals)
        return np.asarray(1 - (marginals.sum(axis=1) - 1) * within / between)

    return of


def _apart(a: frozenset[str], b: frozenset[str], distance: str) -> float:
    """The distance of two sets of tags, 0 to 1."""
    if a == b:
        return 0.0
    jaccard = len(a & b) / len(a | b)
    if distance == "jaccard":
        return 1 - jaccard
    return 1 - jaccard * (2 / 3 if a <= b or b <= a else 1 / 3)
