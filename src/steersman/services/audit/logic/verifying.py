"""Recomputes the tree from the journal's rows and says what is wrong first. Pure: rows come in, a verdict goes out.

Leaves name the entry that was changed, as long as they were not changed with it. Checkpoints do not name it, but
nobody without the key can make them agree: between two of them lies what was rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from steersman.engine.audit.checkpoint import Checkpoint
from steersman.engine.audit.entry import canonical
from steersman.engine.audit.tree import Frontier, grow, leaf_hash
from steersman.model.errors import InvalidInput
from steersman.services.audit.model.records import Fault, Leaf, Problem, Row, Verdict

_SEQ = 0
Tiles = Mapping[tuple[int, int], bytes]


def hash_of(row: Row, *, seq: int | None = None) -> bytes | None:
    """Return the leaf hash of a row, or of the same row under another number; None where it cannot be one of ours."""
    if row.cells is None:
        return None
    cells = row.cells if seq is None else (seq, *row.cells[_SEQ + 1 :])
    try:
        return leaf_hash(canonical(cells))
    except InvalidInput:
        return None


def verify(
    rows: Callable[[], Iterable[Row]],
    leaves: Iterable[Leaf],
    tiles: Tiles,
    checkpoints: Sequence[Checkpoint],
    forged: Problem | None = None,
) -> Verdict:
    """Compare the journal's rows with leaves, tiles and checkpoints, all in order.

    `rows` can be asked again, to look for where a missing row went. `checkpoints` are those whose signatures hold, by
    size; `forged` is what is wrong with one whose signature does not, and is told if the entries show nothing.
    """
    walk = _Walk(tiles, sorted(checkpoints, key=lambda one: one.size))
    problem = walk.run(iter(rows()), iter(leaves))
    if problem is not None and problem.seq is not None and problem.fault in (Fault.CHANGED, Fault.MISSING):
        problem = _moved(problem, walk.suspect, rows()) or problem
    if not checkpoints and walk.frontier.size + walk.pending:
        forged = forged or Problem(Fault.CHECKPOINT, None, "there is no checkpoint: nothing vouches for these entries")
    return Verdict(walk.frontier.size, walk.frontier.root(), len(checkpoints), walk.pending, problem or forged)


@dataclass(slots=True)
class _Walk:
    """One pass over the rows beside the leaves. `suspect` is the leaf whose row is missing or not the same."""

    tiles: Tiles
    checkpoints: list[Checkpoint]
    frontier: Frontier = field(default_factory=Frontier)
    pending: int = 0
    suspect: Leaf | None = None
    _last_seq: int = 0
    _vouched: tuple[int, int] = (0, 0)

    def run(self, rows: Iterator[Row], leaves: Iterator[Leaf]) -> Problem | None:
        row = next(rows, None)
        for leaf in leaves:
            problem = self._compare(row, leaf) or self._take(leaf)
            if problem is not None:
                return problem
            row = next(rows, None)
        problem = self._unreached()
        self.pending = (row is not None) + sum(1 for _ in rows) + self.frontier.size - self._vouched[0]
        return problem

    def _compare(self, row: Row | None, leaf: Leaf) -> Problem | None:
        self.suspect = leaf
        if leaf.position != self.frontier.size or leaf.seq <= self._last_seq:
            return Problem(Fault.MISSING, self._last_seq + 1, "the leaves of the tree are not without gaps any more")
        if row is None or row.seq > leaf.seq:
            return Problem(Fault.MISSING, leaf.seq, f"the entry {leaf.seq} is missing from the journal")
        if row.seq < leaf.seq:
            return Problem(Fault.INSERTED, row.seq, f"the entry {row.seq} was inserted later: the tree never saw it")
        if hash_of(row) != leaf.hash:
            return Problem(Fault.CHANGED, leaf.seq, f"the entry {leaf.seq} was changed: its leaf has another hash")
        return None

    def _take(self, leaf: Leaf) -> Problem | None:
        """Grow the tree by a leaf that agrees with its row, and compare it with what stands above it."""
        growth = grow(self.frontier, [leaf.hash])
        self.frontier, self._last_seq = growth.frontier, leaf.seq
        for tile in growth.tiles:
            if self.tiles.get((tile.level, tile.number)) != tile.hash:
                first = self._vouched[1] + 1
                words = f"the entries up to {leaf.seq} do not have the subtree {tile.level}/{tile.number} that was kept"
                return Problem(Fault.REWRITTEN, first, words)
        while self.checkpoints and self.checkpoints[0].size <= self.frontier.size:
            problem = self._agree(self.checkpoints.pop(0))
            if problem is not None:
                return problem
        return None

    def _agree(self, checkpoint: Checkpoint) -> Problem | None:
        since, seq = self._vouched
        if checkpoint.size != self.frontier.size or checkpoint.root != self.frontier.root():
            words = (
                f"the checkpoint of {checkpoint.size} entries has another root: what it covers was rewritten, at or "
                f"after the entry {seq + 1}; the checkpoint of {since} entries before it still agrees"
            )
            return Problem(Fault.REWRITTEN, seq + 1, words)
        self._vouched = (checkpoint.size, self._last_seq)
        return None

    def _unreached(self) -> Problem | None:
        if not self.checkpoints:
            return None
        size, missing = self.checkpoints[0].size, self._last_seq + 1
        left = self.frontier.size
        words = f"a checkpoint was signed over {size} entries and there are {left}: cut off from {missing} on"
        return Problem(Fault.MISSING, missing, words)


def _moved(problem: Problem, suspect: Leaf | None, rows: Iterable[Row]) -> Problem | None:
    """Look for the missing row under another number."""
    if suspect is None:
        return None
    for row in rows:
        if row.seq != suspect.seq and hash_of(row, seq=suspect.seq) == suspect.hash:
            words = f"the order was changed: what was the entry {suspect.seq} now stands as {row.seq}"
            return Problem(Fault.REORDERED, problem.seq, words)
    return None
