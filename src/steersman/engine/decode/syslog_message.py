"""One syslog message: RFC 5424, else the looser RFC 3164, else a line of text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from steersman.engine.decode.bounds import MAX_TIME_NS, NS_PER_SECOND

_DAY_NS = 86_400 * NS_PER_SECOND
#: 23 facilities of 8 severities, then facility 23 with severity 7.
_MAX_PRIORITY = 191


@dataclass(frozen=True, slots=True)
class SyslogMessage:
    """What a message says of itself; what it leaves out is empty. `structured` is {id: {name: value}}."""

    priority: int | None
    time_ns: int
    text: str
    app: str = ""
    host: str = ""
    process: str = ""
    message_id: str = ""
    structured: dict[str, dict[str, str]] = field(default_factory=dict)


_PRIORITY = re.compile(r"<(\d{1,3})>", re.ASCII)
_RFC5424 = re.compile(
    r"1 (?P<time>\S+) (?P<host>\S{1,255}) (?P<app>\S{1,48}) (?P<process>\S{1,128}) (?P<id>\S{1,32}) "
    r"(?P<structured>-|(?:\[[^\s=\]\"]{1,32}(?: [^\s=\]\"]{1,32}=\"(?:[^\"\\\]]|\\.)*\")*\])+)(?: (?P<text>.*))?",
    re.DOTALL,
)
_ELEMENT = re.compile(r"\[([^\s=\]\"]+)((?: [^\s=\]\"]+=\"(?:[^\"\\\]]|\\.)*\")*)\]", re.DOTALL)
_PARAMETER = re.compile(r" ([^\s=\]\"]+)=\"((?:[^\"\\\]]|\\.)*)\"", re.DOTALL)
_ESCAPE = re.compile(r"\\([\"\\\]])")

_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)"
_ISO_PARTS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC3164 = re.compile(
    rf"(?P<time>(?:{'|'.join(_MONTHS)}) [ \d]\d \d\d:\d\d:\d\d|{_ISO}) (?:(?P<host>[^\s:\[\]]+) )?"
    r"(?:(?P<app>[^\s:\[\]]{1,48})(?:\[(?P<process>[^\]\s]{1,128})\])?:)? ?(?P<text>.*)",
    re.DOTALL | re.ASCII,
)


def parse_message(raw: bytes, received_ns: int) -> SyslogMessage:
    """Parse one message. `received_ns` stands in for a missing time and gives a date without a year its year."""
    # A byte that is not UTF-8 stays readable as \\xNN instead of being lost.
    text = raw.rstrip(b"\r\n\0").decode(errors="backslashreplace")
    found = _PRIORITY.match(text)
    if found is None or int(found[1]) > _MAX_PRIORITY:
        return SyslogMessage(None, received_ns, text)
    priority, rest = int(found[1]), text[found.end() :]
    return (
        _modern(priority, rest, received_ns)
        or _traditional(priority, rest, received_ns)
        or SyslogMessage(priority, received_ns, rest)
    )


def _modern(priority: int, text: str, received_ns: int) -> SyslogMessage | None:
    """Read RFC 5424; None when the text does not follow it."""
    match = _RFC5424.fullmatch(text)
    if match is None:
        return None
    time_ns = received_ns if match["time"] == "-" else _iso_ns(match["time"])
    if time_ns is None:
        return None
    return SyslogMessage(
        priority,
        time_ns,
        (match["text"] or "").removeprefix("\ufeff"),
        app=_unless_nil(match["app"]),
        host=_unless_nil(match["host"]),
        process=_unless_nil(match["process"]),
        message_id=_unless_nil(match["id"]),
        structured=_structured(match["structured"]),
    )


def _unless_nil(value: str) -> str:
    return "" if value == "-" else value


def _structured(text: str) -> dict[str, dict[str, str]]:
    if text == "-":
        return {}
    found: dict[str, dict[str, str]] = {}
    for element in _ELEMENT.finditer(text):
        parameters = found.setdefault(element[1], {})
        for parameter in _PARAMETER.finditer(element[2]):
            parameters[parameter[1]] = _ESCAPE.sub(r"\1", parameter[2])
    return found


def _iso_ns(text: str) -> int | None:
    """Return a time with its offset in nanoseconds, None when it is none or the store cannot hold it."""
    parts = _ISO_PARTS.fullmatch(text)
    second = parts and _iso_second(parts[1] + parts[3])
    if not parts or second is None:
        return None
    time_ns = second * NS_PER_SECOND + int((parts[2] or "").ljust(9, "0"))
    return time_ns if 0 <= time_ns <= MAX_TIME_NS else None


@lru_cache(maxsize=256)
def _iso_second(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return None


def _traditional(priority: int, text: str, received_ns: int) -> SyslogMessage | None:
    """Read RFC 3164, or its usual variant with a full time; None when no time leads the text."""
    match = _RFC3164.fullmatch(text)
    if match is None:
        return None
    written = match["time"]
    time_ns = _iso_ns(written) if written[0].isdigit() else _yearless_ns(written, received_ns // _DAY_NS)
    return SyslogMessage(
        priority,
        received_ns if time_ns is None else time_ns,
        match["text"],
        app=match["app"] or "",
        host=match["host"] or "",
        process=match["process"] or "",
    )


@lru_cache(maxsize=256)
def _yearless_ns(text: str, received_day: int) -> int | None:
    """Return the time in the year that brings it nearest to the day of arrival; it is taken as UTC.

    So what was written on New Year's Eve and came in on New Year's Day belongs to the year that ended.
    """
    year = datetime.fromtimestamp(received_day * 86_400, UTC).year
    candidates = [ns for offset in (-1, 0, 1) if (ns := _in_year(text, year + offset)) is not None]
    return min(candidates, key=lambda ns: abs(ns // _DAY_NS - received_day), default=None)


def _in_year(text: str, year: int) -> int | None:
    month = _MONTHS.index(text[:3]) + 1
    try:
        hour, minute, second = map(int, text[7:].split(":"))
        when = datetime(year, month, int(text[4:6]), hour, minute, second, tzinfo=UTC)
    except ValueError:  # 29 February of another year, or no date at all
        return None
    time_ns = int(when.timestamp()) * NS_PER_SECOND
    return time_ns if 0 <= time_ns <= MAX_TIME_NS else None
