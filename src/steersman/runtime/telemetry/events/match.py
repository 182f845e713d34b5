"""Decides which rows of a table satisfy a query. This is what a query means; the index only says where to look.

Works a column at a time. What repeats (services, attributes) is decided once per distinct value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from steersman.model.errors import InvalidInput
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

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy import bool_
    from numpy.typing import NDArray

    from steersman.runtime.telemetry.events.schema import Schema

_IN_WORD = re.compile(f"[{WORD_CLASS}]")
_OUTSIDE = f"[^{WORD_CLASS}]"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNIT_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}

Predicate = Callable[["pa.Array"], "NDArray[bool_]"]


def column_of(key: str, schema: Schema) -> str | None:
    """Return the column that a key names, or None when it names an attribute."""
    name = schema.aliases.get(key, key)
    known = name in schema.exact or name in schema.text or name in schema.numbers or name in schema.durations
    return name if known else None


def _as_number(field: Field, names: Iterable[str] = ()) -> float:
    try:
        return float(field.value)
    except ValueError:
        what = " or ".join(["a number", *filter(None, [", ".join(names)])])
        raise InvalidInput(
            f"at character {field.position}: {field.key} is compared with {what}, not with {field.value!r}"
        ) from None


def number_range(field: Field, column: str, schema: Schema) -> tuple[float, float]:
    """Return the inclusive range of numbers that a field of a numeric column accepts."""
    if column in schema.durations:
        low = high = _nanoseconds(field, column)
    else:
        names = schema.numbers[column].ranges
        low, high = names.get(fold(field.value)) or (_as_number(field, names),) * 2
    return _open(field.compare, low, high)


def _open(compare: Compare, low: float, high: float) -> tuple[float, float]:
    match compare:
        case Compare.EQUAL:
            return low, high
        case Compare.AT_LEAST:
            return low, np.inf
        case Compare.ABOVE:
            return np.nextafter(high, np.inf), np.inf
        case Compare.AT_MOST:
            return -np.inf, high
        case Compare.BELOW:
            return -np.inf, np.nextafter(low, -np.inf)


def _nanoseconds(field: Field, column: str) -> float:
    if field.key == column:
        return _as_number(field)
    parts = _DURATION.fullmatch(field.value)
    if parts is None:
        raise InvalidInput(f"at character {field.position}: {field.key} is compared with a duration such as 500ms")
    return float(parts[1]) * _UNIT_NS[parts[2]]


def _fields(query: Query) -> list[Query]:
    match query:
        case And(parts) | Or(parts):
            return [leaf for part in parts for leaf in _fields(part)]
        case Not(part):
            return _fields(part)
        case _:
            return [query]


def check(query: Query, schema: Schema) -> None:
    """Raise `InvalidInput` for what no row of this kind can be asked."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for leaf in _fields(query):
        match leaf:
            case Regex(pattern, position):
                try:
                    pc.match_substring_regex(pa.array([""]), pattern)
                except pa.ArrowInvalid as error:
                    raise InvalidInput(f"at character {position}: {error}") from error
            case Field():
                _check_field(leaf, column_of(leaf.key, schema), schema)


def _check_field(field: Field, column: str | None, schema: Schema) -> None:
    if column in schema.numbers or column in schema.durations:
        if field.wild:
            raise InvalidInput(f"at character {field.position}: {field.key} is a number and takes no *")
        number_range(field, str(column), schema)
    elif field.compare is not Compare.EQUAL:
        if column is not None:
            raise InvalidInput(f"at character {field.position}: {field.key} is text and has no order")
        _as_number(field)


def columns_read(query: Query, schema: Schema) -> set[str]:
    """Return the columns that deciding the query needs."""
    needed: set[str] = set()
    for leaf in _fields(query):
        if isinstance(leaf, Field):
            column = column_of(leaf.key, schema)
            needed |= set(schema.attributes) if column is None else {column}
        elif not isinstance(leaf, Everything):
            needed |= set(schema.text)
    return needed


def _over_values(column: pa.ChunkedArray, predicate: Predicate) -> NDArray[bool_]:
    """Apply a predicate to each value, or to each distinct value where the column has a dictionary."""
    import pyarrow as pa

    parts = [np.empty(0, np.bool_)]
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            parts.append(predicate(chunk.dictionary)[chunk.indices.to_numpy(zero_copy_only=False)])
        else:
            parts.append(predicate(chunk))
    return np.concatenate(parts)


def _flags(mask: pa.Array) -> NDArray[bool_]:
    flags: NDArray[bool_] = mask.to_numpy(zero_copy_only=False)
    return flags


def _holds(text: str, pattern: str | None) -> Predicate:
    """Accept values that hold a folded text and, where one is given, match a pattern once folded."""
    import pyarrow.compute as pc

    def predicate(values: pa.Array) -> NDArray[bool_]:
        folded = pc.ascii_lower(values)
        found = _flags(pc.match_substring(folded, text))
        if pattern is not None and found.any():
            at = np.flatnonzero(found)
            found[at] = _flags(pc.match_substring_regex(folded.take(at), pattern))
        return found

    return predicate


def _word_predicate(text: str, *, whole: bool) -> Predicate:
    """Accept values in which the text begins, and with `whole` also ends, at the edge of a word."""
    before = f"(?:^|{_OUTSIDE})" if _IN_WORD.match(text[0]) else ""
    after = f"(?:$|{_OUTSIDE})" if whole and _IN_WORD.match(text[-1]) else ""
    return _holds(text, f"{before}{re.escape(text)}{after}" if before or after else None)


