"""Inventory: what there is of each item, read through the cache, and from the database where that knows nothing.

With `coalesce_ms` above 0 those who miss the same item at the same time share one read, and its answer serves for
so long: the protection against a stampede on the database.
"""

from __future__ import annotations

import asyncio
from typing import Any

from steersman.services.operations.commands.drill.mesh.clock import chance, monotonic
from steersman.services.operations.commands.drill.mesh.program import Program, start
from steersman.services.operations.commands.drill.mesh.spans import Trace
from steersman.services.operations.commands.drill.mesh.upstream import Slots, Unreachable, Upstream
from steersman.services.operations.commands.drill.mesh.wire import Request, Response, answer

ITEMS = 20
_PAGE = 6


def build(program: Program) -> None:
    slots = Slots(lambda: max(1, int(program.knob("pool_size", program.config["pool_size"]))))
    database = program.upstream("database", slots=slots, forgets=lambda: chance(program.planted.level("forget_ratio")))
    stock = _Stock(program, program.upstream("cache"), database)
    program.every_second.append(database.report)
    program.routes["GET /items"] = stock.page
    program.routes["GET /stock"] = stock.one


class _Stock:
    def __init__(self, program: Program, cache: Upstream, database: Upstream) -> None:
        self._program = program
        self._cache = cache
        self._database = database
        self._shared: dict[int, tuple[float, asyncio.Future[Any]]] = {}

    async def page(self, request: Request, place: Trace) -> Response:
        first = int(request.query.get("page", "0")) * _PAGE
        items = [(first + offset) % ITEMS for offset in range(_PAGE)]
        return answer(items=await self._read(items, place))

    async def one(self, request: Request, place: Trace) -> Response:
        item = int(request.query["item"]) % ITEMS
        return answer(items=await self._read([item], place))

    async def _read(self, items: list[int], place: Trace) -> dict[str, Any]:
        known = await self._cached(items, place)
        missing = [item for item in items if str(item) not in known]
        if missing:
            found = await asyncio.gather(*(self._stored(item, place) for item in missing))
            known |= {str(item): value for item, value in zip(missing, found, strict=True)}
            await self._remember({str(item): known[str(item)] for item in missing}, place)
        return known

    async def _cached(self, items: list[int], place: Trace) -> dict[str, Any]:
        """Ask the cache; without one the database is asked, which is what it is for."""
        try:
            answered = await self._cache.call("GET", "/keys?names=" + ",".join(map(str, items)), place)
        except Unreachable as error:
            self._program.log.write("WARNING", f"reading past the cache: {error}")
            return {}
        return answered.json() if answered.ok else {}

    async def _remember(self, values: dict[str, Any], place: Trace) -> None:
        try:
            await self._cache.call("POST", "/keys", place, **values)
        except Unreachable:
            return  # it has been logged as it was read

    async def _stored(self, item: int, place: Trace) -> Any:
        hold = self._program.knob("coalesce_ms", 0.0) / 1_000
        if not hold:
            return await self._fetched(item, place)
        began, shared = self._shared.get(item, (0.0, None))
        if shared is None or monotonic() - began > hold:
            shared = asyncio.get_running_loop().create_task(self._fetched(item, place))
            self._shared[item] = (monotonic(), shared)
        return await asyncio.shield(shared)

    async def _fetched(self, item: int, place: Trace) -> Any:
        row = await self._database.call("GET", f"/rows/item:{item}", place)
        if not row.ok:
            raise Unreachable("database", "error", f"answered {row.status}")
        return row.json()["value"]


if __name__ == "__main__":
    start(build)
