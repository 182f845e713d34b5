"""Whether the newest checkpoint agrees with the journal: what can be asked at any time, because it reads little.

The root is recomputed from kept subtrees, and the newest entries from the journal itself, as is one older tile a time,
in turn, so that a change anywhere shows by itself in the end. `steersman audit verify` looks at all of it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steersman.engine.audit.tree import TILE_LEVELS, perfect_root
from steersman.model.errors import InvalidInput, Permanent
from steersman.services.audit.logic.verifying import hash_of
from steersman.services.audit.store import tables
from steersman.services.audit.store.log import AuditLog, root_at

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TILE = 1 << TILE_LEVELS


@dataclass(slots=True)
class Patrol:
    """Remembers which older tile is looked at next."""

    log: AuditLog
    next: int = 0

    def disagreement(self) -> str | None:
        """Return what is wrong in words, or None while the newest checkpoint agrees with what it covers."""
        with self.log.database.reading() as connection:
            newest = next(iter(tables.newest_notes(connection, 1)), None)
            if newest is None:
                return None
            try:
                checkpoint = self.log.chain(connection).verified(newest).checkpoint
            except InvalidInput as error:
                return error.message
            if root_at(connection, checkpoint.size) != checkpoint.root:
                return f"the tree does not have the root that was signed over {checkpoint.size} entries"
            last = (checkpoint.size - 1) // _TILE
            self.next = self.next + 1 if self.next < last else 0
            for tile in sorted({self.next, max(0, last - 1), last}):
                if wrong := _changed(connection, tile, checkpoint.size):
                    return wrong
        return None


def _changed(connection: Connection, tile: int, size: int) -> str | None:
    """Compare a tile's leaves with the journal, and a complete tile with its leaves."""
    first, end = tile * _TILE, min(size, (tile + 1) * _TILE)
    found = tables.leaves_between(connection, first, end)
    if len(found) != end - first:
        return f"the tree lacks leaves between {first} and {end}"
    rows = tables.rows_after(connection, found[0].seq - 1, end - first)
    for leaf, row in zip(found, rows, strict=False):
        if row.seq != leaf.seq or hash_of(row) != leaf.hash:
            seq = min(row.seq, leaf.seq)
            return f"the entry {seq} of the journal is not what the tree took in; run `steersman audit verify`"
    if len(rows) < len(found):
        return f"the journal lacks entries from {found[len(rows)].seq} on"
    if end - first < _TILE:
        return None
    try:
        kept = tables.nodes_of(connection)(TILE_LEVELS, tile)
    except Permanent as error:
        return error.message
    built = perfect_root([leaf.hash for leaf in found])
    return None if kept == built else f"the leaves from {first} on are not those that the tree was built of"