def _regex_predicate(pattern: str) -> Predicate:
    import pyarrow.compute as pc

    return lambda values: _flags(pc.match_substring_regex(values, pattern))


def _glob(value: str) -> str:
    return "(?s)^" + ".*".join(re.escape(part) for part in fold(value).split("*")) + "$"


def _equal_predicate(field: Field) -> Predicate:
    import pyarrow.compute as pc

    if field.wild:
        return lambda values: _flags(pc.match_substring_regex(pc.ascii_lower(values), _glob(field.value)))
    return lambda values: _flags(pc.equal(pc.ascii_lower(values), fold(field.value)))


def _scalars(value: Any) -> list[str]:
    """Return an attribute's value as the texts that a filter may equal; a list equals each of its members."""
    match value:
        case str():
            return [value]
        case True:
            return ["true"]
        case False:
            return ["false"]
        case None:
            return ["null"]
        case list():
            return [text for member in value if not isinstance(member, list | dict) for text in _scalars(member)]
        case _:
            return []


def _accepts(field: Field) -> Callable[[Any], bool]:
    if field.compare is not Compare.EQUAL:
        low, high = _open(field.compare, float(field.value), float(field.value))
        return lambda value: any(low <= _number(text) <= high for text in _scalars(value))
    if not field.wild:
        wanted = fold(field.value)
        return lambda value: any(fold(text) == wanted for text in _scalars(value))
    if field.value.strip("*") == "":
        return lambda _value: True
    pieces = [fold(piece) for piece in field.value.split("*")]
    return lambda value: any(_fits(fold(text), pieces) for text in _scalars(value))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _fits(text: str, pieces: list[str]) -> bool:
    """Match a `*` pattern without backtracking: the first and last piece are anchored, the others taken in order."""
    if not text.startswith(pieces[0]) or not text.endswith(pieces[-1]):
        return False
    at, end = len(pieces[0]), len(text) - len(pieces[-1])
    for piece in pieces[1:-1]:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return at <= end


def _attribute_predicate(field: Field) -> Predicate:
    """Accept JSON objects in which the key has such a value; numbers keep the spelling of their sender."""
    import pyarrow.compute as pc

    accepts = _accepts(field)
    literal = field.compare is Compare.EQUAL and not field.wild and re.fullmatch(r"[ !#-\[\]-~]+", field.value)

    def predicate(values: pa.Array) -> NDArray[bool_]:
        maybe = pc.match_substring(values, f'"{field.key}"')
        if literal:
            maybe = pc.and_(maybe, pc.match_substring(pc.ascii_lower(values), fold(field.value)))
        maybe = pc.or_(maybe, pc.match_substring(values, "\\"))
        found = _flags(maybe)
        at = np.flatnonzero(found)
        for row, text in zip(at.tolist(), values.take(at).to_pylist(), strict=True):
            attributes = json.loads(text, parse_float=str, parse_int=str)
            found[row] = field.key in attributes and accepts(attributes[field.key])
        return found

    return predicate


def _field_mask(field: Field, table: pa.Table, schema: Schema) -> NDArray[bool_]:
    column = column_of(field.key, schema)
    if column is None:
        predicate = _attribute_predicate(field)
        masks = [_over_values(_distinct(table.column(name)), predicate) for name in schema.attributes]
        return np.logical_or.reduce(masks)
    if column in schema.numbers or column in schema.durations:
        low, high = number_range(field, column, schema)
        numbers = table.column(column).to_numpy()
        return (numbers >= low) & (numbers <= high)
    return _over_values(table.column(column), _equal_predicate(field))


def _distinct(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _text_mask(predicate: Predicate, table: pa.Table, schema: Schema) -> NDArray[bool_]:
    masks = [_over_values(table.column(name), predicate) for name in schema.text]
    return np.logical_or.reduce(masks) if masks else np.zeros(table.num_rows, np.bool_)


def _reads_json(query: Query, schema: Schema) -> bool:
    return not columns_read(query, schema).isdisjoint(schema.attributes)


def _all_match(parts: list[Query], table: pa.Table, schema: Schema) -> NDArray[bool_]:
    """Return the rows that satisfy every part; a later part sees only what the earlier ones left."""
    rows = np.arange(table.num_rows)
    for part in parts:
        kept = matches(part, table if len(rows) == table.num_rows else table.take(rows), schema)
        rows = rows[kept]
    found = np.zeros(table.num_rows, np.bool_)
    found[rows] = True
    return found


def matches(query: Query, table: pa.Table, schema: Schema) -> NDArray[bool_]:  # noqa: PLR0911 -- one return a case
    """Return which rows satisfy a checked query; the table has at least `columns_read`."""
    match query:
        case Everything():
            return np.ones(table.num_rows, np.bool_)
        case And(parts):
            return _all_match(sorted(parts, key=lambda part: _reads_json(part, schema)), table, schema)
        case Or(parts):
            return np.logical_or.reduce([matches(part, table, schema) for part in parts])
        case Not(part):
            return ~matches(part, table, schema)
        case Field():
            return _field_mask(query, table, schema)
        case Word(text):
            return _text_mask(_word_predicate(text, whole=True), table, schema)
        case Prefix(text):
            return _text_mask(_word_predicate(text, whole=False), table, schema)
        case Phrase(text):
            return _text_mask(_holds(text, None), table, schema)
        case Regex(pattern):
            return _text_mask(_regex_predicate(pattern), table, schema)
