"""The database: opened, checked, migrated; read and write transactions (made by `bootstrap.py`).

SQLite rules, each measured: writers take the lock at BEGIN, because a deferred transaction that turns into a writer
fails at once whatever the timeout; `synchronous=FULL`, because NORMAL loses acknowledged commits on power loss; no
WAL where SQLite has the WAL-reset bug (sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.errors import (
    DatabaseStartError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
)

_WRITE = "lutnas_write"
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DISK = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)


def journal_mode(version: tuple[int, ...]) -> str:
    """WAL, or TRUNCATE for the SQLite versions whose WAL can be corrupted by two connections."""
    fixed = version >= (3, 51, 3) or (version[:2] == (3, 50) and version >= (3, 50, 7))
    return "WAL" if fixed or (version[:2] == (3, 44) and version >= (3, 44, 6)) else "TRUNCATE"


class Database:
    """Transactions on one database. Threads may share it; each transaction has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            StorageBusyError: the lock could not be had in time.
            StorageFullError: the disk fails.
            StorageUnavailableError: the database cannot be opened or read.
        """
        with _translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; committed at the end, rolled back on an exception.

        Raises:
            StorageBusyError: the lock could not be had in time; nothing was changed.
            StorageFullError: the disk is full or fails; nothing was changed.
            StorageUnavailableError: the database cannot be opened or written; nothing was changed.
        """
        with _translated(), self._engine.connect() as connection:
            connection.execution_options(**{_WRITE: True})
            with connection.begin():
                yield connection

    def check_writable(self) -> None:
        """Take the write lock and give it back.

        Raises:
            StorageError: see `write`.
        """
        with self.write() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def open_database(url: str, busy_timeout_s: float = 30.0) -> Database:
    """Open, migrate and check the database for writing.

    Raises:
        DatabaseStartError: it cannot be opened, written or migrated.
    """
    engine = _engine(url, busy_timeout_s)
    database = Database(engine)
    place = make_url(url).render_as_string(hide_password=True)
    try:
        with database.write() as connection:
            command.upgrade(_alembic_config(connection), "head")
        database.check_writable()
    except CommandError as error:
        engine.dispose()
        raise DatabaseStartError(place, f"was made by another version of lutnas ({error})") from error
    except DBAPIError as error:
        engine.dispose()
        raise DatabaseStartError(place, str(error.orig)) from error
    except StorageUnavailableError as error:
        engine.dispose()
        raise DatabaseStartError(place, error.reason) from error
    except (SQLAlchemyError, StorageError) as error:
        engine.dispose()
        raise DatabaseStartError(place, str(error)) from error
    return database


def connect_database(url: str, busy_timeout_s: float) -> Database:
    """The database of a server, for a process of that server's: it is neither checked nor migrated again.

    Raises:
        DatabaseStartError: the URL names no database.
    """
    return Database(_engine(url, busy_timeout_s))


def _engine(url: str, busy_timeout_s: float) -> Engine:
    try:
        if make_url(url).get_backend_name() != "sqlite":
            return create_engine(url, pool_pre_ping=True)
        # isolation_level=None: the driver begins nothing by itself, `_begin` does.
        connect_args = {"timeout": busy_timeout_s, "isolation_level": None}
        engine = create_engine(url, connect_args=connect_args, pool_size=10, max_overflow=40)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise DatabaseStartError("given by LUTNAS_DATABASE_URL", f"is not a usable SQLAlchemy URL ({error})") from error
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute(f"PRAGMA journal_mode={journal_mode(sqlite3.sqlite_version_info)}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        primary_code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if primary_code in _BUSY:
            raise StorageBusyError from error
        if primary_code in _DISK:
            raise StorageFullError from error
        if primary_code in _UNAVAILABLE or error.connection_invalidated:
            raise StorageUnavailableError(str(error.orig)) from error
        raise
    except PoolTimeoutError as error:
        raise StorageUnavailableError("no connection was free in time") from error


def _alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
