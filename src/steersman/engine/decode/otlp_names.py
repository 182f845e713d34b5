"""OTLP's names and units as Prometheus names, by the rules of OpenTelemetry's Prometheus compatibility document.

The same rules as Prometheus's own OTLP receiver in its default setting: dots become underscores, the unit and
`_total` become suffixes.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

#: UCUM codes of the units in OpenTelemetry's semantic conventions, with the words that Prometheus uses.
_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}

_NOT_NAME = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_NOT_UNIT = re.compile(r"[^a-zA-Z0-9]+")


@lru_cache(maxsize=16384)
def metric_name(name: str, unit: str, *, is_counter: bool, is_gauge: bool) -> str:
    """Return the Prometheus name of a metric, "" when nothing of its name can be kept."""
    tokens = [token for token in _NOT_NAME.split(name) if token]
    if not tokens:
        return ""
    main, _, per = unit.partition("/")
    main_suffix, per_suffix = _unit_word(main, _UNITS), _unit_word(per, _PER_UNITS)
    if main_suffix and main_suffix not in tokens:
        tokens.append(main_suffix)
    if per_suffix and per_suffix not in tokens:
        tokens += ["per", per_suffix]
    if is_counter:
        tokens = [*(token for token in tokens if token != "total"), "total"]  # noqa: S105 - a word of a name
    if is_gauge and unit == "1":
        tokens = [*(token for token in tokens if token != "ratio"), "ratio"]  # noqa: S105 - a word of a name
    joined = "_".join(tokens)
    return f"_{joined}" if joined[0].isdigit() else joined


def _unit_word(code: str, words: dict[str, str]) -> str:
    """Return the suffix for a unit; an annotation such as `{request}` is not a unit."""
    code = code.strip()
    if "{" in code or "}" in code:
        return ""
    return _NOT_UNIT.sub("_", words.get(code, code)).strip("_")


@lru_cache(maxsize=16384)
def label_name(key: str) -> str:
    """Return the Prometheus label name for an attribute's key."""
    name = _NOT_LABEL.sub("_", key)
    return f"key_{name}" if name[:1].isdigit() else name


@lru_cache(maxsize=4096)
def plain_number(number: float) -> str:
    """Return the shortest decimal text of a number without an exponent, as `le` and `quantile` are written."""
    if number != number:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "+Inf" if number > 0 else "-Inf"
    text = format(Decimal(repr(number)), "f")
    return text.removesuffix(".0")
