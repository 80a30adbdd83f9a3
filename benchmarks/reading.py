"""Reading the released format, against a peer and at ten times the size.

* Peer: ``orjson.loads(gzip.decompress(...))`` of the same file in the same process, by turns: what
  any program must do that looks at the data at all. Reading (checks by column, and the frame) may
  take at most twice as long.
* Growth: ten times the rows take at most ten times as long and less than 4 GB.
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
BOUND_GROWTH = 10.0
BOUND_GB = 4.0
ROUNDS = 5

_ONCE = """
import json, resource, sys, time
from gadfly.records.reading import read_attack_frame
begun = time.perf_counter()
rows = read_attack_frame(sys.argv[1]).frame.height
took = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"rows": rows, "seconds": took, "gb": peak}))
"""


def _peer(path: Path) -> float:
    begun = time.perf_counter()
    orjson.loads(gzip.decompress(path.read_bytes()))
    return time.perf_counter() - begun


def _ours(path: Path) -> float:
    begun = time.perf_counter()
    read_attack_frame(path)
    return time.perf_counter() - begun


def _once(path: Path) -> dict[str, float]:
    """Seconds and peak memory (GB) of one reading in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", _ONCE, str(path)], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


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
    one, ten = _once(replica), _once(tenfold)
    print(
        f"reading {ten['rows']:,.0f} rows: {ten['seconds']:.1f} s, "
        f"{ten['seconds'] / one['seconds']:.1f} times {one['rows']:,.0f} rows "
        f"(allowed {BOUND_GROWTH:g}), peak {ten['gb']:.2f} GB (allowed {BOUND_GB:g})"
    )
