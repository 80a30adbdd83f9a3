"""``gadfly serve``: the site of one or more studies."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

import typer

from gadfly.cli.console import note

__all__ = ["serve"]


def serve(
    studies: Annotated[list[Path], typer.Argument(metavar="STUDY...", help="Study files (YAML).")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes; more than one need PostgreSQL.")
    ] = 1,
    amend: Annotated[
        bool, typer.Option("--amend", help="A file has changed: make it the next version.")
    ] = False,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="Where all of them are kept.")
    ] = None,
) -> None:
    """Serve the site where members red team, reviewers judge and owners look."""
    import os

    import uvicorn

    from gadfly.settings import load_settings
    from gadfly.web.serving import open_serving
    from gadfly.web.worker import VARIABLE, What

    loopback = _is_loopback(host)
    what = What(studies=tuple(studies), database=database, loopback=loopback)
    # Once here, so that every fault is told before the first page, and amended once.
    opened = open_serving(
        studies, load_settings(), database=database, loopback=loopback, amend=amend
    )
    opened.check(workers)
    opened.leave()
    os.environ[VARIABLE] = what.model_dump_json()
    note(f"Open http://{host}:{port}/ in a browser; Ctrl-C ends, and every step is kept.")
    uvicorn.run(
        "gadfly.web.worker:app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
