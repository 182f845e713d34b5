"""API keys of programs: `stm_`, the id of the key, and 256 random bits. Shown once, kept as SHA-256.

A key can do what its scopes name and its account may: taking a role from the account takes it from every key.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from steersman.model.ids import Id
from steersman.runtime.identity import tables
from steersman.runtime.identity.sessions import digest

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

PREFIX = "stm_"
#: Scanners for secrets find keys by this shape.
SHAPE = re.compile(r"stm_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known about a key once it has been shown."""

    id: str
    label: str
    scopes: tuple[str, ...]
    created_ms: int
    expires_ms: int
    revoked_ms: int | None


def make(
    transaction: Connection, id: Id, account: str, label: str, scopes: Sequence[str], now_ms: int, expires_ms: int
) -> str:
    """Store a new key and return it, for the only time."""
    key = f"{PREFIX}{id.replace('-', '')}_{secrets.token_urlsafe(32)}"
    transaction.execute(
        insert(tables.keys).values(
            id=id,
            account=account,
            label=label,
            hash=digest(key),
            scopes=sorted(set(scopes)),
            created_ms=now_ms,
            expires_ms=expires_ms,
        )
    )
    return key


def find(connection: Connection, key: str, now_ms: int) -> Row[Any] | None:
    """Return the row of a key that is good now, with its account; None for any other."""
    shaped = SHAPE.fullmatch(key)
    if shaped is None:
        return None
    query = (
        select(tables.keys, tables.accounts.c.name, tables.accounts.c.tenant)
        .join(tables.accounts, tables.accounts.c.id == tables.keys.c.account)
        .where(
            tables.keys.c.id == _dashed(shaped[1]),
            tables.keys.c.revoked_ms.is_(None),
            tables.keys.c.expires_ms > now_ms,
            tables.accounts.c.disabled.is_(False),
        )
    )
    row = connection.execute(query).one_or_none()
    return row if row is not None and hmac.compare_digest(row.hash, digest(key)) else None


def list_keys(connection: Connection, account: str) -> list[KeyRecord]:
    """Return every key of an account, the newest first."""
    query = select(tables.keys).where(tables.keys.c.account == account).order_by(tables.keys.c.id.desc())
    return [
        KeyRecord(row.id, row.label, tuple(row.scopes), row.created_ms, row.expires_ms, row.revoked_ms)
        for row in connection.execute(query)
    ]


def owner_of(connection: Connection, id: str) -> str | None:
    """Return whose key that is."""
    return connection.execute(select(tables.keys.c.account).where(tables.keys.c.id == id)).scalar()


def revoke(transaction: Connection, id: str, now_ms: int) -> bool:
    """End a key; tell whether it was alive."""
    alive = (tables.keys.c.id == id) & tables.keys.c.revoked_ms.is_(None)
    return transaction.execute(update(tables.keys).where(alive).values(revoked_ms=now_ms)).rowcount == 1


def _dashed(hexadecimal: str) -> str:
    return "-".join(hexadecimal[begin:end] for begin, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
