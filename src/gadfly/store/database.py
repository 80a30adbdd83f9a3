"""Opening a database: SQLite made durable or PostgreSQL by URL, and its tables brought up to date.

SQLite runs in WAL mode with ``synchronous=FULL``: what a commit has acknowledged survives a power
cut. Every writing transaction takes the write lock when it begins (BEGIN IMMEDIATE), so that
reading and then writing is one step; a second writer waits, and is told when it has waited too
long. On PostgreSQL rows are locked where they are read to be written, and ``synchronous_commit``
is never off. Its driver is pg8000, for its licence; URLs may be written as libpq reads them. Tables
exist only through migrations, from the first one.
"""

from __future__ import annotations

import getpass
import logging
import os
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gadfly.errors import OperatorError, PersonError

__all__ = [
    "Database",
    "alone",
    "clock",
    "is_sqlite",
    "open_database",
    "operator_errors",
    "without_password",
]

_BUSY_SECONDS = 30  # how long a writer waits for another
_IDLE_SECONDS = 10.0  # how long a transaction of PostgreSQL may stand still
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())  # errors are raised, and told
_NUL = 'encoding "UTF8": 0x00'  # how PostgreSQL refuses one
_POOL = {"pool_size": 15, "max_overflow": 0}  # kept open: a new one costs more than a query
_LOCK = 0x6761_6466_6C79  # "gadfly": the advisory lock of schema and study rows


class Database:
    """An open database: one transaction to read or to write in at a time, for each caller."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)
        # Statements of a read see each its own state on PostgreSQL, in a transaction or without:
        # without, two trips to the server fewer.
        one_file = is_sqlite(self._engine)
        self._reads = self._engine if one_file else _connected(url, "AUTOCOMMIT")
        # SQLite has one writer; within a process they queue here, for its own queue sleeps.
        self._writer = threading.Lock() if is_sqlite(self._engine) else nullcontext()

    @property
    def one_host(self) -> bool:
        """Whether it is a file, which serves one machine."""
        return is_sqlite(self._engine)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed when it is left without an error."""
        with operator_errors(self._engine), self._writer, self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read from; on SQLite all that is read is of one state."""
        with operator_errors(self._engine), self._reads.connect() as connection:
            yield connection.execution_options(reads=True)

    def scrub(self) -> None:
        """Overwrite what was deleted: SQLite's log, PostgreSQL's dead rows; as readers let."""
        with operator_errors(self._engine), self._writer:
            if not self.one_host:
                with self._reads.connect() as connection:  # outside of any transaction
                    connection.exec_driver_sql("VACUUM people, events")
                return
            raw = self._engine.raw_connection()
            raw.rollback()
            cursor = raw.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.close()
            raw.close()

    def close(self) -> None:
        """Give every connection back."""
        self._reads.dispose()
        self._engine.dispose()


def is_sqlite(engine: Engine) -> bool:
    """Whether a database is an SQLite file."""
    return engine.dialect.name == "sqlite"


def open_database(url: str) -> Engine:
    """An engine on an up-to-date database; SQLite files are created, their folders are not.

    :param url: ``sqlite:////path/to/study.db`` or ``postgresql://user@host/name``.
    :raises OperatorError: it cannot be opened, or is newer than this Gadfly.
    """
    engine = _connected(url)
    try:
        with operator_errors(engine), engine.begin() as connection:
            alone(connection)
            _migrate(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _connected(url: str, isolation: str = "READ COMMITTED") -> Engine:
    """An engine whose connections are set up; on SQLite transactions are begun by ours alone."""
    try:
        parsed = _parsed(url)
        engine = create_engine(parsed.set(query={}), **_options(parsed, isolation))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise OperatorError(_unusable(url, error)) from None
    if is_sqlite(engine):
        folder = Path(parsed.database or ".").resolve().parent
        if parsed.database and not folder.is_dir():
            raise OperatorError(f"database {parsed.database}: the folder {folder} does not exist")
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "connect", _prepared)
        event.listen(engine, "checkin", _used)
        event.listen(engine, "checkout", _alive_after(engine))
    return engine


def _used(_connection: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _alive_after(engine: Engine) -> Callable[[Any, Any, Any], None]:
    """Ask a connection that has long stood idle whether it still stands; the others are in use."""

    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", time.monotonic()) < _IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError(str(error)) from error

    return ask


def without_password(url: str) -> str:
    """A database's URL as it may be shown."""
    return make_url(url).render_as_string(hide_password=True)


def alone(connection: Connection) -> None:
    """Nobody else is in a transaction that asked for this, until this one ends."""
    if connection.dialect.name == "postgresql":  # on SQLite every writer is alone
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def clock(connection: Connection) -> float:
    """Seconds since 1970 by the clock that all runners on this database share."""
    if connection.dialect.name == "postgresql":
        return float(
            connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())::float8"))
        )
    return time.time()  # an SQLite file is used on one machine


def _parsed(url: str) -> URL:
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):  # the driver that Gadfly installs
        parsed = parsed.set(drivername="postgresql+pg8000")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ArgumentError(f"{parsed.get_backend_name()} is not supported")
    return parsed


