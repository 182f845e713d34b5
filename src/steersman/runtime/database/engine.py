"""Engines for the two databases that control data may live in, set up so that both behave alike.

SQLite: one file in WAL mode, every commit synced, write transactions take the write lock at their start, so that
two writers wait for each other instead of failing half way. PostgreSQL: by URL, through psycopg.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from steersman.model.errors import InvalidInput

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Execution option of a connection that will write; see `reading` and `writing`.
WRITES = "steersman_writes"

_SQLITE_FILE = "control.sqlite3"
#: How long a writer waits for another one before the caller is told to come back.
_LOCK_WAIT_MS = 5_000
_BETWEEN_TRIES_MS = 10
_POOL_SIZE = 4
_POOL_OVERFLOW = 36
_POOL_WAIT_SECONDS = 10

#: The text of a JSON column. Made once: `dumps` would make an encoder for each call.
as_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def open_engine(url: str | None, folder: Path) -> Engine:
    """Return an engine for `url`, or for the SQLite file in `folder` when there is none. Nothing is connected yet."""
    if url is None:
        return _sqlite(f"sqlite:///{folder / _SQLITE_FILE}")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise InvalidInput("the database URL cannot be read; it looks like postgresql://USER@HOST/NAME") from error
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return _sqlite(url)
        case "postgresql":
            # A URL without a driver means the one that is installed with us.
            return _postgres(parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False))
    raise InvalidInput("the database URL names neither postgresql nor a sqlite file")


def _sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        json_serializer=as_json,
        pool_size=_POOL_SIZE,
        max_overflow=_POOL_OVERFLOW,
        pool_timeout=_POOL_WAIT_SECONDS,
        connect_args={"timeout": _LOCK_WAIT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # Python's own transaction control begins too late for a consistent read; SQLAlchemy sends BEGIN instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_LOCK_WAIT_MS}")
        _log_ahead(cursor)
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = bool(connection.get_execution_options().get(WRITES, False))
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _log_ahead(cursor: Any) -> None:
    """Switch to WAL. Two processes that make the file at once get "locked" here without the wait that others get."""
    tries = _LOCK_WAIT_MS // _BETWEEN_TRIES_MS
    for left in reversed(range(tries)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not left or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            threading.Event().wait(_BETWEEN_TRIES_MS / 1000)
        else:
            return


def _postgres(url: str) -> Engine:
    return create_engine(
        url,
        json_serializer=as_json,
        pool_size=_POOL_SIZE,
        max_overflow=_POOL_OVERFLOW,
        pool_timeout=_POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "options": f"-c lock_timeout={_LOCK_WAIT_MS} -c timezone=UTC"},
    )
