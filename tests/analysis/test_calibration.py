"""A small version of ``make calibrate``, and the committed table.

With 200 studies a coverage of .95 has a Monte Carlo error of .015; the bounds are wide and yet
fail intervals that take attacks as independent.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from gadfly.analysis.calibration import truths
from gadfly.analysis.calibration.entries import ENTRIES
from gadfly.analysis.calibration.entry import Entry, Studies
from gadfly.analysis.calibration.measure import Measured, measure, measure_all
from gadfly.analysis.calibration.table import as_json, as_markdown
from gadfly.analysis.simulate import Settings, simulate
from gadfly.analysis.statistics.auc import AUC

DOCS = Path(__file__).parents[2] / "docs"
BY_NAME = {entry.name: entry for entry in ENTRIES}
BIG = Settings(members=20_000, attacks=200_000)
THREE = Studies("3 members", Settings(members=3))


def coverage(name: str, studies: int = 200) -> float:
    found = measure(BY_NAME[name], studies).coverage
    assert found is not None
    return found


@pytest.mark.parametrize(
    "name",
    [
        "mean rating, 12 even members",
        "success rate, 12 even members",
        "5% quantile, 20 even members",
        "contrast within members, wild",
        "difference of mean ratings, 6 members against 100",
        "effect of a group of members on the score, linear, 12 members, every arm each",
        "efficacy of the busiest member, efficacy, 12 even members",
        "entropy of tags, tags, 12 even members",
    ],
)
def test_intervals_over_members_hold(name: str) -> None:
    assert coverage(name) > 0.95 - 4 * 0.015


def test_independent_attacks_miss_an_arms_mean_and_overstate_a_difference_within_members() -> None:
    assert coverage("iid mean rating") < 0.8
    assert coverage("iid contrast") > coverage("iid mean rating") + 0.15


def test_processes_and_portions_change_no_number() -> None:
    alone = BY_NAME["success rate, 6 even members"]
    shared = [entry for entry in ENTRIES if entry.seeds == "efficacy, 12 even members"]
    assert len(shared) == 2
    entries = [alone, *shared]
    assert measure_all(entries, 70, processes=2) == [measure(entry, 70) for entry in entries]


def test_names_are_unique_and_entries_travel_to_other_processes() -> None:
    assert len(BY_NAME) == len(ENTRIES)
    assert [pickle.loads(pickle.dumps(entry)).name for entry in ENTRIES] == list(BY_NAME)


def test_parts_of_one_estimate_share_its_studies_and_its_length() -> None:
    together: dict[str, list[Entry]] = {}
    for entry in ENTRIES:
        if entry.shared:
            together.setdefault(entry.shared, []).append(entry)
    for shared, entries in together.items():
        assert len({entry.on for entry in entries}) == 1, shared
        settings = replace(entries[0].on.settings, members=12, attacks=240)
        frame = simulate(settings, 1)
        made = entries[0].of.estimates(frame, 1)
        assert max(entry.of.part or 0 for entry in entries) < len(made), shared


@pytest.mark.parametrize("settings", [BIG, replace(BIG, activity_sd=0.5, breakthrough_share=0.1)])
def test_truths_are_what_a_huge_draw_gives(settings: Settings) -> None:
    """20,000 members: correlations to about .003."""
    frame = simulate(settings, 1)
    rating, score = frame["rating"].to_numpy(), frame["min_harmlessness"].to_numpy()
    yes = rating >= 3
    order = np.argsort(score)
    found = {
        truths.pearson: stats.pearsonr(rating, score)[0],
        truths.spearman: stats.spearmanr(rating, score)[0],
        truths.kendall: stats.kendalltau(frame["true_harm"], score)[0],
        truths.spread: score.std(),
        truths.roc_area: AUC(score[order], yes[order]).estimate(score[order]),
        partial(truths.labelled, threshold=-2.0, success=True): (score[yes] <= -2).mean(),
        partial(truths.labelled, threshold=-2.0, success=False): (score[~yes] > -2).mean(),
    }
    for true, value in found.items():
        assert true(settings) == pytest.approx(value, abs=0.006), true
    near = abs(score + 2.5) < 0.5
    chance = truths.success_at(settings, score[near][:5000]).mean()
    assert chance == pytest.approx(yes[near].mean(), abs=0.012), "three standard errors"


def found(**changes: object) -> Measured:
    fields = {name: "x" for name in ("name", "method", "estimand", "studies_like", "regime")}
    numbers = {"truth": 1.0, "studies": 9, "coverage": 0.9, "error": 0.1, "width": 2.0}
    rest = {"claim": "approximate", "not_estimable": 0.0, "verdict": "kept"}
    return Measured(**(fields | numbers | rest | changes))  # type: ignore[arg-type]


def test_a_study_without_an_interval_is_counted_and_never_covers() -> None:
    few = replace(BY_NAME["success rate, 6 even members"], name="few", on=THREE)
    none = measure(few, 5)
    assert (none.coverage, none.not_estimable, none.verdict) == (None, 1.0, "broken")
    assert "| – | – | 100.0% |" in as_markdown([none])


def test_the_committed_table_is_that_of_these_entries_and_no_claim_is_broken() -> None:
    """Change an entry or a method: run make calibrate."""
    rows = [Measured(**row) for row in json.loads((DOCS / "calibration.json").read_bytes())]
    assert [row.name for row in rows] == list(BY_NAME)
    for row in rows:
        regime = BY_NAME[row.name].by.regime
        assert (row.claim, row.regime) == ((regime.kind, regime.words) if regime else ("", ""))
        assert row.verdict != "broken"
        assert row.studies >= 2000
    assert (DOCS / "calibration.md").read_text(encoding="utf-8") == as_markdown(rows)
    assert (DOCS / "calibration.json").read_bytes() == as_json(rows)
