"""Lines of what texts, labels and answers show: repeats, novelty, a judge's bins, surveys."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import polars as pl
from scipy.special import betaln, ndtr
from scipy.stats import poisson

from gadfly.analysis.bootstrap import bootstrap
from gadfly.analysis.calibration import truths
from gadfly.analysis.calibration.arms import EVEN_40, HOW, owners
from gadfly.analysis.calibration.compared import value
from gadfly.analysis.calibration.entry import Entry, Estimand, Method, Studies, parts
from gadfly.analysis.calibration.people import tastes
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.simulate import Settings, truth
from gadfly.analysis.statistics import korn_graubard, rogan_gladen
from gadfly.analysis.statistics.calibration_curve import bins_of, folds_of, out_of_fold
from gadfly.analysis.statistics.novelty import is_new
from gadfly.analysis.statistics.protocol import Regime
from gadfly.analysis.statistics.repeats import repeats
from gadfly.analysis.statistics.success_rate import SuccessRate
from gadfly.analysis.topics.judges import Asked, judges
from gadfly.analysis.topics.labels import PEOPLE
from gadfly.analysis.topics.surveys import SURVEYED, surveys
from gadfly.records.estimate import Estimate

__all__ = ["LINES"]

_TEXTS = 1 / np.arange(1, 401) / (1 / np.arange(1, 401)).sum()
_MANY = 16_000  # texts of which few are met twice
_KINDS = np.array([0.2, 0.15, 0.1, 0.1, 0.1, 0.05, 0.1, 0.1, 0.05, 0.05])  # the last four are new


def _repeats(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Shares of attacks that repeat one of the study, and one of their own member."""
    members = owners(frame)
    text = np.minimum(tastes(members, _TEXTS, seed), len(_TEXTS) - 1)
    own = np.unique(members * len(_TEXTS) + text, return_inverse=True, return_counts=True)
    sample = Sample.of((own[2][own[1]] > 1).astype(np.float64), members)
    return [
        repeats(text, members, np.arange(frame.height)),
        *bootstrap(sample, [SuccessRate(1)], how=HOW, seed=seed),
    ]


