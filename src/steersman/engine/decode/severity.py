"""Severity words and syslog levels as OpenTelemetry's severity numbers."""

from __future__ import annotations

import re

#: The mapping of OpenTelemetry's log data model, appendix B, for syslog's names and the common abbreviations.
_NUMBERS = {
    "trace": 1,
    "debug": 5,
    "dbg": 5,
    "info": 9,
    "information": 9,
    "informational": 9,
    "notice": 10,
    "warn": 13,
    "warning": 13,
    "error": 17,
    "err": 17,
    "critical": 18,
    "crit": 18,
    "alert": 19,
    "fatal": 21,
    "panic": 21,
    "emerg": 21,
    "emergency": 21,
}

#: OpenTelemetry's numbers for syslog's severities 0 (emergency) to 7 (debug).
SYSLOG_NUMBERS = (21, 19, 18, 17, 13, 10, 9, 5)

_LEADING = re.compile(
    r'[\[<"]?(?:level=)?"?(' + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + r")(?=[\]>:\s\"|,-])", re.IGNORECASE
)


def severity_number(word: str) -> int:
    """Return the number for a level's name in any case, 0 for a word that is none."""
    return _NUMBERS.get(word.lower(), 0)


def leading_severity(line: str) -> int:
    """Return the number for the level that a line starts with, such as `ERROR:`, `[warn]` or `level=info`, else 0.

    Nothing behind the first word is looked at: a guess from the middle of a line is wrong too often.
    """
    match = _LEADING.match(line)
    return _NUMBERS[match[1].lower()] if match else 0
