"""`steersman bench keys`: what sealing costs.

Sealing and opening a password of 32 bytes and a text of 4 KiB, beside Fernet of `cryptography` with one key, which
wraps nothing and binds to no place. Then rows written and read one transaction each, as services do, with a sealed and
with a plain column, in turns, so that both meet the same disk.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.keys.imported import FernetPeer
from steersman.runtime.keys.keyring import KeyRing, Marked

_PLACES = ("password of 32 bytes", 32), ("text of 4 KiB", 4096)
_SLICES = 9


def keys(
    rows: Annotated[int, typer.Option(help="Rows written and read, of each kind.")] = 2000,
    calls: Annotated[int, typer.Option(help="Values sealed and opened, of each kind.")] = 20_000,
) -> None:
    """Measure, and print one line for each figure."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-") as folder:
        (Path(folder) / "database").mkdir()
        with closing(SqlDatabase(open_engine(None, Path(folder) / "database"))) as database:
            marked = KeyRing.open(Path(folder) / "secrets", database, SystemClock()).column("bench_rows", "content")
            for name, size in _PLACES:
                _alone(marked, name, os.urandom(size), calls)
            _stored(marked, database, rows)


def _alone(marked: Marked, name: str, secret: bytes, calls: int) -> None:
    peer = FernetPeer()
    sealed, token = marked.seal("row", secret), peer.seal(secret)
    pairs: tuple[tuple[str, Callable[[], object], Callable[[], object]], ...] = (
        ("seal", lambda: marked.seal("row", secret), lambda: peer.seal(secret)),
        ("open", lambda: marked.open("row", sealed), lambda: peer.open(token)),
    )
    for what, ours, theirs in pairs:
        mine, fernet = _medians([ours, theirs], calls // _SLICES)
        typer.echo(
            f"{what} a {name}: {mine * 1e6:.1f} us, Fernet {fernet * 1e6:.1f} us: {mine / fernet:.2f} of its time"
        )


def _stored(marked: Marked, database: SqlDatabase, rows: int) -> None:
    """Write and read rows one by one. The plain column takes the same number of bytes, so that only sealing differs."""
    with database.transaction() as transaction:
        for table in ("bench_rows", "bench_plain"):
            transaction.exec_driver_sql(f"CREATE TABLE {table} (id TEXT PRIMARY KEY, content BLOB)")
    secret = os.urandom(32)
    plain, numbers = marked.seal("r", secret), iter(range(10 * rows + 100))

    def write(table: str, content: Callable[[str], bytes]) -> None:
        row = f"r{next(numbers)}"
        with database.transaction() as transaction:
            transaction.exec_driver_sql(f"INSERT INTO {table} VALUES (?, ?)", (row, content(row)))  # noqa: S608 - a name from above

    def read(table: str, row: str) -> bytes:
        with database.reading() as connection:
            found = connection.exec_driver_sql(f"SELECT content FROM {table} WHERE id = ?", (row,))  # noqa: S608 - likewise
            return bytes(found.scalar_one())

    each = max(1, rows // _SLICES)
    sealed, bare = _medians(
        [
            lambda: write("bench_rows", lambda row: marked.seal(row, secret)),
            lambda: write("bench_plain", lambda _row: plain),
        ],
        each,
    )
    typer.echo(
        f"a row written with a sealed column: {sealed * 1e6:.0f} us, plain {bare * 1e6:.0f} us: {_more(sealed, bare)}"
    )
    for table, content in (("bench_rows", marked.seal("one", secret)), ("bench_plain", plain)):
        with database.transaction() as transaction:
            transaction.exec_driver_sql(f"INSERT INTO {table} VALUES ('one', ?)", (content,))  # noqa: S608 - likewise
    sealed, bare = _medians(
        [lambda: marked.open("one", read("bench_rows", "one")), lambda: read("bench_plain", "one")], each
    )
    typer.echo(
        f"a row read with a sealed column: {sealed * 1e6:.0f} us, plain {bare * 1e6:.0f} us: {_more(sealed, bare)}"
    )


def _medians(works: list[Callable[[], object]], each: int) -> list[float]:
    """Return the median time of one call of each work; they take turns."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(_SLICES):
        for work, times in zip(works, taken, strict=True):
            began = perf_counter()
            for _ in range(each):
                work()
            times.append((perf_counter() - began) / each)
    return [statistics.median(times) for times in taken]


def _more(sealed: float, bare: float) -> str:
    return f"{(sealed / bare - 1) * 100:+.1f} %"
