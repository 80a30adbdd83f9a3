"""Coverage of an interval over many simulated studies.

An entry names a method, what is claimed of it, the studies that it meets and the true value. Each
study's seed is derived from the entry's name (or the one it shares with others that come of the
same estimates) and the study's number, so a number in the table can be made again alone. An
interval covers where it holds the truth, at every look where it is made at several; a study in
which there is none counts as not estimable, and in no coverage.

The Monte Carlo error is the binomial one, √(c (1 - c) / studies). A claim is kept where coverage is
within twice that error of what is claimed: 93-97% (approximate), at least 95% (conservative,
anytime).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal

from threadpoolctl import threadpool_limits

from gadfly.analysis.calibration.entry import Entry
from gadfly.analysis.simulate import simulate
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["Measured", "claimed_coverage", "measure", "measure_all"]

Verdict = Literal["kept", "broken", "no claim"]
_PORTION = 50  # studies in one task of a process
_SLACK = 2  # Monte Carlo errors


class Measured(Record):
    """What came of an entry."""

    name: str
    """Its name."""
    method: str
    """The method."""
    estimand: str
    """What was estimated."""
    studies_like: str
    """What the studies were like."""
    claim: str
    """Class claimed: approximate, conservative, anytime; empty where nothing is."""
    regime: str
    """Where it is claimed, in words; empty where nothing is."""
    truth: float
    """The true value."""
    studies: int
    """Number of simulated studies."""
    coverage: float | None
    """Share of the intervals that hold the truth; null where no study had one."""
    error: float | None
    """Its Monte Carlo standard error."""
    width: float | None
    """Mean width of the intervals, in the unit of what is estimated."""
    not_estimable: float
    """Share of the studies without an interval."""
    verdict: Verdict
    """Whether the claim was kept."""


@dataclass(frozen=True)
class _Count:
    """Intervals of some studies."""

    made: int
    held: int
    width: float


def measure(entry: Entry, studies: int) -> Measured:
    """An entry in this process."""
    starts = range(0, studies, _PORTION)
    counts = [_count([entry], start, min(start + _PORTION, studies))[0] for start in starts]
    return _summed(entry, studies, counts)


def measure_all(
    entries: Sequence[Entry],
    studies: int,
    *,
    processes: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Measured]:
    """All entries over several processes; ``progress`` gets (studies done, studies)."""
    together: dict[str, list[Entry]] = {}
    for entry in entries:
        together.setdefault(entry.seeds, []).append(entry)
    counts: dict[str, list[_Count]] = {entry.name: [] for entry in entries}
    done, total = 0, studies * len(together)
    fresh = get_context("spawn")  # polars' threads do not survive a fork
    with ProcessPoolExecutor(max_workers=processes, mp_context=fresh) as pool:
        tasks = {
            pool.submit(_count, group, start, min(start + _PORTION, studies)): (group, start)
            for group in together.values()
            for start in range(0, studies, _PORTION)
        }
        for task in as_completed(tasks):
            group, start = tasks[task]
            for entry, count in zip(group, task.result(), strict=True):
                counts[entry.name].append(count)
            done += min(_PORTION, studies - start)
            if progress:
                progress(done, total)
    return [_summed(entry, studies, counts[entry.name]) for entry in entries]


def seed_of_study(name: str, study: int) -> int:
    """The seed of one study of an entry, 48 bits."""
    digest = hashlib.sha256(f"{name}\n{study}".encode())
    return int.from_bytes(digest.digest()[:6], "big")


def _count(entries: Sequence[Entry], start: int, end: int) -> list[_Count]:
    """Intervals of some studies, by entry; all entries are parts of the same estimates."""
    first = entries[0]
    found: list[list[Sequence[Estimate]]] = [[] for _ in entries]
    with threadpool_limits(1):  # processes are as many as cores
        for study in range(start, end):
            seed = seed_of_study(first.seeds, study)
            all_parts = first.of.estimates(simulate(first.on.settings, seed), seed)
            for entry, studies in zip(entries, found, strict=True):
                part = entry.of.part
                studies.append(all_parts if part is None else all_parts[part : part + 1])
    return [_counted(e.of.truth(e.on.settings), s) for e, s in zip(entries, found, strict=True)]


def _counted(truth: float, studies: Sequence[Sequence[Estimate]]) -> _Count:
    made = [
        (looks, last.high - last.low)
        for looks in studies
        if (last := looks[-1]).low is not None and last.high is not None
    ]
    held = sum(all(_holds(look, truth) for look in looks) for looks, _ in made)
    return _Count(len(made), held, math.fsum(width for _, width in made))


def _holds(look: Estimate, truth: float) -> bool:
    """Whether a look does not rule the truth out."""
    return look.low is None or look.high is None or look.low <= truth <= look.high


def _summed(entry: Entry, studies: int, counts: Sequence[_Count]) -> Measured:
    made = sum(count.made for count in counts)
    coverage = sum(count.held for count in counts) / made if made else None
    # a share of 0 or 1 has an error too: half a study more or less
    near = None if coverage is None else min(max(coverage, 0.5 / made), 1 - 0.5 / made)
    error = None if near is None else math.sqrt(near * (1 - near) / made)
    regime = entry.by.regime
    return Measured(
        name=entry.name,
        method=entry.by.words,
        estimand=entry.of.words,
        studies_like=entry.on.words,
        claim=regime.kind if regime else "",
        regime=regime.words if regime else "",
        truth=entry.of.truth(entry.on.settings),
        studies=studies,
        coverage=coverage,
        error=error,
        width=math.fsum(count.width for count in counts) / made if made else None,
        not_estimable=1 - made / studies,
        verdict=_verdict(regime, coverage, error),
    )


def claimed_coverage(kind: str) -> tuple[float, float]:
    """Coverage that a class of methods claims for 95% intervals."""
    return (0.93, 0.97) if kind == "approximate" else (0.95, 1.0)


def _verdict(regime: Regime | None, coverage: float | None, error: float | None) -> Verdict:
    if regime is None:
        return "no claim"
    if coverage is None or error is None:
        return "broken"
    low, high = claimed_coverage(regime.kind)
    slack = _SLACK * error
    return "kept" if low - slack <= coverage <= high + slack else "broken"
