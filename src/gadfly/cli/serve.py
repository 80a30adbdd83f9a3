"""``gadfly serve``: the site of one or more studies."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Any

import typer

from gadfly.cli.console import note
from gadfly.errors import OperatorError

__all__ = ["free_port", "listen", "serve"]


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
    from gadfly.settings import is_loopback, load_settings
    from gadfly.web.serving import open_serving

    settings, loopback = load_settings(), is_loopback(host)
    # Once here, so that every fault is told before the first page, and amended once.
    opened = open_serving(studies, settings, database=database, loopback=loopback, amend=amend)
    opened.check(workers)
    if said := opened.check_mail(loopback=loopback and settings.alone):
        note(f"{said}. Owners see every report that was not told.")
    if opened.store.vault.locked:  # a new first key takes over from the older ones
        opened.people.rewrap_keys()
    opened.leave()
    note(f"Open http://{host}:{port}/ in a browser; Ctrl-C ends, and every step is kept.")
    listen(studies, host=host, port=port, workers=workers, database=database)


def listen(
    studies: list[Path], *, host: str, port: int, workers: int = 1, database: str | None
) -> None:
    """Serve until Ctrl-C."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from gadfly.settings import is_loopback
    from gadfly.web.worker import VARIABLE, What

    what = What(studies=tuple(studies), database=database, loopback=is_loopback(host))
    os.environ[VARIABLE] = what.model_dump_json()
    options: dict[str, Any] = {
        "factory": True,
        "host": host,
        "port": port,
        "log_level": "warning",
        "server_header": False,
        "timeout_graceful_shutdown": 5,
        "timeout_keep_alive": 75,  # longer than browsers and proxies keep what they may use again
    }
    if workers == 1:
        uvicorn.run("gadfly.web.worker:app", **options)
        return
    config = uvicorn.Config("gadfly.web.worker:app", workers=workers, **options)
    shared = config.bind_socket()
    # As asyncio has it for a listener of its own; without, each page waits 40 ms for an
    # acknowledgement before its second packet.
    shared.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    Multiprocess(config, sockets=[shared]).run()


def free_port(first: int) -> int:
    """The first port from there on that nobody listens on.

    :raises OperatorError: none of twenty is free.
    """
    for port in range(first, first + 20):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OperatorError(f"no port from {first} to {first + 19} is free on 127.0.0.1")
