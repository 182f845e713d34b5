"""Finds what is personal or secret in a text. What overlaps is decided for the surer, then for the longer one."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator

from steersman.engine.personal.kinds import Found, Kind
from steersman.engine.personal.patterns import CJK, DIGITS, MARK, PATTERNS, WORD, Pattern

#: A run of digits as short as the shortest number that has a pattern; most lines of a log have none.
_RUN = re.compile(r"\d[\d ./-]{5,}[\dXx]|\d{5}")
_LOOKS = {
    DIGITS: _RUN,
    CJK: re.compile(r"[\u4e00-\u9fff]"),
    WORD: re.compile(r"(?i)pass|pwd|bearer|basic"),
    MARK: re.compile(r"gh[pousr]_|github_pat_|stm[a-z]_|[srp]k[_-]|xox|glpat|AKIA|ASIA"),
}
_BY_NEED = {
    needs: tuple(one for one in PATTERNS if one.needs == needs) for needs in {one.needs: None for one in PATTERNS}
}
#: Full-width signs become those of ASCII, each in its place, so that places stay true.
_NARROW = {0xFF01 + number: 0x21 + number for number in range(94)} | {0x3000: 0x20}
_BESIDE = 40
#: From here on a recognition is worth acting upon.
LIKELY = 0.5


def recognise(text: str, kinds: Collection[Kind] | None = None, least: float = LIKELY) -> list[Found]:
    """Return what was found, in the order of the text, nothing overlapping. `kinds` narrows what is looked for."""
    narrow = text if text.isascii() else text.translate(_NARROW)
    found = [one for pattern in _worth(narrow, kinds) for one in _matches(pattern, narrow) if one.confidence >= least]
    return _apart(found)


def _worth(text: str, kinds: Collection[Kind] | None) -> Iterator[Pattern]:
    """Yield the patterns that could match at all: a look for one sign costs a hundredth of a pattern."""
    for needs, patterns in _BY_NEED.items():
        if _has(text, needs):
            yield from (one for one in patterns if kinds is None or one.kind in kinds)


def _has(text: str, needs: str) -> bool:
    look = _LOOKS.get(needs)
    return needs in text if look is None else look.search(text) is not None


def _matches(pattern: Pattern, text: str) -> Iterator[Found]:
    for match in pattern.regex.finditer(text):
        before = text[max(0, match.start() - _BESIDE) : match.start()]
        confidence = pattern.weigh(match, before)
        if confidence > 0:
            group = 1 if pattern.kind in _INSIDE and match.lastindex else 0
            yield Found(pattern.kind, match.start(group), match.end(group), confidence, pattern.why)


#: Of these the word beside it is matched as well, and is no part of what was found.
_INSIDE = frozenset({Kind.PASSWORD, Kind.BIRTH, Kind.TOKEN})


def _apart(found: list[Found]) -> list[Found]:
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (-one.confidence, one.start - one.end, one.start)):
        place = bisect_left(kept, one.start, key=_start)
        follows = place == 0 or kept[place - 1].end <= one.start
        if follows and (place == len(kept) or one.end <= kept[place].start):
            kept.insert(place, one)
    return kept


def _start(one: Found) -> int:
    return one.start
