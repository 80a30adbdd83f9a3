"""Benchmarks run by hand; what they know of Gadfly, also in scripts kept as text, is so."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from benchmarks.paper import same

_FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
_IMPORT = re.compile(r"^\s*from (gadfly[\w.]*) import ([\w, ]+)$", re.MULTILINE)


def there(module: str, name: str) -> bool:
    loaded = import_module(module)
    return hasattr(loaded, name) or (
        hasattr(loaded, "__path__") and find_spec(f"{module}.{name}") is not None
    )


@pytest.mark.parametrize("path", sorted(_FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_what_a_benchmark_imports_is_there(path: Path) -> None:
    found = _IMPORT.findall(path.read_text(encoding="utf-8"))
    wanted = [(module, name) for module, names in found for name in names.split(", ")]
    assert [each for each in wanted if not there(*each)] == []


def test_the_steps_of_the_paper_run(replica: Path) -> None:
    assert list(same(replica, "iid")) == ["import", "read", "arms", "figure", "models"]
