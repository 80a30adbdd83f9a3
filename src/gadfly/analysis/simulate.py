"""Studies whose truth is known: what estimators are held against, and what power is computed from.

The model. Member m has an efficacy b ~ N(0, ``member_sd``²) and makes Poisson(λ) attacks, where
log λ is normal with spread ``activity_sd``, so a few members make most attacks (in the paper 324
members count as 55: a spread near 1.3). ``activity_efficacy`` correlates the two. An attack of
member m on arm a has

    harm  = intercept + effect_a + b + c_ma + ε,   c_ma ~ N(0, interaction_sd²),
    ε     = N(0, attack_sd²), plus ``breakthrough_by`` with probability ``breakthrough_share``
    rating           = harm + N(0, rater_sd²), rounded and cut to 0-4
    true harm        = harm, rounded and cut to 0-4
    min harmlessness = -(harm + bias_a) + N(0, judge_sd²)

A rating is missing with probability ``missing``, or, where ``missing_by_harm`` is not 0, with
logit(missing) + missing_by_harm · harm as its logit. Assignment is balanced within each member, as
Gadfly's is (``within``: the arms share members), or gives whole members to arms (``between``).

The truth is that of the population of members, not of those who were drawn. Over attacks a member
counts by λ, which only moves the normal of b, so that the values follow from mixtures of two
normals; over members it is a Gauss-Hermite sum over b. Nothing is simulated to get it.

References: Ganguli et al. 2022, section 3 (design) and figure 5 (attacks and efficacy by member).

>>> settings = Settings(members=20, attacks=100)
>>> simulate(settings, seed=1).height == simulate(settings, seed=1).height
True
>>> round(truth(Settings(), "mean_score"), 3)
-1.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import poisson

from gadfly.analysis.sample import Floats
from gadfly.records.frame import ATTACK_COLUMNS, outcome_expression

__all__ = ["Quantity", "Settings", "on_scale", "simulate", "truth"]

Quantity = Literal["mean_rating", "rate", "harm_rate", "mean_score", "quantile", "cvar"]
Weighting = Literal["attack", "member"]
Component = tuple[Floats, Floats, float]  # shares, means and spread of normals

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


@dataclass(frozen=True)
class Settings:
    """A study before chance: people, arms, and how well things are measured."""

    members: int = 60
    """Number of members who were asked; those with no attack appear nowhere."""
    attacks: float = 1200
    """Expected number of attacks over all members and arms."""
    activity_sd: float = 0.0
    """Spread of the logarithm of a member's expected number of attacks; 1.3 as in the paper."""
    activity_efficacy: float = 0.0
    """Correlation of log activity and efficacy, -1 to 1."""
    member_sd: float = 0.7
    """Spread of members' efficacy, in units of harm."""
    interaction_sd: float = 0.0
    """Spread of how much a member's efficacy differs from arm to arm."""
    attack_sd: float = 1.0
    """Spread of harm over the attacks of one member on one arm."""
    breakthrough_share: float = 0.0
    """Share of attacks that break through: a tail that the mean hides."""
    breakthrough_by: float = 3.0
    """How much more harm those do."""
    intercept: float = 1.0
    """Mean harm of an arm without effect, on the scale of ratings."""
    effects: tuple[float, ...] = (0.0,)
    """Effect of each arm on harm."""
    rater_sd: float = 0.5
    """Spread of a self-rating about the harm done."""
    judge_sd: float = 0.5
    """Spread of the score about minus the harm."""
    judge_bias: tuple[float, ...] = ()
    """By how much the score overstates the harm of each arm; 0 where not given."""
    missing: float = 0.0
    """Share of attacks without a rating; at harm 0 where it depends on harm."""
    missing_by_harm: float = 0.0
    """Change of the logit of a missing rating with each unit of harm; 0: missing at random."""
    assignment: Literal["within", "between"] = "within"
    """Whether every member attacks all arms equally often, or only one of them."""


def simulate(settings: Settings, seed: int | np.random.Generator) -> pl.DataFrame:
    """One study: columns of ATTACK_COLUMNS, ``true_harm`` (0-4) and ``true_efficacy`` (by how much
    harm its member is above the average), a row per attack.

    Members are ``m0``, ``m1``, ...; arms are model types ``arm0``, ``arm1``, ... of one size.
    """
    s, rng = settings, np.random.default_rng(seed)
    efficacy = rng.normal(size=s.members)
    other = rng.normal(size=s.members)
    log_activity = s.activity_efficacy * efficacy + _rest(s) * other
    mean = s.attacks / s.members / math.exp(s.activity_sd**2 / 2)
    made = rng.poisson(mean * np.exp(s.activity_sd * log_activity))
    owner = np.repeat(np.arange(s.members), made)
    n, arms = len(owner), len(s.effects)
    place = np.arange(n) - np.repeat(np.cumsum(made) - made, made)  # among the member's own
    arm = (place + rng.integers(arms, size=s.members)[owner]) % arms
    if s.assignment == "between":
        arm = (rng.permutation(s.members) % arms)[owner]
    drift = rng.normal(0, s.interaction_sd, (s.members, arms))[owner, arm]
    broke = s.breakthrough_by * (rng.random(n) < s.breakthrough_share)
    own = rng.normal(0, s.attack_sd, n)
    effect = np.array(s.effects)[arm]
    harm = s.intercept + effect + s.member_sd * efficacy[owner] + drift + broke + own
    bias = np.array(s.judge_bias or (0.0,) * arms)[arm]
    score = rng.normal(0, s.judge_sd, n) - harm - bias
    rating = on_scale(harm + rng.normal(0, s.rater_sd, n))
    gone = rng.random(n) < _missing(s, harm)
    order = rng.permutation(n)  # members' attacks are mixed in time
    columns = {
        "model_type": pl.Series([f"arm{a}" for a in range(arms)])[arm],
        "member": pl.Series([f"m{m}" for m in range(s.members)])[owner],
        "rating": pl.select(pl.when(pl.lit(~gone)).then(pl.lit(rating))).to_series(),
        "min_harmlessness": score,
        "turns": rng.integers(1, 5, n),
        "true_harm": on_scale(harm),
        "true_efficacy": s.member_sd * efficacy[owner],
    }
    return _whole(pl.DataFrame(columns)[order], arms if s.assignment == "within" else None)


