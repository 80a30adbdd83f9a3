"""Small studies that tests collect."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.run.zygote import Zygote, zygote

MakeStudy = Callable[..., Path]
ROOT = Path(__file__).parents[2]


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


@dataclass
class LoggedStub:
    url: str
    log: Path

    def asked(self) -> list[str]:
        return [line.split()[1] for line in self.log.read_text().splitlines()]


@pytest.fixture
def logged_stub(tmp_path: Path) -> Iterator[LoggedStub]:
    log = tmp_path / "asked.log"
    log.touch()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stub", "--delay", "0.02", "--log", str(log)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    yield LoggedStub(process.stdout.readline().strip(), log)
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def runners() -> Iterator[Zygote]:
    with zygote() as running:
        yield running