def _rare(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The first where repeats are rare, by chance, and mostly of two members."""
    text = np.random.default_rng(seed).integers(0, _MANY, frame.height)
    return [repeats(text, owners(frame), np.arange(frame.height))]


def _rarely(settings: Settings) -> float:
    """Over numbers of attacks, which are Poisson: each repeats unless no other has its text."""
    n = np.arange(1, int(2 * settings.attacks))
    weight = poisson.pmf(n, settings.attacks)
    return float(1 - weight @ (1 - 1 / _MANY) ** (n - 1) / weight.sum())


def _repeat(settings: Settings, *, own: bool) -> float:
    """Expected share of attacks that repeat another: taste for a text is Beta (:func:`tastes`)."""
    a, n = 5 * _TEXTS, np.arange(150)
    made = poisson.pmf(n, settings.attacks / settings.members)
    b = 5 - a[:, None]
    with_none = np.exp(betaln(a[:, None], b + n) - betaln(a[:, None], b)) @ made
    alone = np.exp(betaln(a[:, None] + 1, b + n[1:] - 1) - betaln(a[:, None], b))
    alone = alone @ (made * n)[1:] / (made @ n)
    return float(1 - (alone * (1 if own else with_none ** (settings.members - 1))).sum())


def _novel(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The share of attacks far from a given earlier corpus, which lacks some of the kinds."""
    members = owners(frame)
    kind = np.minimum(tastes(members, _KINDS, seed), len(_KINDS) - 1)
    rows, new = is_new(_placed(kind, seed), _earlier(), seed=seed)
    sample = Sample.of(new.astype(np.float64), members[rows])
    return bootstrap(sample, [SuccessRate(1)], how=HOW, seed=seed)


def _placed(kind: Ints, seed: int) -> Floats:
    """Vectors about the axis of each kind."""
    found = np.eye(len(_KINDS))[kind]
    found = found + np.random.default_rng([seed, 1]).normal(0, 0.2, found.shape)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


@lru_cache(maxsize=1)
def _earlier() -> Floats:
    return _placed(np.random.default_rng(0).choice(6, 500), 0)


@lru_cache(maxsize=1)
def _new(settings: Settings) -> float:
    """Of 100,000 other attacks."""
    rng, shares = np.random.default_rng(1), []
    for seed in range(20):
        kind = rng.choice(len(_KINDS), 5000, p=_KINDS)
        shares.append(is_new(_placed(kind, seed + 1), _earlier(), seed=0)[1].mean())
    return float(np.mean(shares))


_CUT = -2.0


def _reliable(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """A judge's lowest and highest bin and its calibration error, each less the truth of the bins
    of this study; and by how much its errors on the first arm mislead about the second.
    """
    labels, members = (frame["rating"] >= 3).cast(pl.Float64), owners(frame)
    told = frame.with_columns(labels.alias(PEOPLE))
    few = replace(HOW, resamples=20)  # bins need none
    (found,) = judges(told, asked=[Asked("judge")], people="people", how=few).judges
    y, scores = labels.to_numpy(), frame["min_harmlessness"].to_numpy()
    said, there = (scores <= _CUT).astype(np.float64), frame["model_type"].to_numpy() == "arm1"
    carried = rogan_gladen.carried_error(
        said[there],
        y[there],
        said[~there],
        y[~there],
        members=members[there],
        other_members=members[~there],
        level=0.95,
    )
    p = out_of_fold(scores, y, folds_of(members))
    true = truths.success_at(_JUDGED.settings, scores)
    bins = bins_of(p)
    curve = found.calibration.curve
    of_bins = [_off(curve[k].observed, float(true[bins[k]].mean())) for k in (0, -1)]
    error = sum(len(b) * abs(float(true[b].mean() - p[b].mean())) for b in bins) / len(p)
    return [*of_bins, _off(found.calibration.error, error), carried]


def _off(e: Estimate, true: float) -> Estimate:
    """An estimate and its ends less the truth of its study."""
    moved = {
        name: None if end is None else end - true
        for name, end in (("estimate", e.estimate), ("low", e.low), ("high", e.high))
    }
    return e.model_copy(update=moved)


def _misleads(settings: Settings) -> float:
    """What a judge's errors on the first arm make of the second, whose harm it overstates."""
    rate = truth(settings, "rate", arm=1)
    s, c = (truths.labelled(settings, threshold=_CUT, success=x) for x in (True, False))
    cut = _CUT + settings.judge_bias[1]
    hit, spared = (truths.labelled(settings, threshold=cut, success=x) for x in (True, False))
    said = hit * rate + (1 - spared) * (1 - rate)
    return (said + c - 1) / (s + c - 1) - rate


_ANSWERS = 3  # of each person
_FELT = 0.3  # more with every answer


def _surveys(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """An item over all rounds, its scale of two items in the first, and its change to the third."""
    rng = np.random.default_rng(seed)
    people = int(owners(frame).max()) + 1
    shape = (people, _ANSWERS, 2)
    felt = rng.normal(size=(people, 1, 1)) + rng.normal(0, 0.8, shape)
    felt = 2.5 + felt + _FELT * np.arange(_ANSWERS)[:, None]
    person, order, item = (x.ravel() for x in np.indices(shape))
    answers = pl.DataFrame(
        {
            "person": person,
            "asked": ["after a task"] * len(person),
            "order": order,
            "at": (order * people + person).astype(np.float64),
            "instrument": ["one"] * len(person),
            "item": [f"i{k}" for k in item],
            "scale": ["s"] * len(person),
            "value": np.clip(np.floor(felt + 0.5), 1, 5).ravel(),
            "step": [0.1] * len(person),
        }
    )
    found = surveys(answers=answers)
    (mean,) = (i.mean for i in found.items if i.item == "i0")
    first, _, third = found.rounds
    return [mean, first.mean, third.change]


def _feeling(order: float) -> float:
    sd = np.sqrt(1 + 0.8**2)
    return float(1 + sum(ndtr((2.5 + _FELT * order - k + 0.5) / sd) for k in range(2, 6)))


def _felt(settings: Settings, *, which: int) -> float:
    each = [_feeling(k) for k in range(_ANSWERS)]
    return (float(np.mean(each)), each[0], each[2] - each[0])[which]


_KG = Method("Korn-Graubard", korn_graubard.REGIME)
_ALL_BINS = Method("Korn-Graubard of all bins at once", Regime("conservative", members=5))
_CARRIED = Method(
    "Rogan-Gladen, delta method", Regime("approximate", members=rogan_gladen.REGIME.members)
)
_STUDENT = Method("Student's t, rounded outward", SURVEYED)

_REPEATED = [
    Estimand("share that repeats another", partial(_repeat, own=False), _repeats),
    Estimand("share that repeats the same member's", partial(_repeat, own=True), _repeats),
]
_NEW = Estimand("share new against an earlier corpus", _new, _novel)
_RELIABLE = [
    Estimand("successes in the lowest of ten bins", value, _reliable),
    Estimand("successes in the highest of ten bins", value, _reliable),
    Estimand("calibration error", value, _reliable),
    Estimand("error of a rate by errors elsewhere", _misleads, _reliable),
]
_FEW_REPEATS = Studies("40 even members, few repeats", EVEN_40.settings)
_ASKED = [
    Estimand(words, partial(_felt, which=k), _surveys)
    for k, words in enumerate(("mean of an item", "mean of a scale", "change of a scale"))
]

_JUDGED = Studies(
    "60 members, 900 labels, a judge biased on one arm",
    Settings(members=60, attacks=900, effects=(0.0, 0.0), judge_bias=(0.0, 0.4)),
)
_PEOPLE = [
    Studies(f"{n} people, 3 answers each", Settings(members=n, attacks=20 * n)) for n in (12, 40)
]

LINES = [
    *parts("repeats", EVEN_40, _REPEATED, [_KG] * 2),
    Entry("repeats, rare", Estimand(_REPEATED[0].words, _rarely, _rare), _KG, _FEW_REPEATS),
    Entry("novelty", _NEW, _KG, EVEN_40),
    *parts("reliability", _JUDGED, _RELIABLE, [_KG, _KG, _ALL_BINS, _CARRIED]),
    *(e for on in _PEOPLE for e in parts("surveys", on, _ASKED, [_STUDENT] * 3)),
]
"""What is claimed."""
