"""The import contracts hold, and each of them notices a planted violation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the source that a test may damage."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignore)
    return tmp_path


def test_the_contracts_hold(house: Path) -> None:
    result = lint(house)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("records/values.py", "import gadfly.store.tables", "Imports go one way"),
        ("redteam/members.py", "import gadfly.analysis.arms", "Imports go one way"),
        ("store/store.py", "import gadfly.redteam.state", "Imports go one way"),
        ("utils.py", "", "Imports go one way"),
        ("review/__init__.py", "import gadfly.assistants.scripted", "review is blind"),
        ("analysis/arms.py", "import gadfly.assistants.scripted", "Who may know the assistants"),
        ("records/frame.py", "import sqlalchemy", "Only the store speaks SQL"),
        ("run/collect.py", "import sqlalchemy", "Only the store speaks SQL"),
        ("release/__init__.py", "import alembic", "Only the store speaks SQL"),
        ("analysis/arms.py", "import torch", "does not need torch"),
        ("redteam/state.py", "import fastapi", "does not need torch"),
    ],
)
def test_a_planted_violation_is_noticed(house: Path, module: str, line: str, contract: str) -> None:
    path = house / "src" / "gadfly" / module
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    result = lint(house)
    assert result.returncode == 1, result.stdout
    broken = [row for row in result.stdout.splitlines() if row.rstrip().endswith("BROKEN")]
    assert any(contract in row for row in broken) or contract in result.stdout.split("Broken")[-1]
