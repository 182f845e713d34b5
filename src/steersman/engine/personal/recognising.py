"""Finds what is personal or secret in a text. What overlaps is decided for the surer, then for the longer one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection
from functools import lru_cache

from steersman.engine.personal.kinds import SECRETS, Found, Kind
from steersman.engine.personal.patterns import PATTERNS, Pattern
from steersman.engine.personal.shapes import allowing, is_beyond_shapes

_EVERYTHING = allowing([one.shape for one in PATTERNS])
#: Full-width signs become those of ASCII, each in its place, so that places stay true.
_NARROW = {0xFF01 + number: 0x21 + number for number in range(94)} | {0x3000: 0x20}
_BESIDE = 40
#: From here on a recognition is worth acting upon.
LIKELY = 0.5


def recognise(text: str, kinds: Collection[Kind] | None = None, least: float = LIKELY) -> list[Found]:
    """Return what was found, in the order of the text, nothing overlapping. `kinds` narrows what is looked for."""
    narrow = text if text.isascii() else text.translate(_NARROW)
    patterns, allowed = _chosen(frozenset(kinds)) if kinds is not None else (PATTERNS, _EVERYTHING)
    if is_beyond_shapes(narrow):
        return _apart([one for pattern in patterns for one in _matches(pattern, narrow, least)])
    raw = narrow.encode("utf-8", "surrogatepass")
    places = allowed(raw)
    if not places:
        return []
    found: list[Found] = []
    lowered = raw.lower()
    for place in places:
        pattern = patterns[place]
        if not pattern.words or _says(lowered, pattern.words):
            found += _matches(pattern, narrow, least)
    return _apart(found) if found else found


def _says(lowered: bytes, words: tuple[bytes, ...]) -> bool:
    for word in words:  # noqa: SIM110 - a generator takes longer than the search, and this is asked of each line
        if word in lowered:
            return True
    return False


@lru_cache(maxsize=64)
def _chosen(kinds: frozenset[Kind]) -> tuple[tuple[Pattern, ...], Callable[[bytes], tuple[int, ...]]]:
    """The patterns of some kinds, and what says which of them a text allows."""
    patterns = tuple(one for one in PATTERNS if one.kind in kinds)
    return patterns, allowing([one.shape for one in patterns])


def _matches(pattern: Pattern, text: str, least: float) -> list[Found]:
    found = []
    for match in pattern.regex.finditer(text):
        confidence = pattern.weigh(match, text[max(0, match.start() - _BESIDE) : match.start()])
        if confidence > 0 and confidence >= least:
            group = 1 if pattern.kind in _INSIDE and match.lastindex else 0
            found.append(Found(pattern.kind, match.start(group), match.end(group), confidence, pattern.why))
    return found


#: Of these the word beside it is matched as well, and is no part of what was found.
_INSIDE = frozenset({Kind.PASSWORD, Kind.BIRTH, Kind.TOKEN})


def _apart(found: list[Found]) -> list[Found]:
    kept: list[Found] = []
    for one in sorted(_not_in_secrets(found), key=lambda one: (-one.confidence, one.start - one.end, one.start)):
        place = bisect_left(kept, one.start, key=_start)
        follows = place == 0 or kept[place - 1].end <= one.start
        if follows and (place == len(kept) or one.end <= kept[place].start):
            kept.insert(place, one)
    return kept


def _not_in_secrets(found: list[Found]) -> list[Found]:
    """Leave out what is a part of a secret: however sure it is, hiding it alone would show the rest."""
    if len(found) < 2 or all(one.kind not in SECRETS for one in found):
        return found
    whole, end = [], -1
    for one in sorted(found, key=lambda one: (one.start, -one.end, one.kind not in SECRETS)):
        if one.end > end or one.kind in SECRETS:
            whole.append(one)
        if one.kind in SECRETS:
            end = max(end, one.end)
    return whole


def _start(one: Found) -> int:
    return one.start
