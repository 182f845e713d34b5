"""Search against a plain scan in Python: the same rows for random corpora and questions, wherever the rows lie."""

from __future__ import annotations

import fnmatch
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.engine.logs.query import parse
from steersman.engine.logs.tokens import tokenize
from steersman.model.search import (
    IDEOGRAPHS,
    SEPARATORS,
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
from steersman.model.telemetry import LogColumns
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.events import block as block_module
from steersman.runtime.telemetry.events.compact import compact
from steersman.runtime.telemetry.events.schema import LOGS
from steersman.runtime.telemetry.events.store import EventStore

WORDS = [
    "Error",
    "error",
    "timeout",
    "time",
    "db",
    "db-1",
    "10.0.0.1",
    "10",
    "数据库",
    "据库",
    "库",
    "é",
    "Émile",
    "foo_bar",
    "🙂",
]
VALUES = ["web-1", "web-2", "Web", "a b", 'q"t', "é数据", "back\\slash", "tab\there", "5", "50", "ab", "a*b", "\x7fz"]
KEYS = ["host", "code", "http.path", "list"]


@dataclass(frozen=True)
class Line:
    tenant: str
    time_ns: int
    severity: int
    service: str
    body: str
    attributes: str
    trace_id: str


def is_word(sign: str) -> bool:
    point = ord(sign)
    if point < 0x80:
        return sign.isalnum() or sign == "_"
    return not any(low <= point <= high for low, high in (*IDEOGRAPHS, *SEPARATORS))


def stands(text: str, body: str, *, whole: bool) -> bool:
    """Whether a text stands in a body at the edges of words."""
    for found in re.finditer(f"(?={re.escape(text)})", body):
        before, behind = body[: found.start()], body[found.start() + len(text) :]
        left = not (is_word(text[0]) and before and is_word(before[-1]))
        right = not (whole and is_word(text[-1]) and behind and is_word(behind[0]))
        if left and right:
            return True
    return False


def scalars(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for member in value for text in scalars(member)]
    if isinstance(value, dict):
        return []
    return [value if isinstance(value, str) else json.dumps(value)]


def equal(text: str, field: Field) -> bool:
    if not field.wild:
        return fold(text) == fold(field.value)
    pattern = "*".join(re.sub(r"([\[?])", r"[\1]", piece) for piece in fold(field.value).split("*"))
    return fnmatch.fnmatchcase(fold(text), pattern)


def compares(number: float, field: Field, wanted: float) -> bool:
    return {
        Compare.EQUAL: number == wanted,
        Compare.ABOVE: number > wanted,
        Compare.AT_LEAST: number >= wanted,
        Compare.BELOW: number < wanted,
        Compare.AT_MOST: number <= wanted,
    }[field.compare]


def number_of(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def field_holds(field: Field, line: Line) -> bool:
    if field.key == "severity":
        return compares(line.severity, field, float(field.value))
    if field.key in {"service", "trace_id"}:
        return equal(getattr(line, field.key), field)
    attributes = json.loads(line.attributes)
    if field.key not in attributes:
        return False
    values = scalars(attributes[field.key])
    if field.compare is not Compare.EQUAL:
        return any(compares(number_of(value), field, float(field.value)) for value in values)
    return any(equal(value, field) for value in values) or field.value.strip("*") == ""


def holds(query: Query, line: Line) -> bool:  # noqa: PLR0911 -- one return a case
    match query:
        case Everything():
            return True
        case And(parts):
            return all(holds(part, line) for part in parts)
        case Or(parts):
            return any(holds(part, line) for part in parts)
        case Not(part):
            return not holds(part, line)
        case Field():
            return field_holds(query, line)
        case Regex(pattern):
            return re.search(pattern, line.body) is not None
        case Phrase(text):
            return text in fold(line.body)
        case Word(text):
            return stands(text, fold(line.body), whole=True)
        case Prefix(text):
            return stands(text, fold(line.body), whole=False)


bodies = st.builds(
    lambda words, gaps: "".join(word + gap for word, gap in zip(words, gaps, strict=True)),
    st.lists(st.sampled_from(WORDS), min_size=4, max_size=4),
    st.lists(st.sampled_from([" ", "", "-", "。", ": "]), min_size=4, max_size=4),
) | st.text(max_size=8)
values = st.sampled_from(VALUES) | st.integers(0, 60) | st.booleans() | st.none() | st.sampled_from([1.5, 1e30])
objects = st.dictionaries(st.sampled_from(KEYS), values | st.lists(values, max_size=2), max_size=3)
attribute_texts = st.builds(lambda value, plain: json.dumps(value, ensure_ascii=plain), objects, st.booleans())
lines = st.builds(
    Line,
    tenant=st.sampled_from(["default", "other", "default-2"]),
    time_ns=st.integers(0, 50),
    severity=st.integers(-3, 90) | st.integers(0, 24),
    service=st.sampled_from(["web-1", "Web-2", "api", "数据", ""]),
    body=bodies,
    attributes=attribute_texts,
    trace_id=st.sampled_from(["", f"{1:032x}", f"{10:032x}"]),
)
wild = st.sampled_from(["*", "web*", "*b", "a*b", "w*-*1", "5*", "*é*", "q*t", "*\\*"])
leaves: st.SearchStrategy[Query] = st.one_of(
    st.sampled_from(WORDS).map(lambda word: Word(fold(word))),
    st.sampled_from([*WORDS, "ti", "数", "é", "10.", "1"]).map(lambda word: Prefix(fold(word))),
    st.sampled_from(["r", "rror t", "me", "0.0.", "据库", "库 t", "🙂", "-", " ", "out数"]).map(Phrase),
    st.sampled_from(["[Ee]rror", "^db", "t.+b", "time.*db", "库$", "Err|é", "o{2}"]).map(Regex),
    st.builds(
        Field,
        st.sampled_from([*KEYS, "service"]),
        st.just(Compare.EQUAL),
        st.sampled_from([*VALUES, "true", "null", "1.5"]),
    ),
    st.builds(Field, st.sampled_from([*KEYS, "service"]), st.just(Compare.EQUAL), wild, st.just(True)),
    st.builds(
        Field, st.sampled_from(["severity", "code"]), st.sampled_from(Compare), st.sampled_from(["5", "17", "-1", "70"])
    ),
    st.builds(Field, st.just("trace_id"), st.just(Compare.EQUAL), st.just(f"{1:032x}")),
)
queries = st.recursive(
    leaves,
    lambda part: st.one_of(
        part.map(Not),
        st.lists(part, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(part, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=4,
)


def columns(of: list[Line]) -> LogColumns:
    return LogColumns(
        [line.time_ns for line in of],
        [line.severity for line in of],
        [line.service for line in of],
        [line.body for line in of],
        [line.attributes for line in of],
        [line.trace_id for line in of],
        ["" for _ in of],
    )


def append(store: EventStore, of: list[Line], seq: int) -> None:
    for line in of:
        store.append(line.tenant, columns([line]), seq)


def seal(store: EventStore) -> None:
    frozen = store.freeze()
    if frozen is not None:
        store.commit(frozen, store.write(frozen))


def spread(store: EventStore, corpus: list[Line], folder: Path) -> None:
    """Put a third of the rows into a compacted block, a third into two blocks, the rest in memory."""
    cut = len(corpus) // 6
    for number in range(4):
        append(store, corpus[number * cut : (number + 1) * cut], number + 1)
        seal(store)
        if number == 1 and len(store.blocks) == 2:
            merged = compact(store.blocks, folder, LocalDisk(), tokenize)
            store.swap([block.name for block in store.blocks], [merged])
    append(store, corpus[4 * cut : 5 * cut], 5)
    store.freeze()
    append(store, corpus[5 * cut :], 6)


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["time_ns"], row["severity"], row["service"], row["body"], json.dumps(row["attributes"]), row["trace_id"]


def expected(corpus: list[Line], query: Query, start: int, end: int) -> list[tuple[Any, ...]]:
    return [
        (line.time_ns, line.severity, line.service, line.body, json.dumps(json.loads(line.attributes)), line.trace_id)
        for line in corpus
        if line.tenant == "default" and start <= line.time_ns <= end and holds(query, line)
    ]


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows fill several row groups."""
    monkeypatch.setattr(block_module, "GROUP_ROWS", 3)


property_test = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@property_test
@given(st.lists(lines, max_size=40), st.lists(queries, min_size=1, max_size=6), st.integers(0, 25), st.integers(25, 50))
def test_a_search_finds_what_a_scan_finds(corpus: list[Line], asked: list[Query], start: int, end: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = EventStore(LOGS, Path(name), LocalDisk(), tokenize, lambda: 0.0)
        spread(store, corpus, Path(name))
        for query in asked:
            found = store.search("default", query, start, end, 1000).rows
            assert sorted(map(key, found)) == sorted(expected(corpus, query, start, end)), query
        assert [store.verify(block) for block in store.blocks] == [[]] * len(store.blocks)


@property_test
@given(st.lists(lines, max_size=40), queries, st.integers(1, 8), st.booleans())
def test_a_limit_keeps_the_first_in_the_order_asked_for(
    corpus: list[Line], query: Query, limit: int, newest_first: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = EventStore(LOGS, Path(name), LocalDisk(), tokenize, lambda: 0.0)
        spread(store, corpus, Path(name))
        found = store.search("default", query, 0, 50, limit, newest_first=newest_first).rows
        wanted = expected(corpus, query, 0, 50)
        times = sorted((row[0] for row in wanted), reverse=newest_first)[:limit]
        assert [row["time_ns"] for row in found] == times
        assert all(key(row) in wanted for row in found)


def test_the_language_finds_what_it_says(tmp_path: Path) -> None:
    store = EventStore(LOGS, tmp_path, LocalDisk(), tokenize, lambda: 0.0)
    corpus = [
        Line("default", 1, 17, "web-1", "Connection reset by peer", '{"host":"h1","code":500}', "a"),
        Line("default", 2, 9, "web-2", "connection accepted", '{"host":"h2","code":200}', "b"),
        Line("default", 3, 13, "api", "数据库连接失败", '{"host":"h1","code":404}', "c"),
    ]
    append(store, corpus, 1)
    asked = {
        "connection": [2, 1],
        "connect": [],
        "connect*": [2, 1],
        '"nection res"': [1],
        "连接": [3],
        "-connection": [3],
        "reset OR 失败": [3, 1],
        "host:h1 -service:api": [1],
        "service:web-*": [2, 1],
        "severity>=warn": [3, 1],
        "severity:info": [2],
        "code>=404": [3, 1],
        "code!=200": [3, 1],
        "/reset .* peer$/": [1],
        "trace_id:b": [2],
        "": [3, 2, 1],
    }
    for _ in range(2):
        found = {
            text: [row["time_ns"] for row in store.search("default", parse(text), 0, 9, 10).rows] for text in asked
        }
        assert found == asked
        seal(store)
