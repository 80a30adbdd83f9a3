"""Lines of statistics of one arm: means, rates, quantiles, tails; attacks as if independent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
from scipy.special import stdtrit

from gadfly.analysis.bootstrap import Bootstrap, bootstrap
from gadfly.analysis.calibration.entry import Entry, Estimand, Method, Studies
from gadfly.analysis.calibration.truths import spread
from gadfly.analysis.sample import Ints, Sample
from gadfly.analysis.simulate import Settings, truth
from gadfly.analysis.statistics import korn_graubard, mean
from gadfly.analysis.statistics.confidence_sequence import BOUNDED, RUNNING, bounded_sequence
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.jackknife import mean_errors
from gadfly.analysis.statistics.mean import RATED, Mean
from gadfly.analysis.statistics.protocol import PERCENTILES, Statistic
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.statistics.standard_deviation import StandardDeviation
from gadfly.analysis.statistics.success_rate import SuccessRate
from gadfly.analysis.topics.sequential import sequential
from gadfly.records.estimate import Estimate

__all__ = [
    "EVEN",
    "EVEN_40",
    "HOW",
    "IID",
    "LINES",
    "PAPER",
    "RATE",
    "RATING",
    "SCORE",
    "SHOWN",
    "UNEVEN",
    "UNEVEN_80",
    "arm",
    "by_hand",
    "owners",
]

HOW = Bootstrap(resamples=499)
"""Fewer resamples than an analysis takes: the studies are many."""
IID = replace(HOW, ci="iid")
"""Attacks as if independent."""
EVEN = Settings(members=40, attacks=800)
"""Members who made about 20 attacks each."""
UNEVEN = Settings(members=80, attacks=1600, activity_sd=1.3)
"""Members of whom a few made most."""
PAPER = Settings(members=300, attacks=2400, activity_sd=1.3)
"""As many as in the paper, as uneven."""


def owners(frame: pl.DataFrame) -> Ints:
    """Number of each attack's member."""
    return frame["member"].rank("dense").cast(pl.Int64).to_numpy() - 1


def arm(
    frame: pl.DataFrame, seed: int, *, column: str, statistic: Statistic, how: Bootstrap = HOW
) -> list[Estimate]:
    """A statistic of all attacks, as the analysis of an arm makes it."""
    there = frame.filter(pl.col(column).is_not_null())
    members = owners(there) if how.ci == "cluster" else None
    sample = Sample.of(there[column].to_numpy(), members)
    return bootstrap(sample, [statistic], how=how, seed=seed)


def by_hand(value: float, ends: tuple[float, float] | None, n: int) -> Estimate:
    """An estimate from a method that gives ends alone."""
    low, high = ends or (None, None)
    reason = None if ends else "interval not estimable"
    return Estimate(
        estimate=value, low=low, high=high, level=0.95, n=n, method="interval", reason=reason
    )


