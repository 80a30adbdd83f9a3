"""A private PostgreSQL server for tests: its own folder, its own socket, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pg8000.dbapi
import pytest

HOW = "no PostgreSQL server here: apt install postgresql (or put initdb and postgres on PATH)"
USER = "gadfly"


@dataclass
class Postgres:
    """A running server."""

    folder: Path
    process: subprocess.Popen[bytes]
    made: int = 0

    def url(self, name: str) -> str:
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def new(self) -> str:
        """The URL of a new empty database."""
        self.made += 1
        self.run(f"CREATE DATABASE test{self.made}")
        return self.url(f"test{self.made}")

    def run(self, sql: str, database: str = "postgres") -> None:
        socket = f"{self.folder}/.s.PGSQL.5432"
        with closing(pg8000.dbapi.connect(USER, database=database, unix_sock=socket)) as c:
            c.autocommit = True
            c.cursor().execute(sql)


def binary(name: str) -> str | None:
    """A program of PostgreSQL, on PATH or where Debian puts it."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else None)


@contextmanager
def serve() -> Iterator[Postgres]:
    """Run a server for a while; as another user where this one is root, whom it refuses.

    Tests skip where none is installed.
    """
    if binary("initdb") is None or binary("postgres") is None:
        pytest.skip(HOW)
    root = os.geteuid() == 0
    who = {"user": "postgres", "group": "postgres", "extra_groups": ()} if root else {}
    folder = Path(tempfile.mkdtemp(prefix="gadfly-pg-"))
    if root:
        shutil.chown(folder, "postgres", "postgres")
    environment = {**os.environ, "LC_ALL": "C", "HOME": str(folder)}
    data = folder / "data"
    setup = [binary("initdb"), "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(setup, check=True, capture_output=True, cwd=folder, env=environment, **who)
    # Tests kill processes, never the machine: what the server has written, its kernel keeps.
    settings = ["-c", "max_connections=200", "-c", "fsync=off", "-c", "full_page_writes=off"]
    server = [binary("postgres"), "-D", data, "-k", folder, "-h", "", *settings]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            server, stdout=log, stderr=log, cwd=folder, env=environment, **who
        )
    running = Postgres(folder, process)
    try:
        _wait(running)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Postgres) -> None:
    until = time.monotonic() + 60
    ready = [binary("pg_isready") or "pg_isready", "-q", "-h", str(server.folder)]
    while subprocess.run(ready, check=False).returncode != 0:
        if time.monotonic() > until or server.process.poll() is not None:
            raise RuntimeError((server.folder / "log").read_text())
        time.sleep(0.05)
