"""What every test shares: the data beside the repository, and a repeatable hypothesis."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import Postgres
from tests.postgres import serve as serve_postgres
from tests.stub import Stub
from tests.stub import serve as serve_stub

# Tests run side by side, and threads of one that wait for a core slow all of them down. Numba, once
# loaded, would tell torch's OpenMP to take every core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as gadfly has it
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "2")  # one would hide what depends on their order

settings.register_profile(
    "gadfly", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("gadfly")

ROOT = Path(__file__).resolve().parents[1]


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a test that waits leaves its core to another."""
    return 1 + (len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through it again and again for garbage is of no use."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; tests skip where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the data folder {folder}, which a plain clone has not")
    return folder


@pytest.fixture(scope="session")
def replica(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the full size and format of the released one, made once for all workers.

    Whoever creates the folder makes the file and moves it into place; the others wait for it.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "replica"
    made = folder / "replica.jsonl.gz"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 120
        while not made.exists():
            assert time.monotonic() < deadline, "the other worker made no replica"
            time.sleep(0.1)
        return made
    part = folder / "part.jsonl.gz"
    tool = shared / "tools" / "make_replica.py"
    subprocess.run([sys.executable, str(tool), str(part)], check=True, capture_output=True)
    Path(f"{part}.expected.json").rename(f"{made}.expected.json")
    part.rename(made)
    return made


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private PostgreSQL server of this worker; tests skip where none is installed."""
    with serve_postgres() as running:
        yield running


@pytest.fixture
def stub(socket_enabled: None) -> Iterator[Stub]:
    """A stand-in for a model server."""
    with serve_stub() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.db'}"
    return str(request.getfixturevalue("postgres").new())


@pytest.fixture
def broken_connections() -> Iterator[None]:
    """For tests that break connections: pg8000 leaves a socket open that it cannot say goodbye on,
    and the complaint of the garbage collector belongs to no later test.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
