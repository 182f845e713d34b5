"""The snappy block format around remote write and Loki bodies, with a limit on what comes out.

The length that the block states is checked before a byte is unpacked, so a small body cannot claim much memory.
The snappy *framing* format is not read: the protocols ask for the block format.
"""

from __future__ import annotations

import cramjam

from steersman.engine.decode.bounds import MAX_UNPACKED
from steersman.model.errors import InvalidInput, TooLarge

#: Snappy's densest element copies 64 bytes for three bytes of input, and a literal costs more than its content.
_MAX_RATIO = 22


def unpack_snappy(body: bytes, limit: int = MAX_UNPACKED) -> bytes:
    """Return the content of one snappy block.

    Raises `TooLarge` when the stated size is above `limit` bytes and `InvalidInput` when the block is damaged.
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
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise InvalidInput(
            "the body is not a whole snappy block: it was cut off or damaged, or it is not in the block format"
        ) from error
