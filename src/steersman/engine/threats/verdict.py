"""What the detector says about a value: its kind, how sure it is, and why.

A verdict is evidence for somebody else's decision. It blocks nothing, bans nobody and writes nothing down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What an attack is after: the interpreter that would be made to run the value."""

    NONE = "none"
    SQL = "sql_injection"
    XSS = "xss"
    PATH = "path_traversal"
    COMMAND = "command_injection"


class Field(StrEnum):
    """Where a value sits. It decides how it is decoded and how much evidence is asked for."""

    QUERY = "query"
    PATH = "path"
    HEADER = "header"
    COOKIE = "cookie"
    FORM = "form"
    JSON = "json"
    XML = "xml"
    FILE_NAME = "file_name"
    BODY = "body"
    FREE_TEXT = "free_text"


#: The score from which a value is called an attack. Free text, such as a prompt or a document, may be about attacks:
#: there the detector only observes.
THRESHOLD = 50.0
OBSERVED_ONLY = frozenset({Field.FREE_TEXT})


@dataclass(frozen=True, slots=True)
class Sign:
    """One piece of evidence: what it means, the piece of the value that shows it, and how much it counts alone."""

    kind: Kind
    weight: float
    what: str
    seen: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer about one value or request.

    `kind` is what to act upon: `NONE` below the threshold, and always in free text, where `observed` says what would
    have been found. `score` is that of the leading kind, 0 to 100. `where` names the part of a request, `decoded` is
    the value as an interpreter behind all the encodings would see it (shortened), `looked_at` the characters that were
    looked at: it is bounded, however long the input is.
    """

    kind: Kind
    score: float
    reason: str
    decoded: str = ""
    where: str = ""
    observed: Kind = Kind.NONE
    signs: tuple[Sign, ...] = field(default=(), repr=False)
    looked_at: int = 0

    @property
    def is_attack(self) -> bool:
        """Whether the evidence reaches the threshold of its field."""
        return self.kind is not Kind.NONE


def strength_of(weights: Iterable[float]) -> float:
    """Combine pieces of evidence: the strongest counts whole, each further one half as much as the one before.

    A plain sum would call any long text an attack, because weak signs gather in it. Where two kinds both reach a score
    of 100, the one with more strength leads.
    """
    ranked = sorted(weights, reverse=True)[:6]
    return sum(weight * 0.5**rank for rank, weight in enumerate(ranked))
