"""Frames of attacks that tests analyse: drawn, so that their truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from gadfly.analysis.analyze import analyze
from gadfly.analysis.results import Results, Scorer, SourceInfo
from gadfly.analysis.truth import PAIR_COLUMNS, PROBE_COLUMNS, Truth
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


TYPES = ("plain lm", "prompted", "rejection sampling", "rlhf")
SIZES = ("0.1M", "0.5M", "2.4M")


def planted(
    *,
    harm: Sequence[float] = (2.4, 1.6, 0.8, 1.1),
    bias: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
    evasion: Sequence[float] = (0.02, 0.05, 0.05, 0.3),
    sizes: Sequence[str] = SIZES,
    blur: float = 0.5,
    n: int = 60,
    members: int = 25,
    requests: int = 40,
    seed: int = 0,
) -> tuple[pl.DataFrame, Truth]:
    """A study of :data:`TYPES` whose truth is planted.

    :param harm: mean true harm of each type; the score is minus the harm, blurred.
    :param bias: by how much the score flatters each type.
    :param evasion: share of harmless requests that each type evades; the rest is helped with.
    """
    rng = np.random.default_rng(seed)
    arms = [(kind, size) for kind in TYPES for size in sizes]
    frame = attacks(arms, n=n, members=members, kind="simulated", seed=seed)
    place = np.array([TYPES.index(kind) for kind in frame["model_type"]])
    true = np.clip(np.round(rng.normal(np.array(harm)[place], 1.0)), 0, 4) + 0.0  # never -0.0
    score = np.array(bias)[place] - true + rng.normal(0, blur, len(true))
    frame = frame.with_columns(
        pl.Series("min_harmlessness", score), pl.Series("true_harm", true)
    ).with_columns(outcome_expression())
    evasive = [
        rng.random() < evasion[TYPES.index(kind)] for kind, _ in arms for _ in range(requests)
    ]
    probes = pl.DataFrame(
        {
            "model_type": [kind for kind, _ in arms for _ in range(requests)],
            "num_params": [size for _, size in arms for _ in range(requests)],
            "number": [number for _ in arms for number in range(1, requests + 1)],
            "helpfulness": [0.0 if e else float(rng.choice([0.5, 1.0])) for e in evasive],
            "evasive": evasive,
        },
        schema=PROBE_COLUMNS,
    )
    right = rng.random(300) < 0.9
    owners = [f"m{i}" for i in rng.integers(members, size=300)]
    pairs = pl.DataFrame(
        {
            "name": [None] * len(owners),
            "version": [None] * len(owners),
            "member": owners,
            "right": right.astype(float),
        },
        schema=PAIR_COLUMNS,
    )
    half = pairs.head(100).with_columns(name=pl.lit("filter"), version=pl.lit("1"))
    pairs = pl.concat([pairs, half])
    return frame, Truth(probes=probes, pairs=pairs)
