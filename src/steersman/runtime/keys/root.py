"""The root key: the one secret above the ring. In a file of its own, in the clear or wrapped by a vault.

It is never replaced in silence. `recovery` puts it back from what shares gave, and only if the ring agrees that it is
the one. While `new_root` changes it, the ring decides: the root key that it is written under is the one.
"""

from __future__ import annotations

import hmac
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

from steersman.model.errors import Permanent, Temporary
from steersman.runtime.keyfile import sync_folder
from steersman.runtime.keys.envelope import KEY_BYTES
from steersman.runtime.keys.framing import Damaged, framed, put, unframed, wiped
from steersman.runtime.keys.ring import RING_FILE, fingerprint, told

ROOT_FILE = "root-key.json"
#: Where another root key waits until the ring is handed on to it.
NEXT_FILE = "root-key-next.json"
_FORMAT = 1
_LOCAL, _WRAPPED = "local", "wrapped"


class Wrapping(Protocol):
    """Wraps the root key elsewhere, so that the data directory alone opens nothing."""

    def wrap(self, secret: bytes) -> str: ...
    def unwrap(self, wrapped: str) -> bytes: ...


def read_root(path: Path, wrapping: Wrapping | None) -> bytes:
    """Return the root key; raises `Permanent` with the next step, and what `wrapping` raises."""
    try:
        text, mode = path.read_bytes(), path.stat().st_mode
    except OSError as error:
        raise Permanent(f"the root key in {path} cannot be read: {error.strerror}. {_WAY_BACK}") from error
    if mode & 0o077:
        raise Permanent(
            f"others than its owner may read {path} (mode {mode & 0o777:04o}): chmod 600 it, find out who could have "
            f"looked, and run `steersman secrets rotate` afterwards"
        )
    try:
        return _root(unframed(text), wrapping)
    except (Damaged, KeyError, TypeError, ValueError) as error:
        raise Permanent(f"{path} is damaged: {error}. {_WAY_BACK}") from error


def write_root(path: Path, root: bytes, wrapping: Wrapping | None) -> None:
    """Put the root key in place; raises `Temporary` where the disk refuses."""
    kept = {"way": _LOCAL, "key": root.hex()} if wrapping is None else {"way": _WRAPPED, "key": wrapping.wrap(root)}
    put(path, framed({"format": _FORMAT, "root": fingerprint(root), **kept}))


def named_root(path: Path) -> str:
    """Return the fingerprint of the root key that a file holds, without any key; nothing where it is damaged."""
    try:
        return str(unframed(path.read_bytes()).get("root", ""))
    except (Damaged, OSError):
        return ""


def in_charge(folder: Path) -> Path:
    """Return the file of the root key that the ring is written under."""
    coming = folder / NEXT_FILE
    if coming.exists() and named_root(coming) == _root_of_ring(folder):
        return coming
    return folder / ROOT_FILE


def settle(folder: Path) -> None:
    """Finish a change of the root key that was cut short, or forget it where the ring was not handed on yet.

    A ring that is missing or damaged decides nothing: then both root keys stay. Raises `Temporary`.
    """
    path, coming = folder / ROOT_FILE, folder / NEXT_FILE
    if not coming.exists():
        return
    wanted = _root_of_ring(folder)
    try:
        if wanted and named_root(coming) == wanted:
            with wiped(path) if path.exists() else nullcontext():
                coming.replace(path)
        elif wanted and named_root(path) == wanted:
            with wiped(coming):
                coming.unlink()
        sync_folder(folder)
    except OSError as error:
        raise Temporary(f"the change of the root key in {folder} cannot be finished: {error.strerror}") from error


def _root_of_ring(folder: Path) -> str:
    try:
        return told((folder / RING_FILE).read_bytes())[1]
    except (OSError, Damaged):
        return ""


def is_wrapped(path: Path) -> bool:
    """Tell whether a readable file holds the root key wrapped."""
    return unframed(path.read_bytes()).get("way") == _WRAPPED


_WAY_BACK = (
    "Restore the folder secrets from a backup of the data directory; or, with recovery shares, run `steersman secrets "
    "recover --data DIR` and type them in. Do not delete the ring: nothing that is sealed could be read again"
)


def _root(content: dict[str, Any], wrapping: Wrapping | None) -> bytes:
    if content["format"] != _FORMAT or content["way"] not in {_LOCAL, _WRAPPED}:
        raise Damaged("its format is not known to this version")
    if content["way"] == _LOCAL:
        root = bytes.fromhex(content["key"])
    elif wrapping is None:
        raise Permanent(
            "the root key is wrapped by a vault, and the settings name none: set [secrets.vault] with its transit_key "
            "again, or run `steersman secrets recover` with recovery shares"
        )
    else:
        root = wrapping.unwrap(content["key"])
    if len(root) != KEY_BYTES or not hmac.compare_digest(fingerprint(root), content["root"]):
        raise Damaged("the key in it is not the one that it names")
    return root
