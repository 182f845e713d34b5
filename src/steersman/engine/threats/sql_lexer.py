"""Cuts a value into SQL tokens and writes their parts as one string of letters.

There is no such thing as *the* token stream of a value that is put into somebody else's query: the value may begin
inside a string, and nobody knows which quote is around it. So quotes stay tokens of their own, and what is a string is
left to the patterns that look at the letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from steersman.engine.threats.sql_words import PARTS

_TOKEN = re.compile(
    r"[a-z_\u0080-\U0010ffff][\w$]*+"
    r"|0x[0-9a-f]++|(?:\d++(?:\.\d*+)?+|\.\d++)(?:e[+-]?\d*+)?+"
    r"|@{1,2}+[\w$]*+|\$[a-z]\w*+"
    r"|\"{3}|'{3}|-{2,}+>?|<!-{2,}+|<=>|<>|!==?|<=|>=|={1,3}+|\|\||&&|::|:=|<<|>>|->>?|@>|<@|~\*|!~|\S"
)
#: Prefixes that one database keeps for procedures, packages, catalogues and functions of its own.
_PREFIXES = (
    ("xp_", "P"),
    ("sp_", "P"),
    ("dbms_", "G"),
    ("utl_", "G"),
    ("msys", "M"),
    ("rdb$", "M"),
    ("jsonb_", "g"),
    ("regexp_", "g"),
    ("st_", "g"),
    ("lo_", "g"),
)
_MOST_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 24
_STARTS = frozenset(prefix[:2] for prefix, _ in _PREFIXES)


class _Parts(dict[str, str]):
    """The part of a token; tokens that nobody listed get theirs from their first character.

    Short ones are remembered, up to a number, because the same words come again: that changes the time and no answer.
    """

    def __missing__(self, token: str) -> str:
        part = self._of_unlisted(token)
        if len(self) < _MOST_REMEMBERED and len(token) <= _LONGEST_REMEMBERED:
            self[token] = part
        return part

    @staticmethod
    def _of_unlisted(token: str) -> str:
        first = token[0]
        if first.isalpha() or first == "_":
            if token[:2] not in _STARTS:
                return "n"
            return next((letter for prefix, letter in _PREFIXES if token.startswith(prefix)), "n")
        if first.isdigit() or (first == "." and len(token) > 1):
            return "x"
        if first == "@":
            return "v"
        return _letter_of_symbol(token)


def _letter_of_symbol(symbol: str) -> str:
    """One character of ASCII stands for itself; a run of hyphens is a line, and `-->` none of SQL."""
    if symbol[0] == "-":
        return "-"
    return symbol if len(symbol) == 1 and symbol.isascii() else "p"


#: The part of any token.
PART_OF = _Parts(PARTS)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens in order, and a letter for each; `comments` were taken out, `versioned` ones were opened.

    `present` is the set of the tokens: what needs a word that is not in it need not be looked for.
    """

    words: Sequence[str]
    letters: str
    comments: int
    versioned: int
    present: frozenset[str]

    def around(self, begin: int, end: int) -> str:
        """The piece of the value between two tokens, as it reads."""
        return " ".join(self.words[begin:end])[:60]


def lex(text: str) -> Tokens:
    """Cut a decoded value, in lower case already. Linear in its length."""
    comments = versioned = 0
    if "/*" in text:
        text, comments, versioned = _without_comments(text)
    if "*/" in text:
        # It ends a comment that somebody else's statement began.
        text, comments = text.replace("*/", " "), comments + 1
    if "\\" in text:
        text = text.replace("\\", "")
    words = _TOKEN.findall(text)
    return Tokens(words, "".join(map(PART_OF.__getitem__, words)), comments, versioned, frozenset(words))


def _without_comments(text: str) -> tuple[str, int, int]:
    """Replace each `/* */` by a space, as databases do, and keep what MySQL runs: `/*!50000 union*/`."""
    kept: list[str] = []
    comments = versioned = 0
    position = 0
    while (begin := text.find("/*", position)) >= 0:
        kept.append(text[position:begin])
        end = text.find("*/", begin + 2)
        inner = text[begin + 2 : end if end >= 0 else len(text)]
        comments += 1
        if inner.startswith(("!", "m!")):
            versioned += 1
            kept.append(inner.lstrip("m!0123456789"))
        if end < 0:
            # Nothing closes it: for the database the rest is a comment, for whoever looks it is worth reading.
            kept += ("--" if text[:begin].strip() else "", inner)
            return " ".join(kept), comments, versioned
        position = end + 2
    kept.append(text[position:])
    return " ".join(kept), comments, versioned
