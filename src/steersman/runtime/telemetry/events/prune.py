"""Asks an index which rows a query could match. Whatever the index cannot know is answered with "any row"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from steersman.model.search import (
    WORD_CLASS,
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
from steersman.runtime.telemetry.events.index import Index, keys_of, number_keys, salt_of
from steersman.runtime.telemetry.events.match import column_of, number_range
from steersman.runtime.telemetry.events.schema import LARGEST_NUMBER, SMALLEST_NUMBER, TENANT, Schema, Tokenize

if TYPE_CHECKING:
    from numpy import bool_
    from numpy.typing import NDArray

_FIRST_WORD = re.compile(f"^[{WORD_CLASS}]+")
_LAST_WORD = re.compile(f"[{WORD_CLASS}]+$")
#: What JSON may spell in another way; a token beside it may be cut differently than in the query.
_SPELLED = re.compile(r'[\x00-\x1f"\\\x7f]+')
_ASCII_FIRST = re.compile(r"^[0-9A-Za-z_\x80-\U0010ffff]+")
_ASCII_LAST = re.compile(r"[0-9A-Za-z_\x80-\U0010ffff]+$")
#: Signs of a regular expression after which a literal part need not be there.
_UNSURE = set("|?*{([\\")

#: None stands for every row.
Rows = "NDArray[bool_] | None"


class Pruner:
    """One open index and what is needed to ask it."""

    def __init__(self, index: Index, schema: Schema, tokenize: Tokenize) -> None:
        self._index = index
        self._schema = schema
        self._tokenize = tokenize
        self._group_rows = np.diff(index.starts)

    def rows(self, tenant: str, query: Query) -> NDArray[bool_]:
        """Return which rows may belong to the tenant and match."""
        found = _both(self._all_tokens([tenant], TENANT), self._query(query))
        return np.ones(self._index.rows, np.bool_) if found is None else found

    def _query(self, query: Query) -> NDArray[bool_] | None:
        match query:
            case And(parts):
                found = None
                for part in parts:
                    found = _both(found, self._query(part))
                return found
            case Or(parts):
                return _either([self._query(part) for part in parts])
            case Field():
                return self._field(query)
            case Word(text):
                return self._text(text, text)
            case Prefix(text):
                return self._text(text, _LAST_WORD.sub("", text))
            case Phrase(text):
                return self._text(text, _FIRST_WORD.sub("", _LAST_WORD.sub("", text)))
            case Regex(pattern):
                return self._regex(pattern)
            case Not() | Everything():
                return None

    def _text(self, text: str, whole: str) -> NDArray[bool_] | None:
        """Rows whose text columns may hold `text`, of which `whole` is cut into tokens as it stands."""
        if not self._schema.text:
            return None
        tokens = _either([self._all_tokens([whole], name) for name in self._schema.text])
        return _both(tokens, self._trigrams(text))

    def _trigrams(self, text: str) -> NDArray[bool_] | None:
        raw = text.encode()
        if len(raw) < 3:
            return None
        return np.repeat(self._index.groups_with(raw), self._group_rows)

    def _regex(self, pattern: str) -> NDArray[bool_] | None:
        pieces = pattern.split(".*")
        if not self._schema.text or any(_UNSURE & set(piece) for piece in pieces):
            return None
        found = None
        for piece in pieces:
            for literal in re.split(r"[.+^$]", piece):
                found = _both(found, self._trigrams(fold(literal)))
        return found

    def _all_tokens(self, pieces: list[str], column: str) -> NDArray[bool_] | None:
        """Rows that hold every token of every piece in a column."""
        raw = [piece.encode() for piece in pieces]
        offsets = np.cumsum([0, *map(len, raw)], dtype=np.int64)
        hashes, _ = self._tokenize(np.frombuffer(b"".join(raw), np.uint8), offsets)
        found = None
        for key in np.unique(keys_of(hashes, salt_of(column))):
            found = _both(found, self._index.rows_of(key))
        return found

    def _field(self, field: Field) -> NDArray[bool_] | None:
        column = column_of(field.key, self._schema)
        if column is None:
            pieces = _sure_pieces(field.key, _SPELLED)
            if field.compare is Compare.EQUAL:
                pieces += _value_pieces(field, json=True)
            return _either([self._all_tokens(pieces, name) for name in self._schema.attributes])
        if column in self._schema.numbers:
            return self._numbers(field, column)
        if column in self._schema.durations:
            return None
        return self._all_tokens(_value_pieces(field, json=False), column)

    def _numbers(self, field: Field, column: str) -> NDArray[bool_]:
        low, high = number_range(field, column, self._schema)
        values = np.arange(SMALLEST_NUMBER, LARGEST_NUMBER + 1)
        wanted = (values >= low) & (values <= high)
        # The outermost values stand for everything beyond them as well.
        wanted[0] |= low < SMALLEST_NUMBER
        wanted[-1] |= high > LARGEST_NUMBER
        keys = number_keys(values[wanted], salt_of(column))
        return np.logical_or.reduce([np.zeros(self._index.rows, np.bool_), *map(self._index.rows_of, keys)])


def _sure_pieces(text: str, unsure: re.Pattern[str]) -> list[str]:
    """Return the parts of a text between what is unsure, less the words that touch it."""
    pieces = unsure.split(text)
    for at in range(len(pieces)):
        if at:
            pieces[at] = _ASCII_FIRST.sub("", pieces[at])
        if at < len(pieces) - 1:
            pieces[at] = _ASCII_LAST.sub("", pieces[at])
    return pieces


def _value_pieces(field: Field, *, json: bool) -> list[str]:
    pieces = _sure_pieces(field.value, re.compile(r"\*+")) if field.wild else [field.value]
    return [part for piece in pieces for part in _sure_pieces(piece, _SPELLED)] if json else pieces


def _both(left: NDArray[bool_] | None, right: NDArray[bool_] | None) -> NDArray[bool_] | None:
    if left is None or right is None:
        return right if left is None else left
    return left & right


def _either(found: list[NDArray[bool_] | None]) -> NDArray[bool_] | None:
    known = [rows for rows in found if rows is not None]
    return np.logical_or.reduce(known) if known and len(known) == len(found) else None
