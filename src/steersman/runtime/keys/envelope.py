"""Envelopes: each value has a data key of its own, which lies beside it wrapped by a key of the ring.

AES-256-GCM for both. The associated data of the wrapping is table, column, row and the id of the wrapping key, so that
what was moved to another row, column or table, or claims another key, does not open; the data key opens one value only
and carries this binding on to it.

On nonces: a data key is used once, so its random 96-bit nonce cannot repeat under it. The wrapping does not use a key
of the ring directly either, but one derived from it with a random salt of 128 bits (HMAC-SHA-256 as the expansion step
of HKDF, RFC 5869). For a nonce to repeat, salt and nonce would have to: 224 random bits, a chance of 2^-32 after 2^96
envelopes. NIST SP 800-38D's bound of 2^32 uses of one key is therefore never near, and nothing has to be counted.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steersman.model.errors import Permanent

#: Names the layout below. A value of the layout before has random bytes here.
MAGIC = b"SKE1"
KEY_BYTES, KEY_ID_BYTES = 32, 8
_SALT, _NONCE, _WRAPPED = 16, 12, KEY_BYTES + 16
_AT_KEY = len(MAGIC)
_AT_SALT = _AT_KEY + KEY_ID_BYTES
_AT_WRAP_NONCE = _AT_SALT + _SALT
_AT_WRAPPED = _AT_WRAP_NONCE + _NONCE
_AT_NONCE = _AT_WRAPPED + _WRAPPED
_AT_CONTENT = _AT_NONCE + _NONCE
_TAG = 16
#: How much longer an envelope is than what is in it.
OVERHEAD = _AT_CONTENT + _TAG
_USE = b"steersman envelope wrapping 1"


class DoesNotOpen(Permanent):
    """A sealed value was altered, moved, or sealed with a key that is not in the ring: restore both from one backup."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands."""

    table: str
    column: str
    row: str

    def associated(self) -> bytes:
        """Return a text that no other place has."""
        return _column(self.table, self.column) + _counted(self.row)


@lru_cache(maxsize=256)
def _column(table: str, column: str) -> bytes:
    return _counted(table) + _counted(column)


def _counted(part: str) -> bytes:
    text = part.encode()
    return len(text).to_bytes(4, "big") + text


def seal(secret: bytes, place: Place, key_id: bytes, key: bytes) -> bytes:
    """Return an envelope around a secret."""
    drawn = os.urandom(_SALT + _NONCE + KEY_BYTES + _NONCE)
    salt, wrap_nonce = drawn[:_SALT], drawn[_SALT : _SALT + _NONCE]
    data_key, nonce = drawn[_SALT + _NONCE : -_NONCE], drawn[-_NONCE:]
    associated = place.associated()
    wrapped = AESGCM(_wrapping(key, salt)).encrypt(wrap_nonce, data_key, key_id + associated)
    content = AESGCM(data_key).encrypt(nonce, secret, associated)
    return b"".join((MAGIC, key_id, salt, wrap_nonce, wrapped, nonce, content))


def key_id_of(sealed: bytes) -> bytes | None:
    """Return the id of the key that an envelope asks for, or None for what is no envelope of this layout."""
    if len(sealed) < OVERHEAD or not sealed.startswith(MAGIC):
        return None
    return sealed[_AT_KEY:_AT_SALT]


def open_sealed(sealed: bytes, place: Place, find: Callable[[bytes], bytes | None]) -> bytes:
    """Return the secret; `find` gives the key of an id. Raises `DoesNotOpen`."""
    key_id = key_id_of(sealed)
    if key_id is None:
        raise DoesNotOpen("a sealed value is damaged: restore the database and the data directory from one backup")
    key = find(key_id)
    if key is None:
        raise DoesNotOpen(
            f"the key {key_id.hex()} is not in the ring: restore secrets/key-ring.json of the data directory from a "
            f"backup that is as new as the database"
        )
    associated = place.associated()
    try:
        data_key = _unwrapping(key, sealed[_AT_SALT:_AT_WRAP_NONCE]).decrypt(
            sealed[_AT_WRAP_NONCE:_AT_WRAPPED], sealed[_AT_WRAPPED:_AT_NONCE], key_id + associated
        )
        return AESGCM(data_key).decrypt(sealed[_AT_NONCE:_AT_CONTENT], sealed[_AT_CONTENT:], associated)
    except InvalidTag as error:
        raise DoesNotOpen(
            f"a sealed value in {place.table}.{place.column} was altered or comes from another row: restore the "
            f"database from a backup, and find out who can write to it"
        ) from error


def forget() -> None:
    """Drop what was derived from keys of the ring: it has to be gone when one of them is."""
    _unwrapping.cache_clear()


@lru_cache(maxsize=1024)
def _unwrapping(key: bytes, salt: bytes) -> AESGCM:
    """Return the cipher that opens a data key; a value that is looked up again and again has it derived once.

    It is derived from a key that is in memory anyway. The data key itself, and the value, are never kept.
    """
    return AESGCM(_wrapping(key, salt))


def _wrapping(key: bytes, salt: bytes) -> bytes:
    return hmac.digest(key, _USE + salt + b"\x01", "sha256")
