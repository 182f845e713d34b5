"""Seals small secrets for the database with AES-256-GCM, each bound to the place that it belongs to.

The key is derived from that of the ring, for this purpose alone. A sealed value that was moved to another row, or
altered, does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steersman.model.errors import Permanent

_NONCE_BYTES = 12


class Sealing:
    """Seals under one key."""

    def __init__(self, derivation: bytes) -> None:
        self._cipher = AESGCM(hmac.new(derivation, b"steersman sealing 1", hashlib.sha256).digest())

    def seal(self, secret: bytes, place: str) -> bytes:
        """Return nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the secret; raises `Permanent` when it was not sealed for this place with this key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise Permanent(
                "a secret in the database does not fit the keys in the data directory: restore both from one backup"
            ) from error
