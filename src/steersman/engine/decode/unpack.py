"""The snappy block format around remote write and Loki bodies, with a limit on what comes out.

The length that the block states is checked before a byte is unpacked, so a small body cannot claim much memory.
The snappy *framing* format is not read: the protocols ask for the block format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cramjam

from steersman.engine.decode.bounds import MAX_UNPACKED
from steersman.model.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

#: Snappy's densest element copies 64 bytes for three bytes of input, and a literal costs more than its content.
_MAX_RATIO = 22
_DAMAGED = "the body is not a whole snappy block: it was cut off or damaged, or it is not in the block format"


def unpacked_size(body: bytes, limit: int = MAX_UNPACKED) -> int:
    """Return the size that one snappy block states, once it is believable.

    Raises `TooLarge` when it is above `limit` bytes and `InvalidInput` when no such block can be that large.
    """
    if not body:
        raise InvalidInput("the body is empty, a snappy block is needed")
    try:
        size = cramjam.snappy.decompress_raw_len(body)
    except cramjam.DecompressionError as error:
        raise InvalidInput("the body is not a snappy block; compress it with snappy's block format") from error
    if size > limit:
        raise TooLarge(f"the body unpacks to {size} bytes, and {limit} is the limit; send smaller batches")
    if size > _MAX_RATIO * len(body):
        raise InvalidInput(f"the snappy header claims {size} bytes, more than {len(body)} packed bytes can hold")
    return int(size)


def unpack_snappy_into(body: bytes, room: NDArray[uint8]) -> None:
    """Unpack one snappy block into an array of exactly the size that it states; raises `InvalidInput`."""
    try:
        size = cramjam.snappy.decompress_raw_into(body, room.data) if room.size else len(unpack_snappy(body))
    except cramjam.DecompressionError as error:
        raise InvalidInput(_DAMAGED) from error
    if size != room.size:
        raise InvalidInput(_DAMAGED)


def unpack_snappy(body: bytes, limit: int = MAX_UNPACKED) -> bytes:
    """Return the content of one snappy block.

    Raises `TooLarge` when the stated size is above `limit` bytes and `InvalidInput` when the block is damaged.
    """
    unpacked_size(body, limit)
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise InvalidInput(_DAMAGED) from error
