"""The Merkle tree of RFC 6962 (2.1) and RFC 9162 (2.1.1), grown leaf by leaf from O(log n) of state.

Leaves and inner nodes are hashed behind different bytes, so that neither can be passed off as the other. A perfect
subtree is named by its level (0 is a leaf) and its number from the left on that level: once it is complete it never
changes, so whoever keeps some of them can rebuild any other. It keeps nothing itself and signs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

_LEAF = b"\x00"
_NODE = b"\x01"
#: The root of a tree without leaves: the hash of nothing (RFC 9162, 2.1.1).
EMPTY_ROOT = sha256(b"").digest()
#: A perfect subtree on every so many levels is handed out to be kept: 256 leaves are one tile, 256 tiles the next.
TILE_LEVELS = 8

#: Returns the hash of the perfect subtree with this level and number.
NodeAt = Callable[[int, int], bytes]


class Node(NamedTuple):
    """A perfect subtree over `2 ** level` leaves, the `number`-th of its level."""

    level: int
    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that is needed to grow a tree: the perfect subtrees that it consists of, the largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """Return the root hash of the tree."""
        if not self.hashes:
            return EMPTY_ROOT
        *larger, root = self.hashes
        for left in reversed(larger):
            root = node_hash(left, root)
        return root


@dataclass(frozen=True, slots=True)
class Growth:
    """A tree after more leaves, and the tiles that became complete with them."""

    frontier: Frontier
    tiles: tuple[Node, ...]


def leaf_hash(content: bytes) -> bytes:
    return sha256(_LEAF + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


def grow(frontier: Frontier, leaves: Iterable[bytes]) -> Growth:
    """Append leaf hashes in order."""
    size, stack, tiles = frontier.size, list(frontier.hashes), []
    for leaf in leaves:
        level, number = 0, size
        stack.append(leaf)
        while number & 1:
            right = stack.pop()
            stack[-1] = node_hash(stack[-1], right)
            level, number = level + 1, number >> 1
            if level % TILE_LEVELS == 0:
                tiles.append(Node(level, number, stack[-1]))
        size += 1
    return Growth(Frontier(size, tuple(stack)), tuple(tiles))


def frontier_at(size: int, node: NodeAt) -> Frontier:
    """Return the frontier of the first `size` leaves, from kept subtrees."""
    hashes, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            hashes.append(node(level, start >> level))
            start += 1 << level
    return Frontier(size, tuple(hashes))


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of hashes of one level."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
