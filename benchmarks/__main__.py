"""Print performance as ratios against a peer or a bound, each measured in this run.

    make bench [REPLICA=FILE TENFOLD=FILE]

The inputs are synthetic copies of the released red-team file, at its size and ten times that. They
are made by a tool in the folder ``shared`` beside the repository; without it, give the files.
Calls are measured against a stand-in server on this machine. Numbers of single runs on a shared
machine are noisy: compare ratios, not seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import analysis, calls, paper, reading, report, sampling, scoring, site, town

ROOT = Path(__file__).resolve().parents[1]
ROWS = 389_610


def _made(name: str, folder: Path, *options: str) -> Path:
    """An input: given by the environment, or made."""
    if given := os.environ.get(name):
        return Path(given)
    tool = ROOT.parent / "shared" / "tools" / "make_replica.py"
    if not tool.exists():
        sys.exit(f"needs {tool}, or {name}=FILE in the environment")
    path = folder / f"{name.lower()}.jsonl.gz"
    print(f"making {path.name} ...", flush=True)
    command = [sys.executable, str(tool), str(path), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def _help() -> None:
    """How long a person waits for the list of verbs, beside an empty interpreter."""
    program = Path(sys.executable).parent / "gadfly"

    def best(command: list[str]) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - started)
        return sorted(times)[2]

    mine, empty = best([str(program), "--help"]), best([sys.executable, "-c", "pass"])
    print(f"gadfly --help: {mine:.2f} s of 0.50 s allowed; an empty interpreter {empty:.2f} s")


def main() -> None:
    """Run every benchmark."""
    _help()
    with tempfile.TemporaryDirectory() as folder:
        replica = _made("REPLICA", Path(folder))
        tenfold = _made("TENFOLD", Path(folder), "--rows", str(ROWS))
        reading.main(replica, tenfold)
        analysis.main(replica, tenfold)
        paper.main(replica, tenfold)
        report.main(replica)
        scoring.main(replica)
    calls.main()
    site.main()
    town.main()
    sampling.main()


if __name__ == "__main__":
    main()
