"""Seals what is on its way for a moment with AES-256-GCM, each bound to the place that it belongs to.

The key is derived from that of identity, for this purpose alone. A sealed value that was moved to another place, or
altered, does not open. What is kept in the database goes to the ring of keys, which can be rotated; secrets of second
factors from before it are read with this.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steersman.contract import ports as house
from steersman.contract.ports import MarkedColumn, Ports
from steersman.model.errors import Permanent
from steersman.runtime.keyfile import IN_THE_CLEAR, KeyFile
from steersman.runtime.keys.keyring import KeyRing

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


@dataclass(frozen=True, slots=True)
class _Derived:
    """A column under the derived key alone: what was stored before there was a ring, and where there is none."""

    sealing: Sealing

    def seal(self, row: str, secret: bytes) -> bytes:
        return self.sealing.seal(secret, _place(row))

    def open(self, row: str, sealed: bytes) -> bytes:
        return self.sealing.open(sealed, _place(row))


def totp_column(derivation: bytes, ports: Ports) -> MarkedColumn:
    """Return what seals shared secrets of second factors: the ring, which reads and renews what is older than it."""
    derived, ring = _Derived(Sealing(derivation)), ports.provided.get(house.Sealing)
    return derived if ring is None else ring.column("identity_accounts", "totp", legacy=derived.open)


def key_file(ports: Ports) -> KeyFile:
    """Return how the keys of identity lie on the disk: sealed by the ring, where there is one."""
    ring: KeyRing | None = ports.provided.get(KeyRing)
    return IN_THE_CLEAR if ring is None else ring.file("identity")


def revealing(ports: Ports) -> Callable[[str], str]:
    """Return what turns a reference of the settings into its value, once the service that keeps secrets has started."""

    def reveal(text: str) -> str:
        known: house.Secrets | None = ports.provided.get(house.Secrets)
        return text if known is None else known.reveal(text)

    return reveal


def _place(account: str) -> str:
    return f"identity_accounts.totp.{account}"
