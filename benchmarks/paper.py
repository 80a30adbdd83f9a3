"""The paper's analyses against the script one would write today, and at ten times the size.

Main process: pin it to two cores (``taskset -c 0,1``) to compare with the figures in the report.

* Peer: ``paper_peer``, a script of pandas, seaborn and statsmodels, and here the same numbers: what
  ``gadfly analyze`` prints of each arm, with intervals from 2,000 resamples of members (here for
  ten statistics, there for four), Figure 1 drawn with its violins, and the mixed models of appendix
  A.3 for both outcomes. Intervals that take every attack for independent, as the paper's do, cost
  any program little; that ratio is printed too.
* Bound: ``gadfly reproduce --no-map`` of the full file takes at most 45 seconds.
* Growth: ten times the attacks take at most ten times as long and less than 4 GB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["main"]

BOUND_PEER = 10.0
BOUND_SECONDS = 45.0
BOUND_GROWTH = 10.0
BOUND_GB = 4.0

_SAME = """
import json, sys, time
from pathlib import Path
from types import SimpleNamespace
begun = time.perf_counter()
import polars as pl
from gadfly.analysis.arms import arm_result
from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.figures.figure1 import figure1_svg
from gadfly.analysis.order import arms_in_order
from gadfly.analysis.statistics.mixed_linear import fit_linear
from gadfly.analysis.aggregation import named
from gadfly.analysis.topics.mixed import COVARIATES, OUTCOMES
from gadfly.analysis.topics.mixed_design import complete, design
from gadfly.records.reading import read_attack_frame
from gadfly.records.values import Arm
marks = {"import": time.perf_counter()}
frame = read_attack_frame(Path(sys.argv[1])).frame
marks["read"] = time.perf_counter()
clustered = sys.argv[2] == "cluster"
how = Bootstrap(ci=sys.argv[2], resamples=2000 if clustered else 1000)
coded = frame.with_columns(member_code=(pl.col("member").rank("dense") - 1).cast(pl.Int64))
parts = coded.partition_by("model_type", "num_params", as_dict=True)
arms = tuple(
    arm_result(
        parts[k], Arm(model_type=k[0], num_params=k[1]), mark="unverified", how=how,
        success_threshold=3,
    )[0]
    for k in arms_in_order(list(parts))
)
marks["arms"] = time.perf_counter()
figure1_svg(SimpleNamespace(arms=arms))
marks["figure"] = time.perf_counter()
used = complete(named(frame), (*OUTCOMES, *COVARIATES))
columns = design(used.frame, COVARIATES)
for name in OUTCOMES:
    fit_linear(used.frame[name].to_numpy(), columns.x, used.members)
marks["models"] = time.perf_counter()
starts = [begun, *marks.values()]
print(json.dumps({n: b - a for (n, b), a in zip(marks.items(), starts)}))
"""
_WHOLE = """
import json, resource, sys, time
from pathlib import Path
begun = time.perf_counter()
from gadfly.analysis.reproduce.reproduce import reproduce
from gadfly.analysis.reproduce.write import write_reproduction
from gadfly.run.reproduce import reproducible
given = reproducible(Path(sys.argv[1]))
found = reproduce(given.frame, source=given.source)
write_reproduction(found, Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds, "attacks": given.frame.height, "gb": peak}))
"""


def _run(*command: str) -> dict[str, float]:
    """What a fresh process measured of itself."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _steps(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in found.items())


def same(path: Path, ci: str) -> dict[str, float]:
    """Seconds of each step to the numbers that the peer makes; ``ci`` is cluster or iid."""
    return _run("-c", _SAME, str(path), ci)


def whole(path: Path) -> dict[str, float]:
    """Seconds, attacks and peak memory (GB) of a reproduction without the map."""
    with tempfile.TemporaryDirectory() as folder:
        return _run("-c", _WHOLE, str(path), folder)


def main(replica: Path, tenfold: Path | None = None) -> bool:
    """Print the ratios; whether every bound holds."""
    good = True
    for ci, words in (("cluster", "members resampled"), ("iid", "attacks resampled")):
        peer = _run("-m", "benchmarks.paper_peer", str(replica), *(["--iid"] * (ci == "iid")))
        ours = same(replica, ci)
        ratio = sum(peer.values()) / sum(ours.values())
        bound = f", {BOUND_PEER:.0f} wanted" if ci == "cluster" else ""
        good = good and (ci == "iid" or ratio >= BOUND_PEER)
        seconds = sum(ours.values()), sum(peer.values())
        print(
            f"paper     arms, Figure 1 and A.3, {words}: {seconds[0]:.1f} s ({_steps(ours)}), "
            f"pandas, seaborn and statsmodels {seconds[1]:.1f} s ({_steps(peer)}) = {ratio:.1f} "
            f"times as long{bound}"
        )
    small = whole(replica)
    good = good and small["seconds"] <= BOUND_SECONDS
    print(
        f"paper     reproduce without the map, {small['attacks']:,} attacks: "
        f"{small['seconds']:.1f} s = {small['seconds'] / BOUND_SECONDS:.2f} of the bound of "
        f"{BOUND_SECONDS:.0f} s, peak {small['gb']:.2f} GB"
    )
    if tenfold is not None:
        big = whole(tenfold)
        growth = big["seconds"] / small["seconds"]
        good = good and growth <= BOUND_GROWTH and big["gb"] < BOUND_GB
        print(
            f"paper     {big['attacks']:,} attacks: {big['seconds']:.1f} s = {growth:.1f} x, peak "
            f"{big['gb']:.2f} GB = {big['gb'] / BOUND_GB:.2f} of the bound of {BOUND_GB:.0f} GB"
        )
    return good


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    sys.exit(0 if main(*paths) else 1)
