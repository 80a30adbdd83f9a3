"""How often each arm was attacked, and how the attacks were rated: Table 1 of the paper.

Reference: Ganguli et al. 2022, Table 1.
"""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
from pydantic import Field

from gadfly.analysis.order import arms_in_order
from gadfly.records.canonical import Record

__all__ = ["ArmCounts", "counts"]

Count = Annotated[int, Field(ge=0)]


class ArmCounts(Record):
    """One arm, counted."""

    model_type: str
    """The intervention."""
    num_params: str
    """The size as text; empty where there is none."""
    n: Count
    """Number of attacks, whatever their outcome."""
    n_members: Count
    """Number of members who made them."""
    rating_counts: tuple[Count, Count, Count, Count, Count]
    """Number of attacks rated 0, 1, 2, 3 and 4."""
    unrated: Count
    """Number of attacks without a rating."""


def counts(frame: pl.DataFrame) -> tuple[ArmCounts, ...]:
    """Every arm that was attacked, in the paper's order."""
    by_arm = frame.group_by("model_type", "num_params", maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("member").n_unique().alias("n_members"),
        *((pl.col("rating") == level).sum().alias(f"rated{level}") for level in range(5)),
        pl.col("rating").null_count().alias("unrated"),
    )
    found = {(row["model_type"], row["num_params"]): row for row in by_arm.iter_rows(named=True)}
    return tuple(_counted(found[arm]) for arm in arms_in_order(list(found)))


def _counted(row: dict[str, Any]) -> ArmCounts:
    ratings = tuple(row.pop(f"rated{level}") for level in range(5))
    return ArmCounts(**row, rating_counts=ratings)