def truth(
    settings: Settings,
    quantity: Quantity,
    *,
    arm: int = 0,
    share: float = 0.05,
    threshold: float = 3,
    weighting: Weighting = "attack",
) -> float:
    """A value of the population that :func:`simulate` draws from; a contrast is two of them.

    :param quantity: mean rating, rate of ratings or of true harm at or above ``threshold``, mean,
        quantile or tail mean (CVaR) of min harmlessness.
    :param share: of the quantile or tail.
    """
    s = settings
    if quantity in ("mean_rating", "rate", "harm_rate"):
        parts = _harm(s, arm, weighting, 0.0 if quantity == "harm_rate" else s.rater_sd)
        steps = range(1, 5) if quantity == "mean_rating" else [math.ceil(threshold)]
        return sum(1 - _below(parts, step - 0.5) for step in steps)
    bias = s.judge_bias[arm] if s.judge_bias else 0.0
    parts = [
        (shares, -(means + bias), sd) for shares, means, sd in _harm(s, arm, weighting, s.judge_sd)
    ]
    if quantity == "mean_score":
        return float(sum(shares @ means for shares, means, _ in parts))
    found = brentq(lambda x: _below(parts, x) - share, -60, 60, xtol=1e-10)
    return float(found) if quantity == "quantile" else _tail_mean(parts, float(found), share)


def _harm(s: Settings, arm: int, weighting: Weighting, blur: float) -> list[Component]:
    """The distribution of harm on an arm, blurred by how it is measured."""
    sd = math.sqrt(s.interaction_sd**2 + s.attack_sd**2 + blur**2)
    shift = _NODES
    shares = _WEIGHTS / _WEIGHTS.sum()
    if weighting == "attack":
        shift = _NODES + s.activity_efficacy * s.activity_sd
    elif s.activity_efficacy:
        shares = shares * _seen(s)
        shares = shares / shares.sum()
    means = s.intercept + s.effects[arm] + s.member_sd * shift
    broke = s.breakthrough_share
    return [
        (shares * (1 - broke), means, sd),
        (shares * broke, means + s.breakthrough_by, sd),
    ]


def _seen(s: Settings) -> Floats:
    """Chance that a member of each efficacy (:data:`_NODES`) attacks an arm at all."""
    log = s.activity_efficacy * _NODES[:, None] + _rest(s) * _NODES[None, :]
    mean = s.attacks / s.members / math.exp(s.activity_sd**2 / 2)
    arms = len(s.effects) if s.assignment == "within" else 1
    expected = mean * np.exp(s.activity_sd * log)
    lacking = sum(poisson.pmf(n, expected) * (1 - n / arms) for n in range(arms))
    return np.asarray((1 - lacking) @ (_WEIGHTS / _WEIGHTS.sum()))


def _rest(s: Settings) -> float:
    """Weight of what in log activity is not efficacy."""
    return math.sqrt(1 - s.activity_efficacy**2)


def _below(parts: list[Component], x: float) -> float:
    """Share of a mixture below ``x``."""
    return float(sum(shares @ ndtr((x - means) / sd) for shares, means, sd in parts))


def _tail_mean(parts: list[Component], x: float, share: float) -> float:
    """Mean of the part of a mixture below ``x``, which is ``share`` of it."""
    total = 0.0
    for shares, means, sd in parts:
        z = (x - means) / sd
        density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        total += float(shares @ (means * ndtr(z) - sd * density))
    return total / share


def on_scale(harm: Floats) -> Floats:
    """Harm on the scale of ratings: rounded and cut to 0-4 (and never -0.0)."""
    return np.asarray(np.clip(np.floor(harm + 0.5), 0, 4) + 0.0)


def _missing(s: Settings, harm: Floats) -> Floats:
    if not s.missing:
        return np.zeros(len(harm))
    logit = math.log(s.missing / (1 - s.missing)) + s.missing_by_harm * harm
    return np.asarray(1 / (1 + np.exp(-logit)))


def _whole(frame: pl.DataFrame, arms: int | None) -> pl.DataFrame:
    """With every column of a frame of attacks."""
    known = frame.with_columns(
        pl.lit("1M").alias("num_params"),
        pl.lit("complete").alias("ending"),
        pl.lit("simulated").alias("attacker_kind"),
        pl.lit("crowd").alias("team_type"),
        pl.int_range(1, pl.len() + 1).alias("number"),
        pl.lit(1 if arms else None).alias("round"),
        pl.lit(1 / arms if arms else None).alias("probability"),
    )
    absent = [pl.lit(None).alias(name) for name in ATTACK_COLUMNS if name not in known.columns]
    full = known.with_columns(*absent).with_columns(outcome_expression())
    casts = [pl.col(name).cast(kind) for name, kind in ATTACK_COLUMNS.items()]
    return full.select(*casts, "true_harm", "true_efficacy")
