"""Lines of the people who attack: efficacy, learning, concentration, tags, diversity."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import bootstrap
from gadfly.analysis.calibration.arms import EVEN, EVEN_40, HOW, RATE, UNEVEN_80, owners
from gadfly.analysis.calibration.entry import Entry, Estimand, Method, Studies, parts
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.simulate import Settings
from gadfly.analysis.statistics import jackknife, korn_graubard, prediction_error, rarefied
from gadfly.analysis.statistics.entropy import Entropy
from gadfly.analysis.statistics.mixed_linear import fit_linear
from gadfly.analysis.statistics.prediction_error import prediction_errors
from gadfly.analysis.statistics.self_similarity import SelfSimilarity
from gadfly.analysis.statistics.vendi import vendi
from gadfly.analysis.topics.people import people
from gadfly.analysis.topics.tags import tags_result
from gadfly.records.estimate import Estimate

__all__ = ["LINES", "SHOWN", "tastes"]

_LEARNED = -0.1  # change of the score for each doubling of the place
_TAGS = {"a": 0.3, "b": 0.25, "c": 0.2, "d": 0.12, "e": 0.08, "Other": 0.05}
_TOPICS = 0.85 ** np.arange(20) / (0.85 ** np.arange(20)).sum()
_DRAWN = 100  # attacks in a draw of rarefaction


def _efficacy(frame: pl.DataFrame, seed: int, *, conditional: bool = False) -> list[Estimate]:
    """How far the intercept of the busiest member, and of one at random, is from the truth."""
    members = owners(frame)
    x = np.ones((frame.height, 1))
    fit = fit_linear(frame["min_harmlessness"].to_numpy(), x, members)
    true = np.zeros(len(fit.modes))
    true[members] = -frame["true_efficacy"].to_numpy()
    errors = np.sqrt(fit.mode_variances) if conditional else prediction_errors(fit, x, members)
    half = 1.959964 * errors
    off = fit.modes - true
    chosen = (int(np.bincount(members).argmax()), seed % len(true))
    return [
        Estimate(
            estimate=float(off[m]),
            low=None if fit.boundary else float(off[m] - half[m]),
            high=None if fit.boundary else float(off[m] + half[m]),
            level=0.95,
            n=frame.height,
            method="BLUP",
            reason="no variance" if fit.boundary else None,
        )
        for m in chosen
    ]


def _learning(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Slopes of the score where members learn and do not tire."""
    place = pl.col("number").rank("ordinal").over("member").cast(pl.Int64)
    made = place - 1
    minutes = made * 10 + made // 5 * 120  # five attacks in a sitting
    started = pl.lit(datetime(2022, 1, 1, tzinfo=UTC)) + pl.duration(minutes=minutes)
    timed = frame.with_columns(
        started_at=started,
        ended_at=started + timedelta(minutes=5),
        min_harmlessness=pl.col("min_harmlessness") + _LEARNED * place.log(2),
    )
    found = people(timed, success_threshold=3, how=HOW)
    return [found.learning[2].slope, found.fatigue[2].slope]


def tastes(members: Ints, shares: Floats, seed: int) -> Ints:
    """Something that each attack has, of which every member prefers some."""
    rng = np.random.default_rng(seed)
    own = rng.dirichlet(5 * shares, size=int(members.max()) + 1)
    return np.asarray((rng.random(len(members))[:, None] > own.cumsum(axis=1)[members]).sum(axis=1))


