"""The index of one block: which rows hold which token, and which row groups hold which three bytes.

It answers with a superset: a row that it leaves out cannot match, a row that it names must still be looked at.
So 32 bits of a hash are enough, and a collision costs time, never truth. Layout, little-endian:

    header      magic, version, number of sections, rows, checksum of all the rest, length of each section
    bounds      int64 (groups, 2): first and last time of each row group
    starts      int64 (groups + 1): the first row of each row group, then the number of rows
    lone        uint32 keys, uint32 rows: tokens that stand in one row
    sparse      uint32 keys, uint32 ends, bytes: LEB128 differences of ascending row numbers
    dense       uint32 keys, uint32 ends, bytes: tokens in more than every eighth row, as a bitmap, empty for "all"
    trigrams    65,536 bits per row group, set by a hash of each three neighbouring bytes of folded text
"""

from __future__ import annotations

import mmap
import struct
import zlib
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np

from steersman.model.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy import bool_, int32, int64, uint8, uint32, uint64
    from numpy.typing import NDArray

Item = TypeVar("Item", bound=np.generic)

MAGIC = b"SMTOKIDX"
#: Covers the layout, the hash and how text is cut into tokens: a file of another version is rebuilt.
VERSION = 1
TRIGRAM_BYTES = 8192
#: A token in more than one row of so many is a bitmap: from there on that is the smaller of the two.
_DENSE = 8
_SECTIONS: tuple[tuple[str, type[np.generic]], ...] = (
    ("bounds", np.int64),
    ("starts", np.int64),
    ("lone_keys", np.uint32),
    ("lone_rows", np.uint32),
    ("sparse_keys", np.uint32),
    ("sparse_ends", np.uint32),
    ("sparse", np.uint8),
    ("dense_keys", np.uint32),
    ("dense_ends", np.uint32),
    ("dense", np.uint8),
    ("trigrams", np.uint8),
)
_HEADER = struct.Struct(f"<8sIIQI4x{len(_SECTIONS)}Q")
_ALIGN = 8


class DamagedIndex(Permanent):
    """An index file is missing, torn or of another version: search without it, then rebuild it."""


def keys_of(hashes: NDArray[uint64], salt: int) -> NDArray[uint32]:
    """Return the index keys of token hashes in a field; the salt keeps fields apart."""
    keys: NDArray[uint32] = (hashes >> np.uint64(32)).astype(np.uint32) ^ np.uint32(salt)
    return keys


def salt_of(field: str) -> int:
    return zlib.crc32(field.encode())


