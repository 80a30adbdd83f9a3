"""Lines of scores beside labels, and of replies to harmless requests."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import bootstrap
from gadfly.analysis.calibration import truths
from gadfly.analysis.calibration.arms import EVEN, HOW, RATE, owners
from gadfly.analysis.calibration.entry import Entry, Estimand, Method, Studies, parts
from gadfly.analysis.sample import Floats, Sample
from gadfly.analysis.simulate import Settings
from gadfly.analysis.statistics import (
    auc,
    exact_rate,
    joint,
    korn_graubard,
    ppi,
    rank_stability,
    rogan_gladen,
)
from gadfly.analysis.statistics.correlation import pearson, spearman
from gadfly.analysis.statistics.ppi import prediction_powered
from gadfly.analysis.statistics.protocol import PERCENTILES, Regime
from gadfly.analysis.statistics.rank_correlation import RankCorrelation
from gadfly.analysis.topics.evasion import REFUSED_TURNS, evasion
from gadfly.analysis.topics.judges import Asked, judges
from gadfly.analysis.topics.labels import PEOPLE
from gadfly.records.estimate import Estimate

__all__ = ["LINES"]

_CUT = -2.0  # score from which a judge calls it a success, where that was fixed in advance


def _powered(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The success rate from ratings of 30% of the attacks and a judge of all."""
    people = (frame["rating"] >= 3).cast(pl.Float64).to_numpy().copy()
    people[np.random.default_rng(seed).random(len(people)) > 0.3] = np.nan
    judge = (frame["min_harmlessness"] <= -2.5).cast(pl.Float64).to_numpy()
    found = prediction_powered(people, judge, members=owners(frame), level=0.95)
    return [found.estimate]


def _judged(frame: pl.DataFrame, seed: int, *, threshold: float | None = None) -> list[Estimate]:
    """A judge against labels of the first arm, and what it makes of the second."""
    label = pl.when(pl.col("model_type") == "arm0").then((pl.col("rating") >= 3).cast(pl.Float64))
    labelled = frame.with_columns(label.alias(PEOPLE))
    asked = [Asked("judge")]
    (one,) = judges(labelled, asked=asked, people="people", how=HOW, threshold=threshold).judges
    (other,) = (arm for arm in one.arms if arm.model_type == "arm1")
    return [one.auc, one.sensitivity, one.specificity, other.extrapolated]