def _options(parsed: URL, isolation: str = "READ COMMITTED") -> dict[str, Any]:
    if parsed.get_backend_name() == "sqlite":
        arguments = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
        return {**_POOL, "connect_args": arguments, "hide_parameters": True}  # transcripts
    return {
        **_POOL,
        "connect_args": _libpq(parsed),
        "hide_parameters": True,
        "isolation_level": isolation,
    }


def _libpq(parsed: URL) -> dict[str, Any]:
    """What libpq would take from a URL and the environment, for a driver that does not."""
    query = dict(parsed.query)
    mode = query.pop("sslmode", "prefer")
    folder = query.pop("host", None)
    if query:
        raise ArgumentError(f"parameter {', '.join(query)} is not known; sslmode and host are")
    arguments: dict[str, Any] = {
        "user": parsed.username or os.environ.get("PGUSER") or getpass.getuser(),
        "password": parsed.password or os.environ.get("PGPASSWORD"),
        "application_name": "gadfly",
    }
    if isinstance(folder, str):
        arguments["unix_sock"] = f"{folder}/.s.PGSQL.{parsed.port or 5432}"
    if mode in ("require", "verify-ca", "verify-full"):
        context = ssl.create_default_context()
        context.check_hostname = mode == "verify-full"
        if mode == "require":  # encrypted, to whoever answers: as libpq has it
            context.verify_mode = ssl.CERT_NONE
        arguments["ssl_context"] = context
    elif mode not in ("disable", "allow", "prefer"):
        raise ArgumentError(f"sslmode {mode} is not known")
    return arguments


def _unusable(url: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "pg8000":
        return "database: PostgreSQL needs its driver: pip install 'gadfly[postgres]'"
    shown = url if "@" not in url else url.partition("://")[0] + "://..."  # it may hold a password
    return (
        f"database {shown!r}: {error}; give a URL such as sqlite:////path/to/study.db or "
        "postgresql://user@host/name"
    )


def _durable(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin alone
    cursor = connection.cursor()
    until = time.monotonic() + _BUSY_SECONDS
    while True:  # of two that make a new file WAL at once, SQLite turns one away without waiting
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _prepared(connection: Any, _record: Any) -> None:
    """Durable commits, and no runner that hangs or has lost its network holds up the others."""
    cursor = connection.cursor()
    # Whoever turned it off did not think of this study; anything stronger stays.
    cursor.execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') = 'off'"
    )
    cursor.execute(f"SET idle_in_transaction_session_timeout = {round(_IDLE_SECONDS * 1000)}")
    cursor.execute(f"SET lock_timeout = {_BUSY_SECONDS * 1000}")
    cursor.close()
    connection.commit()


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def operator_errors(engine: Engine) -> Iterator[None]:
    """Turn what a database or its disk throws into a message for whoever can mend it."""
    from alembic.util.exc import CommandError

    where = engine.url.render_as_string(hide_password=True)
    try:
        yield
    except CommandError as error:
        raise OperatorError(
            f"database {where}: {error}. It was written by a newer Gadfly, or is not Gadfly's"
        ) from None
    except DBAPIError as error:
        if _NUL in _said(error.orig):
            raise PersonError("a text holds a NUL character, which cannot be kept") from None
        raise OperatorError(f"database {where}: {_mend(_said(error.orig))}") from error
    except PoolTimeout as error:
        raise OperatorError(f"database {where}: no connection came free ({error})") from error
    except OSError as error:  # PostgreSQL's driver lets these through
        raise OperatorError(f"database {where}: {error}; is the server running?") from error


def _said(error: BaseException | None) -> str:
    """What a driver's error says: pg8000 hands over the server's fields, M is the message."""
    fields = error.args[0] if error is not None and error.args else None
    return str(fields.get("M", fields) if isinstance(fields, dict) else error).strip().rstrip(".")


def _mend(message: str) -> str:
    remedies = {
        "lock timeout": "another process holds it; end that one, or wait, then start again",
        "locked": "another process holds it; end that one, or wait, then start again",
        "full": "the disk is full; free some space, then start again: nothing committed is lost",
        "No space left": "the disk is full; free some space, then start again: nothing committed "
        "is lost",
        "not a database": "this file is no SQLite database; name another one",
        "readonly": "it cannot be written; check the rights of the file and its folder",
        "unable to open": "it cannot be opened; check the path and the rights",
        "disk I/O": "the disk fails; nothing committed is lost",
        "UNIQUE": "another runner works on this study; let it finish, then start again",
        "duplicate key": "another runner works on this study; let it finish, then start again",
        "authentication": "check user and password in the URL, or PGPASSWORD",
        'role "': "make the user first: createuser NAME",
        "does not exist": "make it first: createdb NAME",
        "permission denied": "grant the user CREATE on the schema, or name another database",
        "an't create a connection": "is the server running, and reachable from here?",
        "communication error": "is the server still running? Nothing committed is lost",
        "network error": "is the server still running? Nothing committed is lost",
    }
    remedy = next((text for sign, text in remedies.items() if sign in message), "")
    return f"{message}{'; ' if remedy else ''}{remedy}"
