"""Small studies that tests collect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

MakeStudy = Callable[..., Path]


def arm(name: str, quota: int = 10, caution: float = 2.0) -> dict[str, Any]:
    return {
        "model_type": name,
        "num_params": "small",
        "quota": quota,
        "assistant": {"kind": "scripted", "caution": caution},
    }


@pytest.fixture
def make_study(tmp_path: Path) -> MakeStudy:
    """Writes a study file; keyword arguments replace its keys."""

    def make(folder: str = "study", **changes: Any) -> Path:
        values = {
            "name": "test",
            "title": "A test",
            "purpose": "To test.",
            "team_type": "crowd",
            "seed": 7,
            "members": {"kind": "simulated", "count": 6},
            "arms": [arm("open"), arm("firm", caution=5.0)],
            "scorer": {"kind": "constant", "value": 1.5},
        }
        path = tmp_path / folder / "study.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(values | changes, sort_keys=False), encoding="utf-8")
        return path

    return make
