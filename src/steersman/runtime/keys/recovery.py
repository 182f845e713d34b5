"""Puts back what is lost of the ring: the root key from shares, the ring from its copy in the database.

Nothing that is whole is replaced, and a root key that was changed for another one opens nothing: what is left of it
beside the ring that was handed on, after a kill, is not looked at.
"""

from __future__ import annotations

from pathlib import Path

from steersman.contract.ports import Database
from steersman.model.errors import InvalidInput, Permanent
from steersman.runtime.database.migrate import migrate
from steersman.runtime.keys import tables
from steersman.runtime.keys.framing import Damaged, alone, put, wiped
from steersman.runtime.keys.ring import LOCK_FILE, RING_FILE, decoded, fingerprint, roots_before, told
from steersman.runtime.keys.root import NEXT_FILE, ROOT_FILE, Wrapping, named_root, read_root, write_root


def recover(folder: Path, database: Database, root: bytes | None, wrapping: Wrapping | None = None) -> list[str]:
    """Put back what is lost; returns what was done, in words.

    `root` is what the shares gave, None without shares. What cannot be believed is refused with `InvalidInput` or
    `Permanent`, and then nothing has changed.
    """
    migrate(database, [tables.LINEAGE])
    with alone(folder / LOCK_FILE):
        with database.reading() as connection:
            copy = tables.kept(connection)
        candidates = [text for text in (_bytes_of(folder / RING_FILE), copy and copy[1]) if text]
        keys = _on_disk(folder, wrapping) if root is None else [root]
        replaced = frozenset[str]().union(*map(roots_before, candidates))
        good = [(text, key) for text in candidates for key in keys if _opens(text, key, replaced)]
        if not good:
            raise InvalidInput(_no_ring(candidates, {fingerprint(key) for key in keys} & replaced))
        newest, key = max(good, key=lambda one: told(one[0])[0])
        return _put_back(folder, newest, None if root is None else key, key, wrapping)


def _put_back(folder: Path, ring: bytes, given: bytes | None, root: bytes, wrapping: Wrapping | None) -> list[str]:
    done, coming = [], folder / NEXT_FILE
    if given is not None or named_root(folder / ROOT_FILE) != fingerprint(root):
        write_root(folder / ROOT_FILE, root, wrapping)
        done.append("the root key is back")
    if _bytes_of(folder / RING_FILE) != ring:
        _put_aside(folder / RING_FILE)
        put(folder / RING_FILE, ring)
        done.append("the ring is back, as the database kept it")
    if coming.exists():
        with wiped(coming):
            coming.unlink()
    return done or ["nothing was lost: the root key and the ring are whole and belong together"]


def _on_disk(folder: Path, wrapping: Wrapping | None) -> list[bytes]:
    """Return the root keys that can be read: two where a change of it was cut short and the ring does not say which."""
    found, failures = list[bytes](), list[Permanent]()
    for name in (ROOT_FILE, NEXT_FILE):
        if name == NEXT_FILE and not (folder / name).exists():
            continue
        try:
            found.append(read_root(folder / name, wrapping))
        except Permanent as failure:
            failures.append(failure)
    if not found:
        raise failures[0]
    return found


def _opens(text: bytes, root: bytes, replaced: frozenset[str]) -> bool:
    try:
        decoded(text, root)
    except Damaged:
        return False
    return fingerprint(root) not in replaced


def _no_ring(candidates: list[bytes], replaced: set[str]) -> str:
    if not candidates:
        return "there is no ring on disk and no copy in the database: restore one of them from a backup first"
    if replaced:
        return (
            f"the root key {min(replaced)} was changed for another one, and opens nothing here any more: take the "
            "shares that were made with the newer one"
        )
    return (
        "neither the ring on disk nor its copy in the database opens with this root key: the shares are of another "
        "ring, or both are damaged. Restore the database or the folder secrets from a backup, then try again"
    )


def _bytes_of(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _put_aside(path: Path) -> None:
    """Keep what was damaged: a person may want to look at it."""
    if path.exists():
        path.replace(path.with_name(f"{path.name}.damaged"))
