"""Sessions: one for each sign-in, either a cookie of the console or a family of refresh tokens.

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

from sqlalchemy import delete, exists, insert, select, update

from steersman.contract.ports import Database
from steersman.model.ids import Id
from steersman.runtime.identity import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Select

REFRESH_PREFIX, COOKIE_PREFIX = "stmr_", "stms_"
#: Two tabs that wake up together; OAuth's security BCP (RFC 9700, 4.14) leaves the length to the server.
GRACE_MS = 10_000
_DAY_MS = 86_400_000
#: A family that is not used for a week is over, and none lives longer than a month; a cookie lives a week.
IDLE_MS, LONGEST_MS, COOKIE_MS = 7 * _DAY_MS, 30 * _DAY_MS, 7 * _DAY_MS
#: An address from which somebody signed in lately is theirs.
KNOWN_MS = 90 * _DAY_MS
_SHOWN_AGENT = 200
#: What is asked for anew once the last sign-in is older: a session that was left open must not shut its owner out.
RECENT_MS = 10 * 60_000
#: How exactly it is known when a cookie was last used.
_SEEN_EVERY_MS = 5 * 60_000


class SessionKind(StrEnum):
    TOKENS = "tokens"
    COOKIE = "cookie"
    CLIENT = "client"


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


def digest(token: str) -> str:
    """Return what is stored of something random; a slow hash would add nothing to 256 bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def random_token(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(32)


def begin(transaction: Connection, id: Id, account: str, address: str, agent: str, now_ms: int) -> str:
    """Begin a family and return its first refresh token."""
    _insert(transaction, id, account, SessionKind.TOKENS, None, address, agent, now_ms)
    return _first(transaction, id, now_ms)


def begin_for_client(
    transaction: Connection, id: Id, account: str, client: Any, agent: str, scopes: list[str], now_ms: int
) -> str:
    """Begin a family that a third party holds, narrowed to these scopes, and return its first refresh token."""
    _insert(transaction, id, account, SessionKind.CLIENT, None, "", agent, now_ms)
    held = {"client": client, "scopes": scopes, "authenticated_ms": None}
    transaction.execute(update(tables.sessions).where(tables.sessions.c.id == id).values(**held))
    return _first(transaction, id, now_ms)


def _first(transaction: Connection, id: Id, now_ms: int) -> str:
    token = random_token(REFRESH_PREFIX)
    row = {"hash": digest(token), "session": id, "expires_ms": now_ms + IDLE_MS}
    transaction.execute(insert(tables.refreshes).values(**row))
    return token


def begin_cookie(transaction: Connection, id: Id, account: str, address: str, agent: str, now_ms: int) -> str:
    """Begin a session of the console and return the value of its cookie."""
    token = random_token(COOKIE_PREFIX)
    _insert(transaction, id, account, SessionKind.COOKIE, digest(token), address, agent, now_ms)
    return token


def _insert(
    transaction: Connection,
    id: Id,
    account: str,
    kind: SessionKind,
    cookie: str | None,
    address: str,
    agent: str,
    now_ms: int,
) -> None:
    lives = COOKIE_MS if kind is SessionKind.COOKIE else LONGEST_MS
    transaction.execute(
        insert(tables.sessions).values(
            id=id,
            account=account,
            kind=kind.value,
            cookie=cookie,
            address=address,
            agent="".join(sign for sign in agent if sign.isprintable())[:_SHOWN_AGENT],
            created_ms=now_ms,
            seen_ms=now_ms,
            expires_ms=now_ms + lives,
            authenticated_ms=now_ms,
        )
    )


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


def end(transaction: Connection, id: str, why: str, now_ms: int) -> bool:
    """End a session; tell whether it was alive."""
    alive = (tables.sessions.c.id == id) & tables.sessions.c.ended_ms.is_(None)
    return transaction.execute(update(tables.sessions).where(alive).values(ended_ms=now_ms, ended=why)).rowcount == 1


def end_all(transaction: Connection, account: str, why: str, now_ms: int, *, but: str = "") -> list[str]:
    """End every session of an account except one, and return which."""
    mine = (
        (tables.sessions.c.account == account)
        & tables.sessions.c.ended_ms.is_(None)
        & (tables.sessions.c.expires_ms > now_ms)
        & (tables.sessions.c.id != but)
    )
    ended = list(transaction.execute(select(tables.sessions.c.id).where(mine)).scalars())
    transaction.execute(update(tables.sessions).where(mine).values(ended_ms=now_ms, ended=why))
    return ended


def list_sessions(connection: Connection, account: str, now_ms: int) -> list[Row[Any]]:
    """Return the sessions of an account that are alive, the latest first."""
    mine = (
        (tables.sessions.c.account == account)
        & tables.sessions.c.ended_ms.is_(None)
        & (tables.sessions.c.expires_ms > now_ms)
    )
    query = select(tables.sessions).where(mine).order_by(tables.sessions.c.created_ms.desc(), tables.sessions.c.id)
    return list(connection.execute(query).all())


def session_row(
    connection: Connection, *, id: str = "", cookie: str = "", now_ms: int, idle_ms: int = COOKIE_MS
) -> Row[Any] | None:
    """Return a living session of an account that may call, by its id or by the hash of its cookie.

    A session of the console that nobody used for `idle_ms` is over; those of tokens end with their refresh token.
    """
    unused = (tables.sessions.c.kind == SessionKind.COOKIE.value) & (tables.sessions.c.seen_ms <= now_ms - idle_ms)
    wanted = tables.sessions.c.id == id if id else tables.sessions.c.cookie == cookie
    query: Select[Any] = (
        select(
            tables.sessions.c.id,
            tables.sessions.c.account,
            tables.sessions.c.expires_ms,
            tables.sessions.c.seen_ms,
            tables.sessions.c.client,
            tables.sessions.c.scopes,
            tables.accounts.c.name,
            tables.accounts.c.tenant,
        )
        .join(tables.accounts, tables.accounts.c.id == tables.sessions.c.account)
        .where(
            wanted,
            ~unused,
            tables.sessions.c.ended_ms.is_(None),
            tables.sessions.c.expires_ms > now_ms,
            tables.accounts.c.disabled.is_(False),
        )
    )
    return connection.execute(query).one_or_none()


def seen(database: Database, row: Row[Any], now_ms: int) -> None:
    """Note that a cookie is in use, not more often than every few minutes."""
    if now_ms - row.seen_ms < _SEEN_EVERY_MS:
        return
    with database.transaction() as transaction:
        transaction.execute(update(tables.sessions).where(tables.sessions.c.id == row.id).values(seen_ms=now_ms))


def is_recent(connection: Connection, id: str, now_ms: int) -> bool:
    """Tell whether somebody has shown lately, in this session, who they are."""
    query = select(tables.sessions.c.authenticated_ms).where(tables.sessions.c.id == id)
    shown = connection.execute(query).scalar()
    return shown is not None and abs(now_ms - shown) <= RECENT_MS


def shown_again(transaction: Connection, id: str, now_ms: int) -> None:
    """Note that somebody has shown just now who they are."""
    transaction.execute(update(tables.sessions).where(tables.sessions.c.id == id).values(authenticated_ms=now_ms))


def knows_address(connection: Connection, account: str, address: str, now_ms: int) -> bool:
    """Tell whether this account signed in from this address lately."""
    found = exists().where(
        tables.sessions.c.account == account,
        tables.sessions.c.address == address,
        tables.sessions.c.created_ms > now_ms - KNOWN_MS,
    )
    return bool(connection.execute(select(found)).scalar())


def tidy(transaction: Connection, now_ms: int) -> None:
    """Delete what can decide nothing any more: expired refresh tokens, sessions whose address is forgotten, challenges
    that nobody may answer any more, and codes once no session that they became can be alive.
    """
    transaction.execute(delete(tables.flows).where(tables.flows.c.expires_ms <= now_ms))
    transaction.execute(delete(tables.codes).where(tables.codes.c.expires_ms <= now_ms - LONGEST_MS))
    transaction.execute(delete(tables.refreshes).where(tables.refreshes.c.expires_ms <= now_ms))
    old = select(tables.sessions.c.id).where(
        tables.sessions.c.expires_ms <= now_ms, tables.sessions.c.created_ms <= now_ms - KNOWN_MS
    )
    transaction.execute(delete(tables.refreshes).where(tables.refreshes.c.session.in_(old)))
    transaction.execute(delete(tables.sessions).where(tables.sessions.c.id.in_(old)))
