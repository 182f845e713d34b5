"""How the console writes numbers: three significant digits, base units, binary prefixes for bytes.

`static/figures.js` does the same in the browser and a test holds the two together, because the server writes the
first number and the browser every later one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_COUNT_UNITS = ("", "k", "M", "G", "T")
_NOTHING = "–"


def _round_half_up(value: float, digits: int) -> str:
    """Write a non-negative number as JavaScript's `Math.round` would have it; `format` rounds half to even."""
    scale = 10**digits
    return f"{math.floor(value * scale + 0.5) / scale:.{digits}f}"


def _scaled(value: float, base: int, units: tuple[str, ...]) -> tuple[str, str]:
    step = 0
    while value >= base * 0.9995 and step < len(units) - 1:
        value /= base
        step += 1
    digits = 0 if step == 0 or value >= 99.95 else 1
    return _round_half_up(value, digits), units[step]


def write_bytes(value: float | None) -> str:
    """1536 -> 1.5 KiB."""
    if value is None:
        return _NOTHING
    return " ".join(_scaled(value, 1024, _BYTE_UNITS))


def write_rate(value: float | None) -> str:
    """1536 -> 1.5 KiB/s."""
    return _NOTHING if value is None else f"{write_bytes(value)}/s"


def write_percent(value: float | None) -> str:
    """12.34 -> 12.3 %."""
    return _NOTHING if value is None else f"{_round_half_up(value, 1)} %"


def write_count(value: float | None) -> str:
    """1234567 -> 1.2 M; up to 9999 every digit is shown."""
    if value is None:
        return _NOTHING
    if value < 10_000:
        return _round_half_up(value, 0)
    number, unit = _scaled(value, 1000, _COUNT_UNITS)
    return f"{number} {unit}"


def write_per_second(value: float | None) -> str:
    """310.2 -> 310 /s."""
    return _NOTHING if value is None else f"{write_count(value)}/s" if value >= 10_000 else f"{write_count(value)} /s"


def write_age(seconds: float | None) -> str:
    """75 -> 1 min 15 s; two units at most."""
    if seconds is None:
        return _NOTHING
    whole = max(int(seconds), 0)
    parts: list[tuple[int, str]] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count or parts or unit == "s":
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count or len(parts) == 1)


#: The formats by the names that templates and scripts use.
FORMATS: Mapping[str, Callable[[float | None], str]] = {
    "bytes": write_bytes,
    "rate": write_rate,
    "percent": write_percent,
    "count": write_count,
    "per_second": write_per_second,
    "age": write_age,
}
