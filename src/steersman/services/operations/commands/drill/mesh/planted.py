"""Bugs that can be planted into a running mesh program, each with a level; 0 takes it out again.

A bug lives in the memory of its process: a restart cures it, as a restart cures its like in real programs. Bugs that
come with a release are levels in `release.json` and come back with each start. What a bug does is real: memory is
taken, descriptors are open, a core is burnt, the loop is dead. Each is bounded, so that the machine survives.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping
from typing import Any

from steersman.services.operations.commands.drill.mesh.clock import chance, pause
from steersman.services.operations.commands.drill.mesh.logs import Log
from steersman.services.operations.commands.drill.mesh.meter import Meter

#: How often the bugs that work by themselves go on.
TICK_SECONDS = 0.1
_MOST_LEAKED = 400 << 20
#: A program that holds more than this answers no more, as under a memory limit.
MEMORY_LIMIT = 256 << 20

#: Every bug, with what its level means.
KINDS: Mapping[str, str] = {
    "latency_ms": "added to each request",
    "error_ratio": "share of the requests that fail",
    "leak_mb_per_second": "memory that is taken and never used",
    "leak_kb_per_request": "likewise, by the request",
    "hog_threads": "threads that compute for nothing",
    "blips_ms": "how long the whole process stands still every three seconds, as under garbage collection",
    "dead_loop": "1: the event loop waits for ever",
    "descriptors_per_second": "files that are opened and never closed",
    "flood_lines_per_second": "log lines that say nothing",
    "forget_ratio": "share of the pooled connections that are never given back",
    "hold_lock_ms": "how long of each second a session holds the table lock",
    "no_expiry": "1: the cache forgets at once what it is told",
    "stuck": "1: jobs are taken in and never worked on",
    "burn_processes": "processes that compute for nothing",
    "backup_mb_per_second": "data that is packed at low priority",
    "crash_on_start": "1: the program ends with an error as it starts",
}


class Planted:
    """The levels of the bugs of one process."""

    def __init__(self, meter: Meter, log: Log) -> None:
        self._meter = meter
        self._log = log
        self._planted: dict[str, float] = {}
        self._released: dict[str, float] = {}
        self._leaked: list[bytearray] = []
        self._open: list[int] = []
        self._burning = threading.Event()
        self._ticks = 0

    def level(self, kind: str) -> float:
        return self._planted.get(kind, 0.0) + self._released.get(kind, 0.0)

    def change(self, levels: Mapping[str, Any]) -> dict[str, float]:
        """Set levels; unknown bugs are an error of the one who asks."""
        for kind, level in levels.items():
            if kind not in KINDS:
                raise ValueError(f"there is no bug {kind}")
            self._planted[kind] = float(level)
        self._settle()
        return {kind: self.level(kind) for kind in KINDS if self.level(kind)}

    def release(self, levels: Mapping[str, Any]) -> None:
        """Take over the defects of a release; those of the release before are gone with what they leaked."""
        self._released = {kind: float(level) for kind, level in levels.items() if kind in KINDS}
        self._settle()

    def _settle(self) -> None:
        if not self.level("leak_mb_per_second") and not self.level("leak_kb_per_request"):
            self._leaked.clear()
        self._burning.clear()
        wanted = int(self.level("hog_threads"))
        if wanted:
            self._burning = threading.Event()
            self._burning.set()
        for _ in range(wanted):
            threading.Thread(target=_burn, args=(self._burning,), daemon=True).start()

    async def before_request(self) -> str:
        """Do to one request what the bugs do to it; text says that it fails."""
        if self.level("latency_ms"):
            await asyncio.sleep(self.level("latency_ms") / 1_000)
        if self.level("leak_kb_per_request"):
            self._leak(int(self.level("leak_kb_per_request") * 1_024))
        if self._leaked and self._meter.resident_bytes > MEMORY_LIMIT:
            raise MemoryError(f"{self._meter.resident_bytes >> 20} MiB are held")
        if chance(self.level("error_ratio")):
            self._log.write("ERROR", "unhandled exception in handler: 'NoneType' object is not subscriptable")
            return "internal error"
        return ""

    def tick(self) -> None:
        """Go on with the bugs that work by themselves."""
        self._ticks += 1
        if self.level("dead_loop"):
            self._log.write("INFO", "waiting for the shutdown lock")
            threading.Event().wait()
        if self.level("leak_mb_per_second"):
            self._leak(int(self.level("leak_mb_per_second") * TICK_SECONDS * (1 << 20)))
        if self.level("blips_ms") and self._ticks % 30 == 0:
            pause(self.level("blips_ms") / 1_000)
        self._open_more(int(self.level("descriptors_per_second") * TICK_SECONDS))
        for _ in range(int(self.level("flood_lines_per_second") * TICK_SECONDS)):
            self._log.write("DEBUG", "cache probe finished without result, trying the next candidate of the ring")

    def _leak(self, size: int) -> None:
        if self._meter.resident_bytes < _MOST_LEAKED:
            self._leaked.append(bytearray(b"\x01" * size))  # written to, so that the pages are really taken

    def _open_more(self, count: int) -> None:
        try:
            self._open += [os.open("/dev/null", os.O_RDONLY) for _ in range(count)]
        except OSError:
            return  # none are left, which is the point


def _burn(burning: threading.Event) -> None:
    number = 1
    while burning.is_set():
        number = number * 3 % 1_000_003
