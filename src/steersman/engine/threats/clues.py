"""Patterns with what has to be there before one is tried, and the index by which most of them are never looked at.

Nearly every value is honest and short. A table of a hundred patterns costs it nothing when the words and characters
that are there choose the few that could match.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """A pattern, and what has to be there: one of these words, or one of these pieces of text."""

    pattern: re.Pattern[str]
    words: tuple[str, ...] = ()
    pieces: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The words and characters of which one has to be there."""
        return (*self.words, *(_rarest(piece) for piece in self.pieces))


@dataclass(frozen=True, slots=True)
class Clue:
    """A shape, what it counts against a threshold of 50, and its forms, of which the first that is found counts."""

    forms: tuple[Form, ...]
    weight: float
    what: str


def clue(gate: str, weight: float, what: str, pattern: str) -> Clue:
    """A clue with one form. Its gate are pieces of text; where all of them are names, they have to stand as words."""
    return Clue((_form(gate, pattern),), weight, what)


def word_clue(words: str, weight: float, what: str, rest: str, before: str = r"\w") -> Clue:
    """One form for each word: a pattern that begins with a word as it stands is found at the speed of memchr.

    What may not stand before it is asked behind it for the same reason.
    """
    forms = ((word, rf"{re.escape(word)}(?<!{before}{re.escape(word)}){rest}") for word in words.split())
    return Clue(tuple(_form((re.match(r"\w*", word) or [word])[0], pattern) for word, pattern in forms), weight, what)


def _form(gate: str, pattern: str) -> Form:
    gates = tuple(gate.split(" ")) if gate else ()
    if gates and all(piece.isidentifier() for piece in gates):
        return Form(re.compile(pattern), words=gates)
    return Form(re.compile(pattern), pieces=gates)


def _rarest(piece: str) -> str:
    """The character of a piece that honest text has least often: a sign if there is one."""
    return max(piece, key=lambda letter: (not letter.isalnum() and letter not in " .,:-/()=", letter not in " .,e"))


class Clues:
    """A table of clues. Iterating takes time by what is there, not by how long the table is."""

    def __init__(self, *clues: Clue) -> None:
        """Index the forms of `clues`."""
        self.forms: tuple[tuple[int, Clue, Form], ...] = tuple(
            (number, one, form) for number, one in enumerate(clues) for form in one.forms
        )
        self._always = [place for place, (_, _, form) in enumerate(self.forms) if not form.keys]
        self._by_key: dict[str, list[int]] = {}
        for place, (_, _, form) in enumerate(self.forms):
            for key in form.keys:
                self._by_key.setdefault(key, []).append(place)
        self._keys = frozenset(self._by_key)

    def found(self, text: str, present: frozenset[str], *, at_start: bool = False) -> Iterator[tuple[Clue, str]]:
        """Yield what is found with the text that shows it. `present` are the words and characters of the text."""
        places = set(self._always)
        for key in self._keys & present:
            places.update(self._by_key[key])
        last = -1
        for place in sorted(places):
            number, one, form = self.forms[place]
            if number == last or (form.pieces and not any(piece in text for piece in form.pieces)):
                continue
            if seen := form.pattern.match(text) if at_start else form.pattern.search(text):
                last = number
                yield one, seen[0]
