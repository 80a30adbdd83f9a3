"""Dawid and Skene's model: what items truly are, and how each rater errs, from ratings alone.

Each item has a true class j with probability p_j; rater k answers l on an item of class j with
probability π^k_jl, whatever the others say. EM from the share of votes, with classes = the values
that occur:

    E   T_ij ∝ p_j Π_(k,l rated) π^k_jl                       posterior of item i
    M   p_j ∝ a/q + Σ_i T_ij,    π^k_jl ∝ a/q + Σ_i T_ij n^k_il

``a`` is the prior's weight: Dirichlet priors worth ``a`` answers in all, spread evenly over the q
classes, on p and on each row of each π. Without it (a = 0, as published) a rater who never used a
value makes it impossible. The penalised log-likelihood never falls; steps end when it gains less
than ``tolerance`` of itself.

Refused, never guessed: fewer than three raters or no item with three ratings (the model cannot be
told from others then), no convergence, and classes that changed places (another naming of classes
would make raters right more often than this one).

Reference: Dawid & Skene 1979, "Maximum likelihood estimation of observer error-rates using the EM
algorithm", *Applied Statistics* 28(1), doi 10.2307/2346806.

>>> found = dawid_skene([[0, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 1]])
>>> found.posterior.argmax(axis=1).tolist()
[0, 1, 1, 0, 1, 0]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.special import xlogy

from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.agreement import SAME, Ratings, table
from gadfly.errors import PersonError

__all__ = ["DawidSkene", "NoModel", "dawid_skene"]


class NoModel(PersonError):
    """The model has no answer for these ratings; the message says why."""


@dataclass(frozen=True)
class DawidSkene:
    """A fitted model of n items, k raters and q classes."""

    values: Floats
    """The classes, ascending (q)."""
    posterior: Floats
    """Probability of each class by item (n, q); NaN for an item without a rating."""
    prevalence: Floats
    """Share of each class among items (q)."""
    confusion: Floats
    """By rater, true class and answer: its probability (k, q, q)."""
    log_likelihood: tuple[float, ...]
    """Penalised log-likelihood before each step; never falls."""

    @property
    def accuracy(self) -> Floats:
        """How often each rater names an item's true class (k)."""
        return np.asarray(np.einsum("j,kjj->k", self.prevalence, self.confusion))


def dawid_skene(
    ratings: Ratings, *, prior: float = 1.0, tolerance: float = 1e-10, most_steps: int = 5000
) -> DawidSkene:
    """The model of a table of items and raters.

    :raises NoModel: it cannot be told from others, does not converge, or classes changed places.
    """
    rows = table(ratings)
    given = np.isfinite(rows)
    values = np.unique(rows[given])
    _check(given, len(values))
    codes = np.where(given, np.searchsorted(values, rows), -1)
    codes, place, times = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    item, rater = np.nonzero(codes >= 0)  # items with the same answers are one, so many times
    (n, k), q = codes.shape, len(values)
    said = codes[item, rater]
    answers = csr_array((np.ones(len(item)), (item, rater * q + said)), shape=(n, k * q))
    known = (codes >= 0).any(axis=1, keepdims=True)
    weight = np.where(known, times[:, None], 0.0)
    posterior = np.bincount(item * q + said, minlength=n * q).reshape(n, q).astype(np.float64)
    posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1)
    path: list[float] = []
    for _ in range(most_steps):
        prevalence, confusion = _maximise(answers, posterior * weight, prior, k)
        new, likelihood = _expect(answers, prevalence, confusion, prior, weight)
        if path and likelihood - path[-1] <= tolerance * abs(likelihood):
            break
        posterior = new
        path.append(likelihood)
    else:
        raise NoModel(f"Dawid-Skene did not converge in {most_steps:,} steps")
    _check_names(answers, posterior * weight, k)
    posterior = np.where(known, posterior, np.nan)[place.ravel()]
    return DawidSkene(values, posterior, prevalence, confusion, tuple(path))


def _maximise(answers: csr_array, posterior: Floats, prior: float, k: int) -> tuple[Floats, Floats]:
    """Prevalence (q) and confusion (k, q true, q answered) that posteriors make likeliest."""
    q = posterior.shape[1]
    prevalence = posterior.sum(axis=0) + prior / q
    counts = (answers.T @ posterior).reshape(k, q, q).transpose(0, 2, 1) + prior / q
    totals = counts.sum(axis=2, keepdims=True)
    confusion = np.divide(counts, totals, out=np.full_like(counts, 1 / q), where=totals > 0)
    return prevalence / prevalence.sum(), confusion


def _expect(
    answers: csr_array, prevalence: Floats, confusion: Floats, prior: float, weight: Floats
) -> tuple[Floats, float]:
    """Posterior of each pattern of answers, and the penalised log-likelihood."""
    k, q, _ = confusion.shape
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(confusion), -1e6)  # impossible, yet 0 · log 0 stays 0
        of_class = np.maximum(np.log(prevalence), -1e6)
    joint = answers @ logs.transpose(0, 2, 1).reshape(k * q, q) + of_class
    top = joint.max(axis=1, keepdims=True)
    share = np.exp(joint - top)
    total = share.sum(axis=1, keepdims=True)
    penalty = xlogy(prior / q, prevalence).sum() + xlogy(prior / q, confusion).sum()
    return share / total, float((weight * (top + np.log(total))).sum() + penalty)


def _check(given: np.ndarray, classes: int) -> None:
    """Refuse ratings that do not determine the model."""
    raters = int(given.any(axis=0).sum()) if given.size else 0
    most = int(given.sum(axis=1).max()) if given.size else 0
    if raters < 3 or most < 3:
        raise NoModel(
            "Dawid-Skene needs three raters and an item that three rated, to tell who errs; "
            f"there are {raters}, and at most {most} ratings of an item"
        )
    if classes < 2:
        raise NoModel(SAME)


def _check_names(answers: csr_array, posterior: Floats, k: int) -> None:
    """Refuse classes that would fit raters' words better under each other's names."""
    q = posterior.shape[1]
    pooled = (answers.T @ posterior).reshape(k, q, q).sum(axis=0)  # answered, true
    answered, true = linear_sum_assignment(pooled, maximize=True)
    if pooled[answered, true].sum() > np.trace(pooled) + 1e-6:
        raise NoModel("Dawid-Skene's classes changed places: raters err more often than not")
