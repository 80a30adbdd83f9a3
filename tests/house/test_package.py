"""The package: small at the top, lazy, typed, with one list of names."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys

import pytest

import gadfly

HEAVY = {"polars", "numpy", "pydantic", "sqlalchemy", "altair", "sklearn", "scipy", "openai"}


def loaded(code: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after some code."""
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_top_holds_these_names() -> None:
    assert gadfly.__all__ == [
        "Attack",
        "Estimate",
        "GadflyError",
        "Message",
        "PreferencePair",
        "Results",
        "Scorer",
        "Study",
        "analysis",
        "analyze",
        "convert",
        "load_study",
        "open_scorer",
        "read",
        "read_attack_frame",
        "read_attacks",
        "read_pairs",
        "write_attacks",
        "write_report",
    ]
    for name in gadfly.__all__:
        assert getattr(gadfly, name).__name__.removeprefix("gadfly.") == name
    assert dir(gadfly) == gadfly.__all__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        gadfly.nonsense  # noqa: B018


def test_every_part_of_the_analysis_is_there_when_it_is_named() -> None:
    code = "import gadfly\nassert [getattr(gadfly.analysis, n) for n in gadfly.analysis.__all__]"
    assert "gadfly.analysis.power" in loaded(code)
    assert "gadfly.analysis.power" not in loaded("import gadfly.analysis")
    assert dir(gadfly.analysis) == gadfly.analysis.__all__  # what a notebook offers
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        gadfly.analysis.nonsense  # noqa: B018


def test_importing_gadfly_loads_nothing_heavy() -> None:
    assert not loaded("import gadfly") & HEAVY


@pytest.mark.parametrize(("given", "found"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "x"}, "x")])
def test_waiting_threads_do_not_spin_in_a_notebook_either(
    given: dict[str, str], found: str
) -> None:
    script = "import gadfly, os; print(os.environ['OMP_WAIT_POLICY'])"
    kept = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=kept | given, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [found]


def test_help_loads_nothing_heavy() -> None:
    """What keeps ``gadfly --help`` quick; make bench prints its time."""
    assert not loaded("import gadfly.cli.main") & HEAVY


def test_every_package_lists_its_modules_and_holds_no_code() -> None:
    for module in pkgutil.walk_packages(gadfly.__path__, "gadfly."):
        if not module.ispkg or "migrations" in module.name:
            continue
        package = importlib.import_module(module.name)
        names = {m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "__main__"}
        names -= {"migrations"}
        listed = set(package.__all__)
        assert listed <= names, module.name
        assert package.__doc__


def test_every_module_says_what_it_is() -> None:
    for module in pkgutil.walk_packages(gadfly.__path__, "gadfly."):
        if ".migrations" not in module.name:
            found = importlib.import_module(module.name)
            assert found.__doc__, module.name
            assert len(found.__doc__) > 20, module.name
