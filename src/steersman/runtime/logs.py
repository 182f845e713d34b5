"""Structured logs on stderr, and the same records for the telemetry store.

Every log of the process passes here, also those of libraries. Secrets are taken out before anything is written or
handed on, and what `mask` knows about persons. Nothing here writes files or talks to a network.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

import structlog

if TYPE_CHECKING:
    from steersman.contract.ports import Clock

LogSink = Callable[["OwnLog"], None]

_HIDDEN = "(hidden)"
_SECRET_NAME = re.compile(r"token|secret|passw|authorization|api_?key|cookie|credential", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}|(\w+://[^\s/:@]*:)[^\s/@]+(?=@)")
#: OpenTelemetry's severity numbers.
_SEVERITY = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
#: Libraries that say too much at their own default.
_QUIET = {"alembic": logging.WARNING, "asyncio": logging.WARNING}


@dataclass(frozen=True, slots=True)
class OwnLog:
    """One record of the platform's own logs. `severity` is OpenTelemetry's number."""

    time_ns: int
    severity: int
    logger: str
    message: str
    attributes: dict[str, Any] = field(default_factory=dict)


class Logs:
    """The process's logging, set up once by `configure`. `hide` and `hand_to` may be called at any time."""

    def __init__(self, clock: Clock, mask: Callable[[str], str] = lambda text: text) -> None:
        self._clock = clock
        self._mask = mask
        self._hidden: tuple[str, ...] = ()
        self._sink: LogSink | None = None
        self._inside = threading.local()

    def hide(self, secret: str) -> None:
        """Never write this text again, whatever record it appears in."""
        if secret and secret not in self._hidden:
            self._hidden = (*self._hidden, secret)

    def hand_to(self, sink: LogSink | None) -> None:
        """Give every record to `sink` as well, from whichever thread logs; it must be quick and must not fail.

        What the sink itself logs is written but not handed on, so that it cannot feed itself.
        """
        self._sink = sink

    def configure(self, level: str, style: Literal["json", "console"], stream: IO[str] | None = None) -> None:
        """Send all logs of the process to `stream` (stderr by default)."""
        stream = stream or sys.stderr
        shared: list[structlog.typing.Processor] = [
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            self._stamp,
            self._redact,
            self._copy_to_sink,
        ]
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.stdlib.PositionalArgumentsFormatter(),
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=False,
        )
        renderer: structlog.typing.Processor = structlog.processors.JSONRenderer(default=str)
        if style == "console":
            renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty())
        handler = logging.StreamHandler(stream)
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
                processors=[*shared, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            )
        )
        root = logging.getLogger()
        root.handlers[:] = [handler]
        root.setLevel(level.upper())
        for name, least in _QUIET.items():
            logging.getLogger(name).setLevel(max(least, root.level))

    def _stamp(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["time_ns"] = self._clock.wall_ns()
        return event

    def _redact(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if not key.startswith("_"):
                event[key] = self._clean(key, value)
        return event

    def _clean(self, key: str, value: Any) -> Any:
        if _SECRET_NAME.search(key):
            return _HIDDEN
        if isinstance(value, str):
            for secret in self._hidden:
                value = value.replace(secret, _HIDDEN)
            return self._mask(_SECRET_TEXT.sub(lambda found: f"{found[1] or found[2]}{_HIDDEN}", value))
        if isinstance(value, dict):
            return {name: self._clean(str(name), inner) for name, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean("", inner) for inner in value]
        return value if isinstance(value, int | float | bool) or value is None else self._clean("", str(value))

    def _copy_to_sink(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        sink = self._sink
        if sink is None or getattr(self._inside, "sink", False):
            return event
        self._inside.sink = True
        try:
            sink(_own(event))
        finally:
            self._inside.sink = False
        return event


def _own(event: MutableMapping[str, Any]) -> OwnLog:
    attributes = {
        key: value
        for key, value in event.items()
        if not key.startswith("_") and key not in ("event", "level", "logger", "time_ns")
    }
    severity = _SEVERITY.get(str(event.get("level")), 0)
    return OwnLog(event["time_ns"], severity, str(event.get("logger")), str(event.get("event")), attributes)


class LogBuffer:
    """A bounded sink: the newest records are kept until someone drains them, and the lost ones are counted."""

    def __init__(self, capacity: int) -> None:
        self._kept: deque[OwnLog] = deque(maxlen=capacity)
        self._lock = threading.Lock()
        self.lost = 0

    def __call__(self, record: OwnLog) -> None:
        with self._lock:
            self.lost += len(self._kept) == self._kept.maxlen
            self._kept.append(record)

    def drain(self) -> list[OwnLog]:
        """Take everything that is there, oldest first."""
        with self._lock:
            taken = list(self._kept)
            self._kept.clear()
            return taken
