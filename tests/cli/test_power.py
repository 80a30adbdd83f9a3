"""``gadfly power``: a table, a picture, JSON for programs, and messages for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import gadfly


@pytest.fixture
def study(tmp_path: Path) -> Path:
    assert gadfly("init", "mine", cwd=tmp_path).returncode == 0
    return tmp_path / "mine" / "study.yaml"


def test_tells_tables_pictures_and_json(study: Path, tmp_path: Path) -> None:
    options = ["power", str(study), "--effect", "0.5", "--simulations", "100"]
    told = gadfly(*options, "--out", "found", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "scripted wary − scripted open" in told.stdout
    assert "sd 3.3, ICC 0.2" in told.stderr
    assert "whatever the other contrasts show" in told.stderr
    assert (tmp_path / "found" / "power.svg").read_text().startswith("<svg")
    stored = json.loads((tmp_path / "found" / "power.json").read_text())
    again = gadfly(*options, "--json", cwd=tmp_path)
    assert json.loads(again.stdout) == stored
    assert stored["plan"]["members"] == 30


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--effect", "0"], "effect: got 0"),
        (["--effect", "0.9", "--outcome", "success"], "less than 0.64"),
        (["--effect", "1", "--icc", "2"], "--icc: got 2"),
        (["--effect", "1", "--gini", "1"], "gini"),
        (["--effect", "1", "--power", "80"], "power: got 80"),
        (["--effect", "1", "--sd", "100"], "less than or equal to 10"),
        (["--effect", "1", "--members", "10000000"], "100000"),
        (["--effect", "1", "--seed", "99999999999999999999999"], "--seed"),
    ],
)
def test_says_what_is_wrong(study: Path, options: list[str], word: str) -> None:
    told = gadfly("power", str(study), *options, cwd=study.parent)
    assert told.returncode == 2
    assert word in told.stderr
    assert "Traceback" not in told.stderr
