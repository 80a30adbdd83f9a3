"""Processes of the site that start in no time, to be killed: one that has imported all forks them.

Each takes connections from a listening socket that it was handed, as uvicorn's own workers do.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import uvicorn

from gadfly.web import app  # noqa: F401 - imported before the fork
from gadfly.web.worker import VARIABLE, What
from tests.run.zygote import main


def _serve(study: str, database: str, listener: str, lease: str) -> int:
    what = What(studies=(Path(study),), database=database, loopback=True)
    os.environ |= {VARIABLE: what.model_dump_json(), "GADFLY_LEASE_SECONDS": lease}
    config = uvicorn.Config(
        "gadfly.web.worker:app", factory=True, log_level="error", timeout_graceful_shutdown=5
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(listener))])
    return 0


if __name__ == "__main__":
    main(_serve)
