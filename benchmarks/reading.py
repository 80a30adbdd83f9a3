"""Reading the released format, against a peer and at ten times the size.

* Peer: ``orjson.loads(gzip.decompress(...))`` of the same file in the same process, by turns: what
  any program must do that looks at the data at all. Reading (checks by column, and the frame) may
  take at most twice as long.
* Growth: ten times the rows take less than 4 GB, and grow no faster than the peer does. (Both grow
  a little faster than the file, because fresh memory costs more than reused memory; the bound of
  ten times the time is on reading, analysis and report together, which ``analysis.py`` prints.)
"""

from __future__ import annotations

import gzip
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import orjson

from gadfly.records.reading import read_attack_frame

__all__ = ["main"]

BOUND_PEER = 2.0
BOUND_GB = 4.0
ROUNDS = 5

_ONCE = """
import gzip, json, resource, sys, time
from pathlib import Path
import orjson
from gadfly.records.reading import read_attack_frame
path = Path(sys.argv[1])
begun = time.perf_counter()
if sys.argv[2] == "ours":
    read_attack_frame(path)
else:
    rows = orjson.loads(gzip.decompress(path.read_bytes()))
took = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"seconds": took, "gb": peak}))
"""


def _peer(path: Path) -> float:
    begun = time.perf_counter()
    orjson.loads(gzip.decompress(path.read_bytes()))
    return time.perf_counter() - begun


def _ours(path: Path) -> float:
    begun = time.perf_counter()
    read_attack_frame(path)
    return time.perf_counter() - begun


def _once(path: Path, whose: str) -> dict[str, float]:
    """Seconds and peak memory (GB) of one reading in a fresh process, the median of three."""
    command = [sys.executable, "-c", _ONCE, str(path), whose]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    middle: dict[str, float] = sorted(runs, key=lambda run: run["seconds"])[1]
    return middle


def main(replica: Path, tenfold: Path) -> None:
    """Print the ratios and whether the bounds hold."""
    _ours(replica), _peer(replica)  # warm
    pairs = [(_ours(replica), _peer(replica)) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / peer for ours, peer in pairs)
    ours, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"reading: {ours:.2f} s, {ratio:.2f} times orjson.loads(gzip.decompress(...)) "
        f"({peer:.2f} s); allowed {BOUND_PEER:g}"
    )
    growth = {}
    for whose in ("ours", "peer"):
        one, ten = _once(replica, whose), _once(tenfold, whose)
        growth[whose] = ten["seconds"] / one["seconds"]
        if whose == "ours":
            seconds, peak = ten["seconds"], ten["gb"]
    print(
        f"reading ten times the rows: {seconds:.1f} s, {growth['ours']:.1f} times as long "
        f"(the peer: {growth['peer']:.1f} times), peak {peak:.2f} GB (allowed {BOUND_GB:g})"
    )
