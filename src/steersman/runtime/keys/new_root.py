"""Changes the root key: another one is drawn, the ring is handed on to it, and the old one opens nothing any more.

The ring gets a new active key and a new key for files at the same time, as who knew the old root key knew the keys
under it; what they sealed is renewed by the next life of the platform, as after any rotation. One file decides: the
ring, which is replaced as a whole. A kill before that leaves the old root key in charge, a kill after it the new one,
and the next opening puts the rest in order. Shares are shown before anything is written, so that there is no root key
of which nobody has a share.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from steersman.contract.ports import Clock, Database
from steersman.runtime.keys import envelope
from steersman.runtime.keys.framing import alone, put
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.ring import LOCK_FILE, RING_FILE, decoded, encoded, fingerprint
from steersman.runtime.keys.root import NEXT_FILE, Wrapping, write_root

_NS = 1_000_000_000


def change_root(
    folder: Path, database: Database, clock: Clock, wrapping: Wrapping | None, show: Callable[[bytes], None]
) -> str:
    """Change the root key of a stopped platform; returns the fingerprint of the new one.

    `show` gets the new root key, hands out its shares, and raises whatever calls the change off. Raises `Permanent`
    with the next step where the ring is not whole, and `Temporary` where the disk refuses: then the old one stays.
    """
    old = KeyRing.open(folder, database, clock, wrapping).root_key()
    new = os.urandom(envelope.KEY_BYTES)
    show(new)
    with alone(folder / LOCK_FILE):
        ring = decoded((folder / RING_FILE).read_bytes(), old)
        write_root(folder / NEXT_FILE, new, wrapping)
        handed = ring.handed_on(clock.wall_ns() // _NS, fingerprint(old), frozenset(_used(folder)))
        put(folder / RING_FILE, encoded(handed, new))
    # From here on a kill changes nothing any more: opening puts the rest in order, now or later.
    KeyRing.open(folder, database, clock, wrapping)
    return fingerprint(new)


def _used(folder: Path) -> Iterator[str]:
    """Yield the ids of the keys that files of this folder are sealed with."""
    for path in folder.iterdir():
        if path.is_file() and (used := envelope.key_id_of(path.read_bytes())) is not None:
            yield used.hex()
