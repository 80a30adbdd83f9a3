"""Lines of differences between arms or groups of members: means, rates, tails, slopes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.calibration.arms import HOW, IID, by_hand, owners
from gadfly.analysis.calibration.entry import Entry, Estimand, Method, Studies, parts
from gadfly.analysis.sample import Floats
from gadfly.analysis.simulate import Quantity, Settings, truth
from gadfly.analysis.statistics import jackknife, joint, mover, wild
from gadfly.analysis.statistics.jackknife import difference
from gadfly.analysis.topics.contrasts import contrasts
from gadfly.analysis.topics.tails import REGIMES, tails
from gadfly.records.estimate import Estimate

__all__ = ["LINES", "PLAIN", "SHOWN", "apart", "turned", "value"]

_PAIRED = Settings(members=30, attacks=900, effects=(0.0, 0.5), interaction_sd=0.2)


def _contrast(
    frame: pl.DataFrame,
    seed: int,
    *,
    how: Bootstrap = HOW,
    outcome: str = "rating",
    design: Literal["observational", "randomised"] = "observational",
) -> list[Estimate]:
    """The second arm less the first, as the analysis of contrasts makes it."""
    arms = [{"arm": f"arm{k} 1M", "probability": 0.5} for k in range(2)]
    drawn = pl.lit(pl.Series([arms])).first().alias("probabilities")
    frame = frame.with_columns(drawn) if design == "randomised" else frame
    found = contrasts(frame, how=how, design=design, permutations=0).contrasts
    (one,) = [c for c in found if c.outcome == outcome and c.kind == "intervention"]
    return [turned(one.difference, one.first)]


def turned(e: Estimate, first: str) -> Estimate:
    """Second arm less first: topics take arms as they appear."""
    if first == "arm0" or e.estimate is None or e.low is None or e.high is None:
        return e
    return e.model_copy(update={"estimate": -e.estimate, "low": -e.high, "high": -e.low})


def _sides(
    frame: pl.DataFrame,
    seed: int,
    *,
    few: int = 12,
    jackknifed: bool = False,
    outcome: str = "rating",
) -> list[Estimate]:
    """The same where so many members made the second arm, all others the first."""
    second = owners(frame) < few
    if jackknifed:
        return [difference(frame["rating"].to_numpy(), owners(frame), second)]
    arms = pl.Series(np.where(second, "arm1", "arm0"))
    return _contrast(frame.with_columns(arms.alias("model_type")), seed, outcome=outcome)


def _tails(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Quantile, CVaR 5% and CVaR 1% of min harmlessness, second arm less first."""
    (found,) = tails(frame, how=HOW).contrasts
    return [turned(e, found.first) for e in (found.q05, found.cvar05, found.cvar01)]