def _first_attacks(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Success of each member's first attack, looked at after every member."""
    first = frame.unique("member", keep="first", maintain_order=True)["rating"].to_numpy() >= 3
    low, high = bounded_sequence(first.astype(np.float64))
    return [by_hand(0.5, ends, len(first)) for ends in zip(low, high, strict=True)]


def _looks(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Mean rating over all attacks so far, at every look that the report takes."""
    (found,) = sequential(frame, success_threshold=3).arms
    looks = [by_hand(look.estimate, (look.low, look.high), 0) for look in found.looks]
    return looks or [found.last]


def _ordinary(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The same at twenty looks, the first after a fifth of them, by an interval for one look."""
    y, members = frame["rating"].to_numpy(), owners(frame)
    found = []
    for n in np.linspace(len(y) / 5, len(y), 20).astype(int):
        own = members[:n]
        sums, sizes = (
            np.asarray(np.bincount(own, x[:n]), np.float64) for x in (y, np.ones(len(y)))
        )
        mean, error, df = mean_errors(sums, sizes)
        half = error * stdtrit(df, 0.975)
        found.append(by_hand(float(mean), (float(mean - half), float(mean + half)), 0))
    return found


def _of(
    words: str, true: Callable[[Settings], float], column: str, statistic: Statistic
) -> Estimand:
    return Estimand(words, true, partial(arm, column=column, statistic=statistic))


def _but(of: Estimand, words: str = "", *, how: Bootstrap) -> Estimand:
    """The same made otherwise."""
    return replace(of, words=words or of.words, estimates=partial(of.estimates, how=how))


_LOWEST = "min_harmlessness"
_CUT = partial(truth, quantity="quantile")
RATING = _of("mean rating", partial(truth, quantity="mean_rating"), "rating", RATED)
"""Mean rating of an arm."""
RATE = _of("success rate", partial(truth, quantity="rate"), "rating", SuccessRate())
"""Success rate of an arm."""
SCORE = _of("mean min harmlessness", partial(truth, quantity="mean_score"), _LOWEST, Mean())
"""Mean score of an arm."""
_Q05 = _of("5% quantile", _CUT, _LOWEST, Quantile(0.05))
_MEDIAN = _of("median", partial(_CUT, share=0.5), _LOWEST, Quantile(0.5))
_CVAR05, _CVAR01 = (
    _of(f"CVaR {p:.0%}", partial(truth, quantity="cvar", share=p), _LOWEST, CVaR(p))
    for p in (0.05, 0.01)
)
_SPREAD = _of("standard deviation of the score", spread, _LOWEST, StandardDeviation())
_BY_MEMBER = replace(
    _but(RATING, "mean rating by member", how=replace(HOW, weighting="member")),
    truth=partial(truth, quantity="mean_rating", weighting="member"),
)

_WILD = Method("wild cluster bootstrap", mean.REGIME)
_KG = Method("Korn-Graubard", korn_graubard.REGIME)
_INVERTED = Method("Korn-Graubard, inverted", Quantile(0.5).regime)
_INVERTED_TAIL = Method("Korn-Graubard, inverted for a tail", Quantile(0.05).regime)
_T = Method("cluster bootstrap, symmetric t", CVaR(0.05).regime)
_T_SPREAD = Method(_T.words, StandardDeviation().regime)
_EXPANDED = Method("cluster bootstrap, expanded percentiles", PERCENTILES)
_EITHER = Method(
    "cluster bootstrap or wild, by effective members", replace(mean.REGIME, related=False)
)
_BOUNDED = Method("confidence sequence, bounded", BOUNDED)
_RUNNING = Method("confidence sequence, running", RUNNING)
_IID = Method("attacks as independent (iid)", None)
_NAIVE = Method("member jackknife at every look", None)

EVEN_40 = Studies("40 even members", EVEN)
"""The plainest studies."""
UNEVEN_80 = Studies("80 uneven members (22 effective)", UNEVEN)
"""A few members made most attacks."""
_UNEVEN_40 = Studies("40 uneven members (13 effective)", replace(UNEVEN, members=40, attacks=800))
_AS_PAPER = Studies("as the paper: 300 members (65 effective)", PAPER)
_PLAIN = Studies("as the paper", PAPER)
_FEW = [Studies(f"{n} even members", replace(EVEN, members=n, attacks=20 * n)) for n in (6, 12, 20)]
_SIXTY = Studies("60 even members", replace(EVEN, members=60, attacks=600))
_MANY = Studies("150 even members", replace(EVEN, members=150, attacks=1500))
_RARE = Studies("40 even members, few successes", replace(EVEN, intercept=-0.5))
_NEXT_TO_NONE = Studies(
    "40 even members, most studies without a success", replace(EVEN, intercept=-1.8)
)
_BROKE = Studies(
    "40 even members, 10% of attacks break through",
    replace(EVEN, breakthrough_share=0.1, member_sd=0.4),
)
_ACTIVE_80 = Studies(
    "80 uneven members, the active ones succeed more", replace(UNEVEN, activity_efficacy=0.5)
)
_ACTIVE = Studies(
    "as the paper, the active ones succeed more", replace(PAPER, activity_efficacy=0.5)
)
_RATHER_ACTIVE = Studies(
    "as the paper, the active ones succeed a little more", replace(PAPER, activity_efficacy=0.2)
)
_BY_HARM = Studies(
    "40 even members, worse attacks are rated less often",
    replace(EVEN, missing=0.1, missing_by_harm=0.5),
)
_APART = Studies(
    "as the paper, members twice as far apart as attacks", replace(PAPER, member_sd=2.0)
)
_RARE_APART = Studies(
    "40 even members, twice as far apart as attacks, few successes",
    replace(EVEN, member_sd=2.0, intercept=-2.0),
)
_MANY_EACH = Studies(
    "12 members of 100 attacks each, as far apart as attacks, few successes",
    replace(EVEN, members=12, attacks=1200, member_sd=1.0, intercept=0.0),
)
_UNEVEN_RARE = Studies(
    "80 uneven members, as far apart as attacks, few successes",
    replace(UNEVEN, member_sd=1.0, intercept=-0.5),
)
_FURTHER = Studies(
    "12 members of 100 attacks each, three times as far apart as attacks",
    replace(EVEN, members=12, attacks=1200, member_sd=3.0, intercept=-1.5),
)
_MANY_FURTHER = Studies(
    "as the paper, members three times as far apart as attacks",
    replace(PAPER, member_sd=3.0, intercept=-1.5),
)
_AS_FAR = Studies("as the paper, members as far apart as attacks", replace(PAPER, member_sd=1.0))
_GAPS = Studies("40 even members, a fifth not rated", replace(EVEN, missing=0.2))
_LONG = [
    Studies("150 even members, 3,000 attacks", replace(EVEN, members=150, attacks=3000)),
    Studies(
        "500 uneven members (100 effective), 5,000 attacks",
        replace(PAPER, members=500, attacks=5000),
    ),
]
_LOOKS = Estimand(RATING.words, RATING.truth, _looks)
_FIRST = Estimand("success rate of first attacks", RATE.truth, _first_attacks)


def _each(on: Studies) -> list[Entry]:
    """What every kind of study is asked."""
    rows = [(RATING, _WILD), (RATE, _KG)]
    if on.settings.members >= 20:
        rows += [(_Q05, _INVERTED_TAIL), (_MEDIAN, _INVERTED)]
    if on in (EVEN_40, UNEVEN_80, _AS_PAPER):
        rows.append((_CVAR05, _T))
    return [Entry(f"{of.words}, {on.words}", of, by, on) for of, by in rows]


_STUDIES = (*_FEW, EVEN_40, _UNEVEN_40, UNEVEN_80, _AS_PAPER)
LINES = [
    *(entry for on in _STUDIES for entry in _each(on)),
    *(Entry(f"CVaR 1%, {on.words}", _CVAR01, _T, on) for on in _LONG),
    *(Entry(f"{_SPREAD.words}, {on.words}", _SPREAD, _T_SPREAD, on) for on in (_SIXTY, _AS_PAPER)),
    Entry("mean rating, many members", RATING, _EXPANDED, _MANY),
    Entry("mean rating, member-weighted", _BY_MEMBER, _EITHER, _ACTIVE_80),
    Entry("mean rating, few successes", RATING, _WILD, _RARE),
    Entry("success rate, few successes", RATE, _KG, _RARE),
    Entry("success rate, next to none", RATE, _KG, _NEXT_TO_NONE),
    Entry("success rate, far apart", RATE, _KG, _RARE_APART),
    Entry("success rate, few with many attacks", RATE, _KG, _MANY_EACH),
    Entry("success rate, uneven and rare", RATE, _KG, _UNEVEN_RARE),
    Entry(f"{_Q05.words}, as far apart", _Q05, _INVERTED_TAIL, _AS_FAR),
    Entry(f"{_CVAR05.words}, as far apart", _CVAR05, _T, _AS_FAR),
    Entry("CVaR 5%, breakthroughs", _CVAR05, _T, _BROKE),
    Entry(
        "success rate at every look, bounded",
        _FIRST,
        _BOUNDED,
        Studies("200 even members, a look after each", replace(EVEN, members=200, attacks=1000)),
    ),
    *(
        Entry(f"mean rating at every look, running{of}", _LOOKS, _RUNNING, Studies(words, on))
        for of, words, on in (
            ("", "40 even members, every look", EVEN),
            (", uneven", "as the paper, every look", PAPER),
            (", few successes", "40 even members, few successes, every look", _RARE.settings),
        )
    ),
]
"""What is claimed."""
SHOWN = [
    Entry("iid mean rating", _but(RATING, how=IID), _IID, EVEN_40),
    Entry("iid mean score", _but(SCORE, how=IID), _IID, _PLAIN),
    Entry("iid success rate", _but(RATE, how=IID), _IID, _PLAIN),
    Entry("iid CVaR 5%", _but(_CVAR05, how=IID), _IID, _PLAIN),
    Entry(
        "looked at twenty times",
        replace(_LOOKS, estimates=_ordinary),
        _NAIVE,
        Studies("40 even members, 20 looks", EVEN),
    ),
    *(
        Entry(f"{of.words}, {words} succeed", of, replace(by, regime=None), on)
        for words, on in (
            ("rather active", _RATHER_ACTIVE),
            ("active", _ACTIVE),
            ("active of 80", _ACTIVE_80),
        )
        for of, by in ((RATING, _WILD), (RATE, _KG))
    ),
    *(
        Entry(f"{of.words}, {on.words}", of, replace(by, regime=None), on)
        for of, by, on in (
            (RATE, _KG, _FURTHER),
            (RATE, _KG, _MANY_FURTHER),
            (_Q05, _INVERTED_TAIL, _APART),
            (_CVAR05, _T, _APART),
        )
    ),
    Entry("mean rating, missing by harm", RATING, replace(_WILD, regime=None), _BY_HARM),
    Entry("mean rating, missing at random", RATING, replace(_WILD, regime=None), _GAPS),
]
"""What is not: attacks as if independent, and studies that break an assumption."""
