"""Personal fields of a payload, sealed for one subject: a destroyed key destroys what they say, and no hash changes.

The journal keeps what was sealed for ever, so leaves and proofs survive an erasure. Each sealed value is bound to its
table, column, row and key: it cannot be read at another place than where it was written. Encryption itself, keys and
random numbers are handed in.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from steersman.model.errors import InvalidInput

#: The one key of an object that stands for a sealed value, and of one that stands for a value that nobody can read.
SEALED = "$sealed"
ERASED = "$erased"
_MARKS = frozenset({SEALED, ERASED})
_LENGTH_BYTES = 4
_encoded = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

#: `(content, associated) -> content`: encrypts, or decrypts and raises `InvalidInput` where it was not so encrypted.
Cipher = Callable[[bytes, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value belongs; `row` is the id of the entry."""

    table: str
    column: str
    row: str
    key_id: str

    def associated(self) -> bytes:
        """Return the bytes that go into the authentication: every part behind its length, so that none can grow."""
        return b"".join(map(_counted, (self.table, self.column, self.row, self.key_id)))


def seal(payload: Mapping[str, Any], fields: Collection[str], row: str, key_id: str, encrypt: Cipher) -> dict[str, Any]:
    """Return the payload with these top-level fields sealed; a field that is not there is left out.

    The payload is as it comes back from JSON. Raises `InvalidInput` where it holds what looks sealed already, as that
    would be read as ours later.
    """
    if any(type(value) is dict and not _MARKS.isdisjoint(value) for value in payload.values()):
        raise InvalidInput(f"a payload that is to be sealed holds an object with the key {SEALED} or {ERASED}")
    bound = _counted(row) + _counted(key_id)
    return {
        name: _sealed(value, key_id, _field(name) + bound, encrypt) if name in fields else value
        for name, value in payload.items()
    }


def unseal(payload: Mapping[str, Any], row: str, key_of: Callable[[str], Cipher | None]) -> dict[str, Any]:
    """Return the payload as it was before `seal`; what has no key any more is told as erased.

    `key_of(key_id)` returns what decrypts. Raises `InvalidInput` for a value that was moved or changed.
    """
    return {name: _opened(name, value, row, key_of) for name, value in payload.items()}


@lru_cache(maxsize=256)
def _field(name: str) -> bytes:
    """Return the beginning of what a field of a payload is bound to; the rest is its row and key."""
    return _counted("journal") + _counted(f"payload.{name}")


def _counted(part: str) -> bytes:
    text = part.encode()
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text


def _sealed(value: Any, key_id: str, associated: bytes, encrypt: Cipher) -> dict[str, Any]:
    # JSON may hold half a surrogate pair, and whoever sent one must not fail an entry.
    plain = _encoded(value).encode("utf-8", "surrogatepass")
    content = b2a_base64(encrypt(plain, associated), newline=False)
    return {SEALED: {"key": key_id, "content": content.decode("ascii")}}


def _opened(field: str, value: Any, row: str, key_of: Callable[[str], Cipher | None]) -> Any:
    if not isinstance(value, Mapping) or value.keys() != {SEALED}:
        return value
    try:
        key_id, content = str(value[SEALED]["key"]), b64decode(value[SEALED]["content"], validate=True)
    except (KeyError, TypeError, binascii.Error, ValueError) as error:
        raise InvalidInput(f"the field {field} of {row} is not sealed as this version does it") from error
    decrypt = key_of(key_id)
    if decrypt is None:
        return {ERASED: key_id}
    return json.loads(decrypt(content, _field(field) + _counted(row) + _counted(key_id)))
