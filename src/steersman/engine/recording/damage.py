"""Finds the byte that is wrong in a checked piece of bytes: a CRC tells more than that something does not fit.

A CRC is linear: how far off it is depends on the wrong byte and its place alone. Going back through the bytes from
the end, there is one place at which a single byte explains the difference; by chance there is another one in a piece
of a mebibyte in sixteen. Where several bytes are wrong, nothing is said.
"""

from __future__ import annotations

import zlib

#: Of CRC-32, as zlib computes it, with its bits reversed.
_POLYNOMIAL = 0xEDB88320
#: A larger piece would take longer than a second.
_LONGEST = 4 << 20


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_entry, range(256)))
_SINGLE = frozenset(_TABLE[1:])
#: The byte that was taken in, by the highest byte that the table made of it: no two are alike.
_TAKEN = {entry >> 24: byte for byte, entry in enumerate(_TABLE)}


def wrong_byte(body: bytes, checksum: int) -> int | None:
    """Return the index of the one byte that does not fit the checksum; None where it fits, or where more is wrong."""
    difference = zlib.crc32(body) ^ checksum
    if not difference or len(body) > _LONGEST:
        return None
    found = None
    for at in range(len(body) - 1, -1, -1):
        if difference in _SINGLE:
            found = at
        byte = _TAKEN[difference >> 24]
        difference = ((difference ^ _TABLE[byte]) << 8 & 0xFFFFFFFF) | byte
    return found


def wrong_byte_of(checksum: int, told: int) -> int | None:
    """Return which byte of a little-endian checksum alone is wrong; None where it is not one alone."""
    wrong = [at for at in range(4) if (checksum ^ told) >> 8 * at & 0xFF]
    return wrong[0] if len(wrong) == 1 else None
