"""Opening a database: SQLite made durable, and its tables brought up to date.

SQLite runs in WAL mode with ``synchronous=FULL``: what a commit has acknowledged survives a power
cut. Every writing transaction takes the write lock when it begins (BEGIN IMMEDIATE), so that
reading and then writing is one step; a second writer waits, and is told when it has waited too
long. Tables exist only through migrations, from the first one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from gadfly.errors import OperatorError

__all__ = ["open_database", "operator_errors"]

_BUSY_SECONDS = 30


def open_database(url: str) -> Engine:
    """An engine on an up-to-date database; SQLite files are created, their folders are not.

    :raises OperatorError: it cannot be opened, or is newer than this Gadfly.
    """
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        arguments = {"timeout": _BUSY_SECONDS, "check_same_thread": False} if sqlite else {}
        engine = create_engine(parsed, connect_args=arguments)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise OperatorError(
            f"database {url!r}: {error}; give a URL such as sqlite:////path/to/study.db"
        ) from None
    if sqlite:
        folder = Path(parsed.database or ".").resolve().parent
        if parsed.database and not folder.is_dir():
            raise OperatorError(f"database {parsed.database}: the folder {folder} does not exist")
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _begin)
    with operator_errors(engine), engine.begin() as connection:
        _migrate(connection)
    return engine


def _durable(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin alone
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def operator_errors(engine: Engine) -> Iterator[None]:
    """Turn what a database or its disk throws into a message for whoever runs it."""
    from alembic.util.exc import CommandError

    where = engine.url.render_as_string(hide_password=True)
    try:
        yield
    except CommandError as error:
        raise OperatorError(
            f"database {where}: {error}. It was written by a newer Gadfly, or is not Gadfly's"
        ) from None
    except DBAPIError as error:
        raise OperatorError(f"database {where}: {_mend(str(error.orig))}") from error


def _mend(message: str) -> str:
    remedies = {
        "locked": "another process holds it; end that one, or wait, then start again",
        "full": "the disk is full; free some space, then start again: nothing committed is lost",
        "not a database": "this file is no SQLite database; name another one",
        "readonly": "it cannot be written; check the rights of the file and its folder",
        "unable to open": "it cannot be opened; check the path and the rights",
        "disk I/O": "the disk fails; nothing committed is lost",
        "UNIQUE": "another runner works on this study; let it finish, then start again",
    }
    remedy = next((text for sign, text in remedies.items() if sign in message), "")
    return f"{message}{'; ' if remedy else ''}{remedy}"
