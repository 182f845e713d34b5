"""Tells the door whose token it is, at once for the ones that were verified a moment ago.

A hot path cannot pay for a signature and two look-ups on each request. So what was verified is remembered, under the
SHA-256 of the token, for 25 seconds from when the database was asked, and forgotten earlier when this process ends the
session; another process notices within those 25 seconds. Only what is valid is remembered, and no more than a bounded
number, so that nobody can fill it. Every refusal looks the same from outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from steersman.contract.ports import Caller, Clock, Database
from steersman.model.errors import Unauthenticated
from steersman.model.ids import Tenant
from steersman.runtime.identity import apikeys, sessions
from steersman.runtime.identity.authority import power_of
from steersman.runtime.identity.evidence import Evidence
from steersman.runtime.identity.first import has_admin
from steersman.runtime.identity.localkey import OPERATOR, LocalKey
from steersman.runtime.identity.roles import Standing, narrowed
from steersman.runtime.identity.tokens import LARGEST, AccessTokens, Refused

#: What everybody hears who presents something that is not good.
NOT_VALID = "the token is not valid"
#: What the `key` of a caller begins with who is a client of a third party.
CLIENT_KEY = "client:"
#: A revoked session may linger for less than half a minute.
_REMEMBER_SECONDS = 25.0
_REMEMBERED = 8192
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Admitted:
    """A verified caller, until a moment on the monotonic clock."""

    caller: Caller
    until: float


class Admission:
    """The cache, and what is asked when it does not know. `check` blocks: call it from a worker thread."""

    def __init__(
        self,
        tokens: AccessTokens,
        database: Database,
        clock: Clock,
        standing: Standing,
        evidence: Evidence,
        *,
        local: LocalKey,
        idle_ms: int = sessions.COOKIE_MS,
    ) -> None:
        self._tokens = tokens
        self._database = database
        self._clock = clock
        self._standing = standing
        self._evidence = evidence
        self._local = local
        self._idle_ms = idle_ms
        self._known: dict[bytes, Admitted] = {}
        self._by_session: dict[str, Admitted] = {}
        self._forgotten = 0
        self._lock = threading.Lock()

    def known(self, token: bytes) -> Caller | None:
        """Return the caller of a bearer token that was verified a moment ago."""
        return self._recall(_key(b"bearer", token))

    def known_cookie(self, value: bytes) -> Caller | None:
        return self._recall(_key(b"cookie", value))

    def check(self, token: bytes, address: str) -> Caller:
        """Verify a bearer token or an API key; raises `Unauthenticated`, always with the same words."""
        before = self._forgotten
        try:
            if self.is_operator(token, address):
                # Not remembered: what is remembered opens from everywhere.
                return OPERATOR
            found = self._verified(token)
        except Refused as refused:
            self._evidence.note("identity.token.refused", address or "unknown", {"reason": refused.reason})
            raise Unauthenticated(NOT_VALID) from None
        self._remember(self._known, _key(b"bearer", token), found, before)
        return found.caller

    def is_operator(self, token: bytes, address: str) -> bool:
        """Tell whether that is the key of this machine's operator; raises `Refused` where it does not open from."""
        if not self._local.matches(token):
            return False
        with self._database.reading() as connection:
            settled = has_admin(connection)
        if not self._local.opens_for(address, settled=settled):
            raise Refused("the local key from afar")
        return True

    def check_cookie(self, value: bytes) -> Caller | None:
        """Return whose console session that is; an old cookie is nobody's, and no offence."""
        text = value.decode("latin-1")
        if len(text) > LARGEST or not text.startswith(sessions.COOKIE_PREFIX):
            return None
        if self._local.made_cookie(text, self._now_ms() // 1000):
            return OPERATOR
        before = self._forgotten
        found = self._of_session(cookie=sessions.digest(text))
        if found is None:
            return None
        self._remember(self._known, _key(b"cookie", value), found, before)
        return found.caller

    def forget(self, of: Callable[[Caller], bool]) -> None:
        """Forget the callers that this is true of, so that the next request asks the database."""
        with self._lock:
            self._forgotten += 1
            self._known = {key: one for key, one in self._known.items() if not of(one.caller)}
            self._by_session = {key: one for key, one in self._by_session.items() if not of(one.caller)}

    def forget_tokens(self) -> None:
        """Forget verified tokens, but not what is known of their sessions."""
        with self._lock:
            self._known = {}

    def _verified(self, token: bytes) -> Admitted:
        if len(token) > LARGEST:
            raise Refused("oversized")
        if token.startswith(apikeys.PREFIX.encode()):
            return self._of_key(token.decode("latin-1"))
        before, claims = self._forgotten, self._tokens.verify(token)
        found = self._by_session.get(claims.session)
        if found is None or found.until <= self._clock.monotonic():
            found = self._of_session(id=claims.session)
            if found is None:
                raise Refused("session")
            self._remember(self._by_session, claims.session, found, before)
        if found.caller.account != claims.account:
            raise Refused("session")
        left = claims.expires_s - self._clock.wall_ns() / _NS
        return Admitted(found.caller, min(found.until, self._clock.monotonic() + left))

    def _of_session(self, *, id: str = "", cookie: str = "") -> Admitted | None:
        with self._database.reading() as connection:
            now_ms = self._now_ms()
            row = sessions.session_row(connection, id=id, cookie=cookie, now_ms=now_ms, idle_ms=self._idle_ms)
            if row is None:
                return None
            power = power_of(connection, row.account, Tenant(row.tenant), self._standing)
        if power is None:
            return None
        permissions, roles = power.permissions, power.roles
        if cookie:
            sessions.seen(self._database, row, now_ms)
        key = ""
        if row.client is not None:
            # What a third party holds is as narrow as an API key, and reaches nothing that a key does not.
            permissions, key = narrowed(permissions, row.scopes or ()), f"{CLIENT_KEY}{row.client}"
            roles = frozenset()
        caller = Caller(row.name, Tenant(row.tenant), permissions, row.account, row.id, key, roles)
        return self._admitted(caller, row.expires_ms)

    def _of_key(self, text: str) -> Admitted:
        with self._database.reading() as connection:
            row = apikeys.find(connection, text, self._now_ms())
            if row is None:
                raise Refused("key")
            power = power_of(connection, row.account, Tenant(row.tenant), self._standing)
        if power is None:
            raise Refused("tenant")
        permissions = narrowed(power.permissions, row.scopes)
        caller = Caller(row.name, Tenant(row.tenant), permissions, account=row.account, key=row.id)
        return self._admitted(caller, row.expires_ms)

    def _admitted(self, caller: Caller, expires_ms: int) -> Admitted:
        left = (expires_ms - self._now_ms()) / 1000
        return Admitted(caller, self._clock.monotonic() + min(_REMEMBER_SECONDS, left))

    def _recall(self, key: bytes) -> Caller | None:
        found = self._known.get(key)
        if found is None or found.until <= self._clock.monotonic():
            return None
        return found.caller

    def _remember(self, known: dict[Any, Admitted], key: Any, found: Admitted, before: int) -> None:
        """Keep what was found, unless something was forgotten meanwhile: it may have been just this."""
        with self._lock:
            if self._forgotten == before:
                _put(known, key, found)

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000


def _key(kind: bytes, token: bytes) -> bytes:
    """Return what a token is remembered under: a cookie is no bearer token, so its kind is part of it."""
    return sha256(kind + b"\n" + token).digest()


def _put(known: dict[Any, Admitted], key: Any, found: Admitted) -> None:
    """Put one in; the one that was put in first makes room."""
    known.pop(key, None)
    while len(known) >= _REMEMBERED:
        del known[next(iter(known))]
    known[key] = found
