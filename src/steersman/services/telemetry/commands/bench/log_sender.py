"""The process that pushes log lines: prepared ahead and paced for the rate, or made as they go for a large load."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

from steersman.services.telemetry.commands.bench.generator import Connection, Target, request_head
from steersman.services.telemetry.commands.bench.log_lines import LINES_A_REQUEST, Lines, requests
from steersman.services.telemetry.commands.bench.sidecar import Sidecar
from steersman.services.telemetry.commands.bench.waiting import pause

_PATIENCE = 600
PATH = "/loki/api/v1/push"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one run achieved. `late_seconds` is how far it was behind its own schedule at the end."""

    seconds: float
    acknowledged: int
    busy: int
    late_seconds: float
    error: str = ""


class _Lanes:
    """Several connections that take the next body from one common queue, each body at its own moment."""

    def __init__(self, target: Target, bodies: Iterable[bytes], rate: float) -> None:
        self._target = target
        self._bodies: Iterator[tuple[int, bytes]] = enumerate(bodies)
        self._interval = LINES_A_REQUEST / rate if rate else 0.0
        self._lock = threading.Lock()
        self._begin = 0.0
        self._acknowledged = 0
        self._busy = 0
        self._late = 0.0
        self._error = ""

    def run(self) -> Pushed:
        threads = [threading.Thread(target=self._push, daemon=True) for _ in range(self._target.connections)]
        self._begin = perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = perf_counter() - self._begin
        return Pushed(seconds, self._acknowledged * LINES_A_REQUEST, self._busy, self._late, self._error)

    def _next(self) -> tuple[int, bytes] | None:
        with self._lock:
            return None if self._error else next(self._bodies, None)

    def _push(self) -> None:
        connection = Connection(self._target.port)
        head = request_head(self._target)
        while (item := self._next()) is not None:
            due = self._begin + item[0] * self._interval
            if (ahead := due - perf_counter()) > 0:
                pause(ahead)
            error = self._send(connection, head, item[1])
            with self._lock:
                self._error = self._error or error
                self._acknowledged += not error
                self._late = max(0.0, perf_counter() - due) if self._interval else 0.0
        connection.close()

    def _send(self, connection: Connection, head: bytes, body: bytes) -> str:
        for _ in range(_PATIENCE):
            try:
                status, answer = connection.post(head, body)
            except OSError as problem:
                return repr(problem)
            if status not in (429, 503):
                return "" if status < 300 else f"{status}: {answer[:300].decode(errors='replace')}"
            with self._lock:
                self._busy += 1
            pause(0.05)
        return "the receiver stayed busy"


def log_sender(lines: Lines, *, prepared: bool) -> Sidecar:
    """The sender's process: ask it with `{"target": ..., "rate": lines a second or 0}`, it answers as `Pushed`."""
    return Sidecar(__name__, {"lines": asdict(lines), "prepared": prepared})


def main(argument: dict[str, Any]) -> None:
    lines = Lines(**argument["lines"])
    bodies = list(requests(lines)) if argument["prepared"] else None
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        question = json.loads(line)
        target = replace(Target(**question["target"]), path=PATH)
        pushed = _Lanes(target, requests(lines) if bodies is None else bodies, question["rate"]).run()
        sys.stdout.write(json.dumps(asdict(pushed)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
