"""The loop's state between two lives of the process, written in the transaction of the round that made it.

So a loop that was killed goes on exactly where its journal ends. What the detectors have learnt is a file of its own:
it is large, changes every second, and the worst that a loss of minutes can do is a level that is learnt again.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, Table, Text, select

from steersman.model.ids import Tenant
from steersman.services.operations.store import tables

loop = Table(
    "ops_loop",
    MetaData(),
    Column("tenant", Text, primary_key=True),
    Column("time_ms", BigInteger),
    Column("body", LargeBinary),
)
_LEARNT = "learnt"


def keep_state(transaction: Connection, tenant: Tenant, body: bytes, now_ms: int) -> None:
    """Replace the stored state."""
    tables.put(transaction, loop, ["tenant"], [{"tenant": tenant, "time_ms": now_ms, "body": body}])


def kept_state(connection: Connection, tenant: Tenant) -> bytes | None:
    """Return the state of the last recorded round."""
    found: bytes | None = connection.execute(select(loop.c.body).where(loop.c.tenant == tenant)).scalar_one_or_none()
    return found


def keep_learnt(folder: Path, body: bytes) -> None:
    """Replace the file with what the detectors have learnt: written and synced beside it, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{_LEARNT}.new"
    with fresh.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / _LEARNT)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def kept_learnt(folder: Path) -> bytes | None:
    """Return what the detectors had learnt, or None before there was anything."""
    path = folder / _LEARNT
    return path.read_bytes() if path.exists() else None
