"""What is asked of logs and spans, as a value: the tree that the search language is parsed into, and its answer.

The tree says what a row must satisfy and nothing about how rows are found. Case is ignored for ASCII letters
only, so that the meaning of a query does not depend on a Unicode version.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: Code points that stand alone: Chinese, Japanese and Korean text has no spaces to cut words at.
IDEOGRAPHS = (
    (0x2E80, 0x2FFF),
    (0x3040, 0x31FF),
    (0x3400, 0x9FFF),
    (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
#: Code points outside ASCII that end a word: punctuation, and full-width forms.
SEPARATORS = ((0x80, 0xBF), (0x2000, 0x206F), (0x3000, 0x303F), (0xFF00, 0xFFEF))
#: Code points outside ASCII that are part of a word: all the others.
WORD_RANGES = (
    (0xC0, 0x1FFF),
    (0x2070, 0x2E7F),
    (0x3200, 0x33FF),
    (0xA000, 0xABFF),
    (0xD7B0, 0xD7FF),
    (0xE000, 0xF8FF),
    (0xFB00, 0xFEFF),
    (0xFFF0, 0xFFFF),
    (0x10000, 0x1FFFF),
    (0x40000, 0x10FFFF),
)
#: The inside of a regular expression's character class that holds the characters of a word.
WORD_CLASS = "0-9A-Za-z_" + "".join(f"{chr(low)}-{chr(high)}" for low, high in WORD_RANGES)

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def fold(text: str) -> str:
    """Return the text with its ASCII letters in lower case."""
    return text.translate(_LOWER)


class Compare(StrEnum):
    """How the value of a field is compared."""

    EQUAL = "="
    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Everything:
    """Every row."""


@dataclass(frozen=True, slots=True)
class Word:
    """Text that begins and ends where words begin and end; `text` is folded and may hold punctuation."""

    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Text that begins where a word begins; `text` is folded."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Text that may stand anywhere; `text` is folded."""

    text: str


@dataclass(frozen=True, slots=True)
class Regex:
    """An RE2 pattern that matches somewhere in the text, in the case in which it is written."""

    pattern: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """A comparison of one column or attribute. With `wild`, a `*` in the value stands for any text."""

    key: str
    compare: Compare
    value: str
    wild: bool = False
    position: int = 0


@dataclass(frozen=True, slots=True)
class Not:
    """Rows that the part does not accept."""

    part: Query


@dataclass(frozen=True, slots=True)
class And:
    """Rows that every part accepts."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Rows that some part accepts."""

    parts: tuple[Query, ...]


Query = Everything | Word | Prefix | Phrase | Regex | Field | Not | And | Or


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Rows in the order asked for. `complete` is False when time ran out before everything was looked at."""

    rows: list[dict[str, Any]]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ServiceNode:
    """One service as its spans show it; durations are in nanoseconds."""

    service: str
    spans: int
    errors: int
    p50_ns: int
    p95_ns: int


@dataclass(frozen=True, slots=True)
class ServiceEdge:
    """Calls of one service to another; `errors` and `p95_ns` are those of the called spans."""

    caller: str
    callee: str
    calls: int
    errors: int
    p95_ns: int


@dataclass(frozen=True, slots=True)
class ServiceMap:
    """Who calls whom. `complete` is False when time ran out before every span was looked at."""

    nodes: tuple[ServiceNode, ...]
    edges: tuple[ServiceEdge, ...]
    complete: bool = True
