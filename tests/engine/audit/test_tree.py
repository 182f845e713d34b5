"""The tree and its proofs against the recursive definitions of RFC 6962 and the published vectors of its reference log."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from steersman.engine.audit.proofs import consistency_path, extends, includes, inclusion_path, root_of
from steersman.engine.audit.tree import EMPTY_ROOT, Frontier, NodeAt, frontier_at, grow, leaf_hash, perfect_root
from steersman.model.errors import InvalidInput

#: The leaves and roots that Certificate Transparency's own implementations are tested with.
VECTOR_LEAVES = [bytes.fromhex(one) for one in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
VECTOR_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word by word; leaves are contents."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = naive_split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = naive_split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if m == len(leaves):
        return [] if known else [naive_root(leaves)]
    k = naive_split(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], known=known), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], known=False), naive_root(leaves[:k])]


def grown(leaves: list[bytes]) -> Frontier:
    return grow(Frontier(), map(leaf_hash, leaves)).frontier


def nodes(leaves: list[bytes]) -> NodeAt:
    """Perfect subtrees straight from the leaves."""
    return lambda level, number: perfect_root([leaf_hash(one) for one in leaves[number << level : number + 1 << level]])


sizes = st.integers(1, 70)


def contents(count: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(count)]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_vectors_of_rfc_6962_come_out(size: int) -> None:
    leaves = VECTOR_LEAVES[:size]
    assert grown(leaves).root().hex() == VECTOR_ROOTS[size - 1]
    assert naive_root(leaves).hex() == VECTOR_ROOTS[size - 1]


def test_a_tree_without_leaves_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == naive_root([])


@given(st.lists(st.binary(max_size=8), max_size=80), st.data())
def test_growing_in_any_steps_gives_the_root_of_the_definition(leaves: list[bytes], data: st.DataObject) -> None:
    """The frontier holds one hash per bit of the size, and nothing else is needed to go on."""
    cut = data.draw(st.integers(0, len(leaves)))
    first = grown(leaves[:cut])
    whole = grow(first, map(leaf_hash, leaves[cut:])).frontier
    assert whole.root() == naive_root(leaves)
    assert len(whole.hashes) == len(leaves).bit_count()
    assert frontier_at(len(leaves), nodes(leaves)) == whole


def test_complete_tiles_are_handed_out_once_each() -> None:
    """One for every 256 leaves, whose hash is the definition's, and one for every 256 of those."""
    leaves = contents(700)
    first = grow(Frontier(), map(leaf_hash, leaves[:300]))
    second = grow(first.frontier, map(leaf_hash, leaves[300:]))
    tiles = [*first.tiles, *second.tiles]
    assert [(tile.level, tile.number) for tile in tiles] == [(8, 0), (8, 1)]
    assert [tile.hash for tile in tiles] == [naive_root(leaves[:256]), naive_root(leaves[256:512])]
    many = grow(Frontier(), [b"\0" * 32] * 65_536).tiles
    assert [tile.number for tile in many if tile.level == 16] == [0]
    assert len(many) == 257


@given(sizes, st.data())
def test_inclusion_paths_are_those_of_the_definition_and_hold(size: int, data: st.DataObject) -> None:
    index, leaves = data.draw(st.integers(0, size - 1)), contents(size)
    path = inclusion_path(index, size, nodes(leaves))
    assert list(path) == naive_path(index, leaves)
    assert includes(naive_root(leaves), size, index, leaf_hash(leaves[index]), path)


@given(sizes, st.data())
def test_a_changed_inclusion_proof_does_not_hold(size: int, data: st.DataObject) -> None:
    """Another leaf, position, size, root, or a path with one hash more, less or other."""
    index, leaves = data.draw(st.integers(0, size - 1)), contents(size)
    root, leaf, path = naive_root(leaves), leaf_hash(leaves[index]), inclusion_path(index, size, nodes(leaves))
    other = leaf_hash(b"another")
    assert not includes(root, size, index, other, path)
    assert not includes(other, size, index, leaf, path)
    assert not includes(root, size, index, leaf, (*path, other))
    assert not includes(root, size, index, leaf, path[:-1]) or not path
    assert not includes(root, size, size, leaf, path)
    assert not includes(root, size, -1, leaf, path)
    for place in range(len(path)):
        assert not includes(root, size, index, leaf, (*path[:place], other, *path[place + 1 :]))
    elsewhere = data.draw(st.integers(0, size - 1))
    assume(elsewhere != index)
    assert not includes(root, size, elsewhere, leaf, path)


@given(sizes, sizes)
def test_consistency_paths_are_those_of_the_definition_and_hold(one: int, other: int) -> None:
    first, second = sorted((one, other))
    leaves = contents(second)
    path = consistency_path(first, second, nodes(leaves))
    assert list(path) == naive_subproof(first, leaves, known=True)
    assert extends(first, naive_root(leaves[:first]), second, naive_root(leaves), path)


@given(sizes, sizes, st.data())
def test_a_log_that_was_rewritten_is_not_consistent(one: int, other: int, data: st.DataObject) -> None:
    """Change any entry of the first tree: no path of the second one shows that it begins with the first."""
    first, second = sorted((one, other))
    leaves, changed = contents(second), contents(second)
    changed[data.draw(st.integers(0, first - 1))] = b"rewritten"
    path = consistency_path(first, second, nodes(changed))
    assert not extends(first, naive_root(leaves[:first]), second, naive_root(changed), path)
    true = consistency_path(first, second, nodes(leaves))
    assert not extends(first, naive_root(leaves[:first]), second, naive_root(changed), true)


@given(sizes, sizes, st.data())
def test_a_changed_consistency_proof_does_not_hold(one: int, other: int, data: st.DataObject) -> None:
    first, second = sorted((one, other))
    leaves = contents(second)
    roots = naive_root(leaves[:first]), naive_root(leaves)
    path, odd = consistency_path(first, second, nodes(leaves)), leaf_hash(b"another")
    assert not extends(first, roots[0], second, roots[1], (*path, odd))
    assert not extends(first, odd, second, roots[1], path)
    assert not extends(first, roots[0], second, odd, path)
    assert not extends(second + 1, roots[0], second, roots[1], path)
    for place in range(len(path)):
        assert not extends(first, roots[0], second, roots[1], (*path[:place], odd, *path[place + 1 :]))
        assert not extends(first, roots[0], second, roots[1], (*path[:place], *path[place + 1 :]))


def test_everything_begins_with_an_empty_log() -> None:
    assert consistency_path(0, 5, nodes(contents(5))) == ()
    assert extends(0, EMPTY_ROOT, 5, naive_root(contents(5)), ())
    assert not extends(0, leaf_hash(b"x"), 5, naive_root(contents(5)), ())


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_a_leaf_outside_of_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(InvalidInput, match="has no leaf"):
        inclusion_path(index, size, nodes(contents(3)))


def test_a_longer_tree_is_no_beginning() -> None:
    with pytest.raises(InvalidInput, match="cannot be the beginning"):
        consistency_path(4, 3, nodes(contents(4)))


@given(sizes)
def test_the_root_comes_from_kept_subtrees_alone(size: int) -> None:
    assert root_of(0, size, nodes(contents(size))) == naive_root(contents(size))
