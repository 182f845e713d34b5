"""The cache: values that are forgotten after a while."""

from __future__ import annotations

from typing import Any

from steersman.services.operations.commands.drill.mesh.clock import between, monotonic
from steersman.services.operations.commands.drill.mesh.program import Program, start
from steersman.services.operations.commands.drill.mesh.spans import Trace
from steersman.services.operations.commands.drill.mesh.wire import Request, Response, answer


def build(program: Program) -> None:
    cache = _Cache(program)
    program.routes["GET /keys"] = cache.read
    program.routes["POST /keys"] = cache.write
    program.routes["POST /flush"] = cache.flush


class _Cache:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._values: dict[str, tuple[float, Any]] = {}
        program.meter.add("cache_hits_total", 0)
        program.meter.add("cache_misses_total", 0)

    async def read(self, request: Request, place: Trace) -> Response:
        names, now = request.query["names"].split(","), monotonic()
        if self._program.planted.level("no_expiry"):
            self._values.clear()
        found = {name: self._values[name][1] for name in names if name in self._values and self._values[name][0] > now}
        self._program.meter.add("cache_hits_total", len(found))
        self._program.meter.add("cache_misses_total", len(names) - len(found))
        return answer(**found)

    async def write(self, request: Request, place: Trace) -> Response:
        self._values |= {name: (monotonic() + self._lifetime(), value) for name, value in request.json().items()}
        return answer(stored=len(self._values))

    def _lifetime(self) -> float:
        """A half more or less, so that what was read together is not missed together."""
        return float(self._program.config["ttl_seconds"]) * between(0.5, 1.5)

    async def flush(self, request: Request, place: Trace) -> Response:
        self._values.clear()
        return answer(stored=0)


if __name__ == "__main__":
    start(build)
