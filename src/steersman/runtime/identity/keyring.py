"""The keys in the data directory: those that sign access tokens, and the one that refresh tokens are derived with.

One file of mode 0600, sealed by the installation's ring and replaced as a whole, so that a kill leaves the old one or
the new one. The next key is made and published one rotation before it signs, so that whoever keeps the public keys for
a while knows it already; the one before verifies until the last token that it signed has expired. A file that is
damaged, or that others may read, stops the start with the next step in words: there is no start without keys, and none
with new keys in the place of lost ones unless a person deletes the file.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from steersman.model.errors import Permanent
from steersman.runtime.keyfile import IN_THE_CLEAR, KeyFile

#: EdDSA is what this platform signs with. PS256 is for verifiers without Ed25519, RS256 for old ones, as legacy.
Algorithm = Literal["EdDSA", "PS256", "RS256"]

_FILE, _LOCK = "identity-keys.json", "identity-keys.lock"
_RSA_BITS, _RSA_EXPONENT = 3072, 65537
_SECRET_BYTES = 32
#: A retired key verifies for as long as its last token lives, 15 minutes, and a minute for clocks that disagree.
OVERLAP_SECONDS = 16 * 60
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key for one algorithm. `kid` is its RFC 7638 thumbprint, so that a name belongs to one key for ever."""

    kid: str
    private: Ed25519PrivateKey | RSAPrivateKey
    made_s: int
    retired_s: int | None = None
    algorithm: Algorithm = "EdDSA"

    @classmethod
    def of(
        cls,
        private: Ed25519PrivateKey | RSAPrivateKey,
        made_s: int,
        retired_s: int | None = None,
        algorithm: Algorithm = "EdDSA",
    ) -> SigningKey:
        """Return a key under its thumbprint."""
        text = json.dumps(_members(private), separators=(",", ":"), sort_keys=True)
        return cls(_text(hashlib.sha256(text.encode()).digest()), private, made_s, retired_s, algorithm)

    @property
    def public(self) -> dict[str, str]:
        """The key as a JSON Web Key, without its private half."""
        return {**_members(self.private), "kid": self.kid, "use": "sig", "alg": self.algorithm}


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys, the signing one first; `upcoming` signs after the next rotation and is published already."""

    keys: tuple[SigningKey, ...]
    derivation: bytes
    upcoming: SigningKey | None = None


class Keyring:
    """The ring of one data directory, shared by every process that has it."""

    def __init__(self, folder: Path, now_s: int, algorithm: Algorithm = "EdDSA", file: KeyFile = IN_THE_CLEAR) -> None:
        self._file, self._sealed = folder / _FILE, file
        self._gate = folder / _LOCK
        self._algorithm = algorithm
        self._lock = threading.Lock()
        self._stamp = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            if not self._file.exists():
                self._save(Ring((self._made(now_s),), secrets.token_bytes(_SECRET_BYTES), self._made(now_s)))
            self.ring = self._load()
            self._sealed.renew(self._file)
            self._settle(now_s)

    def rotate(self, now_s: int) -> SigningKey:
        """Let the next key sign and make the one after it; the old one goes on verifying for the overlap."""
        with self._alone():
            before = self._load()
            current, *older = before.keys
            kept = [key for key in older if accepted(key, now_s)]
            following = before.upcoming or self._made(now_s)
            keys = (replace(following, made_s=now_s), replace(current, retired_s=now_s), *kept)
            self._save(Ring(keys, before.derivation, self._made(now_s)))
            self.ring = self._load()
            return self.ring.keys[0]

    def rotate_when_due(self, now_s: int, days: int) -> bool:
        """Rotate once the signing key has signed for so long; tell whether that was now."""
        self.reread()
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
        """Return the public halves as a JWK set, with the one that signs next at its end."""
        following = [] if self.ring.upcoming is None else [self.ring.upcoming]
        return {"keys": [key.public for key in (*self.ring.keys, *following) if accepted(key, now_s)]}

    def _made(self, now_s: int) -> SigningKey:
        if self._algorithm == "EdDSA":
            return SigningKey.of(Ed25519PrivateKey.from_private_bytes(secrets.token_bytes(_SECRET_BYTES)), now_s)
        private = generate_private_key(_RSA_EXPONENT, _RSA_BITS)
        return SigningKey.of(private, now_s, algorithm=self._algorithm)

    def _settle(self, now_s: int) -> None:
        """Bring a ring of an older version, or of another algorithm than the settings name, up to date."""
        ring = self.ring
        if ring.upcoming is None or ring.upcoming.algorithm != self._algorithm:
            ring = replace(ring, upcoming=self._made(now_s))
        if ring.keys[0].algorithm != self._algorithm:
            keys = (self._made(now_s), replace(ring.keys[0], retired_s=now_s), *ring.keys[1:])
            ring = replace(ring, keys=keys)
        if ring is not self.ring:
            self._save(ring)
            self.ring = self._load()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the ring against the other threads and processes; the kernel lets go of it after a kill."""
        with self._lock:
            descriptor = os.open(self._gate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    def _load(self) -> Ring:
        try:
            status = self._file.stat()
            ring = _ring(json.loads(self._sealed.read(self._file)))
        except OSError as error:
            raise Permanent(f"the keys in {self._file} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Permanent(
                f"{self._file} is damaged, or another key ring sealed it: restore this file from a backup of the data "
                f"directory, with the key ring beside it. Without a backup, delete it: the next start makes new keys, "
                f"and everybody signs in again"
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
        content: dict[str, Any] = {"keys": [_entry(key) for key in ring.keys], "derivation": _text(ring.derivation)}
        if ring.upcoming is not None:
            content["next"] = _entry(ring.upcoming)
        text = json.dumps({**content, "sha256": _digest(content)}, indent=1)
        before = self._file.stat().st_mtime_ns if self._file.exists() else 0
        self._sealed.write(self._file, text.encode())
        # Two writes within one tick of the file system's clock would look like one to whoever compares its time.
        later = max(before + 1, self._file.stat().st_mtime_ns)
        os.utime(self._file, ns=(later, later))


def accepted(key: SigningKey, now_s: int) -> bool:
    """Tell whether a token that this key signed may still be alive."""
    return key.retired_s is None or now_s - key.retired_s <= OVERLAP_SECONDS


def _entry(key: SigningKey) -> dict[str, Any]:
    told = {"kid": key.kid, "made": key.made_s, "retired": key.retired_s}
    if isinstance(key.private, Ed25519PrivateKey):
        seed = key.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return {**told, "seed": _text(seed)}
    der = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return {**told, "algorithm": key.algorithm, "pkcs8": _text(der)}


def _key(entry: Mapping[str, Any]) -> SigningKey:
    if "seed" in entry:
        seed = _bytes(entry["seed"])
        return SigningKey.of(Ed25519PrivateKey.from_private_bytes(seed), entry["made"], entry["retired"])
    private = load_der_private_key(_bytes(entry["pkcs8"]), None)
    if not isinstance(private, RSAPrivateKey) or entry["algorithm"] not in {"PS256", "RS256"}:
        raise ValueError("a key that is neither Ed25519 nor RSA")
    return SigningKey.of(private, entry["made"], entry["retired"], cast("Algorithm", entry["algorithm"]))


def _ring(content: Mapping[str, Any]) -> Ring:
    given = {name: content[name] for name in ("keys", "derivation", "next") if name in content}
    if content["sha256"] != _digest(given):
        raise ValueError("the checksum does not fit")
    found = tuple(_key(one) for one in content["keys"])
    derivation = _bytes(content["derivation"])
    if not found or found[0].retired_s is not None or len(derivation) != _SECRET_BYTES:
        raise ValueError("no key signs, or the derivation key is short")
    return Ring(found, derivation, _key(content["next"]) if "next" in content else None)


def _members(private: Ed25519PrivateKey | RSAPrivateKey) -> dict[str, str]:
    """Return the members of the public half that its thumbprint is made of."""
    if isinstance(private, Ed25519PrivateKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _public(private)}
    numbers = private.public_key().public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _public(private: Ed25519PrivateKey) -> str:
    return _text(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
