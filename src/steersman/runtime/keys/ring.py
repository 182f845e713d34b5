"""The ring as a value, and its one text. Pure: what reads the disk or a clock stands in `keyring.py`.

Its keys are wrapped by a root key, which lies in a file of its own or in a vault, and which recovery shares are made
of. So a ring alone, in a backup or in the database, opens nothing. The root authenticates the whole text: a ring that
somebody made up, or an older state of a key, is not believed.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steersman.runtime.keys.envelope import KEY_BYTES, KEY_ID_BYTES
from steersman.runtime.keys.framing import Damaged, framed, unframed

RING_FILE, LOCK_FILE = "key-ring.json", "key-ring.lock"
#: Format 1 had neither keys of files nor root keys before.
_FORMAT, _READABLE = 2, frozenset({1, 2})
_NONCE = 12
_FINGERPRINT_HEX = 16


class State(StrEnum):
    """What a key is still for: new envelopes; old ones until they are renewed; or backups from before."""

    ACTIVE = "active"
    PREVIOUS = "previous"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Key:
    """A key-encryption key. `id` is random, so that a name belongs to one key for ever."""

    id: str
    secret: bytes
    state: State
    made_s: int

    @classmethod
    def made(cls, now_s: int) -> Key:
        """Draw a new active key."""
        return cls(os.urandom(KEY_ID_BYTES).hex(), os.urandom(KEY_BYTES), State.ACTIVE, now_s)


class OtherRoot(Damaged):
    """The text is whole, and another root key made it."""


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys, the active one first. `version` grows with every change, whatever the clock says.

    `files` are the keys that files of keys are sealed with, the newest first; they are renewed with the root key only.
    `roots` are the fingerprints of the root keys before, the newest first.
    """

    version: int
    keys: tuple[Key, ...]
    files: tuple[Key, ...] = ()
    roots: tuple[str, ...] = ()

    @property
    def active(self) -> Key:
        return self.keys[0]

    def rotated(self, now_s: int) -> Ring:
        """Return a ring whose envelopes are made with a new key from now on."""
        before = tuple(replace(key, state=State.PREVIOUS) if key is self.active else key for key in self.keys)
        return replace(self, version=self.version + 1, keys=(Key.made(now_s), *before))

    def with_state(self, ids: frozenset[str], state: State) -> Ring:
        """Return a ring where these keys, none of them the active one, have another state."""
        keys = tuple(replace(key, state=state) if key.id in ids - {self.active.id} else key for key in self.keys)
        return replace(self, version=self.version + 1, keys=keys)

    def without(self, id: str) -> Ring:
        """Return a ring that has lost a retired key for good."""
        keys = tuple(key for key in self.keys if key.id != id or key.state is not State.RETIRED)
        return replace(self, version=self.version + 1, keys=keys)

    def with_file_key(self, now_s: int, used: Container[str] = ()) -> Ring:
        """Return a ring with a new key for files; of the older ones those stay that something is sealed with."""
        older = (replace(key, state=State.PREVIOUS) for key in self.files if key.id in used)
        return replace(self, version=self.version + 1, files=(Key.made(now_s), *older))

    def handed_on(self, now_s: int, root: str, used: Container[str]) -> Ring:
        """Return the ring for another root key than `root`: who knew that one knows none of the keys that seal now."""
        return replace(self.rotated(now_s).with_file_key(now_s, used), roots=(root, *self.roots))


def fingerprint(root: bytes) -> str:
    """Return what a root key is called by: it tells which shares and rings belong together, and nothing of the key."""
    return hmac.digest(root, b"steersman root fingerprint 1", "sha256").hex()[:_FINGERPRINT_HEX]


def encoded(ring: Ring, root: bytes) -> bytes:
    """Return the text of a ring under a root key."""
    content: dict[str, Any] = {
        "format": _FORMAT,
        "files": [_entry(key, root) for key in ring.files],
        "keys": [_entry(key, root) for key in ring.keys],
        "root": fingerprint(root),
        "roots": list(ring.roots),
        "version": ring.version,
    }
    return framed({**content, "mac": _mac(content, root)})


def decoded(text: bytes, root: bytes) -> Ring:
    """Return the ring; raises `Damaged`, as `OtherRoot` for a whole text that belongs to another root key."""
    content = unframed(text)
    try:
        mac = content.pop("mac")
        if content["format"] not in _READABLE:
            raise Damaged(f"its format is {content['format']}")
        if content["root"] != fingerprint(root):
            raise OtherRoot(f"it belongs to the root key {content['root']}, not to {fingerprint(root)}")
        if not hmac.compare_digest(mac, _mac(content, root)):
            raise Damaged("it was not written with this root key")
        keys, files = ([_key(entry, root) for entry in content.get(name, ())] for name in ("keys", "files"))
        ring = Ring(content["version"], tuple(keys), tuple(files), tuple(content.get("roots", ())))
    except (KeyError, TypeError, ValueError, InvalidTag) as error:
        raise error if isinstance(error, Damaged) else Damaged("a part of it is missing or wrong") from error
    states = [key.state for key in ring.keys]
    if states[:1] != [State.ACTIVE] or State.ACTIVE in states[1:]:
        raise Damaged("it has no active key, or more than one")
    return ring


def told(text: bytes) -> tuple[int, str]:
    """Return version and root fingerprint of a ring without any key; raises `Damaged`."""
    content = unframed(text)
    version, root = content.get("version"), content.get("root")
    if not isinstance(version, int) or not isinstance(root, str):
        raise Damaged("it does not say which ring it is")
    return version, root


def roots_before(text: bytes) -> frozenset[str]:
    """Return the fingerprints of the root keys that a ring was handed on from; none for a text that is damaged."""
    try:
        return frozenset(unframed(text).get("roots", ()))
    except (Damaged, TypeError):
        return frozenset()


def _entry(key: Key, root: bytes) -> dict[str, Any]:
    nonce = os.urandom(_NONCE)
    wrapped = AESGCM(_use(root, b"wrap")).encrypt(nonce, key.secret, key.id.encode())
    return {"id": key.id, "made": key.made_s, "state": str(key.state), "wrapped": (nonce + wrapped).hex()}


def _key(entry: Mapping[str, Any], root: bytes) -> Key:
    wrapped = bytes.fromhex(entry["wrapped"])
    secret = AESGCM(_use(root, b"wrap")).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], entry["id"].encode())
    return Key(entry["id"], secret, State(entry["state"]), entry["made"])


def _mac(content: Mapping[str, Any], root: bytes) -> str:
    return hmac.digest(_use(root, b"mac"), framed(content), "sha256").hex()


def _use(root: bytes, what: bytes) -> bytes:
    return hmac.digest(root, b"steersman ring " + what + b" 1", "sha256")
