"""What every test of the site needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.site import Site, serve, write_study


@pytest.fixture
def site(tmp_path: Path, socket_enabled: None) -> Iterator[Site]:
    """A site with one study, `town`, on SQLite."""
    with serve(write_study(tmp_path)) as running:
        yield running
