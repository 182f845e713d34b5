"""Remote write requests that are valid and unlike any sender's: every freedom of the wire format, taken at random.

Fields come in any order, repeated and unknown; tags and lengths take more varint bytes than they need; labels are
unsorted, empty or repeated. The protobuf library says what of it counts.
"""

from __future__ import annotations

import struct
from random import Random

_NAMES = ("__name__", "__name__", "job", "zone", "a", "é", "")
_VALUES = ("up", "down", "x" * 200, "日本", "")
#: Mostly what senders write; 2**64 - 1 is -1 on the wire.
_TIMES = (*(1_700_000_000_000 + n for n in range(30)), 0, 5, 2**64 - 1)
_LONGEST = 5
_NUMBERS = (0.0, 1.0, -1.5, float("nan"), float("inf"), 2.0**60)


def varint(number: int, random: Random) -> bytes:
    """Encode a number, now and then in more bytes than it needs, up to the five that a tag or a length may take."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    if len(out) < _LONGEST and random.random() < 0.03:
        out[-1] |= 0x80
        out += b"\x80" * random.randrange(_LONGEST - len(out)) + b"\x00"
    return bytes(out)


def _block(field: int, content: bytes, random: Random) -> bytes:
    return varint(field << 3 | 2, random) + varint(len(content), random) + content


def _stranger(random: Random) -> bytes:
    """A field that no version of the message has."""
    field = random.choice((15, 16, 200))
    return random.choice(
        (
            varint(field << 3, random) + varint(random.getrandbits(40), random),
            varint(field << 3 | 1, random) + random.randbytes(8),
            _block(field, random.randbytes(3), random),
            varint(field << 3 | 5, random) + random.randbytes(4),
        )
    )


def _shuffled(parts: list[bytes], random: Random) -> bytes:
    if random.random() < 0.2:
        parts.append(_stranger(random))
    if random.random() < 0.3:
        random.shuffle(parts)
    return b"".join(parts)


def _label(random: Random) -> bytes:
    name = _block(1, random.choice(_NAMES).encode(), random)
    value = _block(2, random.choice(_VALUES).encode(), random)
    return _shuffled([name, value, *([value] if random.random() < 0.05 else [])], random)


def _sample(random: Random) -> bytes:
    value = varint(1 << 3 | 1, random) + struct.pack("<d", random.choice(_NUMBERS))
    time = varint(2 << 3, random) + varint(random.choice(_TIMES), random)
    return _shuffled(random.choice(([value, time], [value, time], [value], [time], [], [value, time, value])), random)


def _series(random: Random) -> bytes:
    name = _block(1, _block(1, b"__name__", random) + _block(2, b"up", random), random)
    parts = [name] if random.random() < 0.9 else []
    parts += [_block(1, _label(random), random) for _ in range(random.choice((0, 0, 1, 2)))]
    parts += [_block(2, _sample(random), random) for _ in range(random.choice((0, 1, 1, 1, 3)))]
    if random.random() < 0.1:
        parts.append(_block(random.choice((3, 4)), b"", random))
    return _shuffled(parts, random)


def odd_request(random: Random) -> bytes:
    """Return one uncompressed `WriteRequest`."""
    parts = [_block(1, _series(random), random) for _ in range(random.randrange(5))]
    if random.random() < 0.1:
        parts.append(_block(3, _block(2, b"up", random), random))
    return _shuffled(parts, random)
