"""Static prompts against live attackers, on the same attacks.

A static evaluation sends fixed prompts and reads one reply. The paper's prompted arm was no safer
than the plain one under live attackers, against its group's static evaluation, which sent fixed
prompts (Ganguli et al. 2022, section 4). What a live attack has of that is its opening message: the
attacker wrote it before any reply, so the score of the first reply is a static reading of the arm,
with openings drawn from the same people. Beside it stands the live reading of the same attacks, the
lowest score of the whole dialogue. Whether the two order interventions alike is what a static
evaluation has to answer for. Openings are not a benchmark: they were written by people who knew
that they could go on.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.statistics.joint import contrasted, side
from gadfly.analysis.topics.cells import Cells, sorted_attacks
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["ArmStatic", "Reversal", "Static", "static"]

_NO_SCORES = "scores by turn were not recorded"


class ArmStatic(Record):
    """One arm read both ways."""

    model_type: str
    """The intervention."""
    num_params: str
    """The size as text."""
    static: Estimate
    """Mean score of the reply to the opening message."""
    live: Estimate
    """Mean of the lowest score over the dialogue, of the same attacks."""
    gap: Estimate
    """Live less static. It can only be 0 or less, and falls with every further reply by chance
    alone: the lowest of several is lower than the first."""


class Reversal(Record):
    """Two interventions of one size that the two readings order differently."""

    first: str
    """Intervention that is subtracted."""
    second: str
    """Intervention that it is subtracted from."""
    within: str
    """Their size."""
    static: Estimate
    """Second less first by the reply to the opening message."""
    live: Estimate
    """Second less first by the lowest score of the dialogue."""
    clear: bool
    """Whether both intervals exclude 0."""


class Static(Record):
    """The two readings of a study."""

    seed: int
    """Seed of the resamples."""
    arms: tuple[ArmStatic, ...]
    """The arms, in order."""
    pairs: int
    """Number of pairs of interventions of one size with both readings."""
    reversals: tuple[Reversal, ...]
    """Those of them that the readings order differently."""


def static(frame: pl.DataFrame, *, how: Bootstrap) -> Static:
    """The two readings of a frame of attacks, from its scores by turn."""
    attacks = sorted_attacks(frame)
    cells = Cells.of(attacks, how.ci, "static")
    scores = attacks.select(
        first=pl.col("turn_scores").list.first(), lowest=pl.col("turn_scores").list.min()
    )
    first, lowest = (cells.totals(scores[name].to_numpy()) for name in ("first", "lowest"))
    each = np.eye(len(cells.arms))
    nothing = np.zeros_like(each)
    ways = [np.vstack([each, nothing]), np.vstack([nothing, each]), np.vstack([-each, each])]
    pairs = [
        (a, b)
        for a, b in combinations(range(len(cells.arms)), 2)
        if cells.arms[a][1] == cells.arms[b][1]
    ]
    apart = np.array([each[b] - each[a] for a, b in pairs]).reshape(len(pairs), len(each)).T
    ways += [np.vstack([apart, 0 * apart]), np.vstack([0 * apart, apart])]
    (found,) = contrasted(
        [first.beside(lowest)],
        np.hstack(ways),
        how=how,
        seed=cells.seed,
        what="mean, attack-weighted",
        missing=_NO_SCORES,
    )
    estimates = [contrast.estimate for contrast in found]
    n = len(each)
    arms, rest = estimates[: 3 * n], estimates[3 * n :]
    both = list(zip(pairs, rest[: len(pairs)], rest[len(pairs) :], strict=True))
    return Static(
        seed=cells.seed,
        arms=tuple(
            ArmStatic(
                model_type=arm[0],
                num_params=arm[1],
                static=arms[a],
                live=arms[n + a],
                gap=arms[2 * n + a],
            )
            for a, arm in enumerate(cells.arms)
        ),
        pairs=sum(by_first.estimate is not None for _, by_first, _ in both),
        reversals=tuple(
            Reversal(
                first=cells.arms[a][0],
                second=cells.arms[b][0],
                within=cells.arms[a][1],
                static=by_first,
                live=by_lowest,
                clear=side(by_first) * side(by_lowest) < 0,
            )
            for (a, b), by_first, by_lowest in both
            if (by_first.estimate or 0) * (by_lowest.estimate or 0) < 0
        ),
    )
