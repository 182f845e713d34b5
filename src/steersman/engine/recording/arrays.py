"""Named arrays as bytes and back, in one spelling and with a checksum; never as pickle."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import cramjam
import numpy as np
from numpy.typing import NDArray

from steersman.model.errors import InvalidInput

_HEAD = struct.Struct("<II")
_LEVEL = 1


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the arrays in the order of their names: length and CRC-32 of a zstandard body, then the body."""
    content = io.BytesIO()
    for name in sorted(arrays):
        text = name.encode()
        content.write(struct.pack("<I", len(text)) + text)
        np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
    body = bytes(cramjam.zstd.compress(content.getvalue(), level=_LEVEL))
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def unpack(packed: bytes) -> dict[str, NDArray[Any]]:
    """Invert `pack`; raises `InvalidInput` for damage."""
    body = packed[_HEAD.size :]
    if len(packed) < _HEAD.size or _HEAD.unpack_from(packed) != (len(body), zlib.crc32(body)):
        raise InvalidInput("the packed arrays are damaged: length or checksum do not fit")
    content = io.BytesIO(bytes(cramjam.zstd.decompress(body)))
    arrays = {}
    while head := content.read(4):
        name = content.read(struct.unpack("<I", head)[0]).decode()
        arrays[name] = np.lib.format.read_array(content, allow_pickle=False)
    return arrays