def _trend(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The slope of rating for a tenfold size, arms taken as 1M, 10M and 100M."""
    sizes = pl.col("model_type").replace_strict({"arm0": "1M", "arm1": "10M", "arm2": "100M"})
    arms = frame.with_columns(num_params=sizes, model_type=pl.lit("plain lm"))
    found = contrasts(arms, how=HOW, design="observational").contrasts
    return [c.difference for c in found if c.outcome == "rating" and c.kind == "trend"]


def _fours(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Mean rating where successes are rated 4 and all else 0 or 1, a quarter as many attacks on the
    second arm.
    """
    rating = pl.when(pl.col("rating") >= 3).then(4.0).otherwise(pl.col("rating").clip(0, 1))
    kept = np.random.default_rng(seed).random(frame.height) < np.where(_second(frame), 0.25, 1)
    return _contrast(frame.with_columns(rating.alias("rating")).filter(kept), seed)


def _of_fours(settings: Settings) -> float:
    second, first = (
        truth(settings, "rate", arm=arm, threshold=1) + 3 * truth(settings, "rate", arm=arm)
        for arm in (1, 0)
    )
    return second - first


def _second(frame: pl.DataFrame) -> Floats:
    return (frame["model_type"] == "arm1").cast(pl.Float64).to_numpy()


def _wild_slope(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The coefficient of the second arm in a regression of rating on arm."""
    y, x = frame["rating"].to_numpy(), np.column_stack([np.ones(frame.height), _second(frame)])
    ends = wild.wild_interval(
        y, x, owners(frame), of=1, level=0.95, resamples=HOW.resamples, seed=seed
    )
    return [by_hand(0.0, ends, len(y))]


def _jackknife(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The difference of two arms by the member jackknife."""
    return [difference(frame["rating"].to_numpy(), owners(frame), _second(frame) > 0)]


def apart(settings: Settings, quantity: Quantity, share: float = 0.05) -> float:
    second, first = (truth(settings, quantity, arm=arm, share=share) for arm in (1, 0))
    return second - first


def value(settings: Settings, value: float = 0.0) -> float:
    """One that was planted, or 0: what groups of members taken at random differ by."""
    return value


def _slope(settings: Settings) -> float:
    return (truth(settings, "mean_rating", arm=2) - truth(settings, "mean_rating", arm=0)) / 2


_WHAT = "difference of mean ratings"
_RATINGS = Estimand(_WHAT, partial(apart, quantity="mean_rating"), _contrast)
_DRAWN = replace(
    _RATINGS,
    words=f"{_WHAT}, randomised",
    estimates=partial(_contrast, design="randomised"),
)
_RATES = Estimand(
    "difference of success rates",
    partial(apart, quantity="rate"),
    partial(_contrast, outcome="success_rate"),
)
_RATES_DRAWN = replace(
    _RATES,
    words=f"{_RATES.words}, randomised",
    estimates=partial(_contrast, design="randomised", outcome="success_rate"),
)
_ALIKE = Estimand(_WHAT, value, _sides)
_GROUPS = Estimand("difference of groups of members", value, partial(_sides, jackknifed=True))
_RATES_ALIKE = Estimand(_RATES.words, value, partial(_sides, outcome="success_rate"))
_FOURS = Estimand("difference of mean ratings 0, 1 and 4", _of_fours, _fours)
_TAILS = [
    Estimand("difference of 5% quantiles", partial(apart, quantity="quantile"), _tails),
    Estimand("difference of CVaR 5%", partial(apart, quantity="cvar"), _tails),
    Estimand("difference of CVaR 1%", partial(apart, quantity="cvar", share=0.01), _tails),
]
_TREND = Estimand("slope of mean rating on log size", _slope, _trend)

_JOINT = Method("cluster bootstrap, joint, or wild, by effective members", joint.REGIME)
_MOVER = Method("MOVER from Korn-Graubard, or joint, by successes", mover.REGIME)
_WILD = Method("wild cluster bootstrap of a regression", joint.REGIME)
_JACKKNIFE = Method("member jackknife", jackknife.REGIME)
_OF_TAILS = [Method("cluster bootstrap, joint", REGIMES[k]) for k in ("q05", "cvar05", "cvar01")]
_IID = Method("attacks as independent (iid)", None)

_EACH = Studies("30 members, every arm each", _PAIRED)
PLAIN = Studies(_EACH.words, replace(_PAIRED, interaction_sd=0.0))
"""No member differs from arm to arm."""
_BETWEEN = replace(_PAIRED, assignment="between", interaction_sd=0.0)
_ONE = Studies("30 members, one arm each", _BETWEEN)
_ONE_FEW = Studies("12 members, one arm each", replace(_BETWEEN, members=12, attacks=240))
_RARE = Studies(
    "30 members, every arm each, few successes",
    replace(_PAIRED, intercept=-1.0, interaction_sd=0.0),
)
_EIGHT, _SIX = (
    Studies(f"{n} members, every arm each", replace(_PAIRED, members=n, attacks=40 * n))
    for n in (8, 6)
)
_RARE_LONG = Studies(
    "12 members of 100 attacks an arm, as far apart as attacks, few successes",
    replace(_RARE.settings, members=12, attacks=2400, member_sd=1.0, effects=(0.0, 1.0)),
)
_BUSY, _RARE_BUSY = (
    Studies(
        f"{on.words}, the active succeed more",
        replace(on.settings, activity_sd=0.7, activity_efficacy=0.5),
    )
    for on in (_EACH, _RARE)
)
_APART = replace(_PAIRED, interaction_sd=0.0, member_sd=1.2)
_THREE = Studies("30 members, three sizes each", replace(_PAIRED, effects=(0.0, 0.2, 0.5)))
_TAILED = [
    Studies("40 members, every arm each", replace(_PAIRED, members=40, attacks=1600)),
    Studies(
        "150 uneven members, every arm each",
        replace(_PAIRED, members=150, attacks=3000, activity_sd=1.0),
    ),
    Studies("80 members, one arm each", replace(_BETWEEN, members=80, attacks=2400)),
]
_LONG = Studies("150 members, every arm each", replace(_PAIRED, members=150, attacks=4500))


def _uneven(few: int, of: Estimand, by: Method, others: int = 100) -> Entry:
    """A few members against many, all alike; ``of`` takes how few."""
    on = Studies(
        f"{few} members against {others}",
        Settings(members=few + others, attacks=10 * (few + others)),
    )
    estimates = partial(of.estimates, few=few)
    return Entry(f"{of.words}, {on.words}", replace(of, estimates=estimates), by, on)


LINES = [
    Entry("contrast within members", _RATINGS, _JOINT, _EACH),
    Entry("contrast, randomised", _DRAWN, _JOINT, _EACH),
    Entry("contrast, randomised, six", _DRAWN, _JOINT, _SIX),
    Entry("difference of rates, randomised, few successes", _RATES_DRAWN, _MOVER, _RARE),
    Entry("difference of rates, randomised", _RATES_DRAWN, _JOINT, _EACH),
    Entry("contrast between members", _RATINGS, _JOINT, _ONE),
    Entry("contrast between few members", _RATINGS, _JOINT, _ONE_FEW),
    Entry("contrast within members, six", _RATINGS, _JOINT, _SIX),
    *(Entry(f"{_RATES.words}, {on.words}", _RATES, _JOINT, on) for on in (_EACH, _ONE)),
    *(Entry(f"{_RATES.words}, {on.words}", _RATES, _MOVER, on) for on in (_SIX, _RARE, _RARE_LONG)),
    Entry("difference of ratings, few fours, uneven", _FOURS, _MOVER, _RARE),
    *(_uneven(few, _ALIKE, _JOINT) for few in (6, 12)),
    _uneven(12, _RATES_ALIKE, _MOVER),
    *(_uneven(few, _GROUPS, _JACKKNIFE) for few in (4, 12)),
    _uneven(3, _GROUPS, _JACKKNIFE, 3),
    Entry("contrast within members, wild", replace(_RATINGS, estimates=_wild_slope), _WILD, _EIGHT),
    Entry(
        "contrast within members, jackknife",
        replace(_RATINGS, estimates=_jackknife),
        _JACKKNIFE,
        _EIGHT,
    ),
    Entry("contrast, active succeed", _RATINGS, _JOINT, _BUSY),
    Entry("difference of rates, few successes, active succeed", _RATES, _MOVER, _RARE_BUSY),
    Entry("contrast, wild, active succeed", replace(_RATINGS, estimates=_wild_slope), _WILD, _BUSY),
    Entry("trend in size", _TREND, _JOINT, _THREE),
    *(e for on in _TAILED for e in parts("tails", on, _TAILS, _OF_TAILS, (0, 1))),
    *parts("tails", _LONG, _TAILS, _OF_TAILS),
]
"""What is claimed."""
SHOWN = [
    Entry(
        "iid contrast",
        replace(_RATINGS, estimates=partial(_contrast, how=IID)),
        _IID,
        Studies("30 members, every arm each, members far apart", _APART),
    ),
]
"""What is not: attacks as if independent."""
