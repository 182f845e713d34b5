"""Programs of third parties that people let act for them: OAuth 2.1 clients, their codes, and nothing wider.

A client is registered by an administrator with exact addresses to return to and the most that it may ever ask for. What
it gets is what was asked for, and it may have, and the person may do, and the person agreed to; it is asked again on
each request, so that a role that is taken away is gone from every token. A code lives for a minute and opens once: its
second use ends the session that the first one began, because one of the two callers stole it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import delete, insert, select, update

from steersman.model.errors import InvalidInput
from steersman.model.ids import Id, Tenant
from steersman.runtime.identity import sessions, tables
from steersman.runtime.identity.sessions import digest

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

#: OAuth 2.1 recommends at most ten minutes; a browser needs seconds.
CODE_MS = 60_000
CODE_PREFIX, SECRET_PREFIX = "stmc_", "stmp_"
#: RFC 7636: a challenge is a SHA-256 in base64url, a verifier has 43 to 128 unreserved signs.
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LONGEST_ADDRESS = 500


@dataclass(frozen=True, slots=True)
class Client:
    """A registered program; `confidential` ones prove themselves with a secret, the others by PKCE alone."""

    id: str
    name: str
    redirects: tuple[str, ...]
    scopes: tuple[str, ...]
    confidential: bool
    created_ms: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a client presents for a code."""

    code: str
    client: str
    redirect: str
    verifier: str


def checked_redirect(address: str) -> str:
    """Return an address that a client may be returned to; raises `InvalidInput` for any that is not one place."""
    parts = urlsplit(address)
    plain = address.isascii() and address.isprintable() and not set(address) & set(" \\*#<>\"'")
    if not plain or len(address) > _LONGEST_ADDRESS or "@" in parts.netloc:
        raise InvalidInput("an address to return to is one absolute address, without a fragment or a wildcard")
    secure = parts.scheme == "https" and bool(parts.hostname)
    own = parts.scheme == "http" and parts.hostname in _LOOPBACK
    app = _PRIVATE_SCHEME.fullmatch(parts.scheme) is not None and not parts.netloc
    if not (secure or own or app):
        raise InvalidInput("an address to return to begins with https, with http on one's own machine, or is an app's")
    return address


def add(transaction: Connection, tenant: Tenant, client: Client) -> str:
    """Store a new client and return its secret, for the only time; empty for one without."""
    secret = SECRET_PREFIX + secrets.token_urlsafe(32) if client.confidential else ""
    row = {
        "id": client.id,
        "tenant": tenant,
        "name": client.name,
        "redirects": list(client.redirects),
        "scopes": list(client.scopes),
        "secret": digest(secret) if secret else None,
        "created_ms": client.created_ms,
    }
    transaction.execute(insert(tables.clients).values(**row))
    return secret


def list_clients(connection: Connection, tenant: Tenant) -> list[Client]:
    """Return the living clients of a tenant, the oldest first."""
    alive = (tables.clients.c.tenant == tenant) & tables.clients.c.revoked_ms.is_(None)
    query = select(tables.clients).where(alive).order_by(tables.clients.c.id)
    return [_client(row) for row in connection.execute(query)]


def find(connection: Connection, id: str) -> Client | None:
    """Return a living client."""
    row = _row(connection, id)
    return None if row is None else _client(row)


def find_of(connection: Connection, tenant: Tenant, id: str) -> Client | None:
    """Return a living client of a tenant; another tenant's is like one that nobody registered."""
    row = _row(connection, id)
    return None if row is None or row.tenant != tenant else _client(row)


def proves(connection: Connection, id: str, secret: str) -> bool:
    """Tell whether a client is who it says: a confidential one by its secret, any other shows none."""
    row = _row(connection, id)
    if row is None or row.secret is None:
        return row is not None and not secret
    return hmac.compare_digest(row.secret, digest(secret))


def revoke(transaction: Connection, tenant: Tenant, id: str, now_ms: int) -> list[str] | None:
    """End a client with every session that it holds and return those; None where there is no such client."""
    alive = (tables.clients.c.id == id) & (tables.clients.c.tenant == tenant) & tables.clients.c.revoked_ms.is_(None)
    if transaction.execute(update(tables.clients).where(alive).values(revoked_ms=now_ms)).rowcount != 1:
        return None
    held = (tables.sessions.c.client == id) & tables.sessions.c.ended_ms.is_(None)
    ended = list(transaction.execute(select(tables.sessions.c.id).where(held)).scalars())
    for session in ended:
        sessions.end(transaction, session, "its client was revoked", now_ms)
    return ended


def make_code(
    transaction: Connection,
    client: str,
    account: str,
    redirect: str,
    challenge: str,
    scopes: Sequence[str],
    now_ms: int,
) -> str:
    """Return a new code for what a person agreed to."""
    code = CODE_PREFIX + secrets.token_urlsafe(32)
    row = {
        "hash": digest(code),
        "client": client,
        "account": account,
        "redirect": redirect,
        "challenge": challenge,
        "scopes": sorted(set(scopes)),
        "authenticated_ms": now_ms,
        "expires_ms": now_ms + CODE_MS,
    }
    transaction.execute(insert(tables.codes).values(**row))
    return code


def claim_code(transaction: Connection, given: Exchange, session: Id, now_ms: int) -> Row[Any] | str | None:
    """Let the first right caller have a code: its row, the session that it became before, or None.

    One wrong guess about where it leads or who asked for it burns it.
    """
    mine = tables.codes.c.hash == digest(given.code)
    row = transaction.execute(select(tables.codes).where(mine)).one_or_none()
    if row is None:
        return None
    if row.session is not None:
        return str(row.session)
    right = (row.client, row.redirect) == (given.client, given.redirect) and _fits(row.challenge, given.verifier)
    if not right or row.expires_ms <= now_ms:
        transaction.execute(delete(tables.codes).where(mine))
        return None
    unused = mine & tables.codes.c.session.is_(None)
    if transaction.execute(update(tables.codes).where(unused).values(session=session)).rowcount != 1:
        return str(transaction.execute(select(tables.codes.c.session).where(mine)).scalar() or "")
    return row


def _fits(challenge: str, verifier: str) -> bool:
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)


def _row(connection: Connection, id: str) -> Row[Any] | None:
    alive = (tables.clients.c.id == id) & tables.clients.c.revoked_ms.is_(None)
    return connection.execute(select(tables.clients).where(alive)).one_or_none() if id.isprintable() else None


def _client(row: Row[Any]) -> Client:
    return Client(row.id, row.name, tuple(row.redirects), tuple(row.scopes), row.secret is not None, row.created_ms)
