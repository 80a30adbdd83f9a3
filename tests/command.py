"""The command line as a process of its own, in which warnings are errors.

:func:`start` begins Python anew. :func:`gadfly` forks a server that has loaded libraries, which
takes longer than most commands. Of Gadfly it has loaded nothing, and that a command loads by itself
what it needs is shown in tests/house/test_readme.py.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

__all__ = ["gadfly", "start"]

_MODULE = "gadfly.cli.main"
_GADFLY = [sys.executable, "-W", "error", "-m", _MODULE]
_SECONDS = 200
_LIBRARIES = """alembic.command altair jinja2 openai orjson pydantic rich.console scipy.optimize
    scipy.stats sklearn.linear_model sqlalchemy typer yaml"""
"""None that begins threads, as polars does: a fork would leave them behind."""


def gadfly(
    *arguments: object, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """A command, run to its end."""
    words, environment = [*map(str, arguments)], os.environ | {"COLUMNS": "120"} | env
    if "PYTHONPATH" in env:  # other libraries than these
        how: dict[str, Any] = {"cwd": cwd, "env": environment, "timeout": _SECONDS}
        return subprocess.run(
            [*_GADFLY, *words], capture_output=True, text=True, check=False, **how
        )
    with TemporaryDirectory() as folder:
        said = Path(folder, "out"), Path(folder, "err")
        given = (words, cwd or Path.cwd(), environment, said)
        process = _server().Process(target=_run, args=given)
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, _SECONDS)
        out, err = (path.read_text(encoding="utf-8") for path in said)
    return subprocess.CompletedProcess(words, process.exitcode, out, err)


@cache
def _server() -> Any:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(_LIBRARIES.split())
    return server


def _run(words: list[str], cwd: Path, environment: dict[str, str], said: tuple[Path, Path]) -> None:
    for number, path in enumerate(said, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["gadfly", *words]
    warnings.resetwarnings()
    warnings.simplefilter("error")
    runpy.run_module(_MODULE, run_name="__main__")


def start(*arguments: object) -> subprocess.Popen[str]:
    """A command, begun."""
    pipe = subprocess.PIPE
    return subprocess.Popen([*_GADFLY, *map(str, arguments)], stdout=pipe, stderr=pipe, text=True)
