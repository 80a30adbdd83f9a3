"""Attacks as members × arms, the form in which topics compare arms that share members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import CI, Bootstrap, bootstrap, seed_of
from gadfly.analysis.order import arms_in_order
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.joint import Totals
from gadfly.analysis.statistics.mean import RATED, Mean
from gadfly.analysis.statistics.turns_mean import TurnsMean
from gadfly.errors import PersonError
from gadfly.records.estimate import Estimate
from gadfly.records.frame import ATTACK_COLUMNS

__all__ = [
    "MOST",
    "MOST_ARMS",
    "OUTCOMES",
    "SOME_PAIRS",
    "Cells",
    "Outcome",
    "Pair",
    "arm_pairs",
    "attributed",
    "chances_of",
    "compared",
    "control",
    "sorted_attacks",
    "within_sizes",
]

Pair = tuple[str, str]
"""An arm as (model_type, num_params)."""
Outcome = Literal["rating", "success_rate", "harmlessness"]
OUTCOMES: tuple[Outcome, ...] = ("rating", "success_rate", "harmlessness")
"""What arms are compared by: mean rating, success rate, mean min harmlessness."""

MOST = 10
"""Interventions, or sizes, of which every two are compared."""
MOST_ARMS = 40
"""Arms of which every two are compared."""
SOME_PAIRS = (
    f" Beyond {MOST_ARMS} arms only those of one size are compared, or of one intervention and "
    "next in size."
)
"""What a report says where it is not every two."""

_ORDER = ("member", "model_type", "num_params", "rating", "min_harmlessness", "turns", "number")


def attributed(frame: pl.DataFrame) -> pl.DataFrame:
    """The same frame, of attacks that each name their member and arm.

    :raises PersonError: with what it is instead.
    """
    for name in ("member", "model_type", "num_params"):
        if name not in frame.columns:
            raise PersonError(
                f"attacks: got a frame without the column {name}; allowed: frames with member, "
                "model_type and num_params, as gadfly.read gives them"
            )
        if nulls := frame[name].null_count():
            raise PersonError(
                f"attacks: got {nulls:,} of {frame.height:,} with nothing in the column {name}; "
                f'allowed: a name for each; leave them out with frame.drop_nulls("{name}"), or '
                f'name them with pl.col("{name}").fill_null'
            )
    return frame


def sorted_attacks(frame: pl.DataFrame) -> pl.DataFrame:
    """Attacks in an order of their own, so that the file's order changes no number.

    A column of :data:`~gadfly.records.frame.ATTACK_COLUMNS` that is not there was not recorded.

    :raises PersonError: an attack names no member or no arm.
    """
    frame = attributed(frame)
    absent = [
        pl.lit(None, kind).alias(name)
        for name, kind in ATTACK_COLUMNS.items()
        if name not in frame.columns
    ]
    return frame.with_columns(absent).sort(*_ORDER, maintain_order=True)


def control(arms: Sequence[Pair], axis: Literal[0, 1] = 0) -> str | None:
    """The intervention (``axis`` 0) or size (1) that each other is compared with where there are
    more than :data:`MOST`; ``None`` where every two are compared.

    It is the one that most arms of others share a size (or intervention) with, the first of those:
    so comparisons grow as arms do, and not as their square. Reference: Dunnett 1955, "A multiple
    comparison procedure for comparing several treatments with a control", *JASA* 50(272).

    >>> control([("plain", "1B"), ("rlhf", "1B")]), control([(f"t{i}", "1B") for i in range(11)])
    (None, 't0')
    """
    busy: dict[str, int] = dict.fromkeys((arm[axis] for arm in arms), 0)
    if len(busy) <= MOST:
        return None
    others = [arm[1 - axis] for arm in arms]
    for arm in arms:
        busy[arm[axis]] += others.count(arm[1 - axis])
    return max(busy, key=busy.__getitem__)


def compared(arms: Sequence[Pair], axis: Literal[0, 1] = 0) -> list[tuple[str, str]]:
    """The interventions (or sizes) that are compared, in the order of arms; see :func:`control`."""
    chosen = control(arms, axis)
    pairs = combinations(dict.fromkeys(arm[axis] for arm in arms), 2)
    return [pair for pair in pairs if chosen is None or chosen in pair]


def within_sizes(arms: Sequence[Pair]) -> list[tuple[int, int]]:
    """Places of the arms of one size whose interventions are compared."""
    chosen = set(compared(arms))
    pairs = combinations(enumerate(arms), 2)
    return [(i, j) for (i, a), (j, b) in pairs if a[1] == b[1] and (a[0], b[0]) in chosen]


def arm_pairs(arms: Sequence[Pair]) -> list[tuple[int, int]]:
    """Places of arms that are compared whatever they differ in: every two of up to
    :data:`MOST_ARMS`; of more those :func:`within_sizes`, and each size with the next.
    """
    if len(arms) <= MOST_ARMS:
        return list(combinations(range(len(arms)), 2))
    steps = pairwise(range(len(arms)))
    return [*within_sizes(arms), *((i, j) for i, j in steps if arms[i][0] == arms[j][0])]


def chances_of(attacks: pl.DataFrame, arms: Sequence[Pair]) -> Floats | None:
    """Probability of every arm for each attack, [attacks, arms], 0 where it was not open; ``None``
    where it was not kept of every attack.
    """
    if attacks["probabilities"].null_count():
        return None
    rows = attacks.select("probabilities").with_row_index("row").explode("probabilities")
    rows = rows.unnest("probabilities")
    names = {f"{kind} {size}".strip(): k for k, (kind, size) in enumerate(arms)}
    rows = rows.filter(pl.col("arm").is_in(list(names)))
    found = np.zeros((attacks.height, len(arms)))
    place = rows["arm"].replace_strict(names, return_dtype=pl.Int64).to_numpy()
    found[rows["row"].to_numpy(), place] = rows["probability"].to_numpy()
    return found


@dataclass(frozen=True)
class Cells:
    """Whose each attack is, and of which arm."""

    arms: tuple[Pair, ...]
    """The arms, in order."""
    arm: Ints
    """Number of each attack's arm, from 0."""
    member: Ints
    """Number of each attack's member, from 0; of the attack itself where intervals are iid."""
    n_members: int
    """How many of them there are."""
    seed: int
    """Seed of what is drawn, from the topic's name and the data."""

    @classmethod
    def of(cls, frame: pl.DataFrame, ci: CI, topic: str) -> Cells:
        """Of attacks as :func:`sorted_attacks` gives them.

        :raises PersonError: there is none.
        """
        if frame.is_empty():
            raise PersonError(
                "attacks: got a frame without any; allowed: one attack or more; read a file with "
                "gadfly.read, or look at what filtered the frame"
            )
        pairs = frame.select("model_type", "num_params")
        arms = arms_in_order(pairs.unique(maintain_order=True).rows())
        names = pl.DataFrame(arms, schema=pairs.columns, orient="row").with_row_index("arm")
        arm = pairs.join(names, on=pairs.columns, how="left", maintain_order="left")["arm"]
        member: Ints = np.arange(frame.height)
        if ci == "cluster":
            member = (frame["member"].rank("dense") - 1).cast(pl.Int64).to_numpy()
        n_members = int(member.max(initial=-1)) + 1
        sizes = np.bincount(member, minlength=n_members).astype(np.float64)
        seed = seed_of(Sample(sizes, np.arange(n_members), n_members), ci, topic)
        return cls(tuple(arms), arm.cast(pl.Int64).to_numpy(), member, n_members, seed)

    def mean(
        self,
        values: Floats,
        arm: int,
        how: Bootstrap,
        *,
        column: str = "min_harmlessness",
        missing: str | None = None,
    ) -> Estimate:
        """Mean of a column (NaN is missing) over the attacks on one arm, as the table of arms has
        it: the same draws, so that one number has one interval wherever it stands.

        :param column: its name in that table.
        :param missing: why it is missing, where no attack has a value.
        """
        rows = (self.arm == arm) & ~np.isnan(values)
        sample = Sample.of(values[rows], self.member[rows] if how.ci == "cluster" else None)
        statistic = {"turns": TurnsMean(), "rating": RATED}.get(column, Mean())
        seed = seed_of(sample, how.ci, *self.arms[arm], column)
        (found,) = bootstrap(sample, [statistic], how=how, seed=seed)
        gone = missing if found.estimate is None else None
        return found.model_copy(update={"reason": gone}) if gone else found

    def totals(self, values: Floats, weights: Floats | None = None) -> Totals:
        """Sums of a column by member and arm; NaN is missing."""
        shape = (self.n_members, len(self.arms))
        return Totals.of(values, members=self.member, groups=self.arm, shape=shape, weights=weights)
