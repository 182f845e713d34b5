"""The database: rows in memory behind an append-only file, a few readers at a time, one table lock, and a quota.

A row is acknowledged after its line is in the file. The quota is over everything in the data folder, so that what
others leave there (archives, dumps) takes the room of new rows.
"""

from __future__ import annotations

import asyncio
import errno
import json
from pathlib import Path
from typing import Any

from steersman.services.operations.commands.drill.mesh.clock import monotonic
from steersman.services.operations.commands.drill.mesh.inventory import ITEMS
from steersman.services.operations.commands.drill.mesh.program import Program, start
from steersman.services.operations.commands.drill.mesh.spans import Trace
from steersman.services.operations.commands.drill.mesh.wire import Request, Response, answer

_READERS = 4
_READ_SECONDS = 0.04
_WRITE_SECONDS = 0.002


def build(program: Program) -> None:
    database = _Database(program)
    program.every_second.append(database.report)
    program.background.append(database.hold_lock)
    program.routes["GET /rows"] = database.read
    program.routes["POST /rows"] = database.write
    program.routes["GET /orders"] = database.count


class _Database:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._folder = program.folder / "data"
        self._file = self._folder / "rows.log"
        self._rows: dict[str, Any] = {f"item:{item}": 100 + item for item in range(ITEMS)} | _replayed(self._file)
        self._readers = asyncio.Semaphore(_READERS)
        self._lock = asyncio.Lock()
        self._used = 0
        program.meter.add("lock_wait_seconds_total", 0)

    async def read(self, request: Request, place: Trace) -> Response:
        key = request.path.rpartition("/")[2]
        await self._locked(0.0)
        async with self._readers:
            await asyncio.sleep(_READ_SECONDS)
        return answer(value=self._rows[key]) if key in self._rows else answer(404, error=f"no row {key}")

    async def write(self, request: Request, place: Trace) -> Response:
        row = request.json()
        await self._locked(_WRITE_SECONDS)
        if self._used > self._quota:
            raise OSError(errno.ENOSPC, "no space left in the data folder")
        with self._file.open("a") as file:
            file.write(json.dumps([row["key"], row["value"]]) + "\n")
        self._rows[row["key"]] = row["value"]
        return answer(stored=row["key"])

    async def count(self, request: Request, place: Trace) -> Response:
        """Which orders are stored, for those who check that none was lost."""
        return answer(orders=sum(key.startswith("order:") for key in self._rows))

    async def _locked(self, seconds: float) -> None:
        """Take the table lock for so long: readers only pass through, writers keep it for their write."""
        began = monotonic()
        async with self._lock:
            self._program.meter.add("lock_wait_seconds_total", monotonic() - began)
            if seconds:
                await asyncio.sleep(seconds)

    async def hold_lock(self) -> None:
        """The session of a planted bug, which keeps the lock for most of each second."""
        while True:
            held = self._program.planted.level("hold_lock_ms") / 1_000
            if held:
                async with self._lock:
                    await asyncio.sleep(held)
            await asyncio.sleep(max(0.05, 1 - held) if held else 0.2)

    @property
    def _quota(self) -> int:
        return int(self._program.config["quota_bytes"])

    def report(self) -> None:
        self._used = sum(size_of(file) for file in self._folder.rglob("*"))
        self._program.meter.set("data_dir_bytes_used", self._used)
        self._program.meter.set("data_dir_bytes_quota", self._quota)


def size_of(file: Path) -> int:
    """Bytes of a file; one that is gone by now has none."""
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0


def _replayed(file: Path) -> dict[str, Any]:
    """The rows that were acknowledged. A line that a crash has cut off was not."""
    rows = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            key, value = json.loads(line)
        except ValueError:
            continue
        rows[key] = value
    return rows


if __name__ == "__main__":
    start(build)
