"""What docs/care.md promises: the defaults it gives reasons for, and feelings kept out of pay."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import ModuleType

import pytest

from gadfly.care import limits, pay
from gadfly.care.settings import Limits

DOC = Path(__file__).parents[2] / "docs" / "care.md"


def test_every_limit_stands_there_with_its_default_and_a_reason() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", DOC.read_text(), re.M)
    assert {key: int(value) for key, value, _ in rows} == Limits().model_dump()
    assert all(reason.strip() for _, _, reason in rows)


@pytest.mark.parametrize("module", [limits, pay])
def test_feelings_are_not_known_where_pay_and_limits_are_decided(module: ModuleType) -> None:
    source = Path(str(module.__file__)).read_text()
    names = {
        node.module or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
    }
    ours = {name for name in names if name.startswith("gadfly")}
    assert ours <= {"gadfly.care.limits", "gadfly.care.settings"}
