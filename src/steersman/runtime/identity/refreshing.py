"""What becomes of a refresh token that is presented.

Refresh tokens are random-looking, opaque and kept as SHA-256. Each is used once: whoever uses it first claims it by one
conditional UPDATE, and the row of the successor is written in the same transaction. Two tabs of one person come at the
same time, so within ten seconds everybody who presents the used token gets *the same* successor. It is not stored
anywhere. It is derived anew: HMAC-SHA256, under the derivation key of the data directory, of the presented token and a
nonce that the winner wrote into the row. Hence it survives a restart and is the same in every process; whoever steals
the database has hashes and nonces, whoever steals a token has neither key nor nonce, and each rotation is fresh.

A token that is presented after its ten seconds was copied by somebody: the whole family ends, on both sides.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from steersman.runtime.identity import tables
from steersman.runtime.identity.sessions import IDLE_MS, REFRESH_PREFIX, digest, end

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Select

#: Two tabs that wake up together; OAuth's security BCP (RFC 9700, 4.14) leaves the length to the server.
GRACE_MS = 10_000


class Outcome(StrEnum):
    """What became of a refresh token that was presented."""

    ROTATED = "rotated"
    REPEATED = "repeated"
    UNKNOWN = "unknown"
    OVER = "over"
    REUSED = "reused"


@dataclass(frozen=True, slots=True)
class Rotation:
    """The outcome, and with the first two the successor and whose it is."""

    outcome: Outcome
    session: str = ""
    account: str = ""
    successor: str = ""


def repeated(connection: Connection, token: str, derivation: bytes, now_ms: int) -> Rotation | None:
    """Answer without writing where that can be done: an unknown token, or one used a moment ago."""
    found = _found(connection, token)
    if found is None:
        return Rotation(Outcome.UNKNOWN)
    if found.used_ms is None:
        return None
    return _again(found, token, derivation, now_ms) if _alive(found, now_ms) else _over(found)


def holder_of(connection: Connection, token: str) -> str:
    """Return the client that holds a refresh token; empty for a person's own, and for one that nobody has."""
    query = (
        select(tables.sessions.c.client)
        .join(tables.refreshes, tables.refreshes.c.session == tables.sessions.c.id)
        .where(tables.refreshes.c.hash == digest(token))
    )
    return connection.execute(query).scalar() or ""


def rotate(transaction: Connection, token: str, derivation: bytes, now_ms: int) -> Rotation:
    """Exchange a refresh token for its successor, atomically; ends the family when it was used before."""
    nonce = secrets.token_hex(16)
    mine = (
        update(tables.refreshes)
        .where(
            tables.refreshes.c.hash == digest(token),
            tables.refreshes.c.used_ms.is_(None),
            tables.refreshes.c.expires_ms > now_ms,
        )
        .values(used_ms=now_ms, nonce=nonce)
    )
    won = transaction.execute(mine).rowcount == 1
    found = _found(transaction, token)
    if found is None:
        return Rotation(Outcome.UNKNOWN)
    if not _alive(found, now_ms) or found.used_ms is None:
        return _over(found)
    if won:
        return _follow(transaction, found, token, derivation, now_ms)
    again = _again(found, token, derivation, now_ms)
    if again.outcome is Outcome.REUSED:
        end(transaction, found.session, "a refresh token was used twice", now_ms)
    return again


def _follow(transaction: Connection, found: Row[Any], token: str, derivation: bytes, now_ms: int) -> Rotation:
    successor = _derived(token, found.nonce, derivation)
    row = {"hash": digest(successor), "session": found.session, "expires_ms": now_ms + IDLE_MS}
    transaction.execute(insert(tables.refreshes).values(**row))
    seen = update(tables.sessions).where(tables.sessions.c.id == found.session).values(seen_ms=now_ms)
    transaction.execute(seen)
    return Rotation(Outcome.ROTATED, found.session, found.account, successor)


def _again(found: Row[Any], token: str, derivation: bytes, now_ms: int) -> Rotation:
    # The wall clock may have been set back a little since; it counts in both directions.
    if abs(now_ms - found.used_ms) > GRACE_MS:
        return Rotation(Outcome.REUSED, found.session, found.account)
    successor = _derived(token, found.nonce, derivation)
    return Rotation(Outcome.REPEATED, found.session, found.account, successor)


def _derived(token: str, nonce: str, derivation: bytes) -> str:
    text = f"steersman refresh successor\n{nonce}\n{token}"
    made = hmac.new(derivation, text.encode(), hashlib.sha256).digest()
    return REFRESH_PREFIX + base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _found(connection: Connection, token: str) -> Row[Any] | None:
    """Return the row of a refresh token with its session and whether its account may still call."""
    query: Select[Any] = (
        select(
            tables.refreshes.c.session,
            tables.refreshes.c.expires_ms,
            tables.refreshes.c.used_ms,
            tables.refreshes.c.nonce,
            tables.sessions.c.account,
            tables.sessions.c.ended_ms,
            tables.sessions.c.expires_ms.label("session_expires_ms"),
            tables.accounts.c.disabled,
        )
        .join(tables.sessions, tables.sessions.c.id == tables.refreshes.c.session)
        .join(tables.accounts, tables.accounts.c.id == tables.sessions.c.account)
        .where(tables.refreshes.c.hash == digest(token))
    )
    return connection.execute(query).one_or_none()


def _alive(found: Row[Any], now_ms: int) -> bool:
    over = found.ended_ms is not None or found.session_expires_ms <= now_ms
    return not (over or found.disabled or found.expires_ms <= now_ms)


def _over(found: Row[Any]) -> Rotation:
    return Rotation(Outcome.OVER, found.session, found.account)
