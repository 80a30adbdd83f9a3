"""Attacks as members × arms, the form in which topics compare arms that share members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import CI, seed_of
from gadfly.analysis.order import arms_in_order
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.joint import Totals
from gadfly.records.frame import ATTACK_COLUMNS

__all__ = ["OUTCOMES", "Cells", "Outcome", "Pair", "sorted_attacks"]

Pair = tuple[str, str]
"""An arm as (model_type, num_params)."""
Outcome = Literal["rating", "success_rate", "min_harmlessness"]
OUTCOMES: tuple[Outcome, ...] = ("rating", "success_rate", "min_harmlessness")
"""What arms are compared by: mean rating, success rate, mean min harmlessness."""

_ORDER = ("member", "model_type", "num_params", "rating", "min_harmlessness", "turns")


def sorted_attacks(frame: pl.DataFrame) -> pl.DataFrame:
    """Attacks in an order of their own, so that the file's order changes no number.

    A column of :data:`~gadfly.records.frame.ATTACK_COLUMNS` that is not there was not recorded.
    """
    absent = [
        pl.lit(None, kind).alias(name)
        for name, kind in ATTACK_COLUMNS.items()
        if name not in frame.columns
    ]
    return frame.with_columns(absent).sort(*_ORDER, maintain_order=True)


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
        """Of attacks as :func:`sorted_attacks` gives them."""
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

    def totals(self, values: Floats, weights: Floats | None = None) -> Totals:
        """Sums of a column by member and arm; NaN is missing."""
        shape = (self.n_members, len(self.arms))
        return Totals.of(values, members=self.member, groups=self.arm, shape=shape, weights=weights)
