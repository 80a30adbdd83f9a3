"""One process of the site, as uvicorn starts it; one environment variable says what it serves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel

from gadfly.settings import load_settings
from gadfly.web.app import create_app
from gadfly.web.serving import open_serving

__all__ = ["VARIABLE", "What", "app"]

_TURN = 0.0005
"""Seconds for which a thread keeps the others waiting. Each call of the store is a visit to another
thread, and by Python's own 5 ms these add up to most of what a page takes."""
VARIABLE = "GADFLY_SERVED"
"""Holds :class:`What`, as JSON; set by ``gadfly serve`` for its own processes."""


class What(BaseModel):
    """What is served."""

    studies: tuple[Path, ...]
    database: str | None
    loopback: bool
    amend: bool = False


def app() -> FastAPI:
    """The application of this process."""
    sys.setswitchinterval(_TURN)
    what = What.model_validate_json(os.environ[VARIABLE])
    serving = open_serving(
        what.studies,
        load_settings(),
        database=what.database,
        loopback=what.loopback,
        amend=what.amend,
    )
    return create_app(serving)