def _swapped(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The orders of four arms by two judges, one of whom thinks less of the second arm."""
    noise = pl.Series(np.random.default_rng(seed).normal(0, 0.5, frame.height))
    other = pl.col("min_harmlessness") + noise - 0.5 * (pl.col("model_type") == "arm1")
    asked = [Asked("one"), Asked("other", "other")]
    labelled = frame.with_columns(pl.lit(None, pl.Float64).alias(PEOPLE), other.alias("other"))
    (swap,) = judges(labelled, asked=asked, people="people", how=HOW).swaps
    return [swap.tau]


def _correlated(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Correlations of scores with ratings and true harm."""
    names = ("rating", "min_harmlessness", "true_harm")
    rating, score, harm = (frame[name].cast(pl.Float64).to_numpy() for name in names)
    members = owners(frame)
    sample = Sample.of(score, members)
    rank = RankCorrelation(sample.values, harm[np.lexsort((members, score))].astype(np.int64))
    return [
        pearson(rating, score, members, how=HOW, name=str(seed)),
        spearman(rating, score, members, how=HOW, name=str(seed)),
        *bootstrap(sample, [rank], how=HOW, seed=seed),
    ]


def _requests(frame: pl.DataFrame, seed: int, *, requests: int = 100) -> list[Estimate]:
    """Two arms on requests some of which both find hard, and the turns that one refuses."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=requests)
    chance = _logistic(np.column_stack([hard - 1, hard]))
    answers = {
        "model_type": np.repeat(["arm0", "arm1"], requests),
        "num_params": ["1M"] * (2 * requests),
        "number": np.tile(np.arange(requests) + 1, 2),
        "evasive": (rng.random(chance.shape) < chance).T.ravel(),
        "helpfulness": _logistic(rng.normal(size=(2, requests)) - hard).ravel(),
    }
    members = owners(frame)
    often = _logistic(rng.normal(size=members.max() + 1) - 1)[members]
    refused = [
        (rng.random(turns) < p).tolist() for turns, p in zip(frame["turns"], often, strict=True)
    ]
    found = evasion(
        frame.with_columns(pl.Series(REFUSED_TURNS, refused)),
        probes=pl.DataFrame(answers),
        how=HOW,
        marks={},
    )
    one, two = sorted(found.arms, key=lambda arm: arm.model_type)
    (pair,) = found.over_refusal
    difference = pair.difference
    if pair.first[0] != "arm0" and difference.low is not None and difference.high is not None:
        ends = {"low": -difference.high, "high": -difference.low}
        difference = difference.model_copy(update=ends)
    return [difference, one.over_refusal, one.helpfulness, two.refused_turns]


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def _evaded(settings: Settings, *, arm: int) -> float:
    """Mean of the logistic of a normal with mean -1 (first arm) or 0."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    return float(weights @ _logistic(nodes + arm - 1) / weights.sum())


def _more(settings: Settings) -> float:
    return _evaded(settings, arm=1) - _evaded(settings, arm=0)


def _half(settings: Settings) -> float:
    return 0.5


def _order(settings: Settings) -> float:
    """They disagree about one of six pairs."""
    return 4 / 6


_SENSITIVE = [
    partial(truths.labelled, threshold=_CUT, success=success) for success in (True, False)
]
_JUDGE = [
    Estimand("area under the ROC curve", truths.roc_area, _judged),
    Estimand("sensitivity", _SENSITIVE[0], _judged),
    Estimand("specificity", _SENSITIVE[1], _judged),
    Estimand("success rate of an arm without labels", RATE.truth, _judged),
]
_FIXED = [replace(of, estimates=partial(_judged, threshold=_CUT)) for of in _JUDGE]
_ORDER = Estimand("tau of two judges' orders of four arms", _order, _swapped)
_CORRELATIONS = [
    Estimand("Pearson's r", truths.pearson, _correlated),
    Estimand("Spearman's rho", truths.spearman, _correlated),
    Estimand("Kendall's tau-b", truths.kendall, _correlated),
]
_ON_REQUESTS = [
    Estimand("difference of shares evasive", _more, _requests),
    Estimand("share evasive", partial(_evaded, arm=0), _requests),
    Estimand("mean helpfulness", _half, _requests),
    Estimand("share of turns refused", partial(_evaded, arm=0), _requests),
]
_PERCENTILES = Method("cluster bootstrap, expanded percentiles", PERCENTILES)
_KG = Method("Korn-Graubard", korn_graubard.REGIME)
_ROGAN = Method("Rogan-Gladen, delta method", rogan_gladen.REGIME)
_PPI = Method("prediction-powered", ppi.REGIME)
_AUC = Method("member jackknife on the logit scale", auc.REGIME)
_BY_JUDGE = [_AUC, _KG, _KG, _ROGAN]
_TAU = Method("cluster bootstrap, joint", rank_stability.REGIME)
_BY_REQUEST = [
    Method("bootstrap of requests, joint", joint.REGIME),
    Method("exact (Clopper-Pearson)", exact_rate.REGIME),
    Method("bootstrap of requests, expanded percentiles", PERCENTILES),
    Method("cluster bootstrap, joint", joint.REGIME),
]

_BY_PAIR = [
    *[Method(_PERCENTILES.words, Regime("approximate", members=30))] * 2,
    _PERCENTILES,
]

_SCORED = [
    Studies("40 even members, 10 attacks each", replace(EVEN, attacks=400)),
    Studies(
        "120 uneven members (44 effective), 960 attacks",
        replace(EVEN, members=120, attacks=960, activity_sd=1.0),
    ),
]
_FOUR = Studies(
    "30 members, four arms each", Settings(members=30, attacks=1200, effects=(0.0, 0.3, 0.6, 0.9))
)
_TWO = replace(EVEN, effects=(0.0, 0.0), attacks=2400, members=60)
_JUDGED = [
    Studies("60 members, labels of one arm of two", _TWO),
    Studies("15 members, labels of one arm of two", replace(_TWO, members=15, attacks=900)),
]
_FEW_LABELS = Studies(
    "30 members, 60 labels of one arm of two", replace(_TWO, members=30, attacks=120)
)
_LABELLED = Studies("60 even members, 30% labelled", replace(EVEN, members=60, attacks=2400))
_ASKED = {
    n: Studies(f"{n} requests, 40 members", replace(EVEN, effects=(0.0, 0.0))) for n in (20, 100)
}


def _on_requests(n: int) -> list[Entry]:
    of = [replace(each, estimates=partial(_requests, requests=n)) for each in _ON_REQUESTS]
    return parts("requests", _ASKED[n], of, _BY_REQUEST)


LINES = [
    Entry("two judges", _ORDER, _TAU, _FOUR),
    Entry("rate with a judge", Estimand(RATE.words, RATE.truth, _powered), _PPI, _LABELLED),
    *(e for on in _JUDGED for e in parts("judge", on, _JUDGE, _BY_JUDGE, only=(0, 3))),
    *parts("judge", _FEW_LABELS, _JUDGE, _BY_JUDGE, only=(0,)),
    *(
        e
        for on in _JUDGED
        for e in parts("judge, threshold fixed in advance", on, _FIXED, _BY_JUDGE, only=(1, 2, 3))
    ),
    *(e for on in _SCORED for e in parts("correlations", on, _CORRELATIONS, _BY_PAIR)),
    *(e for n in _ASKED for e in _on_requests(n)),
]
"""What is claimed."""
