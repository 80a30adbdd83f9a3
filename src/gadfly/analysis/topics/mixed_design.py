"""The columns of the mixed models: which attacks have them all, and dummies of size and type.

The reference is ``plain lm``, or the first type in the order of arms where there is none, at the
smallest size. An interaction is how much more (or less) than at the reference size a type differs
from the reference type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import polars as pl

from gadfly.analysis.order import arms_in_order, size_value
from gadfly.analysis.sample import Floats, Ints

__all__ = ["Complete", "Design", "Kind", "column_of", "complete", "design", "levels"]

Kind = Literal["intercept", "threshold", "size", "type", "covariate", "interaction"]
"""What a column of a model stands for."""
_PLAIN = "plain lm"


@dataclass(frozen=True)
class Design:
    """The columns of a model."""

    x: Floats
    """One row per attack, the constant first."""
    names: tuple[str, ...]
    """Names of the columns."""
    kinds: tuple[Kind, ...]
    """What each stands for."""


@dataclass(frozen=True)
class Complete:
    """The attacks that models rest on."""

    frame: pl.DataFrame
    """Attacks with every variable that is used."""
    members: Ints
    """Number of each attack's member."""
    left_out: dict[str, str]
    """Variables that are not used, each with the reason."""


def complete(frame: pl.DataFrame, columns: Sequence[str]) -> Complete:
    """Attacks that have all of the columns which vary; ``is_mturk`` is made of ``is_upworker``."""
    frame = frame.with_columns(is_mturk=~pl.col("is_upworker"))
    left_out: dict[str, str] = {}
    for column in columns:
        different = frame[column].drop_nulls().n_unique()
        if different < 2:
            left_out[column] = "the same for every attack" if different else "never recorded"
    frame = frame.drop_nulls([column for column in columns if column not in left_out])
    for column in columns:
        if column not in left_out and frame[column].n_unique() < 2:
            left_out[column] = "the same for every attack that has all variables"
    members = frame["member"].rank("dense").cast(pl.Int64).to_numpy() - 1
    return Complete(frame, members, left_out)


def design(frame: pl.DataFrame, covariates: Sequence[str]) -> Design:
    """Dummy-coded size x type with covariates, in the order of R's model matrix."""
    sizes, types = levels(frame)
    factors: dict[Kind, dict[str, Floats]] = {
        "size": {s: column_of(frame["num_params"] == s) for s in sizes[1:]},
        "type": {t: column_of(frame["model_type"] == t) for t in types[1:]},
        "covariate": {name: column_of(frame[name]) for name in covariates},
    }
    factors["interaction"] = {
        f"{size} × {kind}": factors["size"][size] * factors["type"][kind]
        for kind, size in product(types[1:], sizes[1:])
    }
    named = [(k, name, column) for k, found in factors.items() for name, column in found.items()]
    x = np.column_stack([np.ones(frame.height), *(column for _, _, column in named)])
    return Design(
        x, ("intercept", *(name for _, name, _ in named)), ("intercept", *(k for k, _, _ in named))
    )


def levels(frame: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Sizes and types, each with the reference first."""
    present = list(frame.select("model_type", "num_params").unique(maintain_order=True).rows())
    arms = arms_in_order(present)
    types = list(dict.fromkeys(kind for kind, _ in arms))
    if _PLAIN in types:
        types.insert(0, types.pop(types.index(_PLAIN)))
    sizes = list(dict.fromkeys(size for _, size in arms))
    numbers = {size: size_value(size) for size in sizes}
    sizes.sort(key=lambda s: float("inf") if numbers[s] is None else float(numbers[s] or 0))
    return sizes, types


def column_of(series: pl.Series) -> Floats:
    """A column as numbers."""
    return np.asarray(series.cast(pl.Float64).to_numpy(), dtype=np.float64)
