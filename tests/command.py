"""The command line as a process of its own, in which warnings are errors.

A command that a test waits for is forked from a process that has imported what most verbs need,
one for each worker: so it starts in no time. In a process started anew every verb runs in
``tests/house/test_readme.py``.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

__all__ = ["gadfly", "start"]

_PYTHON = [sys.executable, "-W", "error", "-m"]
_GADFLY = [*_PYTHON, "gadfly.cli.main"]
_WIDTH = {"COLUMNS": "120"}


def gadfly(
    *arguments: object, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """A command, run to its end; in a new Python where that is given a path of its own."""
    said = [str(argument) for argument in arguments]
    environment = os.environ | _WIDTH | env
    if "PYTHONPATH" in env:
        return subprocess.run(
            [*_GADFLY, *said],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
            env=environment,
        )
    with NamedTemporaryFile("r") as out, NamedTemporaryFile("r") as err:
        forking = _forking()
        assert forking.stdin is not None
        assert forking.stdout is not None
        asked = [said, str(cwd or Path.cwd()), environment, out.name, err.name]
        forking.stdin.write(json.dumps(asked) + "\n")
        forking.stdin.flush()
        code = int(forking.stdout.readline())
        return subprocess.CompletedProcess(said, code, out.read(), err.read())


def start(*arguments: object) -> subprocess.Popen[str]:
    """A command, begun."""
    pipe = subprocess.PIPE
    return subprocess.Popen([*_GADFLY, *map(str, arguments)], stdout=pipe, stderr=pipe, text=True)


@cache
def _forking() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*_PYTHON, "tests.command"],
        stdin=pipe,
        stdout=pipe,
        text=True,
        cwd=Path(__file__).parents[1],
        env=os.environ | _WIDTH,  # consoles look at it when they are made
    )
    atexit.register(process.communicate)  # the end of its input is the end of it
    return process


def _serve() -> None:
    """A line of JSON for each command to run; answered with its exit code."""
    import gadfly.analysis.questions
    import gadfly.analysis.report.write
    import gadfly.cli.main
    import gadfly.run.collect
    import gadfly.run.studied

    gc.freeze()
    for line in sys.stdin:
        with warnings.catch_warnings():  # polars' threads sleep, and none of its work has begun
            warnings.filterwarnings("ignore", "This process .* is multi-threaded")
            child = os.fork()
        if child == 0:
            said, folder, environment, *outputs = json.loads(line)
            for ours, theirs in enumerate((os.devnull, *outputs)):
                os.dup2(os.open(theirs, os.O_RDWR), ours)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = ["gadfly", *said]
            return gadfly.cli.main.main()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


if __name__ == "__main__":
    _serve()
