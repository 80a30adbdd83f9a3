"""The table of coverage as Markdown and JSON."""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.analysis.calibration.measure import Measured
from gadfly.records.canonical import pretty_json

__all__ = ["as_json", "as_markdown"]

_HEAD = """# Do the intervals hold?

Every interval that Gadfly prints was held against planted truth: {studies:,} simulated studies for
each line, drawn by `gadfly.analysis.simulate` (members of uneven activity and efficacy, arms, rater
noise, judge error, missing ratings). This table is what

```sh
make calibrate
```

printed; `calibration.json` beside it holds the same numbers. Seeds derive from the names of the
lines, so it comes out the same again.

- **Coverage**: share of 95% intervals that hold the true value of the population, ± its Monte Carlo
  standard error. **Width**: their mean width. **None**: share of studies in which the interval was
  not estimable, and said so.
- **Claim**: *approximate*, 93-97%; *conservative*, 95% or more; *anytime*, 95% or more at every
  look at once. A claim is kept where coverage is within two Monte Carlo errors of it. Outside of
  the regime there is no interval.
- Lines without a claim are shown for what they teach: intervals that treat attacks as independent
  (`--ci iid`, the paper's) cover too seldom for an arm and too often for a difference between arms
  that share members, and studies that break an assumption of the claim.
"""


def as_markdown(measured: Sequence[Measured]) -> str:
    """The page."""
    parts = [_HEAD.format(studies=measured[0].studies)]
    claimed = [m for m in measured if m.claim]
    kept = sum(m.verdict == "kept" for m in claimed)
    parts.append(f"{kept} of {len(claimed)} claims are kept.\n")
    for title, rows in (("Claimed", claimed), ("Unclaimed", [m for m in measured if not m.claim])):
        parts.append(f"## {title}\n\n{_table(rows)}")
    regimes = dict.fromkeys((m.method, m.regime) for m in claimed)
    lines = "\n".join(f"| {method} | {regime} |" for method, regime in regimes)
    parts.append(f"## Regimes\n\n| Method | Regime |\n| --- | --- |\n{lines}\n")
    return "\n".join(parts)


def as_json(measured: Sequence[Measured]) -> bytes:
    """The same for programs: a list of :class:`Measured`."""
    return pretty_json([m.model_dump(mode="json") for m in measured])


def _table(rows: Sequence[Measured]) -> str:
    head = "| Estimand | Method | Studies | Coverage | Width | None | Claim |\n"
    return head + "| --- | --- | --- | --: | --: | --: | --- |\n" + "".join(map(_row, rows))


def _row(m: Measured) -> str:
    coverage = "–"
    if m.coverage is not None and m.error is not None:
        coverage = f"{m.coverage:.1%} ± {m.error:.1%}"
    width = "–" if m.width is None else f"{m.width:.3g}"
    claim = f"{m.claim}, {m.verdict}" if m.claim else ""
    cells = (m.estimand, m.method, m.studies_like, coverage, width, f"{m.not_estimable:.1%}", claim)
    return f"| {' | '.join(cells)} |\n"
