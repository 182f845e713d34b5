"""Inclusion and consistency proofs of RFC 9162 (2.1.3, 2.1.4): made from kept subtrees, checked from hashes alone.

A proof is checked by whoever does not trust the maker, so the checks take nothing but what was handed over, and refuse
a path that is too long or too short as they refuse a wrong hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from hmac import compare_digest

from steersman.engine.audit.tree import EMPTY_ROOT, NodeAt, node_hash
from steersman.model.errors import InvalidInput

Path = tuple[bytes, ...]


def root_of(start: int, end: int, node: NodeAt) -> bytes:
    """Return the hash over the leaves from `start` to before `end`, a range that the tree's own splits lead to."""
    if start == end:
        return EMPTY_ROOT
    level = (end - start).bit_length() - 1
    width = 1 << level
    left = node(level, start >> level)
    return left if width == end - start else node_hash(left, root_of(start + width, end, node))


def inclusion_path(index: int, size: int, node: NodeAt) -> Path:
    """Return the hashes beside the way from a leaf up to the root of the first `size` leaves."""
    if not 0 <= index < size:
        raise InvalidInput(f"a tree of {size} leaves has no leaf {index}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root_of(middle, end, node))
            end = middle
        else:
            path.append(root_of(start, middle, node))
            start = middle
    return tuple(reversed(path))


def consistency_path(first: int, second: int, node: NodeAt) -> Path:
    """Return what shows that the tree of `first` leaves is the beginning of that of `second`."""
    if not 0 <= first <= second:
        raise InvalidInput(f"a tree of {first} leaves cannot be the beginning of one of {second}")
    if first == 0:
        return ()
    start, end, path = 0, second, []
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(root_of(middle, end, node))
            end = middle
        else:
            path.append(root_of(start, middle, node))
            start = middle
    if start > 0:
        path.append(root_of(start, end, node))
    return tuple(reversed(path))


def includes(root: bytes, size: int, index: int, leaf: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether a leaf hash stands at `index` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for beside in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(beside, found)
            at, last = _up_to_right_child(at, last)
        else:
            found = node_hash(found, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and compare_digest(found, root)


def extends(first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether the second tree begins with the first one (RFC 9162, 2.1.4.2)."""
    if first == 0:
        return not path and compare_digest(first_root, EMPTY_ROOT) and second >= 0
    if first == second:
        return not path and compare_digest(first_root, second_root)
    if not 0 < first < second:
        return False
    hashes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = hashes[0]
    for beside in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            older, newer = node_hash(beside, older), node_hash(beside, newer)
            at, last = _up_to_right_child(at, last)
        else:
            newer = node_hash(newer, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and compare_digest(older, first_root) and compare_digest(newer, second_root)


def _split(size: int) -> int:
    """Return the largest power of two below `size`: how many leaves the left subtree has."""
    return 1 << (size - 1).bit_length() - 1


def _up_to_right_child(at: int, last: int) -> tuple[int, int]:
    """Climb over levels on which the node has no sibling, because the tree ends there."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last
