"""Lines of what stands beside an arm's own numbers: equal turns, first turns, static prompts,
missing ratings, a difference looked at again and again, arms drawn by the study's coin.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from gadfly.analysis.calibration.arms import EVEN, HOW, RATE, RATING, by_hand, owners
from gadfly.analysis.calibration.compared import PLAIN, apart, turned, value
from gadfly.analysis.calibration.entry import Entry, Estimand, Method, Studies, parts
from gadfly.analysis.coin import coin_probabilities
from gadfly.analysis.sample import Floats
from gadfly.analysis.simulate import Settings, truth
from gadfly.analysis.statistics import joint, mean
from gadfly.analysis.statistics.confidence_sequence import RUNNING
from gadfly.analysis.statistics.protocol import Regime
from gadfly.analysis.topics.contrasts import contrasts
from gadfly.analysis.topics.missing import missing
from gadfly.analysis.topics.sequential import sequential
from gadfly.analysis.topics.static import static
from gadfly.analysis.topics.tails import REGIMES, tails
from gadfly.analysis.topics.turns import turns
from gadfly.records.estimate import Estimate

__all__ = ["LINES"]

_LENGTHS = np.array([[0.25, 0.25, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4]])  # replies, by arm
_VARIES = 0.7  # spread of replies about the attack's own level
_LOWEST = _VARIES * np.array([0, 0.5641896, 0.8462844, 1.0293754])  # of so many normal replies
_PROMPTS = 40


def _by_turn(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The second arm, whose dialogues are longer: at equal turns, over the first three replies, the
    gap to its first reply; and the first arm on static prompts.
    """
    rng, n = np.random.default_rng(seed), frame.height
    arm = (frame["model_type"] == "arm1").cast(pl.Int64).to_numpy()
    count = 1 + (rng.random(n)[:, None] > _LENGTHS.cumsum(axis=1)[arm, :3]).sum(axis=1)
    scores = frame["min_harmlessness"].to_numpy()[:, None] + rng.normal(0, _VARIES, (n, 4))
    made = [row[:k] for row, k in zip(scores.tolist(), count, strict=True)]
    told = frame.with_columns(
        turn_scores=pl.Series(made),
        turns=pl.Series(count),
        min_harmlessness=pl.Series([min(row) for row in made]),
    )
    hard = rng.normal(size=_PROMPTS)
    asked = {
        "model_type": np.repeat(["arm0", "arm1"], _PROMPTS),
        "num_params": ["1M"] * (2 * _PROMPTS),
        "prompt": [f"{k}" for k in range(_PROMPTS)] * 2,
        "score": (hard + rng.normal(size=(2, _PROMPTS))).ravel(),
    }
    by_turn = turns(told, how=HOW)
    fixed = static(told, how=HOW, prompts=pl.DataFrame(asked))
    (first, _), (_, second) = (
        sorted(found.arms, key=lambda a: a.model_type) for found in (fixed, fixed)
    )
    (longer,) = (a for a in by_turn.arms if a.model_type == "arm1")
    return [longer.equal_turns, longer.first[2], second.gap, first.prompts]


def _lower(settings: Settings, *, weights: Floats, most: int = 4) -> float:
    """By how much the lowest of the first ``most`` replies is below the level of the second arm."""
    return float(-weights @ np.minimum(_LOWEST, _LOWEST[most - 1]))


def _second(settings: Settings, *, weights: Floats, most: int = 4) -> float:
    """Its mean lowest score."""
    return truth(settings, "mean_score", arm=1) + _lower(settings, weights=weights, most=most)


