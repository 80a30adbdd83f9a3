"""The map of a full-size file, and how soon the report that holds it is seen.

Main process: pin it to two cores (``taskset -c 0,1``) to compare with the figures in the report.

* Bound: ``gadfly reproduce`` with the map, nothing kept from before, takes at most 150 seconds
  longer than without it.
* Bound: its report is painted in Chromium at most 2 seconds after it is opened; the median of five.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

__all__ = ["main"]

BOUND_MAP = 150.0
BOUND_OPEN = 2.0
_PAINTED = "() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"


def _reproduced(path: Path, out: Path, *options: str) -> float:
    """Seconds of the whole command."""
    program = Path(sys.executable).parent / "gadfly"
    command = [str(program), "reproduce", str(path), "--out", str(out), *options]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _opened(page: Path) -> float:
    """Seconds until a fresh browser has painted the page."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))))
    flags = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    times = []
    with sync_playwright() as driver:
        for _ in range(5):
            browser = driver.chromium.launch(executable_path=program, args=flags)
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            started = time.perf_counter()
            tab.goto(page.as_uri())
            tab.evaluate(_PAINTED)
            times.append(time.perf_counter() - started)
            browser.close()
    return statistics.median(times)


def main(path: Path) -> None:
    """Print both."""
    with tempfile.TemporaryDirectory() as folder:
        without = _reproduced(path, Path(folder, "a"), "--no-map")
        more = _reproduced(path, Path(folder, "b")) - without
        print(
            f"the map: {more:.1f} s of {BOUND_MAP:.0f} allowed ({more / BOUND_MAP:.2f}), "
            f"all else {without:.1f} s",
            flush=True,
        )
        report = Path(folder, "b", "report.html")
        seconds, size = _opened(report), report.stat().st_size / 2**20
        print(
            f"the report with it: painted after {seconds:.2f} s of {BOUND_OPEN:.0f} allowed "
            f"({seconds / BOUND_OPEN:.2f}), {size:.1f} MB"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
