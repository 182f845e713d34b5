"""Reads what other systems protected: Fernet tokens, and password hashes by PBKDF2. It makes neither.

Fernet is read by the library that defines it, with any number of keys as MultiFernet does, and without an age: an
import is of old things. The hashes are those of Django, Werkzeug and passlib, compared in constant time. Work that
somebody else's text asks for is bounded, and an unknown text is no match rather than an error.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from steersman.model.errors import InvalidInput

#: Django's default grows to 1.2 million in 2026; ten times that takes seconds and would be an attack.
MOST_ROUNDS = 5_000_000
_DJANGO = re.compile(r"pbkdf2_(sha256|sha512|sha1)\$(\d{1,8})\$([^$]{1,256})\$([A-Za-z0-9+/=]{20,128})")
_WERKZEUG = re.compile(r"pbkdf2:(sha256|sha512|sha1)(?::(\d{1,8}))?\$([^$]{1,256})\$([0-9a-f]{40,128})")
_PASSLIB = re.compile(r"\$pbkdf2(?:-(sha256|sha512))?\$(\d{1,8})\$([A-Za-z0-9./]{1,256})\$([A-Za-z0-9./]{20,128})")
#: What Werkzeug 0.15 to 2.2 took where a hash does not say.
_WERKZEUG_ROUNDS = 260_000


class FernetKeys:
    """The keys of somebody's Fernet, newest first."""

    def __init__(self, keys: Iterable[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys if key.strip()])
        except (ValueError, binascii.Error) as error:
            raise InvalidInput("a Fernet key is 32 bytes in URL-safe base64, one a line") from error

    def open(self, token: str) -> bytes:
        """Return what a token holds, whatever its age; raises `InvalidInput`."""
        try:
            return self._fernet.decrypt(token.strip().encode("ascii"))
        except (InvalidToken, UnicodeEncodeError) as error:
            raise InvalidInput("a token does not open with any of these keys, or was altered") from error


class FernetPeer:
    """Fernet with a key of its own, for benches to compare with."""

    def __init__(self) -> None:
        fernet = Fernet(Fernet.generate_key())
        self.seal, self.open = fernet.encrypt, fernet.decrypt


@dataclass(frozen=True, slots=True)
class ForeignHash:
    """A password hash of another system, taken apart."""

    algorithm: str
    rounds: int
    salt: bytes
    digest: bytes

    def matches(self, password: str) -> bool:
        """Tell whether this is the password; takes as long as its rounds say."""
        given = password.encode("utf-8", "surrogatepass")
        made = hashlib.pbkdf2_hmac(self.algorithm, given, self.salt, self.rounds, len(self.digest))
        return hmac.compare_digest(made, self.digest)


def foreign_hash(stored: str) -> ForeignHash | None:
    """Return a hash by PBKDF2 of Django, Werkzeug or passlib; None for anything else, or for too much work."""
    try:
        found = _django(stored) or _werkzeug(stored) or _passlib(stored)
    except (ValueError, binascii.Error):
        return None
    if found is None or not 1 <= found.rounds <= MOST_ROUNDS or len(found.digest) != _size(found.algorithm):
        return None
    return found


def _django(stored: str) -> ForeignHash | None:
    if (found := _DJANGO.fullmatch(stored)) is None:
        return None
    return ForeignHash(found[1], int(found[2]), found[3].encode(), base64.b64decode(found[4], validate=True))


def _werkzeug(stored: str) -> ForeignHash | None:
    if (found := _WERKZEUG.fullmatch(stored)) is None:
        return None
    return ForeignHash(found[1], int(found[2] or _WERKZEUG_ROUNDS), found[3].encode(), bytes.fromhex(found[4]))


def _passlib(stored: str) -> ForeignHash | None:
    """Read passlib's text, whose base64 has a dot for the plus and no padding."""
    if (found := _PASSLIB.fullmatch(stored)) is None:
        return None
    return ForeignHash(found[1] or "sha1", int(found[2]), _adapted(found[3]), _adapted(found[4]))


def _adapted(text: str) -> bytes:
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)


def _size(algorithm: str) -> int:
    return hashlib.new(algorithm).digest_size
