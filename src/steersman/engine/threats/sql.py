"""Looks for SQL that somebody put into a value: structure, not words.

The evidence is what the value would do to a statement around it: end a string and go on, add a condition that is always
true, add a query or a statement, comment the rest away. A value that is itself a torn piece of a statement is evidence
too, because probing sends such pieces. English around it takes weight away from what prose could say by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from steersman.engine.threats.sql_lexer import Tokens
from steersman.engine.threats.sql_shapes import ANYWHERE, BEHIND_A_QUOTE, Shape
from steersman.engine.threats.sql_words import ENGLISH, PAIRS
from steersman.engine.threats.verdict import Kind, Sign

#: Quotes that could be the one which ends the string around the value; more of them are not tried.
_MOST_QUOTES = 6
FLOAT_TRICK = re.compile(r"\.e(?<=\d\.e)(?=[\s(.,)])")
_OPERATORS = """
    ne eq gt gte lt lte in nin regex where exists or and nor not elemmatch expr mod type size all slice jsonschema text
    options function accumulator lookup unionwith
"""
_OF_DOCUMENTS = frozenset(f"${name}" for name in _OPERATORS.split())
_NOSQL = re.compile(rf"""(?:\[\s*+["']?|["'{{,]\s*+|^)\$(?:{"|".join(_OPERATORS.split())})\b["']?\s*+(?:\]|:|$)""")
_PROBE = re.compile(r"(?=[^~!@^%]{0,20}[~!@^%])(?:[~!@#$%^&'\"`;|\s]{2,}+$|[~!@#$%^&'\"`;|]{4})")
_JS_OF_A_DATABASE = re.compile(r"[\"'};)]\s{0,9}(?:;|&&|\|\|)\s{0,9}(?:return\b|this\.\w)")
_TORN = re.compile(r"\b(?:select|union)\b")
_HEX_WHOLE = re.compile(r"0x[0-9a-f]{3}")
_HEX_ITEM = re.compile(r"['\"]\s{0,9},\s{0,9}0x[0-9a-f]{1,40}\s{0,9}$")
_HEX_TEXT = re.compile(r"0x(?<!\w0x)((?:[2-7][0-9a-f]){3,40})\b")
#: Numbers at which a type ends; nobody has so many of anything.
EDGE = re.compile(
    r"[-+~]?(?:2147483647|2147483648|4294967295|4294967296|9223372036854775807|9223372036854775808"
    r"|18446744073709551615|0x7fffffff|0x80000000|0xffffffff|\d(?:\.\d++)?e[+-]?30[89]|2\.2250738585072\d*+e-308)"
)


@dataclass(frozen=True, slots=True)
class _Value:
    text: str
    tokens: Tokens
    is_prose: bool


def sql_signs(text: str, tokens: Tokens) -> Iterator[Sign]:
    """Yield the evidence in a decoded value and its tokens. Linear in its length."""
    if tokens.words[:1] == ["update"] and tokens.letters[1:2] in {"I", "F"}:
        # No dialect has UPDATE TABLE or UPDATE FROM; people who want something updated say so.
        tokens = replace(tokens, letters="n" + tokens.letters[1:])
    value = _Value(text.lower(), tokens, is_prose(tokens))
    yield from _behind_quotes(value)
    yield from _anywhere(value)
    yield from _pairs(value)
    yield from _comments(value)
    yield from _tautologies(value)
    yield from _odd_literals(value)


def is_prose(tokens: Tokens) -> bool:
    """Whether English holds the value together: three such words and an eighth of all, in a long text a sixteenth.

    They have to be three different ones: rows of a table repeat the same word, and so does padding.
    """
    held = tokens.letters.count("e")
    words = held + tokens.letters.count("n") + tokens.letters.count("f")
    return held >= 3 and held * (8 if words < 30 else 16) >= words and len(ENGLISH & tokens.present) >= 3


def _sign(weight: float, what: str, seen: str) -> Sign:
    return Sign(Kind.SQL, weight, what, seen)


def _behind_quotes(value: _Value) -> Iterator[Sign]:
    """Whatever follows the quote that ends the string around the value: it is the 1st, the 3rd and so on in it."""
    tokens, letters = value.tokens, value.tokens.letters
    for quote in "'\"" if value.is_prose else "'\"`":
        total = letters.count(quote)
        if not total:
            continue
        is_open = total % 2 == 1
        position = -1
        for index in range(min(total, _MOST_QUOTES)):
            position = letters.index(quote, position + 1)
            if index % 2 == 0:
                yield from _continuations(tokens, position, is_open=is_open, is_prose=value.is_prose)


def _continuations(tokens: Tokens, position: int, *, is_open: bool, is_prose: bool) -> Iterator[Sign]:
    for shape in BEHIND_A_QUOTE:
        if shape.needs_open and not is_open:
            continue
        found = shape.pattern.match(tokens.letters, position)
        if found:
            yield _sign(shape.in_prose if is_prose else shape.weight, shape.what, tokens.around(*found.span()))


def _anywhere(value: _Value) -> Iterator[Sign]:
    letters = value.tokens.letters
    for shape in ANYWHERE:
        if not shape.gate or shape.gate in letters:
            yield from _found(shape, value)


def _found(shape: Shape, value: _Value) -> Iterator[Sign]:
    found = shape.pattern.search(value.tokens.letters)
    if found:
        yield _sign(shape.in_prose if value.is_prose else shape.weight, shape.what, value.tokens.around(*found.span()))


def _pairs(value: _Value) -> Iterator[Sign]:
    words, present = value.tokens.words, value.tokens.present
    likely = [pair for pair in PAIRS if pair[0] in present and pair[1] in present]
    together = set(pairwise(words)) if likely else set()
    for pair in together.intersection(likely):
        weight = PAIRS[pair]
        yield _sign(weight * 0.6 if value.is_prose else weight, "words that only SQL puts together", " ".join(pair))


def _comments(value: _Value) -> Iterator[Sign]:
    tokens = value.tokens
    if tokens.versioned:
        yield _sign(60, "a comment that MySQL runs", "/*!")
    elif tokens.comments:
        if "/**/" in value.text:
            yield _sign(42, "an empty comment", "/**/")
        if "/**/" in value.text and _TORN.search(value.text.replace("/**/", "")) and not _TORN.search(value.text):
            yield _sign(62, "a word of SQL, torn by comments", "/**/")
        is_sql = re.search("[SUWDE]|L.{0,6}o|^x$|xx", tokens.letters)
        yield _sign(35 if is_sql else 12, "comments between the words of a statement", "/* */")


_EQUALITY = re.compile(r"(?:L[N(]{0,4})?(?:['\"][nxk]?['\"]|[nxfk])o(?:['\"][nxk]?(?:['\"]|$)|[nxfk](?![(.]))")


def _tautologies(value: _Value) -> Iterator[Sign]:
    """Look for a comparison of something with itself: `or 'a'='a'`, `1=1`."""
    tokens, letters = value.tokens, value.tokens.letters
    if "o" not in letters:
        return
    for tried, found in enumerate(_EQUALITY.finditer(letters)):
        begin, end = found.span()
        both = [word for word in tokens.words[begin:end] if word.isalnum()]
        sides = [word for word in both if PART_OF_LOGIC.get(word) is None]
        if len(sides) == 2 and sides[0] == sides[1] and tokens.words[begin:end].count("=") == 1:
            joined = letters[begin] == "L"
            weight = (
                66 if joined else 54 if letters[begin] in "'\"" else 40 if begin == 0 or letters[0] in "'\"" else 20
            )
            seen = tokens.around(begin, end)
            yield _sign(weight * 0.5 if value.is_prose else weight, "a condition that is always true", seen)
            return
        if tried >= 40:
            return


PART_OF_LOGIC = dict.fromkeys(("and", "or", "xor", "not"), True)


def _odd_literals(value: _Value) -> Iterator[Sign]:
    text = value.text
    if ".e" in text and FLOAT_TRICK.search(text):
        yield _sign(55, "a number with an empty exponent, which MySQL skips", "1.e")
    if _PROBE.match(text.strip()):
        yield _sign(50, "signs that probe a parser", text.strip()[:40])
    if not value.tokens.present.isdisjoint(_OF_DOCUMENTS) and (nosql := _NOSQL.search(text)):
        yield _sign(60, "an operator of a document database", nosql[0])
    if "0x" in text and not value.is_prose:
        yield from _hex_text(value)
    if (";" in text or "&&" in text or "||" in text) and (script := _JS_OF_A_DATABASE.search(text)):
        yield _sign(
            54 if "this" in script[0] or text.lstrip()[:1] in "'\"" else 25,
            "script that a document database runs",
            script[0],
        )
    if "0x" in text and _HEX_ITEM.search(text):
        yield _sign(51, "a hexadecimal number behind a string in a list", ", 0x")
    if len(text) < 32 and EDGE.fullmatch(text.strip()):
        yield _sign(55, "a number at the edge of a type", text)
    if "@@" in text and any(len(word) > 3 and word.startswith("@@") for word in value.tokens.words):
        yield _sign(52, "a variable of the server", "@@")


def _hex_text(value: _Value) -> Iterator[Sign]:
    found = _HEX_TEXT.search(value.text)
    if found:
        yield _sign(30, "text written as a hexadecimal number", found[0][:40])
    if len(value.tokens.words) <= 2 and _HEX_WHOLE.match(value.text.strip()):
        yield _sign(51, "the value is a hexadecimal number of SQL", value.text[:40])
