"""A stand-in server for every test here that asks one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stub import Stub, serve


@pytest.fixture
def stub(socket_enabled: None) -> Iterator[Stub]:
    with serve() as running:
        yield running
