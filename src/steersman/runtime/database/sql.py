"""The Database port over SQLAlchemy: a write transaction, a consistent read, and errors in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from steersman.model.errors import Temporary
from steersman.runtime.database.engine import WRITES

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

#: Primary result codes of SQLite that may go away by themselves: BUSY, LOCKED, IOERR, FULL.
_SQLITE_PASSING = frozenset({5, 6, 10, 13})
_SQLITE_PRIMARY = 0xFF
#: PostgreSQL: lock_not_available, deadlock_detected, serialization_failure, disk_full, out of connections.
_POSTGRES_PASSING = frozenset({"55P03", "40P01", "40001", "53100", "53300"})


class SqlDatabase:
    """Control data in SQLite or PostgreSQL. Both transactions end with the `with` block; an exception rolls back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        read_options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reads = engine if engine.dialect.name == "sqlite" else engine.execution_options(**read_options)
        self._writes = engine.execution_options(**{WRITES: True})

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a write transaction. Raises `Temporary` when another writer does not finish in time."""
        with _in_our_words(), self._writes.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the database and cannot change it."""
        with _in_our_words(), self._reads.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all idle connections."""
        self.engine.dispose()


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise Temporary("all database connections are in use") from error
    except OperationalError as error:
        if not _passes(error):
            raise
        raise Temporary(f"the database is not available: {error.orig}") from error


def _passes(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & _SQLITE_PRIMARY in _SQLITE_PASSING
    state = getattr(error.orig, "sqlstate", None)
    # Without a state the server was never reached, or it went away.
    return state is None or state in _POSTGRES_PASSING or state.startswith(("08", "57P"))
