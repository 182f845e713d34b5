"""Label sets, their canonical bytes, and matchers over them.

The canonical form of a label set is the byte string that Prometheus remote write 1.0 uses for it: one
length-delimited `Label{name=1, value=2}` message per label, sorted by name. A sender that follows the
specification therefore sends the canonical form, and a known series is recognised by comparing bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from steersman.model.errors import InvalidInput

#: Sorted by name; names are unique, values are never empty.
Labels = tuple[tuple[str, str], ...]

METRIC_NAME = "__name__"


class MatchOp(StrEnum):
    """The four comparisons of a Prometheus selector."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a regular expression is anchored on both sides, as in Prometheus."""

    name: str
    op: MatchOp
    value: str


def canonical(labels: dict[str, str]) -> Labels:
    """Sort and check a label set. Empty values mean "no such label" and are left out.

    Names may be any UTF-8, as in Prometheus 3; raises `InvalidInput` for an empty one.
    """
    if "" in labels:
        raise InvalidInput("a label has an empty name")
    return tuple(sorted((n, v) for n, v in labels.items() if v))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    shift = value = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _field(tag: bytes, payload: bytes) -> bytes:
    return tag + _varint(len(payload)) + payload


def encode_label(name: str, value: str) -> bytes:
    """Return the content of one `Label` message."""
    return _field(b"\x0a", name.encode()) + _field(b"\x12", value.encode())


def decode_label(message: bytes) -> tuple[str, str]:
    """Invert `encode_label`."""
    size, at = _read_varint(message, 1)
    name = message[at : at + size]
    size, at = _read_varint(message, at + size + 1)
    return name.decode(), message[at : at + size].decode()


def encode_labels(labels: Labels) -> bytes:
    """Return the canonical bytes of a label set that is already canonical."""
    return b"".join(_field(b"\x0a", encode_label(name, value)) for name, value in labels)


def decode_labels(key: bytes) -> Labels:
    """Invert `encode_labels`. The bytes must be canonical: they come from a key table, never from a peer."""
    labels = []
    at = 0
    while at < len(key):
        size, at = _read_varint(key, at + 1)
        labels.append(decode_label(key[at : at + size]))
        at += size
    return tuple(labels)
