"""Frames of attacks that tests analyse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.results import Scorer as ScorerInfo
from gadfly.analysis.results import SourceInfo
from gadfly.records.reading import read_attack_frame

SOURCE = SourceInfo(
    title="A test", name="test.json", scorer=ScorerInfo(name="published", version="unknown")
)
EXPECTED = {
    "rating_mean": "rating",
    "success_rate": "success_rate",
    "mean": "harmlessness",
    "q05": "q05",
    "q25": "q25",
    "q50": "median",
    "q75": "q75",
    "cvar05": "cvar05",
    "cvar01": "cvar01",
}
"""Names in a replica's expected numbers, and ours of the same."""


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """A frame from rows that name only what matters."""
    plain = {
        "model_type": "plain lm",
        "num_params": "2.7B",
        "member": "m",
        "rating": 1.0,
        "min_harmlessness": 0.0,
        "task_description_harmlessness": 0.0,
        "turns": 3,
        "is_upworker": False,
        "tags": None,
        "ending": "complete",
        "outcome": "scored",
        "attacker_kind": "human",
        "team_type": "crowd",
    }
    types = {"tags": pl.List(pl.String), "rating": pl.Float64, "min_harmlessness": pl.Float64}
    return pl.DataFrame([plain | row for row in rows], schema_overrides=types)


def study(seed: int, *, members: int = 30, each: int = 20, spread: float = 0.5) -> pl.DataFrame:
    """Two arms; members differ by ``spread`` in the scores they reach."""
    rng = np.random.default_rng(seed)
    effect = rng.normal(0, spread, members)
    rows = [
        {
            "model_type": ("plain lm", "rlhf")[k % 2],
            "member": f"m{m}",
            "rating": float(rng.integers(0, 5)),
            "min_harmlessness": float(effect[m] + rng.normal()),
            "turns": int(rng.integers(1, 6)),
        }
        for m in range(members)
        for k in range(each)
    ]
    return frame(rows)


@pytest.fixture(scope="session")
def expected(replica: Path) -> dict[str, Any]:
    """What a correct analysis of the replica returns."""
    found: dict[str, Any] = json.loads(Path(f"{replica}.expected.json").read_text())
    return found


@pytest.fixture(scope="session")
def replica_frame(replica: Path) -> pl.DataFrame:
    """The replica as a frame."""
    return read_attack_frame(replica).frame
