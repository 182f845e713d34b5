"""Decides who is calling, and whether the request was meant for this server at all.

Everything here runs before any body is read and on every request of the hot paths, so it works on raw header
bytes. A wrong Host is refused first, whatever the key, because a DNS name that was re-pointed at this machine
(DNS rebinding) makes a visitor's browser the caller.

Three things open: a key that the composition gave, the bootstrap token above all; what identity knows, which are access
tokens, API keys and the sessions of people; and a cookie that was exchanged for the first. What identity verified a
moment ago is answered here at once; anything else is `Presented`, and whoever serves the request has it checked
in a thread, because that asks the database.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.types import Scope

from steersman.contract.ports import Caller, Clock
from steersman.model.errors import Forbidden, SteersmanError, Unauthenticated
from steersman.runtime.http.scope import PUBLIC_HOST
from steersman.runtime.identity.admission import NOT_VALID, Admission
from steersman.runtime.identity.sessions import COOKIE_PREFIX
from steersman.runtime.identity.tokens import LARGEST

COOKIE = "steersman_session"
#: Over TLS: a browser takes this name only from this very host, for all of it, and over TLS (RFC 6265bis, 4.1.3.2).
SECURE_COOKIE = f"__Host-{COOKIE}"
SESSION_SECONDS = 7 * 24 * 3600

#: The caller under `--insecure`, which is possible on a loopback address only.
ANYBODY = Caller("anonymous", permissions=frozenset({"*"}))

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Misdirected(SteersmanError):
    """The Host header names a machine that this server does not answer for."""

    status = 421


@dataclass(frozen=True, slots=True)
class Headers:
    """The request headers that decide about admission, as they came."""

    host: bytes = b""
    authorization: bytes = b""
    cookie: bytes = b""
    origin: bytes = b""
    content_length: bytes = b""
    fetch_site: bytes = b""
    secure: bool = False
    #: What the caller asked a trusted proxy for; the Host where there is none.
    public_host: bytes = b""


@dataclass(frozen=True, slots=True)
class Presented:
    """Something that the door does not know by itself: a bearer token, or a cookie."""

    token: bytes
    is_cookie: bool = False


def read_headers(scope: Scope) -> Headers:
    """Pick the deciding headers in one pass; that none comes twice was checked before."""
    host = authorization = cookie = origin = length = site = b""
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
        elif name == b"authorization":
            authorization = value
        elif name == b"content-length":
            length = value
        elif name == b"cookie":
            cookie = value
        elif name == b"origin":
            origin = value
        elif name == b"sec-fetch-site":
            site = value
    secure, public = scope.get("scheme") == "https", scope.get(PUBLIC_HOST, host)
    return Headers(host, authorization, cookie, origin, length, site, secure, public)


#: What may stand in a Host header (RFC 9112, 3.2): a name or an address, and a port. Anything more would make the
#: address that is put together from it another one than was asked for (CVE-2026-48710).
_AUTHORITY = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


def host_name(authority: str) -> str:
    """Return the name in `name`, `name:port`, `[v6]` or `[v6]:port`, in lower case; empty when it is none of them."""
    found = _AUTHORITY.fullmatch(authority)
    return found["name"].strip("[]").lower() if found else ""


class Door:
    """Admits callers by key. `keys` pairs each token with the caller it stands for; `insecure` admits anybody."""

    def __init__(
        self,
        keys: Sequence[tuple[str, Caller]],
        *,
        clock: Clock,
        allowed_hosts: Iterable[str] = (),
        insecure: bool = False,
        cors_origins: Iterable[str] = (),
        admission: Admission | None = None,
    ) -> None:
        self._keys = [(token.encode(), caller) for token, caller in keys]
        self._clock = clock
        self._hosts = _LOOPBACK_NAMES | {host.lower() for host in allowed_hosts}
        self._insecure = insecure
        self._cors = frozenset(origin.encode() for origin in cors_origins)
        self._admission = admission

    def check_host(self, scope: Scope, headers: Headers) -> None:
        """Refuse a request whose Host is neither a loopback name, the address it arrived at, nor configured.

        What a trusted proxy was asked for has to be this server's as well, and never stands in for the Host.
        """
        self._check_host(scope, headers.host)
        if headers.public_host and headers.public_host != headers.host:
            self._check_host(scope, headers.public_host)

    def _check_host(self, scope: Scope, authority: bytes) -> None:
        name = host_name(authority.decode("latin-1"))
        if name in self._hosts:
            return
        server = scope.get("server")
        if server and name and name == server[0]:
            return
        raise Misdirected(
            f"this server does not answer for the host {name or '(none)'!r}; a person can add it to house.allowed_hosts"
        )

    def check_origin(self, method: str, headers: Headers) -> None:
        """Refuse what a page of another origin made a browser send along with its cookie.

        A browser says where a change comes from, in one header or the other; a session that comes without either is
        not taken for one. A program sends no cookie and is not asked.
        """
        if headers.origin:
            if self.admits_origin(headers):
                return
            foreign = headers.origin.decode("latin-1").lower() not in _own_origins(headers)
            if foreign and (method not in _HARMLESS or _has_session(headers.cookie)):
                raise Forbidden("a page of another origin may not change anything here")
            return
        if not _has_session(headers.cookie) or headers.authorization:
            return
        if method not in _HARMLESS and headers.fetch_site != b"same-origin":
            raise Forbidden("a change with a session has to say where it comes from: send the header Origin")

    def admits_origin(self, headers: Headers) -> bool:
        """Tell whether the settings let pages of this other origin ask; with a token, and never with a session."""
        return headers.origin in self._cors and not _has_session(headers.cookie)

    def caller(self, headers: Headers) -> Caller | Presented | None:
        """Return who is calling, or what they presented where that has to be checked first.

        None is somebody without a key; a wrong one raises `Unauthenticated`.
        """
        if self._insecure:
            return ANYBODY
        if headers.authorization:
            return self._by_authorization(headers.authorization)
        if headers.cookie:
            return self._by_cookie(headers)
        return None

    def check(self, presented: Presented, address: str) -> Caller | None:
        """Check what was presented; a wrong token raises `Unauthenticated`, an old cookie is None. It blocks."""
        admission = self._admission
        if presented.is_cookie:
            return admission.check_cookie(presented.token) if admission else None
        if admission is None:
            raise Unauthenticated(NOT_VALID)
        return admission.check(presented.token, address)

    def by_token(self, token: bytes) -> Caller | None:
        """Compare with every key, each time to the end, so that the time taken tells nothing."""
        found = None
        for key, caller in self._keys:
            if hmac.compare_digest(key, token):
                found = caller
        return found

    def _by_authorization(self, value: bytes) -> Caller | Presented:
        scheme, _, rest = value.partition(b" ")
        scheme = scheme.lower()
        if scheme == b"bearer":
            token = rest.strip()
        elif scheme == b"basic":
            token = _password(rest)
        else:
            raise Unauthenticated("the authorization scheme is neither Bearer nor Basic")
        if len(token) > LARGEST:
            # Presented without its length: it is refused, and noted, like any other that is wrong.
            return Presented(token[: LARGEST + 1])
        caller = self.by_token(token)
        if caller is None and self._admission is not None:
            caller = self._admission.known(token)
        return caller or Presented(token)

    def session_for(self, token: bytes) -> str:
        """Return a cookie value that proves the token was known, and cannot be turned back into it."""
        issued = str(self._clock.wall_ns() // 1_000_000_000)
        return f"{issued}.{_seal(token, issued)}"

    def _by_cookie(self, headers: Headers) -> Caller | Presented | None:
        value = _cookie(headers.cookie, SECURE_COOKIE if headers.secure else COOKIE)
        if self._admission and value.startswith(COOKIE_PREFIX):
            token = value.encode("latin-1", "replace")
            return self._admission.known_cookie(token) or Presented(token, is_cookie=True)
        issued, _, seal = value.partition(".")
        if not issued.isdecimal() or len(issued) > 12:
            return None
        if not 0 <= self._clock.wall_ns() // 1_000_000_000 - int(issued) <= SESSION_SECONDS:
            return None
        found = None
        for key, caller in self._keys:
            if hmac.compare_digest(_seal(key, issued).encode(), seal.encode()):
                found = caller
        return found


def _password(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials.strip(), validate=True).partition(b":")[2]
    except binascii.Error as error:
        raise Unauthenticated("the Basic credentials are not base64") from error


def _seal(token: bytes, issued: str) -> str:
    return hmac.new(token, f"steersman console session {issued}".encode(), hashlib.sha256).hexdigest()


def _has_session(cookie: bytes) -> bool:
    return COOKIE.encode() in cookie


def _own_origins(headers: Headers) -> tuple[str, ...]:
    """Return what a page of this server calls its origin. Behind a proxy that says nothing, TLS may end before us."""
    host = (headers.public_host or headers.host).decode("latin-1").lower()
    return (f"https://{host}",) if headers.secure else (f"http://{host}", f"https://{host}")


def _cookie(header: bytes, name: str) -> str:
    try:
        morsel = SimpleCookie(header.decode("latin-1")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
