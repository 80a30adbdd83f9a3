"""Simulated studies, analysed by the report's rule: how often it finds an effect that is there.

Every simulated study draws how busy its members are, assigns their attacks as the study would,
draws ratings by the model of :mod:`gadfly.analysis.simulate`, and tests one contrast as
:mod:`gadfly.analysis.topics.contrasts` does, by its own functions: members' levels taken off, arms
drawn anew by their chances; Student's t where arms were not drawn. It is found
where p ≤ alpha / m, m contrasts being in its family in the report. That is Holm's first step:
whatever the other contrasts show, Holm finds it too, so the power is at least what is said.

* Activity of members is log-normal; its spread s gives Gini's coefficient G = 2 Φ(s / √2) − 1.
* Harm on the second side of the contrast is higher by an effect; a share ``icc`` of its variance is
  members' levels. The effect differs between members with standard deviation ``spread`` times the
  effect. Levels cancel where members attack both arms; this does not, so it is what more attacks of
  the same members cannot buy off.

A test of each simulated study by itself would take hours. Studies of one allocation of attacks
share their draws, and |T*| of all of them is the distribution that each |T| is held against:
from the share q that reaches |T|, the report's p-value by B draws is (1 + Binomial(B, q)) /
(1 + B), and the chance that it is small enough is exact. The tests hold this to testing each
study, and to the report on simulated frames.

The interval of the power is Clopper and Pearson's, with the number of simulations divided by the
design effect of allocations, as Korn and Graubard do. The expected width is the mean width of the
report's interval (joint cluster bootstrap), over one study of each allocation.

Reference: Korn & Graubard 1998 (see ``korn_graubard``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field
from scipy.special import ndtri
from scipy.stats import beta, binom

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.simulate import Settings, on_scale, truth
from gadfly.analysis.statistics.joint import Totals, contrasted, robust
from gadfly.analysis.statistics.permutation import TIE, permuted
from gadfly.analysis.topics.cells import Cells
from gadfly.analysis.topics.contrasts import (
    PERMUTATIONS,
    Planned,
    arranged,
    enough,
    matrix,
    overlapping,
)
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["Allocate", "Assumed", "Attacks", "Effect", "Plan", "PlannedArm", "Trials"]

Share = Annotated[float, Field(ge=0, lt=1)]

_DRAWS = 40  # of outcomes, for each allocation of attacks
_FEWER = 12
_LONG = 10_000  # attacks above which there are at most so few allocations
_BEYOND = 10  # pooled |T*| expected beyond the critical value
_RESAMPLES = 400  # of the interval whose width is measured


class PlannedArm(Record):
    """One arm as far as power goes."""

    model_type: str
    """Its intervention."""
    num_params: str
    """Its size."""
    quota: Annotated[int, Field(ge=1)]
    """Attacks on it."""


class Plan(Record):
    """A study as far as its power goes."""

    members: Annotated[int, Field(ge=2)]
    """How many members there are."""
    arms: tuple[PlannedArm, ...]
    """Its arms, in the report's order."""
    gini: Share
    """How unevenly members attack: 0 all alike; 0.80 in Ganguli et al. 2022."""

    @property
    def attacks(self) -> int:
        """Attacks on all arms."""
        return sum(arm.quota for arm in self.arms)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The arms as (model_type, num_params)."""
        return [(arm.model_type, arm.num_params) for arm in self.arms]


class Assumed(Record):
    """What is taken to be true."""

    outcome: Literal["rating", "success"]
    """What is compared: mean ratings, or success rates."""
    effect: float
    """Difference between the sides of a contrast: rating points, or a difference of rates."""
    threshold: Annotated[float, Field(gt=0, le=4)] = 3
    """Lowest rating that is a success."""
    base: Annotated[float, Field(gt=0, lt=1)] = 0.34
    """Success rate of the other arms."""
    sd: Annotated[float, Field(ge=0.1, le=10)] = 3.3
    """Standard deviation of harm within an arm, in steps of the scale before it is cut to 0-4. With
    3.3 and a success rate of 0.34 ratings spread as in Ganguli et al. 2022 (42% are 0)."""
    icc: Share = 0.2
    """Share of the variance of harm within an arm that is between members."""
    spread: Annotated[float, Field(ge=0)] = 0.5
    """Standard deviation of the effect between members, as a multiple of the effect."""

    @property
    def widest(self) -> float:
        """The largest effect on harm for which attacks of a member on an arm still differ."""
        room = 0.999 * sqrt(2 * (1 - self.icc)) / max(self.spread, 1e-9)
        return self.sd * min(room, 8.0)

    def settings(self, latent: float) -> Settings:
        """Arm 0 without and arm 1 with an effect on harm of ``latent``."""
        apart = self.spread * latent / sqrt(2)
        return Settings(
            member_sd=sqrt(self.icc) * self.sd,
            interaction_sd=abs(apart),
            attack_sd=sqrt((1 - self.icc) * self.sd**2 - apart**2),
            rater_sd=0.0,
            intercept=ceil(self.threshold) - 0.5 + self.sd * float(ndtri(self.base)),
            effects=(0.0, latent),
        )

    def effect_of(self, latent: float) -> Effect:
        """What an effect on harm is on the other scales."""
        settings = self.settings(latent)
        rating = [truth(settings, "mean_rating", arm=arm) for arm in (0, 1)]
        rate = [truth(settings, "rate", arm=arm, threshold=self.threshold) for arm in (0, 1)]
        return Effect(harm=latent, rating=rating[1] - rating[0], success=rate[1] - rate[0])


class Effect(Record):
    """One effect on three scales."""

    harm: float
    """On harm, in steps of the rating scale before it is rounded and cut."""
    rating: float
    """On the mean rating, in points."""
    success: float
    """On the success rate."""


@dataclass(frozen=True)
class Attacks:
    """Who attacked what, [allocations, attacks], in the order of assignment."""

    member: Ints
    """Number of the member, from 0."""
    arm: Ints
    """Number of the arm, from 0."""
    round: Ints
    """Round of assignment: attacks of one round were drawn from the same open arms."""
    chances: Floats | None
    """Probability of every arm, [allocations, attacks, arms]; null: arms were not drawn."""


Allocate = Callable[[Floats, Sequence[int], np.random.Generator], Attacks]
"""Assigns attacks: from how busy members are, (allocations, members), and the quotas of arms."""


@dataclass(frozen=True)
class Trials:
    """Simulated studies, all under the same assumptions."""

    assumed: Assumed
    """What is taken to be true."""
    allocate: Allocate
    """Assigns attacks as the study does."""
    alpha: float
    """Two-sided error of a family of contrasts."""
    simulations: int
    """How many there are, at the least."""
    seed: int
    """From which all follows."""

    def attacks(self, plan: Plan) -> Attacks:
        """The attacks of many studies of one plan."""
        rng = self._rng("activity", plan.members, plan.attacks, len(plan.arms))
        spread = sqrt(2) * float(ndtri((1 + plan.gini) / 2))
        allocations = max(2, ceil(self.simulations / _DRAWS))
        if plan.attacks > _LONG:
            allocations = min(allocations, _FEWER)
        activity = np.exp(spread * rng.normal(size=(allocations, plan.members)))
        return self.allocate(activity, [arm.quota for arm in plan.arms], rng)

    def power(
        self, plan: Plan, attacks: Attacks, contrast: Planned, family: int, harm: float
    ) -> tuple[Estimate, float | None]:
        """Power and expected width, with the same draws whatever the effect on harm."""
        rng = self._rng("outcomes", plan.pairs, sorted(contrast.weights), attacks.arm.shape)
        found, widths = [], []
        for study in _studies(plan, attacks, contrast):
            values = study.values(self.assumed, harm, rng)
            found.append(study.found(values, self.alpha, family, int(rng.integers(2**32))))
            widths += study.width(values, int(rng.integers(2**32)))
        return _rate(np.array(found), _DRAWS), float(np.mean(widths)) if widths else None

    def _rng(self, *names: object) -> np.random.Generator:
        """A stream of its own for each purpose."""
        text = repr((self.seed, *names)).encode()
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest()[:8], "big"))


@dataclass(frozen=True)
class _Study:
    """One allocation of attacks, and the contrast that is looked for in it."""

    contrast: Planned
    cells: Cells
    attacks: pl.DataFrame
    chances: Floats | None

    def values(self, assumed: Assumed, harm: float, rng: np.random.Generator) -> Floats:
        """Outcomes, [attacks, draws]."""
        model, cells = assumed.settings(harm), self.cells
        shape = cells.n_members, len(cells.arms), _DRAWS
        level = model.member_sd * rng.normal(size=(shape[0], _DRAWS))
        drift = model.interaction_sd * rng.normal(size=shape)
        own = model.attack_sd * rng.normal(size=(len(cells.arm), _DRAWS))
        higher = np.array([self.contrast.weights.get(arm, 0.0) > 0 for arm in cells.arms])
        effect = harm * higher[cells.arm][:, None]
        rating = on_scale(
            model.intercept + effect + level[cells.member] + drift[cells.member, cells.arm] + own
        )
        success = (rating >= assumed.threshold).astype(np.float64)
        return rating if assumed.outcome == "rating" else success

    def found(self, values: Floats, alpha: float, family: int, seed: int) -> float:
        """Chance that the report finds the contrast, on average over the draws."""
        arrangement = arranged([self.contrast], self.attacks, values, self.cells, self.chances)
        if arrangement is None:  # no label can move
            each, coefficients = self._totals(values)
            sums, counts = np.stack([t.sums for t in each]), np.stack([t.counts for t in each])
            p = robust(Totals(sums, counts, each[0].n), coefficients).p
            return float((p <= alpha / family).mean())
        last = enough(PERMUTATIONS, family)
        most = floor((1 + last) * alpha / family + 1e-9) - 1  # of |T*| that may reach |T|
        if most < 0:
            return 0.0
        permutations = max(20, ceil(_BEYOND * family / alpha / values.shape[1]))
        observed, chance = permuted(**arrangement, permutations=permutations, seed=seed)
        pooled = np.sort(np.concatenate([t.ravel() for t in chance]))
        reached = len(pooled) - np.searchsorted(pooled, observed[:, 0] * (1 - TIE))
        sure = binom.cdf(most, last, reached / len(pooled))
        return float(np.where(np.isinf(observed[:, 0]), 0.0, sure).mean())

    def width(self, values: Floats, seed: int) -> list[float]:
        """Width of the report's interval of one study; empty where it has none."""
        how = Bootstrap(resamples=_RESAMPLES)
        found = contrasted(*self._totals(values[:, :1]), how=how, seed=seed, what="")[0][0].estimate
        return [] if found.low is None or found.high is None else [found.high - found.low]

    def _totals(self, values: Floats) -> tuple[list[Totals], Floats]:
        """What the report compares, and the contrast's coefficients."""
        if self.chances is None:
            totals = [self.cells.totals(column) for column in values.T]
            return totals, matrix([self.contrast], self.cells.arms)
        return overlapping([self.contrast], self.chances, values, self.cells)


def _studies(plan: Plan, attacks: Attacks, contrast: Planned) -> Iterator[_Study]:
    """Every allocation as the report reads it."""
    arms = tuple(plan.pairs)
    sizes = np.array([size for _, size in arms])
    for place, (member, arm) in enumerate(zip(attacks.member, attacks.arm, strict=True)):
        who = np.unique(member, return_inverse=True)[1]
        frame = pl.DataFrame(
            {"member": who, "round": attacks.round[place], "num_params": sizes[arm]}
        )
        chances = None if attacks.chances is None else attacks.chances[place]
        cells = Cells(arms, arm, who, int(who.max()) + 1, 0)
        yield _Study(contrast, cells, frame, chances)


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
