"""The key of whoever operates this machine: the token in the data directory, which the command line reads.

Whoever can read that file owns the database anyway, so it does everything, but only from here: once there is an
administrator it opens for callers of this machine alone, unless the settings say otherwise. Taken back, the file says
so and stays, because a start without a file makes a new key.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from steersman.contract.ports import Caller
from steersman.runtime.datadir import replace_file
from steersman.runtime.identity.sessions import COOKIE_PREFIX

Reach = Literal["local", "anywhere", "off"]

OPERATOR = Caller("bootstrap", permissions=frozenset({"*"}))
_FILE = "bootstrap-token"
#: What stands in the file in the place of a key that was taken back; no key is so short.
REVOKED = "revoked"
_COOKIE = f"{COOKIE_PREFIX}local."
_COOKIE_SECONDS = 12 * 3600


@dataclass(slots=True)
class LocalKey:
    """Reads the file again whenever it changed, so that a new key counts without a restart."""

    folder: Path
    reach: Reach
    _stamp: int = 0
    _key: bytes = b""

    def matches(self, token: bytes) -> bool:
        """Tell whether this is the key, wherever it comes from."""
        key = self._current()
        return bool(key) and hmac.compare_digest(key, token)

    def opens_for(self, address: str, *, settled: bool) -> bool:
        """Tell whether the key opens for a caller there; `settled` says that there is an administrator."""
        if not settled or self.reach == "anywhere":
            return True
        return self.reach == "local" and is_loopback(address)

    def cookie(self, now_s: int) -> str:
        """Return the cookie of somebody who showed the key; it cannot be turned back into it."""
        return f"{_COOKIE}{now_s}.{_seal(self._current(), now_s)}"

    def made_cookie(self, value: str, now_s: int) -> bool:
        """Tell whether that is such a cookie, of the key as it is now and of the last hours."""
        issued, _, seal = value.removeprefix(_COOKIE).partition(".")
        if not value.startswith(_COOKIE) or not issued.isdecimal() or len(issued) > 12 or not self._current():
            return False
        fresh = 0 <= now_s - int(issued) <= _COOKIE_SECONDS
        return fresh and hmac.compare_digest(_seal(self._current(), int(issued)).encode(), seal.encode())

    def revoke(self) -> None:
        """Let the key open nothing any more."""
        self._write(REVOKED.encode())

    def renew(self) -> str:
        """Put a new key in the place of the old one and return it."""
        key = secrets.token_urlsafe(32)
        self._write(key.encode())
        return key

    def _write(self, content: bytes) -> None:
        replace_file(self.folder / f"{_FILE}.new", self.folder / _FILE, content + b"\n")
        self._stamp = 0

    def _current(self) -> bytes:
        try:
            stamp = (self.folder / _FILE).stat().st_mtime_ns
            if stamp != self._stamp:
                content = (self.folder / _FILE).read_bytes().strip()
                self._key, self._stamp = (b"" if content == REVOKED.encode() else content), stamp
        except OSError:
            return b""
        return self._key


def is_loopback(address: str) -> bool:
    """Tell whether an address is one of this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _seal(key: bytes, issued: int) -> str:
    return hmac.new(key, f"steersman local operator {issued}".encode(), hashlib.sha256).hexdigest()
