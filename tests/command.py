"""The command line as a process of its own, in which warnings are errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["gadfly", "start"]

_GADFLY = [sys.executable, "-W", "error", "-m", "gadfly.cli.main"]


def gadfly(
    *arguments: object, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """A command, run to its end."""
    return subprocess.run(
        [*_GADFLY, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env=os.environ | {"COLUMNS": "120"} | env,
    )


def start(*arguments: object) -> subprocess.Popen[str]:
    """A command, begun."""
    pipe = subprocess.PIPE
    return subprocess.Popen([*_GADFLY, *map(str, arguments)], stdout=pipe, stderr=pipe, text=True)
