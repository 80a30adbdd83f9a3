"""docs/platforms.md: every study file key in it is read, every variable and address exists."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import yaml

from gadfly.study.arrival import ArrivalSpec, CodeVariables, ProlificSpec
from gadfly.web.routes import ROUTERS

TEXT = (Path(__file__).parents[2] / "docs" / "platforms.md").read_text()
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"(?:^ {4,}.*\n)+", TEXT, re.MULTILINE)
    if "arrival:" in block
]


@pytest.mark.parametrize("block", BLOCKS)
def test_what_it_says_to_write_is_taken(block: str) -> None:
    assert ArrivalSpec.model_validate(yaml.safe_load(block)["arrival"]).platform is not None


def test_it_names_variables_and_addresses_that_exist() -> None:
    spec = ProlificSpec(kind="prolific", signed=False)
    known = {*CodeVariables().model_dump().values(), spec.token_variable}
    known |= {spec.webhook_secret_variable, spec.person_parameter}
    assert set(re.findall(r"PROLIFIC_\w+", TEXT)) == known
    paths = {getattr(route, "path", "") for router in ROUTERS for route in router.routes}
    for place in re.findall(r"/STUDY(/[\w/]+)", TEXT):
        assert f"/{{study}}{place}" in paths
    assert len(BLOCKS) == 3
