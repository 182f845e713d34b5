"""The front end: what customers reach. It lists the catalogue through inventory and passes orders on."""

from __future__ import annotations

from steersman.services.operations.commands.drill.mesh.program import Program, start
from steersman.services.operations.commands.drill.mesh.spans import Trace
from steersman.services.operations.commands.drill.mesh.wire import Request, Response, answer


def build(program: Program) -> None:
    orders, inventory = program.upstream("orders"), program.upstream("inventory")

    async def catalogue(request: Request, place: Trace) -> Response:
        page = int(request.query.get("page", "0"))
        found = await inventory.call("GET", f"/items?page={page}", place)
        return found if found.ok else answer(502, error=f"inventory: {found.status}")

    async def order(request: Request, place: Trace) -> Response:
        placed = await orders.call("POST", "/orders", place, **request.json())
        return placed if placed.ok else answer(502, error=f"orders: {placed.status}")

    program.routes["GET /catalogue"] = catalogue
    program.routes["POST /order"] = order


if __name__ == "__main__":
    start(build)
