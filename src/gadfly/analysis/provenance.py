"""Which software, on what input, with which arguments: the part of a result that proves it.

The commit is that of Gadfly's own checkout. An installed package has none, even where it stands
inside somebody else's checkout.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

__all__ = ["git_state", "library_versions"]

_LIBRARIES = ("numpy", "polars", "pydantic", "scikit-learn", "scipy")
_PACKAGE = Path(__file__).resolve().parents[1]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that compute numbers."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def git_state() -> tuple[str | None, bool | None]:
    """Commit and whether there are changes, or ``(None, None)`` outside Gadfly's checkout."""
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() / "src" / "gadfly" != _PACKAGE:
        return None, None
    status = _git("status", "--porcelain", "--untracked-files=no")
    return _git("rev-parse", "HEAD"), None if status is None else bool(status)


def _git(*arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  (git's own path, fixed arguments)
            [git, "-C", str(_PACKAGE), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