def _tagged(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Entropy of tags, the share of "Other", and the success rate of the commonest."""
    names = np.array(list(_TAGS))
    place = np.minimum(tastes(owners(frame), np.array(list(_TAGS.values())), seed), len(names) - 1)
    tags = pl.Series("tags", names[place][:, None].tolist())
    found = tags_result(frame.with_columns(tags), how=HOW)
    if found is None:
        raise AssertionError("every attack has a tag")
    rate = next(tag.rate for tag in found.tags if tag.tag == "a")
    return [found.entropy, found.other, rate]


def _different(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """How different attacks on twenty topics are, each of which is like itself alone."""
    members = owners(frame)
    topic = np.minimum(tastes(members, _TOPICS, seed), len(_TOPICS) - 1)
    vectors = np.eye(len(_TOPICS))[topic]
    sample = Sample.of(np.arange(len(topic), dtype=np.float64), members)

    def drawn(name: str) -> Estimate:
        measure = {
            "worth": lambda rows: vendi(vectors[rows]),
            "reached": lambda rows: float(len(np.unique(topic[rows]))),
        }
        return rarefied.rarefied(measure[name], members, size=_DRAWN, name=name, seed=seed)

    return [
        *bootstrap(sample, [SelfSimilarity(vectors)], how=HOW, seed=seed),
        drawn("worth"),
        drawn("reached"),
    ]


def _value(settings: Settings, value: float = 0.0) -> float:
    """One that was planted."""
    return value


@lru_cache(maxsize=1)
def _worth() -> float:
    """Mean Vendi score of so many attacks on topics that are like themselves alone."""
    drawn = np.random.default_rng(0).multinomial(_DRAWN, _TOPICS, size=100_000) / _DRAWN
    return float(np.exp(-(drawn * np.log(np.where(drawn > 0, drawn, 1))).sum(axis=1)).mean())


def _vendi(settings: Settings) -> float:
    return _worth()


_SHARES = np.array(list(_TAGS.values()))
_EFFICACY = [
    Estimand("efficacy of the busiest member", _value, _efficacy),
    Estimand("efficacy of a member", _value, _efficacy),
]
_SLOPES = [
    Estimand("learning, per doubling", partial(_value, value=_LEARNED), _learning),
    Estimand("fatigue, per attack", _value, _learning),
]
_OF_TAGS = [
    Estimand("entropy of tags", partial(_value, value=float(-_SHARES @ np.log(_SHARES))), _tagged),
    Estimand("share of a tag", partial(_value, value=_TAGS["Other"]), _tagged),
    Estimand("success rate of a tag", RATE.truth, _tagged),
]
_DIVERSITY = [
    Estimand("self-similarity", partial(_value, value=float(_TOPICS @ _TOPICS)), _different),
    Estimand("Vendi score of 100 attacks", _vendi, _different),
    Estimand(
        "clusters reached by 100 attacks",
        partial(_value, value=float((1 - (1 - _TOPICS) ** _DRAWN).sum())),
        _different,
    ),
]

_BLUP = Method("conditional modes, errors of prediction", prediction_error.REGIME)
_JACKKNIFE = Method("member jackknife", jackknife.REGIME)
_ENTROPY = Method("cluster bootstrap, symmetric t", Entropy().regime)
_KG = Method("Korn-Graubard", korn_graubard.REGIME)
_ALIKE = Method("cluster bootstrap, symmetric t", SelfSimilarity(np.empty((0, 0))).regime)
_HALVES = Method("half-samples of members", rarefied.REGIME)

_SIX = Studies("6 even members", replace(EVEN, members=6, attacks=120))
_TWELVE = Studies("12 even members", replace(EVEN, members=12, attacks=240))

LINES = [
    *(
        e
        for on in (_TWELVE, EVEN_40, UNEVEN_80)
        for e in parts("efficacy", on, _EFFICACY, [_BLUP] * 2)
    ),
    *(
        e
        for on in (_SIX, EVEN_40, UNEVEN_80)
        for e in parts("people", on, _SLOPES, [_JACKKNIFE] * 2)
    ),
    *(
        e
        for on in (_TWELVE, EVEN_40, UNEVEN_80)
        for e in parts("tags", on, _OF_TAGS, [_ENTROPY, _KG, _KG])
    ),
    *(
        e
        for on in (EVEN_40, UNEVEN_80)
        for e in parts("diversity", on, _DIVERSITY, [_ALIKE, _HALVES, _HALVES])
    ),
]
"""What is claimed."""
SHOWN = [
    Entry(
        "efficacy by conditional variances",
        replace(_EFFICACY[0], estimates=partial(_efficacy, conditional=True)),
        Method("conditional modes, conditional variances (lme4)", None),
        _TWELVE,
    )
]
"""What is not: intervals that take the model as known."""
