"""Simulated studies: how often the project's analysis of a contrast finds an effect that is there.

Every simulated study draws how busy its members are, assigns their attacks as the study would,
draws outcomes, and asks whether the interval of the difference of two arms (member jackknife, see
:mod:`gadfly.analysis.statistics.jackknife`) excludes 0. Power is the share that says yes.

* Activity of members is log-normal; its spread s gives Gini's coefficient G = 2 Φ(s / √2) − 1.
* A rating is Gaussian: sd² = level of the member (share ``icc``) + the rest. A success is a
  threshold on a standard Gaussian of the same two parts, so that ``icc`` is on the latent scale.
* The effect of the second arm differs between members with standard deviation ``spread`` times the
  effect (for success on the latent scale). Levels cancel where members attack both arms; this does
  not, so it is what more attacks of the same members cannot buy off.

Each of a hundred allocations (twenty for a very long study) is used for several draws of outcomes;
the interval of the power is Clopper and Pearson's, with the number of simulations divided by the
design effect of that, as Korn and Graubard do.

Reference: Korn & Graubard 1998 (see ``korn_graubard``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy.special import ndtr, ndtri
from scipy.stats import beta, t

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.jackknife import standard_errors
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["Allocate", "Assumed", "Plan", "Trials"]

Share = Annotated[float, Field(ge=0, lt=1)]
Allocate = Callable[[Floats, Sequence[int], np.random.Generator], Ints]
"""Assigns attacks: how busy members are (allocations, members) and the quota of each arm in, how
many attacks each made on each arm (allocations, arms, members) out."""

_ALLOCATIONS = 100
_FEWER = 20
_LONG = 10_000  # attacks above which a study is allocated less often


class Plan(Record):
    """A study as far as its power goes."""

    members: Annotated[int, Field(ge=2)]
    """How many members there are."""
    quotas: dict[str, Annotated[int, Field(ge=1)]]
    """Attacks on each arm, the arm that others are compared with first."""
    gini: Share
    """How unevenly members attack: 0 all alike; 0.80 in Ganguli et al. 2022."""

    @property
    def attacks(self) -> int:
        """Attacks on all arms."""
        return sum(self.quotas.values())


class Assumed(Record):
    """What is taken to be true."""

    outcome: Literal["rating", "success"]
    """What is compared: mean ratings, or success rates."""
    effect: float
    """Difference of an arm from the first one: rating points, or a difference of rates."""
    sd: Annotated[float, Field(gt=0)] = 1.5
    """Standard deviation of ratings within an arm, in points."""
    base: Annotated[float, Field(gt=0, lt=1)] = 0.34
    """Success rate of the first arm."""
    icc: Share = 0.2
    """Share of the variance within an arm that is between members."""
    spread: Annotated[float, Field(ge=0)] = 0.5
    """Standard deviation of the effect between members, as a multiple of the effect."""


@dataclass(frozen=True)
class Trials:
    """Simulated studies, all under the same assumptions."""

    assumed: Assumed
    """What is taken to be true."""
    allocate: Allocate
    """Assigns attacks as the study does."""
    alpha: float
    """Two-sided error of the contrast."""
    simulations: int
    """How many there are, at the least."""
    seed: int
    """From which all follows."""

    def _rng(self, *names: object) -> np.random.Generator:
        """A stream of its own for each purpose."""
        text = repr((self.seed, *names)).encode()
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest()[:8], "big"))

    def counts(self, plan: Plan) -> Ints:
        """Attacks by allocation, arm and member."""
        rng = self._rng("activity", plan.members, plan.attacks, len(plan.quotas))
        spread = sqrt(2) * float(ndtri((1 + plan.gini) / 2))
        allocations = _FEWER if plan.attacks > _LONG else _ALLOCATIONS
        activity = np.exp(spread * rng.normal(size=(allocations, plan.members)))
        return self.allocate(activity, list(plan.quotas.values()), rng)

    def power(self, counts: Ints, arm: int, effect: float | None = None) -> Estimate:
        """Power of ``arm`` against the first, with the same draws whatever the effect."""
        rng = self._rng("outcomes", arm, counts.shape)
        assumed = self.assumed
        if effect is not None:
            assumed = assumed.model_copy(update={"effect": effect})
        draws = ceil(self.simulations / len(counts))
        found = [self._found(pair, assumed, draws, rng) for pair in counts[:, [0, arm]]]
        return _rate(np.array(found), draws)

    def _found(self, pair: Ints, assumed: Assumed, draws: int, rng: np.random.Generator) -> float:
        """Share of draws of outcomes, of one allocation, in which the difference is found."""
        pair = pair[:, pair.any(axis=0)]
        if not pair.any(axis=1).all():
            return 0.0
        draw = _ratings if assumed.outcome == "rating" else _successes
        sums = draw(pair, assumed, draws, rng)
        apart, error, df = standard_errors(sums, np.broadcast_to(pair * 1.0, sums.shape))
        with np.errstate(invalid="ignore", divide="ignore"):
            sure = np.abs(apart) > error * t.ppf(1 - self.alpha / 2, df)
        return float((sure & (df >= 1) & (error > 0)).mean())


def _ratings(pair: Ints, assumed: Assumed, draws: int, rng: np.random.Generator) -> Floats:
    """Sums of ratings, (draws, 2, members)."""
    members = pair.shape[1]
    level = sqrt(assumed.icc) * assumed.sd * rng.normal(size=(draws, 1, members))
    effect = assumed.effect * (1 + assumed.spread * rng.normal(size=(draws, members)))
    rest = sqrt(1 - assumed.icc) * assumed.sd * rng.normal(size=(draws, 2, members))
    sums = pair * level + np.sqrt(pair) * rest
    sums[:, 1] += pair[1] * effect
    return np.asarray(sums)


def _successes(pair: Ints, assumed: Assumed, draws: int, rng: np.random.Generator) -> Floats:
    """Numbers of successes, (draws, 2, members)."""
    members = pair.shape[1]
    first, second = float(ndtri(assumed.base)), float(ndtri(assumed.base + assumed.effect))
    spread = assumed.spread * (second - first)
    latent = sqrt(assumed.icc) * rng.normal(size=(draws, 1, members)) + np.zeros((1, 2, 1))
    latent[:, 0] += first
    latent[:, 1] += second * sqrt(1 + spread**2) + spread * rng.normal(size=(draws, members))
    return rng.binomial(pair, ndtr(latent / sqrt(1 - assumed.icc))).astype(np.float64)


def _rate(found: Floats, draws: int) -> Estimate:
    """The mean of the allocations' shares."""
    share, n = float(found.mean()), len(found) * draws
    between = float(found.var(ddof=1)) / len(found)
    effect = max(between * n / (share * (1 - share)), 1.0) if 0 < share < 1 else 1.0
    worth, hits = n / effect, share * n / effect
    return Estimate(
        estimate=share,
        low=float(beta.ppf(0.025, hits, worth - hits + 1)) if hits else 0.0,
        high=float(beta.ppf(0.975, hits + 1, worth - hits)) if hits < worth else 1.0,
        level=0.95,
        n=n,
        method="share of simulated studies; Clopper-Pearson, for the design effect of allocations",
    )
