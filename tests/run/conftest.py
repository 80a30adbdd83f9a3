"""Small studies that tests collect."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gadfly.records.values import Attack
from gadfly.run.assemble import OpenStudy, open_study
from gadfly.run.collect import Collected, collect
from gadfly.run.gather import gather
from gadfly.store.store import Store
from gadfly.study.protocol import load_study
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


def served(name: str, url: str, quota: int = 2, **more: Any) -> dict[str, Any]:
    """An arm on a server."""
    endpoint = {"kind": "endpoint", "base_url": url, "model": "m"}
    return {"model_type": name, "num_params": "t", "quota": quota, "assistant": endpoint} | more


def allowed(url: str) -> dict[str, Any]:
    """The launch facts of a study on a server."""
    return {"contact": "Ada", "authorisations": {url: "my own server"}}


@contextmanager
def opened(path: Path, database: str | None = None, **options: Any) -> Iterator[OpenStudy]:
    """A study with its database, beside its file unless told otherwise."""
    file = load_study(path)
    with closing(Store(database or file.database_url)) as store:
        yield open_study(file, store, **options)


def collected(
    path: Path, database: str | None = None, *, amend: bool = False, **options: Any
) -> Collected:
    """A study, collected."""
    with opened(path, database, amend=amend) as study:
        return asyncio.run(collect(study, **{"concurrency": 8} | options))


def collected_attacks(
    path: Path, database: str | None = None, *, over_only: bool = True
) -> list[Attack]:
    """The attacks that a study has kept."""
    with opened(path, database, create=False) as study:
        return list(gather(study, over_only=over_only).values())


def kept_events(path: Path, database: str | None = None) -> dict[int, list[tuple[int, str]]]:
    """The events that a study has kept."""
    with closing(Store(database or load_study(path).database_url)) as store:
        return store.events(1)


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