def _bounds(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Rate and mean rating between the ends of their bounds, whatever is missing."""
    (arm,) = missing(frame, how=HOW).arms
    found = []
    for of in (arm.success_rate, arm.rating):
        ends = None if of.low is None or of.high is None else (of.low, of.high)
        found.append(by_hand(float(of.rated.estimate or 0), ends, of.rated.n))
    return found


def _looked(
    frame: pl.DataFrame, seed: int, *, design: Literal["observational", "randomised"]
) -> list[Estimate]:
    """The difference of two arms at every look."""
    arms = [{"arm": f"arm{k} 1M", "probability": 0.5} for k in range(2)]
    drawn = frame.with_columns(pl.lit(pl.Series([arms])).first().alias("probabilities"))
    (found,) = sequential(drawn, success_threshold=3, design=design).contrasts
    looks = [by_hand(look.estimate, (look.low, look.high), 0) for look in found.looks]
    return [turned(look, found.first[0]) for look in looks or [found.last]]


def _coined(frame: pl.DataFrame, seed: int, late: float) -> pl.DataFrame:
    """The coin draws arms of uneven quotas, the second from a share ``late`` of the study on. It
    raises every score by as much.
    """
    rng, n, members = np.random.default_rng(seed), frame.height, owners(frame)
    quota = np.array([n - n // 3, n // 3])
    assigned, met = np.zeros(2, dtype=np.int64), np.zeros((members.max() + 1, 2), dtype=np.int64)
    arm, chances, rounds = np.zeros(n, dtype=np.int64), [], []
    for place, member in enumerate(members):
        live = 1 if place < late * n else 2
        (p,) = coin_probabilities(quota[:live], assigned[None, :live], met[member, None, :live])
        arm[place] = rng.random() > p[0]
        chances.append([{"arm": f"arm{k} 1M", "probability": x} for k, x in enumerate(p) if x])
        rounds.append(10 * live + int((assigned >= quota)[:live].sum()))
        assigned[arm[place]] += 1
        met[member, arm[place]] += 1
    return frame.with_columns(
        pl.col("min_harmlessness") + 0.5 * pl.Series(arm),
        model_type=pl.Series(np.where(arm, "arm1", "arm0")),
        probabilities=pl.Series(chances),
        round=pl.Series(rounds),
    )


def _by_coin(frame: pl.DataFrame, seed: int, *, late: float = 0.0) -> list[Estimate]:
    """Second arm less first on the score."""
    told = _coined(frame, seed, late)
    found = contrasts(told, how=HOW, design="randomised", permutations=0).contrasts
    others = ("rating", "success_rate")
    (one,) = (c for c in found if c.outcome not in others and c.kind == "intervention")
    return [turned(one.difference, one.first)]


def _tails_by_coin(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """5% quantile and CVaR of the score, second arm less first; the second arm came late."""
    (found,) = tails(_coined(frame, seed, 0.3), how=HOW, design="randomised").contrasts
    return [turned(e, found.first) for e in (found.q05, found.cvar05)]


_JOINT = Method("cluster bootstrap, joint, or wild, by effective members", joint.REGIME)
_WILD = Method("wild cluster bootstrap", mean.REGIME)
_PROMPTED = Method("bootstrap of prompts, joint", joint.REGIME)
_WORST = Method("best and worst case of the missing", Regime("conservative", members=5))
_RUNNING = Method("confidence sequence, running", RUNNING)

_TURNED = [
    Estimand(
        "mean score at equal turns", partial(_second, weights=_LENGTHS.mean(axis=0)), _by_turn
    ),
    Estimand(
        "mean score of the first 3 replies", partial(_second, weights=_LENGTHS[1], most=3), _by_turn
    ),
    Estimand("lowest score less the first", partial(_lower, weights=_LENGTHS[1]), _by_turn),
    Estimand("mean score of static prompts", value, _by_turn),
]
_BOUNDED = [Estimand(of.words, of.truth, _bounds) for of in (RATE, RATING)]
_LOOKS = {
    design: Estimand(
        f"difference of mean ratings, {design}",
        partial(apart, quantity="mean_rating"),
        partial(_looked, design=design),
    )
    for design in ("observational", "randomised")
}
_DRAWN = Estimand("difference of mean scores, by the coin", partial(value, value=0.5), _by_coin)

_BY_HARM = Studies(
    "40 even members, worse attacks are rated less often",
    replace(EVEN, missing=0.1, missing_by_harm=0.5),
)
_SKILLED = Settings(members=40, attacks=600, activity_sd=0.8, activity_efficacy=0.5)
_COINED = Studies("40 members, the active succeed more, quotas 2:1", _SKILLED)
_TAILS_DRAWN = [
    Estimand(f"difference of {what}, by the coin", partial(value, value=0.5), _tails_by_coin)
    for what in ("5% quantiles", "CVaR 5%")
]
_OF_TAILS = [Method("cluster bootstrap, joint", REGIMES[k]) for k in ("q05", "cvar05")]
_LONGER = Studies(
    "120 members, the active succeed more, quotas 2:1, the second arm late",
    replace(_SKILLED, members=120, attacks=2400),
)
_LATE = Studies(f"{_COINED.words}, the second arm late", _SKILLED)

LINES = [
    *parts("turns", PLAIN, _TURNED, [_JOINT, _WILD, _JOINT, _PROMPTED]),
    *parts("missing", _BY_HARM, _BOUNDED, [_WORST] * 2),
    *(
        Entry(
            f"{of.words}, at every look",
            of,
            _RUNNING,
            Studies(f"{PLAIN.words}, every look", PLAIN.settings),
        )
        for of in _LOOKS.values()
    ),
    Entry("contrast by the coin", _DRAWN, _JOINT, _COINED),
    Entry(
        "contrast by the coin, late",
        replace(_DRAWN, estimates=partial(_by_coin, late=0.3)),
        _JOINT,
        _LATE,
    ),
    *parts("tails by the coin", _LONGER, _TAILS_DRAWN, _OF_TAILS),
]
"""What is claimed."""
