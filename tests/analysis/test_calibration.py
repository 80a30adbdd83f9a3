"""A small version of ``make calibrate``, and the committed table.

With 200 studies a coverage of .95 has a Monte Carlo error of .015; the bounds are wide and yet
fail intervals that take attacks as independent.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from gadfly.analysis.calibration.entries import ENTRIES
from gadfly.analysis.calibration.measure import Entry, Measured, measure, measure_all
from gadfly.analysis.calibration.table import as_json, as_markdown

DOCS = Path(__file__).parents[2] / "docs"
BY_NAME = {entry.name: entry for entry in ENTRIES}


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
    ],
)
def test_intervals_over_members_hold(name: str) -> None:
    assert coverage(name) > 0.95 - 4 * 0.015


def test_independent_attacks_miss_an_arms_mean_and_overstate_a_difference_within_members() -> None:
    assert coverage("iid mean rating") < 0.8
    assert coverage("iid contrast") > coverage("iid mean rating") + 0.15


def test_processes_and_portions_change_no_number() -> None:
    entry = BY_NAME["success rate, 6 even members"]
    assert measure_all([entry], 70, processes=2) == [measure(entry, 70)]


def test_names_are_unique_and_entries_travel_to_other_processes() -> None:
    assert len(BY_NAME) == len(ENTRIES)
    assert [pickle.loads(pickle.dumps(entry)).name for entry in ENTRIES] == list(BY_NAME)


def found(**changes: object) -> Measured:
    fields = {name: "x" for name in ("name", "method", "estimand", "studies_like", "regime")}
    numbers = {"truth": 1.0, "studies": 9, "coverage": 0.9, "error": 0.1, "width": 2.0}
    rest = {"claim": "approximate", "not_estimable": 0.0, "verdict": "kept"}
    return Measured(**(fields | numbers | rest | changes))  # type: ignore[arg-type]


def test_a_study_without_an_interval_is_counted_and_never_covers() -> None:
    entry = BY_NAME["success rate, 6 even members"]
    few = Entry(**(vars(entry) | {"name": "few", "settings": entry.settings.__class__(members=3)}))
    none = measure(few, 5)
    assert (none.coverage, none.not_estimable, none.verdict) == (None, 1.0, "broken")
    assert "| – | – | 100.0% |" in as_markdown([none])


def test_the_committed_table_is_that_of_these_entries_and_no_claim_is_broken() -> None:
    """Change an entry or a method: run make calibrate."""
    rows = [Measured(**row) for row in json.loads((DOCS / "calibration.json").read_bytes())]
    assert [row.name for row in rows] == list(BY_NAME)
    for row in rows:
        regime = BY_NAME[row.name].regime
        assert (row.claim, row.regime) == ((regime.kind, regime.words) if regime else ("", ""))
        assert row.verdict != "broken"
        assert row.studies >= 2000
    assert (DOCS / "calibration.md").read_text(encoding="utf-8") == as_markdown(rows)
    assert (DOCS / "calibration.json").read_bytes() == as_json(rows)
