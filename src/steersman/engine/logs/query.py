"""Reads the search language into a `model.search.Query`. It refuses what it cannot read and says where.

timeout db                 both words, in any order; case of ASCII letters is ignored
"connection reset"         this text, anywhere
conn*                      a word that begins so
-debug    NOT debug        rows without it
a OR b    (a b) OR c       either; a space binds tighter than OR
service:web  host.name=h1  a column or attribute; `*` in the value stands for any text, quotes keep it literal
severity>=warn  code!=200  comparisons, with words for severities and durations such as 500ms
/time(d )?out/             an RE2 pattern, closed by a slash before a space, a parenthesis or the end
*                          every row, as does nothing at all
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from steersman.model.errors import InvalidInput
from steersman.model.search import (
    And,
    Compare,
    Everything,
    Field,
    Not,
    Or,
    Phrase,
    Prefix,
    Query,
    Regex,
    Word,
    fold,
)

#: Longer questions are mistakes, and each level of brackets is a level of the parser's own stack.
MAX_LENGTH = 4096
MAX_DEPTH = 40

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s()\"]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_REGEX = re.compile(r"/((?:[^/\\]|\\.|/(?![\s)]|$))+)/(?=[\s)]|$)", re.DOTALL)
_FIELD = re.compile(r"([A-Za-z_@][\w.@/-]*)(:|!=|>=|<=|=|>|<)")
_NOT = re.compile(r"-(?=\S)|NOT(?=[\s(\"])")
_OR = re.compile(r"OR(?=[\s(\"-]|$)")
_AND = re.compile(r"AND(?=[\s(\"-]|$)")
_COMPARES = {
    ":": Compare.EQUAL,
    "=": Compare.EQUAL,
    "!=": Compare.EQUAL,
    ">": Compare.ABOVE,
    ">=": Compare.AT_LEAST,
    "<": Compare.BELOW,
    "<=": Compare.AT_MOST,
}


def parse(text: str) -> Query:
    """Return the query that a text spells; raises `InvalidInput` with the place of what it cannot read."""
    if len(text) > MAX_LENGTH:
        raise InvalidInput(f"the query has {len(text)} characters; {MAX_LENGTH} are allowed")
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise InvalidInput("the query holds a character that no text holds")
    reader = _Reader(text)
    reader.skip_space()
    if reader.at_end():
        return Everything()
    query = reader.alternatives(0)
    if not reader.at_end():
        reader.refuse("there is nothing that this bracket closes")
    return query


def _unquoted(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


@dataclass(slots=True)
class _Reader:
    """The text and how far it has been read; every method leaves `at` behind the space after what it took."""

    text: str
    at: int = 0

    def at_end(self) -> bool:
        return self.at == len(self.text)

    def refuse(self, reason: str, at: int | None = None) -> NoReturn:
        raise InvalidInput(f"at character {(self.at if at is None else at) + 1}: {reason}")

    def skip_space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def take_keyword(self, pattern: re.Pattern[str]) -> bool:
        found = self.take(pattern) is not None
        self.skip_space()
        return found

    def alternatives(self, depth: int) -> Query:
        parts = [self.together(depth)]
        while self.take_keyword(_OR):
            parts.append(self.together(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def together(self, depth: int) -> Query:
        parts = [self.negated(depth)]
        while not self.at_end() and self.text[self.at] != ")" and not _OR.match(self.text, self.at):
            self.take_keyword(_AND)
            parts.append(self.negated(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def negated(self, depth: int) -> Query:
        if depth > MAX_DEPTH:
            self.refuse(f"more than {MAX_DEPTH} levels are nested here")
        if self.take_keyword(_NOT):
            return Not(self.negated(depth + 1))
        return self.single(depth)

    def single(self, depth: int) -> Query:
        if self.at_end():
            self.refuse("something to look for is missing")
        if self.text[self.at] == "(":
            return self.bracket(depth)
        if _OR.match(self.text, self.at) or _AND.match(self.text, self.at):
            self.refuse("something to look for is missing before this")
        query = self.leaf()
        self.skip_space()
        return query

    def bracket(self, depth: int) -> Query:
        opened = self.at
        self.at += 1
        self.skip_space()
        query = self.alternatives(depth + 1)
        if self.at_end():
            self.refuse("this bracket is never closed", opened)
        self.at += 1
        self.skip_space()
        return query

    def leaf(self) -> Query:
        position = self.at + 1
        if self.text[self.at] == '"':
            return Phrase(fold(self.quoted()))
        if found := self.take(_REGEX):
            return Regex(found[1], position)
        if found := self.take(_FIELD):
            return self.field(found[1], found[2], position)
        return self.word()

    def quoted(self) -> str:
        found = self.take(_QUOTED)
        if found is None:
            self.refuse("this quotation mark is never closed")
        text = _unquoted(found[1])
        if not text:
            self.refuse("there is nothing between these quotation marks", found.start())
        return text

    def field(self, key: str, sign: str, position: int) -> Query:
        if not self.at_end() and self.text[self.at] == '"':
            value, wild = self.quoted(), False
        elif found := self.take(_WORD):
            value, wild = found[0], "*" in found[0]
        else:
            self.refuse(f"{key}{sign} needs a value")
        if wild and _COMPARES[sign] is not Compare.EQUAL:
            self.refuse("a * has no order", position - 1)
        field = Field(key, _COMPARES[sign], value, wild, position)
        return Not(field) if sign == "!=" else field

    def word(self) -> Query:
        start = self.at
        found = self.take(_WORD)
        if found is None:
            self.refuse("something to look for is missing before this")
        text = fold(found[0])
        if text == "*":
            return Everything()
        stem = text.removesuffix("*")
        if "*" in stem:
            self.refuse("a * is understood at the end of a word only; use /.../ for more", start)
        return Word(text) if stem == text else Prefix(stem)
