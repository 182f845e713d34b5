"""The log of a mesh program: lines of text with a level on its standard output, counted as they are written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from steersman.services.operations.commands.drill.mesh.meter import Meter

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Log:
    """Writes `time level service message`, by the clock that the program believes in."""

    def __init__(self, service: str, wall: Callable[[], float], meter: Meter) -> None:
        self._service = service
        self._wall = wall
        self._meter = meter
        for level in ("DEBUG", "INFO", "WARNING", "ERROR"):
            meter.add("log_lines_total", 0, level=level.lower())

    def write(self, level: Level, message: str) -> None:
        self._meter.add("log_lines_total", level=level.lower())
        when = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds")
        sys.stdout.write(f"{when} {level} {self._service} {message}\n")
        sys.stdout.flush()
