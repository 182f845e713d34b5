"""Sessions: one for each sign-in, either a cookie of the console or a family of refresh tokens.

Here one begins, is looked up, seen and ended. What becomes of a refresh token is in `refreshing`. Whoever ends one says
so to the other processes in the same transaction.
"""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, insert, select, update

from steersman.contract.ports import Database
from steersman.model.ids import Id
from steersman.runtime.identity import tables
from steersman.runtime.identity.retractions import About, Retraction, retract

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Select

REFRESH_PREFIX, COOKIE_PREFIX = "stmr_", "stms_"
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


def shown_agent(agent: str) -> str:
    """Return what is kept of what a program calls itself."""
    return "".join(sign for sign in agent if sign.isprintable())[:_SHOWN_AGENT]


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
            agent=shown_agent(agent),
            created_ms=now_ms,
            seen_ms=now_ms,
            expires_ms=now_ms + lives,
            authenticated_ms=now_ms,
        )
    )


def end(transaction: Connection, id: str, why: str, now_ms: int) -> bool:
    """End a session; tell whether it was alive."""
    alive = (tables.sessions.c.id == id) & tables.sessions.c.ended_ms.is_(None)
    ended = update(tables.sessions).where(alive).values(ended_ms=now_ms, ended=why)
    if transaction.execute(ended).rowcount != 1:
        return False
    retract(transaction, Retraction(About.SESSION, id))
    return True


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
    retract(transaction, *(Retraction(About.SESSION, one) for one in ended))
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
    """Delete what can decide nothing any more: expired refresh tokens, challenges that nobody may answer any more, and
    codes once no session that they became can be alive. Sessions themselves are about persons: privacy ends those.
    """
    transaction.execute(delete(tables.flows).where(tables.flows.c.expires_ms <= now_ms))
    transaction.execute(delete(tables.codes).where(tables.codes.c.expires_ms <= now_ms - LONGEST_MS))
    transaction.execute(delete(tables.refreshes).where(tables.refreshes.c.expires_ms <= now_ms))
