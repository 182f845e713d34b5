"""Bounds the work on one long value and leaves no blind spot in it: a cheap screen over all of it, then windows.

Padding is the cheapest way around a detector that looks at the ends only. So the two ends are always looked at, and of
what is between them the stretches where something stands that an attack is made of: the words of its grammar, many
kinds of signs, signs behind an encoding. Whoever floods a value with such words gets the worst stretches looked at, and
a note that others were not.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Characters at each end that are always looked at.
END = 8 * 1024
_STEP = 1024
#: What stands on the edge of two stretches is whole in one of them.
_OVERLAP = 256
#: Stretches of the middle that are looked at, the worst first.
MOST_STRETCHES = 12
#: Stands where a value was cut: what is there is neither its beginning nor its end.
_CUT = "cut off"
_LEAST_RANK = 1
_ORDINARY = bytes(code for code in range(256) if chr(code).isalnum() or code >= 0x80 or chr(code) in " \t\r\n.,:_-/+@")
_PERCENT_SIGNS = tuple(b"%27 %22 %3c %28 %3d %3b %60 %24 %7c %26 %5c %25 %7b %2d".split())
_ENTITIES = (b"&lt", b"&#", b"&quot")
#: Words that attacks need and that show by no sign beside them. Each costs one search over the value.
_WORDS = (
    *b"select union insert delete exec sleep benchmark waitfor information_schema having onerror onload".split(),
    *b"script alert document eval passwd etc/ ../ ..\\ %2e /bin/ wget curl bash powershell whoami".split(),
    b" or ",
    b"order by",
    b"--",
)
#: Characters of the middle that are screened: with this, the screen takes some tens of milliseconds at most.
MOST_SCREENED = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Windows:
    """The pieces of a value to look at, and a note for the reason when that is not all of it."""

    pieces: tuple[str, ...]
    note: str = ""


def windows(value: str, most: int = MOST_STRETCHES) -> Windows:
    """Choose what to look at. Linear in the length of the value with a small factor; the pieces are bounded."""
    if len(value) <= 2 * END:
        return Windows((value,))
    begins, left = _suspicious(value, most)
    stretches = (f"{_CUT} {value[begin : begin + _STEP + _OVERLAP]} {_CUT}" for begin in begins)
    pieces = (f"{value[:END]} {_CUT}", *stretches, f"{_CUT} {value[-END:]}")
    screened = min(len(value), 2 * END + MOST_SCREENED)
    note = f"screened {screened} of {len(value)} characters, looked closely at {sum(map(len, pieces))}"
    return Windows(pieces, f"{note}, and not at {left} stretches that are less suspicious" if left else note)


def _suspicious(value: str, most: int) -> tuple[list[int], int]:
    """Where the worst stretches of the middle begin, in their order, and how many suspicious ones are left out."""
    raw = value.encode("latin-1", "replace").lower()
    first, last = END - _OVERLAP, min(len(raw) - END, END + MOST_SCREENED)
    ranks = [_kinds(raw[begin : begin + _STEP + _OVERLAP]) for begin in range(first, last, _STEP)]
    signs = (*(_PERCENT_SIGNS if b"%" in raw else ()), *(_ENTITIES if b"&" in raw else ()))
    for weight, texts in ((1, signs), (3, _WORDS)):
        for text in texts:
            for stretch in _stretches_with(raw, text, first, last):
                ranks[stretch] += weight
    suspicious = [stretch for stretch, rank in enumerate(ranks) if rank >= _LEAST_RANK]
    worst = sorted(suspicious, key=lambda stretch: -ranks[stretch])[:most]
    return [first + stretch * _STEP for stretch in sorted(worst)], len(suspicious) - len(worst)


def _kinds(stretch: bytes) -> int:
    return len(set(stretch.translate(None, _ORDINARY)))


def _stretches_with(raw: bytes, text: bytes, first: int, last: int) -> list[int]:
    """The numbers of the stretches that hold a text: one search each, however often it stands there."""
    found = []
    position = raw.find(text, first, last)
    while position >= 0:
        stretch = (position - first) // _STEP
        found.append(stretch)
        position = raw.find(text, first + (stretch + 1) * _STEP, last)
    return found