def number_keys(values: NDArray[int64], salt: int) -> NDArray[uint32]:
    """Return the index keys of small integers in a field."""
    mixed = (values.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return keys_of(mixed, salt)


def _encode_leb128(values: NDArray[uint32]) -> tuple[NDArray[uint8], NDArray[int64]]:
    """Return the bytes of all values and the offset behind each."""
    wide = values.astype(np.uint64)
    size = np.ones(len(wide), np.int64)
    for bits in (7, 14, 21, 28):
        size += wide >= np.uint64(1 << bits)
    ends = np.cumsum(size)
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    start = ends - size
    for step in range(5):
        which = np.flatnonzero(size > step)
        if not len(which):
            break
        more = (size[which] > step + 1).astype(np.uint8) << 7
        out[start[which] + step] = ((wide[which] >> np.uint64(7 * step)) & np.uint64(0x7F)).astype(np.uint8) | more
    return out, ends


def _decode_leb128(data: NDArray[uint8]) -> NDArray[int64]:
    last = data < 0x80
    ends = np.flatnonzero(last)
    starts = np.empty_like(ends)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1
    value = (data[starts] & 0x7F).astype(np.int64)
    length = ends - starts
    for step in range(1, 5):
        which = np.flatnonzero(length >= step)
        if not len(which):
            break
        value[which] |= (data[starts[which] + step] & 0x7F).astype(np.int64) << (7 * step)
    return value


def pair(keys: NDArray[uint32], rows: NDArray[int32] | NDArray[int64]) -> NDArray[uint64]:
    """Put a key and its row into one integer, so that sorting and removing doubles is one pass over one array."""
    pairs: NDArray[uint64] = (keys.astype(np.uint64) << np.uint64(32)) | rows.astype(np.uint64)
    return pairs


def _sparse(flat: NDArray[uint32], counts: NDArray[int64]) -> tuple[NDArray[uint8], NDArray[uint32]]:
    """Return the differences of each token's rows as bytes, and where each token's bytes end."""
    firsts = np.cumsum(counts) - counts
    delta = np.diff(flat, prepend=np.uint32(0))
    delta[firsts] = flat[firsts]
    encoded, ends = _encode_leb128(delta)
    return encoded, ends[firsts + counts - 1].astype(np.uint32)


def _dense(flat: NDArray[uint32], counts: NDArray[int64], rows: int) -> tuple[NDArray[uint8], NDArray[uint32]]:
    """Return a bitmap per token, empty for a token of every row, and where each token's bytes end."""
    maps: list[NDArray[uint8]] = [np.empty(0, np.uint8)]
    ends = np.cumsum(counts)
    for end, count in zip(ends.tolist(), counts.tolist(), strict=True):
        bits = np.zeros(rows if count < rows else 0, np.bool_)
        if count < rows:
            bits[flat[end - count : end]] = True
        maps.append(np.packbits(bits, bitorder="little"))
    return np.concatenate(maps), np.cumsum([len(part) for part in maps[1:]]).astype(np.uint32)


def _differs(values: NDArray[Item]) -> NDArray[bool_]:
    """Return which values of a sorted array are not the one before."""
    first = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return first


def _invert(pairs: NDArray[uint64], rows: int) -> dict[str, NDArray[np.generic]]:
    """Turn (key, row) pairs, which are sorted in place, into the sections that hold tokens."""
    pairs.sort()
    pairs = pairs[_differs(pairs)]
    keys = (pairs >> np.uint64(32)).astype(np.uint32)
    flat = pairs.astype(np.uint32)
    del pairs
    firsts = np.flatnonzero(_differs(keys))
    counts = np.diff(firsts, append=len(keys))
    keys = keys[firsts]
    lone = counts == 1
    many = ~lone & (counts * _DENSE > rows)
    some = ~lone & ~many
    sparse, sparse_ends = _sparse(flat[np.repeat(some, counts)], counts[some])
    dense, dense_ends = _dense(flat[np.repeat(many, counts)], counts[many], rows)
    return {
        "lone_keys": keys[lone],
        "lone_rows": flat[firsts[lone]],
        "sparse_keys": keys[some],
        "sparse_ends": sparse_ends,
        "sparse": sparse,
        "dense_keys": keys[many],
        "dense_ends": dense_ends,
        "dense": dense,
    }


def trigram_slots(folded: NDArray[uint8]) -> NDArray[uint32]:
    """Return the bit of each three neighbouring bytes; text shorter than three has none."""
    wide = folded.astype(np.uint32)
    slots = wide[:-2] * np.uint32(0x9E3779B1) + wide[1:-1] * np.uint32(0x85EBCA77) + wide[2:] * np.uint32(0xC2B2AE3D)
    picked: NDArray[uint32] = slots >> np.uint32(16)
    return picked


_FOLD = np.arange(256, dtype=np.uint8)
_FOLD[ord("A") : ord("Z") + 1] += 32


def trigram_map(texts: Iterable[NDArray[uint8]]) -> NDArray[uint8]:
    """Return the bitmap of one row group. Three bytes across two rows only add a bit too many."""
    bits = np.zeros(TRIGRAM_BYTES * 8, np.bool_)
    for text in texts:
        bits[trigram_slots(_FOLD[text])] = True
    return np.packbits(bits, bitorder="little")


def encode(
    pairs: NDArray[uint64], bounds: NDArray[int64], starts: NDArray[int64], trigrams: NDArray[uint8]
) -> list[bytes]:
    """Return the index file as buffers.

    `pairs` come from `pair` and are put in another order; the rest has one entry per row group.
    """
    rows = int(starts[-1])
    sections = {"bounds": bounds, "starts": starts, **_invert(pairs, rows), "trigrams": trigrams}
    body: list[bytes] = []
    for name, kind in _SECTIONS:
        raw = np.ascontiguousarray(sections[name], kind).tobytes()
        body.append(raw)
        body.append(bytes(-len(raw) % _ALIGN))
    crc = 0
    for part in body:
        crc = zlib.crc32(part, crc)
    sizes = [len(part) for part in body[::2]]
    return [_HEADER.pack(MAGIC, VERSION, len(_SECTIONS), rows, crc, *sizes), *body]


def checksum(path: Path) -> None:
    """Read the file once and compare its checksum; raises `DamagedIndex`. The pages are not kept mapped."""
    try:
        with path.open("rb") as file:
            crc = _read_header(file.read(_HEADER.size), path.stat().st_size, path)[1]
            found = 0
            while piece := file.read(1 << 20):
                found = zlib.crc32(piece, found)
    except OSError as error:
        raise DamagedIndex(f"the index {path} cannot be read: {error.strerror}") from error
    if found != crc:
        raise DamagedIndex(f"the index {path} is damaged: its checksum does not fit")


def _read_header(raw: bytes, size: int, path: Path) -> tuple[int, int, tuple[int, ...]]:
    """Return rows, checksum and section sizes."""
    if len(raw) < _HEADER.size:
        raise DamagedIndex(f"the index {path} is torn: it has no header")
    magic, version, count, rows, crc, *sizes = _HEADER.unpack(raw)
    if magic != MAGIC or version != VERSION or count != len(_SECTIONS):
        raise DamagedIndex(f"the index {path} is not one of version {VERSION}")
    if size != _HEADER.size + sum(length + -length % _ALIGN for length in sizes):
        raise DamagedIndex(f"the index {path} is torn: its length does not fit")
    return rows, crc, tuple(sizes)


class Index:
    """An open index. Close it after the search: mapped pages count as memory of this process."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise DamagedIndex(f"the index {path} cannot be read") from error
        try:
            self.rows, _, sizes = _read_header(self._map[: _HEADER.size], len(self._map), path)
        except DamagedIndex:
            self._map.close()
            raise
        self._sections: dict[str, NDArray[np.generic]] = {}
        at = _HEADER.size
        for (name, kind), size in zip(_SECTIONS, sizes, strict=True):
            self._sections[name] = np.frombuffer(self._map, kind, size // np.dtype(kind).itemsize, at)
            at += size + -size % _ALIGN
        self.starts: NDArray[int64] = self._sections["starts"].astype(np.int64)
        self.bounds: NDArray[int64] = self._sections["bounds"].astype(np.int64).reshape(-1, 2)

    def close(self) -> None:
        self._sections.clear()
        self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listed(self, section: str, key: uint32) -> NDArray[uint8] | None:
        keys = self._sections[f"{section}_keys"]
        at = int(np.searchsorted(keys, key))
        if at == len(keys) or keys[at] != key:
            return None
        ends = self._sections[f"{section}_ends"]
        start = int(ends[at - 1]) if at else 0
        return self._sections[section][start : int(ends[at])].astype(np.uint8)

    def rows_of(self, key: uint32) -> NDArray[bool_]:
        """Return which rows may hold a token."""
        dense = self._listed("dense", key)
        if dense is not None:
            if not len(dense):
                return np.ones(self.rows, np.bool_)
            return np.unpackbits(dense, count=self.rows, bitorder="little").view(np.bool_)
        found = np.zeros(self.rows, np.bool_)
        sparse = self._listed("sparse", key)
        if sparse is not None:
            found[np.cumsum(_decode_leb128(sparse))] = True
            return found
        keys = self._sections["lone_keys"]
        at = int(np.searchsorted(keys, key))
        if at < len(keys) and keys[at] == key:
            found[int(self._sections["lone_rows"][at])] = True
        return found

    def groups_with(self, text: bytes) -> NDArray[bool_]:
        """Return which row groups may hold a folded text; all of them when it is shorter than three bytes."""
        maps = self._sections["trigrams"].reshape(len(self.starts) - 1, -1)
        slots = np.unique(trigram_slots(np.frombuffer(text, np.uint8)))
        if not maps.shape[1]:
            return np.ones(len(maps), np.bool_)
        bits = maps[:, slots >> np.uint32(3)] >> (slots & np.uint32(7)).astype(np.uint8) & np.uint8(1)
        held: NDArray[bool_] = bits.astype(np.bool_).all(axis=1)
        return held
