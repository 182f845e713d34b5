"""The shape of a text, which says what could stand in it; the lines of a log have few shapes, and most have nothing.

In a shape every digit is `0`, every capital `A`, every other letter of ASCII `a`, and what is beyond ASCII one byte. A
pattern names the shape that it cannot do without. Which patterns a shape allows is remembered, because lines that one
statement wrote have the same shape again and again: that changes the time and no answer. A shape may allow what is not
there; it never rules out what a pattern would have found.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

#: What each byte beyond ASCII is in a shape.
BEYOND = b"\x80"
#: Behind a number: no letter or digit, no hyphen or dot that goes on with one.
END = rb"(?![0Aa_])(?![-.][0Aa])"
#: What a pattern may take for white space, which is more than bytes take for it.
GAP = rb"[\x00-\x20\x80]"
#: Shapes that are remembered, and how long they are at most: some megabytes.
_REMEMBERED, _LONGEST = 8192, 400


def begin(sign: bytes) -> bytes:
    """The first sign of a number, with the same before it that `END` has behind."""
    return rb"%b(?<![0Aa_]%b)(?<![0Aa_][-.]%b)" % (sign, sign, sign)


def _table() -> bytes:
    table = bytearray(range(256))
    for sign, members in (("0", string.digits), ("A", string.ascii_uppercase), ("a", string.ascii_lowercase)):
        for member in members.encode():
            table[member] = ord(sign)
    table[0x80:] = BEYOND * 0x80
    return bytes(table)


_TABLE = _table()


@dataclass(frozen=True, slots=True)
class Shape:
    """What has to stand in the shape of a text: first a piece of it, which is found fast, then a form."""

    piece: bytes
    form: re.Pattern[bytes]


def shape(piece: bytes, form: bytes) -> Shape:
    """A piece of a shape and a form as a regular expression over shapes."""
    return Shape(piece, re.compile(form))


def allowing(shapes: Sequence[Shape]) -> Callable[[bytes], tuple[int, ...]]:
    """Return what says of a text in UTF-8 which of the shapes are in it, by their places."""
    looks = [(place, one.piece, one.form.search) for place, one in enumerate(shapes)]

    def places(seen: bytes) -> tuple[int, ...]:
        return tuple([place for place, piece, search in looks if piece in seen and search(seen)])

    remembered = lru_cache(_REMEMBERED)(places)

    def of(raw: bytes) -> tuple[int, ...]:
        seen = raw.translate(_TABLE)
        return remembered(seen) if len(seen) <= _LONGEST else places(seen)

    return of


#: Digits of other scripts, and letters beyond ASCII that are an `s`, `k` or `i` where case does not count.
_BEYOND_SHAPES = re.compile("[^\\D0-9]|[\u017f\u212a\u0130\u0131]")


def is_beyond_shapes(text: str) -> bool:
    """Whether patterns may take something in the text for what no shape shows."""
    return not text.isascii() and _BEYOND_SHAPES.search(text) is not None
