"""The keys in the data directory: those that sign access tokens, and the one that refresh tokens are derived with.

One file of mode 0600, replaced as a whole, so that a kill leaves the old ring or the new one. A new key signs at once,
and the one before it verifies until the last token that it signed has expired. A ring that is damaged, or that others
may read, stops the start with the next step in words: there is no start without keys, and none with new keys in the
place of lost ones unless a person deletes the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from steersman.model.errors import Permanent
from steersman.runtime.datadir import replace_file

_FILE = "identity-keys.json"
_SECRET_BYTES = 32
#: A retired key verifies for as long as its last token lives, 15 minutes, and a minute for clocks that disagree.
OVERLAP_SECONDS = 16 * 60
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One Ed25519 key. `kid` is its RFC 7638 thumbprint, so that a name belongs to one key for ever."""

    kid: str
    private: Ed25519PrivateKey
    made_s: int
    retired_s: int | None = None

    @classmethod
    def of(cls, seed: bytes, made_s: int, retired_s: int | None = None) -> SigningKey:
        """Return the key of a seed of 32 bytes."""
        private = Ed25519PrivateKey.from_private_bytes(seed)
        members = {"crv": "Ed25519", "kty": "OKP", "x": _public(private)}
        text = json.dumps(members, separators=(",", ":"), sort_keys=True)
        return cls(_text(hashlib.sha256(text.encode()).digest()), private, made_s, retired_s)

    @property
    def public(self) -> dict[str, str]:
        """The key as a JSON Web Key, without its private half."""
        x = _public(self.private)
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "use": "sig", "alg": "EdDSA"}


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys, the signing one first."""

    keys: tuple[SigningKey, ...]
    derivation: bytes


class Keyring:
    """The ring of one data directory, shared by every process that has it."""

    def __init__(self, folder: Path, now_s: int) -> None:
        self._file = folder / _FILE
        self._lock = threading.Lock()
        self._stamp = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._file.exists():
            self._save(Ring((_new_key(now_s),), secrets.token_bytes(_SECRET_BYTES)))
        self.ring = self._load()

    def rotate(self, now_s: int) -> SigningKey:
        """Make a new signing key; the old one goes on verifying for the overlap."""
        with self._lock:
            current, *older = self._load().keys
            kept = [key for key in older if accepted(key, now_s)]
            keys = (_new_key(now_s), replace(current, retired_s=now_s), *kept)
            self._save(Ring(keys, self.ring.derivation))
            self.ring = self._load()
            return self.ring.keys[0]

    def rotate_when_due(self, now_s: int, days: int) -> bool:
        """Rotate once the signing key is so old; tell whether that was now."""
        if now_s - self.ring.keys[0].made_s < days * _DAY_SECONDS:
            return False
        self.rotate(now_s)
        return True

    def reread(self) -> bool:
        """Take over what another process has written since; tell whether there was something."""
        with self._lock:
            if self._file.stat().st_mtime_ns == self._stamp:
                return False
            self.ring = self._load()
            return True

    def published(self, now_s: int) -> dict[str, list[dict[str, str]]]:
        """Return the public halves as a JWK set."""
        return {"keys": [key.public for key in self.ring.keys if accepted(key, now_s)]}

    def _load(self) -> Ring:
        try:
            status = self._file.stat()
            content = json.loads(self._file.read_bytes())
            ring = _ring(content)
        except OSError as error:
            raise Permanent(f"the keys in {self._file} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Permanent(
                f"{self._file} is damaged: restore this file from a backup of the data directory. Without a backup, "
                f"delete it: the next start makes new keys, and everybody signs in again"
            ) from error
        if status.st_mode & 0o077:
            raise Permanent(
                f"others than its owner may use the keys in {self._file} (mode {status.st_mode & 0o777:04o}): treat "
                f"them as known to others and delete the file, and everybody signs in again; or, where nobody else "
                f"could have looked, chmod 600 it"
            )
        self._stamp = status.st_mtime_ns
        return ring

    def _save(self, ring: Ring) -> None:
        content = {"keys": [_entry(key) for key in ring.keys], "derivation": _text(ring.derivation)}
        text = json.dumps({**content, "sha256": _digest(content)}, indent=1)
        replace_file(self._file.with_suffix(".new"), self._file, text.encode())


def accepted(key: SigningKey, now_s: int) -> bool:
    """Tell whether a token that this key signed may still be alive."""
    return key.retired_s is None or now_s - key.retired_s <= OVERLAP_SECONDS


def _new_key(now_s: int) -> SigningKey:
    return SigningKey.of(secrets.token_bytes(_SECRET_BYTES), now_s)


def _entry(key: SigningKey) -> dict[str, Any]:
    seed = key.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return {"kid": key.kid, "seed": _text(seed), "made": key.made_s, "retired": key.retired_s}


def _ring(content: Mapping[str, Any]) -> Ring:
    given = {"keys": content["keys"], "derivation": content["derivation"]}
    if content["sha256"] != _digest(given):
        raise ValueError("the checksum does not fit")
    found = tuple(SigningKey.of(_bytes(one["seed"]), one["made"], one["retired"]) for one in content["keys"])
    derivation = _bytes(content["derivation"])
    if not found or found[0].retired_s is not None or len(derivation) != _SECRET_BYTES:
        raise ValueError("no key signs, or the derivation key is short")
    return Ring(found, derivation)


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _public(private: Ed25519PrivateKey) -> str:
    return _text(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
