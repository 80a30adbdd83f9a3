"""Static prompts against live attackers.

A static evaluation sends fixed prompts and reads one reply. The paper's prompted arm was no safer
than the plain one under live attackers, against its group's static evaluation (Ganguli et al. 2022,
section 4). Two static readings stand beside the live one, the lowest score of the whole dialogue:

    prompts    mean score of the replies to a list of fixed prompts, the same for every arm: those
               of the study (``static`` in its file), or a file of scores. Prompts are the units,
               drawn once for all arms; only those count that every arm answered
    opening    mean score of the reply to the attack's opening message, which the attacker wrote
               before any reply. The same people, but they knew that they could go on

Whether static and live order interventions alike is what a static evaluation has to answer for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl

from gadfly.analysis.aggregation import Aggregation, of_replies
from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.joint import Contrasted, Totals, contrasted, side
from gadfly.analysis.topics.cells import Cells, sorted_attacks, within_sizes
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["ArmStatic", "Reading", "Reversal", "Static", "static"]

_NO_SCORES = "scores by turn were not recorded"
_NOT_ASKED = "no static prompts were asked"
_NOT_SHARED = "no score of a static prompt that every arm answered"
Reading = Literal["prompts", "opening"]
Pair = tuple[int, int]
Arms = Sequence[tuple[str, str]]


class ArmStatic(Record):
    """One arm read statically and live."""

    model_type: str
    """The intervention."""
    num_params: str
    """The size as text."""
    prompts: Estimate
    """Mean score of the replies to static prompts; n is the number of prompts."""
    static: Estimate
    """Mean score of the reply to the opening message."""
    live: Estimate
    """Mean of the lowest score over the dialogue, of the same attacks; or of what ``score`` of the
    results says."""
    gap: Estimate
    """Live less the reply to the opening. By the lowest score it can only be 0 or less, and falls
    with every further reply by chance alone: the lowest of several is lower than the first."""


class Reversal(Record):
    """Two interventions of one size that a static and the live reading order differently."""

    reading: Reading
    """The static reading."""
    first: str
    """Intervention that is subtracted."""
    second: str
    """Intervention that it is subtracted from."""
    within: str
    """Their size."""
    static: Estimate
    """Second less first by the static reading."""
    live: Estimate
    """Second less first by the lowest score of the dialogue."""
    clear: bool
    """Whether both intervals exclude 0, and both p-values are small enough for all
    pairs of both readings (Bonferroni)."""


class Static(Record):
    """The readings of a study."""

    seed: int
    """Seed of the resamples."""
    arms: tuple[ArmStatic, ...]
    """The arms, in order."""
    asked: int
    """Number of static prompts that some arm was asked."""
    pairs: dict[Reading, int]
    """Number of pairs of interventions of one size with the live and this static reading."""
    reversals: tuple[Reversal, ...]
    """Those of them that the two readings order differently."""


def static(
    frame: pl.DataFrame,
    *,
    how: Bootstrap,
    prompts: pl.DataFrame | None = None,
    score: Aggregation = "min",
) -> Static:
    """The readings of a frame of attacks, from its scores by turn.

    :param prompts: scores of replies to static prompts, ``STATIC_COLUMNS`` of
        ``records/static_scores.py``; ``None`` where there are none.
    :param score: which number of a dialogue's scores the live reading is.
    """
    attacks = sorted_attacks(frame)
    cells = Cells.of(attacks, how.ci, "static")
    by_turn = pl.col("turn_scores").list
    turned = attacks["turn_scores"].list.len().sum() > 0  # else the lowest alone was recorded
    lowest_of = of_replies(pl.col("turn_scores"), score) if turned else pl.col("min_harmlessness")
    scores = attacks.select(first=by_turn.first(), lowest=lowest_of)
    pairs = within_sizes(cells.arms)
    first, lowest = (cells.totals(scores[name].to_numpy()) for name in ("first", "lowest"))
    each = np.eye(len(cells.arms))
    ways = np.hstack([each, _apart(each, pairs)])
    nothing = np.zeros_like(ways)
    gaps = np.vstack([-each, each])
    both = np.hstack([np.vstack([ways, nothing]), np.vstack([nothing, ways]), gaps])
    what = "mean, attack-weighted"
    (found,) = contrasted(
        [first.beside(lowest)], both, how=how, seed=cells.seed, what=what, missing=_NO_SCORES
    )
    n = ways.shape[1]
    opening, live, gap = found[:n], found[n : 2 * n], found[2 * n :]
    asked = _scores(prompts, cells.arms)
    fixed = _fixed(asked, ways, how, cells.seed)
    k, alone = len(each), replace(how, weighting="attack")
    readings: dict[Reading, list[Contrasted]] = {"prompts": fixed[k:], "opening": opening[k:]}
    compared = {name: _both(reading, live[k:]) for name, reading in readings.items()}
    small = (1 - how.level) / max(sum(compared.values()), 1)
    return Static(
        seed=cells.seed,
        arms=tuple(
            ArmStatic(
                model_type=arm[0],
                num_params=arm[1],
                prompts=fixed[a].estimate,
                static=cells.mean(scores["first"].to_numpy(), a, alone, missing=_NO_SCORES),
                live=cells.mean(scores["lowest"].to_numpy(), a, alone, missing=_NO_SCORES),
                gap=gap[a].estimate,
            )
            for a, arm in enumerate(cells.arms)
        ),
        asked=len(asked),
        pairs=compared,
        reversals=tuple(
            reversal
            for name, reading in readings.items()
            for reversal in _reversals(name, cells.arms, pairs, reading, live[k:], small)
        ),
    )


def _apart(each: Floats, pairs: Sequence[Pair]) -> Floats:
    """Second less first, a column for each pair."""
    return np.array([each[b] - each[a] for a, b in pairs]).reshape(len(pairs), len(each)).T


def _scores(prompts: pl.DataFrame | None, arms: Arms) -> Floats:
    """Scores of static prompts, [prompts, arms], NaN where there is none."""
    if prompts is None or prompts.is_empty():
        return np.empty((0, len(arms)))
    place = {arm: k for k, arm in enumerate(arms)}
    rows = {name: k for k, name in enumerate(sorted(set(prompts["prompt"].to_list())))}
    found = np.full((len(rows), len(arms)), np.nan)
    columns = ("model_type", "num_params", "prompt", "score")
    for kind, size, prompt, score in prompts.select(columns).drop_nulls().iter_rows():
        if (kind, size) in place:
            found[rows[prompt], place[kind, size]] = score
    return found


def _both(one: Sequence[Contrasted], other: Sequence[Contrasted]) -> int:
    """Number of pairs with both readings."""
    return sum(
        a.estimate.estimate is not None is not b.estimate.estimate
        for a, b in zip(one, other, strict=True)
    )


def _fixed(scores: Floats, ways: Floats, how: Bootstrap, seed: int) -> list[Contrasted]:
    """Contrasts of the arms over the prompts that every arm answered that answered any."""
    there = ~np.isnan(scores).all(axis=0) if len(scores) else np.zeros(scores.shape[1], dtype=bool)
    same = scores[~np.isnan(scores[:, there]).any(axis=1)] if there.any() else scores[:0]
    shape = (max(1, len(same)), scores.shape[1])
    units, groups = (places.ravel() for places in np.indices(same.shape))
    totals = Totals.of(same.ravel(), members=units, groups=groups, shape=shape)
    over = how.over("prompt")
    missing = _NOT_SHARED if len(scores) else _NOT_ASKED
    (found,) = contrasted(
        [totals], ways, how=over, seed=seed, what="mean over prompts", missing=missing
    )
    return [
        replace(one, estimate=one.estimate.model_copy(update={"n": len(same)})) for one in found
    ]


def _reversals(
    reading: Reading,
    arms: Arms,
    pairs: Sequence[Pair],
    static: Sequence[Contrasted],
    live: Sequence[Contrasted],
    small: float,
) -> Iterator[Reversal]:
    """The pairs that a static reading orders differently.

    :param small: p-values from which both differences are beyond chance.
    """
    for (a, b), one, other in zip(pairs, static, live, strict=True):
        if (one.estimate.estimate or 0) * (other.estimate.estimate or 0) < 0:
            firm = all(x.p is not None and x.p <= small for x in (one, other))
            yield Reversal(
                reading=reading,
                first=arms[a][0],
                second=arms[b][0],
                within=arms[a][1],
                static=one.estimate,
                live=other.estimate,
                clear=firm and side(one.estimate) * side(other.estimate) < 0,
            )
