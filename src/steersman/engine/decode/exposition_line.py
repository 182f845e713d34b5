"""The strict reading of one sample line of text 0.0.4 or OpenMetrics 1.0, exemplar included.

Names in quotes, which may be any UTF-8, are read in both formats, as Prometheus 3 does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum

from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME


class Grammar(Enum):
    """The two formats; they differ in times, in exemplars and in what a comment may be."""

    TEXT = "text 0.0.4"
    OPENMETRICS = "OpenMetrics 1.0"


@dataclass(frozen=True, slots=True)
class Exemplar:
    """The example behind the `#` of a sample."""

    labels: dict[str, str]
    value: float
    time_ms: int | None


@dataclass(frozen=True, slots=True)
class Sample:
    """One line. `series_end` is where the text of the series ends; `labels` is empty when it was not asked for.

    `value` is still text: a page's values are checked and converted together.
    """

    labels: dict[str, str]
    series_end: int
    value: bytes
    time_ms: int | None
    exemplar: Exemplar | None


_NAME = re.compile(rb"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)?")
_OPEN = re.compile(rb"[ \t]*\{")
_QUOTED = rb'"((?:[^"\\\n]|\\.)*)"'
_PAIR = re.compile(rb"[ \t]*(?:([a-zA-Z_][a-zA-Z0-9_]*)|" + _QUOTED + rb")[ \t]*(?:=[ \t]*" + _QUOTED + rb")?[ \t]*")
_SEPARATOR = re.compile(rb",?[ \t]*(\})|,")
_SERIES = re.compile(rb'[ \t]*[a-zA-Z_:]?[a-zA-Z0-9_:]*(?:[ \t]*\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?')
_REST = re.compile(rb"[ \t]+([^ \t#]+)(?:[ \t]+([^ \t#]+))?[ \t]*(#.*)?")
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[iI]nf|[nN]a[nN])")
_SECONDS = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")

_ESCAPES = {b"\\\\": b"\\", b'\\"': b'"', b"\\n": b"\n"}
_ESCAPE = re.compile(rb'\\[\\"n]')


def series_end(line: bytes) -> int:
    """Return where the text of the series ends, for a look-up; on a broken line any number."""
    match = _SERIES.match(line)
    return match.end() if match else 0


def parse_line(line: bytes, grammar: Grammar, end: int | None = None) -> Sample:
    """Parse one line, from `end` on when its series is known already; raises `InvalidInput`."""
    labels: dict[str, str] = {}
    if end is None:
        labels, end = _parse_series(line)
    rest = _REST.fullmatch(line, end)
    if rest is None:
        raise InvalidInput(f"no value behind the series in {line!r:.120}")
    exemplar = None
    if rest[3] is not None:
        if grammar is Grammar.TEXT:
            raise InvalidInput("an exemplar needs the OpenMetrics format")
        exemplar = _parse_exemplar(rest[3])
    return Sample(labels, end, rest[1], _time_ms(rest[2], grammar), exemplar)


def _parse_series(line: bytes) -> tuple[dict[str, str], int]:
    name = _NAME.match(line)
    text = (name and name[1]) or b""
    at = name.end() if name else 0
    labels: dict[str, str] = {METRIC_NAME: text.decode()} if text else {}
    opening = _OPEN.match(line, at)
    if opening:
        at = _parse_labels(line, opening.end(), labels, is_series=not text)
    if not labels.get(METRIC_NAME):
        raise InvalidInput(f"no metric name in {line!r:.120}")
    return labels, at


def _parse_labels(line: bytes, at: int, labels: dict[str, str], *, is_series: bool) -> int:
    """Read pairs up to the closing brace into `labels`; return where it ended.

    With `is_series`, a quoted string without a value may stand first: it is the metric's name.
    """
    closing = _SEPARATOR.match(line, at)
    if closing and closing[1] and line[at : at + 1] != b",":
        return closing.end()
    first = True
    while True:
        pair = _PAIR.match(line, at)
        separator = pair and _SEPARATOR.match(line, pair.end())
        if not pair or not separator:
            raise InvalidInput(f"labels cannot be read at {line[at:]!r:.120}")
        plain, quoted, value = pair.groups()
        if value is None and not (is_series and first and quoted):
            raise InvalidInput(f"a label without a value at {line[at:]!r:.120}")
        name = METRIC_NAME if value is None else _text(plain or quoted or b"")
        if not name or name in labels or (name == METRIC_NAME and value is not None):
            raise InvalidInput(f"a label name that is empty, reserved or there twice: {name!r:.80}")
        labels[name] = _text(quoted if value is None else value)
        first, at = False, separator.end()
        if separator[1]:
            return at


def _text(raw: bytes) -> str:
    """Undo the three escapes; any other backslash stands for itself, as in Prometheus."""
    if b"\\" in raw:
        raw = _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], raw)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{raw!r:.80} is not UTF-8") from error


def _time_ms(text: bytes | None, grammar: Grammar) -> int | None:
    """Read a time: whole milliseconds in the text format, seconds with a fraction in OpenMetrics."""
    if text is None:
        return None
    if grammar is Grammar.TEXT:
        if not re.fullmatch(rb"-?[0-9]{1,18}", text):
            raise InvalidInput(f"the time {text!r:.40} is not a whole number of milliseconds")
        return int(text)
    if not _SECONDS.fullmatch(text) or len(text) > 40:
        raise InvalidInput(f"the time {text!r:.40} is not a number of seconds")
    try:
        milliseconds = int(Decimal(text.decode()) * 1000)
    except InvalidOperation as error:
        raise InvalidInput(f"the time {text!r:.40} is not a number of seconds") from error
    # A number that no column can hold is outside all bounds, whatever it is.
    return max(-(2**62), min(milliseconds, 2**62))


def _parse_exemplar(text: bytes) -> Exemplar:
    opening = re.match(rb"#[ \t]+\{", text)
    if opening is None:
        raise InvalidInput(f"an exemplar has the form # {{labels}} value, not {text!r:.120}")
    labels: dict[str, str] = {}
    at = _parse_labels(text, opening.end(), labels, is_series=False)
    rest = _REST.fullmatch(text, at)
    if rest is None or rest[3] is not None or not _NUMBER.fullmatch(rest[1]):
        raise InvalidInput(f"no number behind the labels of an exemplar in {text!r:.120}")
    return Exemplar(labels, float(rest[1]), _time_ms(rest[2], Grammar.OPENMETRICS))
