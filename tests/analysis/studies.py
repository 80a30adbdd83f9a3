"""Frames of attacks that tests analyse: drawn, so that their truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from gadfly.analysis.analyze import analyze
from gadfly.analysis.results import Results, Scorer, SourceInfo
from gadfly.records.frame import ATTACK_COLUMNS, outcome_expression

SOURCE = SourceInfo(
    title="A study", name="study.db", scorer=Scorer(name="constant", version="1", lineage=None)
)


def attacks(
    arms: Sequence[tuple[str, str]] = (("plain lm", "2.7B"), ("rlhf", "2.7B")),
    *,
    n: int = 60,
    members: int = 20,
    missing: float = 0.0,
    kind: str = "human",
    seed: int = 0,
) -> pl.DataFrame:
    """``n`` attacks on each arm; ratings and scores are missing with the given probability."""
    rng = np.random.default_rng(seed)
    total = n * len(arms)
    labels = [arm for arm in arms for _ in range(n)]
    frame = pl.DataFrame(
        {
            "model_type": [kind for kind, _ in labels],
            "num_params": [size for _, size in labels],
            "member": [f"m{i}" for i in rng.integers(members, size=total)],
            "rating": _holes(rng.integers(0, 5, size=total).astype(float), missing, rng),
            "min_harmlessness": _holes(rng.normal(size=total), missing, rng),
            "turns": rng.integers(1, 6, size=total),
            "ending": ["complete"] * total,
            "attacker_kind": [kind] * total,
            "team_type": ["crowd"] * total,
        }
    )
    absent = [pl.lit(None).alias(name) for name in ATTACK_COLUMNS if name not in frame.columns]
    whole = frame.with_columns(*absent).with_columns(outcome_expression())
    return whole.select([pl.col(name).cast(kind) for name, kind in ATTACK_COLUMNS.items()])


def _holes(values: Any, missing: float, rng: np.random.Generator) -> list[float | None]:
    gone = rng.random(len(values)) < missing
    return [None if hole else float(value) for value, hole in zip(values, gone, strict=True)]


def results(frame: pl.DataFrame, **options: Any) -> Results:
    """The results of a frame, from few resamples unless told otherwise."""
    return analyze(frame, **({"source": SOURCE, "resamples": 200} | options))
