"""From bytes of a log file to records that the telemetry store takes in, at no more than a given rate."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

#: A line of text longer than this is cut: it is read by people.
LINE_BYTES = 16_384
#: The words by which programs mark their lines, and OTLP's numbers for them.
_LEVELS = {"DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "CRITICAL": 21, "FATAL": 21, "PANIC": 21}
_LEVEL = re.compile(rf"\b({'|'.join(_LEVELS)})\b", re.IGNORECASE)
_LOOKED_AT = 160
_INFO = 9


@dataclass(frozen=True, slots=True)
class Cut:
    """Whole lines of a piece of a file, and how many bytes of it they take; the rest waits for its end."""

    lines: tuple[bytes, ...]
    used: int


def cut(piece: bytes) -> Cut:
    """Cut a piece into lines. A line that fills the whole piece is taken as it is: nobody waits for it for ever."""
    end = piece.rfind(b"\n") + 1
    if end == 0 and len(piece) >= LINE_BYTES:
        end = len(piece)
    return Cut(tuple(line for line in piece[:end].split(b"\n") if line.strip()), end)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many lines may still come in: it fills up at a rate, to one second's worth at most."""

    left: float
    at: float

    def spent(self, lines: int, rate: float, now: float) -> tuple[Allowance, int]:
        """Return what is left after as many of the lines as may come in, and that number."""
        left = min(rate, self.left + rate * max(0.0, now - self.at))
        allowed = min(lines, int(left))
        return replace(self, left=left - allowed, at=now), allowed


def level_of(text: str) -> int:
    """Return the severity of a line by the first level word near its beginning; none is information."""
    found = _LEVEL.search(text, 0, _LOOKED_AT)
    return _LEVELS[found[1].upper()] if found else _INFO


def request_of(service: str, replica: int, lines: Sequence[bytes], now_ns: int) -> bytes:
    """Return an ExportLogsServiceRequest in OTLP/JSON; the lines keep their order by a nanosecond each."""
    texts = [line[:LINE_BYTES].decode("utf-8", "replace").rstrip("\r") for line in lines]
    records = [
        {
            "timeUnixNano": str(now_ns - len(texts) + number),
            "severityNumber": level_of(text),
            "body": {"stringValue": text},
        }
        for number, text in enumerate(texts)
    ]
    attributes = [
        {"key": "service.name", "value": {"stringValue": service}},
        {"key": "replica", "value": {"stringValue": str(replica)}},
    ]
    body = {"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": records}]}]}
    return json.dumps(body, separators=(",", ":")).encode()
