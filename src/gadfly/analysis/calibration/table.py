"""The table of coverage as Markdown and JSON."""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.analysis.calibration.measure import Measured, claimed_coverage
from gadfly.analysis.statistics.activity import RELATED
from gadfly.analysis.statistics.likeness import ALIKE
from gadfly.records.canonical import pretty_json

__all__ = ["as_json", "as_markdown"]

_HEAD = """# Do the intervals hold?

The intervals below were held against planted truth: {studies:,} simulated studies for each line,
drawn by `gadfly.analysis.simulate` (members of uneven activity and efficacy, arms, rater
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
  look at once. A claim is kept where coverage is within two Monte Carlo errors of it.
- Lines that share their studies were estimated from the same ones, so they are not independent.
  `Efficacy` is one member's true efficacy less its estimate, of each study anew.
- Outside of its regime a method gives no interval, and says why. Of what a regime assumes, that
  members who attack more often do not have higher or lower values can be seen in part: beside the
  intervals of an arm stands a reason where they do (p < 0.05), and there is none where a
  correlation beyond {related} over members is shown (p < 0.001). Where it goes unseen, intervals
  are too narrow (lines "the active ones succeed more"). Means by member, and differences between
  arms, do not assume it. That members differ by no more than the attacks of one do, which tails
  assume, is enforced likewise: none where an intraclass correlation beyond {alike} is shown, and
  where it goes unseen tails hold less (lines "twice as far apart"). Rates assume no more than twice
  what the attacks of one differ; of rare successes data could not show it, and lines "three times"
  show what becomes of them.
- Calibration bins and errors are less the truth of the bins of their study. "By the coin" are arms
  drawn by the rule of `redteam.assignment`; more of such studies are in the tests
  (`tests/analysis/test_contrasts.py`). What is not in the table was not measured.
- Methods and regimes were chosen by earlier runs of this same simulation, in part with the same
  seeds, and mostly with efficacy of one spread. It shows that they work in studies like these, not
  in all: where members are twice or three times as far apart as the attacks of one, some hold less
  (unclaimed lines).
  What was changed after its numbers were seen:
{changed}
- Lines without a claim are shown for what they teach: intervals that treat attacks as independent
  (`--ci iid`, the paper's) cover too seldom for an arm and too often for a difference between arms
  that each member attacks equally often (where arms are drawn by plain chance instead, they do
  not), and studies that break an assumption of the claim.
"""


_CHANGED = (
    "exact intervals over members: degrees of freedom, and a variance drawn up where few members "
    "say how alike the attacks of one are; quantiles: values beyond them that are worth enough",
    "tail means: wider by the same, and none where members are shown to differ more than attacks",
    "efficacy: errors of prediction instead of lme4's conditional variances (unclaimed lines)",
    "ICC of ratings in steps: items resampled instead of F",
    "tag entropy and self-similarity: symmetric t around the estimate instead of percentiles "
    "beside it",
    "correlations: from 30 effective members; standard deviations: symmetric t, from 50",
    "rates by a judge's errors elsewhere: its threshold is chosen by other members' labels",
    "differences of few members (below 12 effective): wild bootstrap instead of percentiles; of "
    "rare rates, drawn at random too: MOVER instead of percentiles; coefficients of mixed models: "
    "t by member",
    "shares of repeats: members left out with what only repeated theirs",
    "Gini's coefficient and Chao2, a lower bound: no interval any more",
    "anytime intervals of an arm: degrees of freedom by how few members had all that is not common",
    "learning and fatigue: without the last attack",
)


def as_markdown(measured: Sequence[Measured]) -> str:
    """The page."""
    parts = [
        _HEAD.format(
            studies=measured[0].studies,
            related=RELATED,
            alike=ALIKE,
            changed="\n".join(f"  - {x}" for x in _CHANGED),
        )
    ]
    claimed = [m for m in measured if m.claim]
    kept = sum(m.verdict == "kept" for m in claimed)
    outside = [m for m in claimed if m.verdict == "kept" and not _inside(m)]
    parts.append(
        f"{kept} of {len(claimed)} claims are kept, {len(outside)} of them only within the Monte "
        f"Carlo error: {'; '.join(f'{m.name} ({m.coverage:.1%})' for m in outside) or 'none'}.\n"
    )
    for title, rows in (("Claimed", claimed), ("Unclaimed", [m for m in measured if not m.claim])):
        parts.append(f"## {title}\n\n{_table(rows)}")
    regimes = dict.fromkeys((m.method, m.regime) for m in claimed)
    lines = "\n".join(f"| {method} | {regime} |" for method, regime in regimes)
    parts.append(f"## Regimes\n\n| Method | Regime |\n| --- | --- |\n{lines}\n")
    return "\n".join(parts)


def as_json(measured: Sequence[Measured]) -> bytes:
    """The same for programs: a list of :class:`Measured`."""
    return pretty_json([m.model_dump(mode="json") for m in measured])


def _inside(m: Measured) -> bool:
    """Whether the coverage itself is as claimed."""
    low, high = claimed_coverage(m.claim)
    return m.coverage is not None and low <= m.coverage <= high


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
