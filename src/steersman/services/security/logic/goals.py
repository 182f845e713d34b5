"""What detection has to reach, and which of it a measurement missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Path into the figures, the least or the most that is allowed, and whether it is the least.
_GOALS: tuple[tuple[tuple[str, ...], float, bool], ...] = (
    (("recall", "sql_injection", "as_that_kind"), 90.0, True),
    (("recall", "xss", "as_that_kind"), 98.0, True),
    (("recall", "command_injection", "as_that_kind"), 80.0, True),
    (("recall", "path_traversal", "as_that_kind"), 80.0, True),
    (("false_alarms", "prose", "percent"), 0.5, False),
    (("false_alarms", "code", "percent"), 2.0, False),
    (("false_alarms", "logs", "percent"), 0.2, False),
    (("milliseconds", "p99_at_4_kib"), 2.0, False),
    (("milliseconds", "hostile_megabyte_max"), 100.0, False),
)


def missed(figures: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each goal that the figures do not reach."""
    sentences = []
    for path, limit, is_least in _GOALS:
        figure = _at(figures, path)
        if figure < limit if is_least else figure > limit:
            side = "at least" if is_least else "at most"
            sentences.append(f"{'.'.join(path)} is {figure:g}, the goal is {side} {limit:g}")
    return sentences


def _at(figures: Mapping[str, Any], path: Sequence[str]) -> float:
    value: Any = figures
    for key in path:
        value = value[key]
    return float(value)
