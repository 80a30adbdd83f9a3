"""Analysis and report against a peer, against the bound, and at ten times the size.

Main process: pin it to two cores (``taskset -c 0,1``) to compare with the figures in the report.

* Peer: the same ten statistics of one arm, 2,000 resamples of members each, as a plain loop that
  writes every resample out and calls numpy's functions, as one would write it in a notebook.
* Bound: reading the full file, analysing it and writing the report takes at most 10 seconds.
* Growth: ten times the attacks take at most ten times as long to analyse and less than 4 GB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

__all__ = ["main"]

BOUND_SECONDS = 10.0
BOUND_GROWTH = 10.0
BOUND_GB = 4.0

_WHOLE = """
import json, resource, sys, time
from pathlib import Path
begun = time.perf_counter()
from gadfly.analysis.analyze import analyze
from gadfly.analysis.report.write import write_report
from gadfly.analysis.results import SourceInfo
from gadfly.records.reading import read_attack_frame
marks = [time.perf_counter()]
path = Path(sys.argv[1])
frame = read_attack_frame(path).frame
marks.append(time.perf_counter())
results = analyze(frame, source=SourceInfo(title="benchmark", name=path.name), ci=sys.argv[3])
marks.append(time.perf_counter())
write_report(results, Path(sys.argv[2]))
marks.append(time.perf_counter())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
names = ("import", "read", "analyse", "report")
steps = {n: b - a for n, a, b in zip(names, [begun, *marks], marks)}
print(json.dumps(steps | {"whole": marks[-1] - begun, "attacks": frame.height, "gb": peak}))
"""


def whole(path: Path, ci: str = "cluster") -> dict[str, float]:
    """Seconds of each step and peak memory (GB) of a fresh process, start of Python left out."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _WHOLE, str(path), folder, ci]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def plain_loop(
    values: np.ndarray, ratings: np.ndarray, turns: np.ndarray, rows: list[np.ndarray]
) -> int:
    """The peer: 2,000 resamples of members written out; returns how many numbers it made."""
    rng = np.random.default_rng(0)
    made = 0
    for _ in range(2000):
        drawn = np.concatenate([rows[m] for m in rng.integers(len(rows), size=len(rows))])
        scores = np.sort(values[drawn])
        numbers = [
            scores.mean(),
            *np.quantile(scores, [0.05, 0.25, 0.5, 0.75]),
            *(scores[: max(1, int(alpha * len(scores)))].mean() for alpha in (0.01, 0.05)),
            ratings[drawn].mean(),
            (ratings[drawn] >= 3).mean(),
            turns[drawn].mean(),
        ]
        made += len(numbers)
    return made


def against_peer(frame: pl.DataFrame) -> tuple[float, float]:
    """Seconds for the largest arm: ours (with density and bookkeeping), and the plain loop's."""
    from gadfly.analysis.analyze import analyze
    from gadfly.analysis.results import SourceInfo

    sizes = frame.group_by("model_type", "num_params").len().sort("len", descending=True)
    kind, size, _ = sizes.row(0)
    arm = frame.filter(model_type=kind, num_params=size)
    source = SourceInfo(title="benchmark", name="one arm")
    analyze(arm, source=source)
    begun = time.perf_counter()
    analyze(arm, source=source)
    ours = time.perf_counter() - begun
    members = arm["member"].rank("dense").to_numpy()
    rows = [np.flatnonzero(members == member) for member in np.unique(members)]
    columns = (arm[name].to_numpy() for name in ("min_harmlessness", "rating", "turns"))
    begun = time.perf_counter()
    plain_loop(*columns, rows)
    return ours, time.perf_counter() - begun


def main(replica: Path, tenfold: Path | None = None) -> bool:
    """Print the ratios; whether every bound holds."""
    from gadfly.records.reading import read_attack_frame

    ours, peer = against_peer(read_attack_frame(replica).frame)
    print(
        f"analysis  one arm, 10 statistics x 2,000 resamples: {ours:.2f} s, "
        f"plain numpy loop {peer:.2f} s = {peer / ours:.1f} times as long"
    )
    small = whole(replica)
    good = small["whole"] <= BOUND_SECONDS
    steps = ", ".join(
        f"{name} {small[name]:.2f}" for name in ("import", "read", "analyse", "report")
    )
    print(
        f"analysis  {small['attacks']:,} attacks, file to report: {small['whole']:.2f} s "
        f"({steps}) = {small['whole'] / BOUND_SECONDS:.2f} of the bound of {BOUND_SECONDS:.0f} s"
    )
    iid = whole(replica, "iid")
    print(
        f"analysis  intervals by attack (iid): {iid['analyse'] / small['analyse']:.1f} x by member"
    )
    if tenfold is not None:
        big = whole(tenfold)
        growth = (big["whole"] / small["whole"], big["analyse"] / small["analyse"])
        good = good and growth[0] <= BOUND_GROWTH and big["gb"] < BOUND_GB
        print(
            f"analysis  {big['attacks']:,} attacks: {big['whole']:.1f} s = {growth[0]:.1f} x "
            f"(analysis alone {big['analyse']:.1f} s = {growth[1]:.1f} x), peak "
            f"{big['gb']:.2f} GB = {big['gb'] / BOUND_GB:.2f} of the bound of {BOUND_GB:.0f} GB"
        )
    return good


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    sys.exit(0 if main(*paths) else 1)
