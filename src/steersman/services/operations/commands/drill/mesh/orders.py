"""Orders: checks the stock, charges the customer, stores the order and leaves the rest to the worker.

Payments are spoken to over TLS, by the address in the route file, and the certificate is looked at. What was
acknowledged is stored: an order is answered after the database has it.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from steersman.services.operations.commands.drill.mesh.clock import random_hex
from steersman.services.operations.commands.drill.mesh.program import Program, start
from steersman.services.operations.commands.drill.mesh.spans import Trace
from steersman.services.operations.commands.drill.mesh.upstream import Upstream
from steersman.services.operations.commands.drill.mesh.wire import Request, Response, answer

_ITEM_PRICE = 12


@dataclass(frozen=True, slots=True)
class _Neighbours:
    payments: Upstream
    inventory: Upstream
    database: Upstream
    worker: Upstream


def build(program: Program) -> None:
    tls = ssl.create_default_context(cafile=program.config["payments_ca"])
    route = Path(program.config["payments_route"])
    near = _Neighbours(
        payments=program.upstream("payments", address=lambda: route.read_text().strip(), tls=tls),
        inventory=program.upstream("inventory"),
        database=program.upstream("database"),
        worker=program.upstream("worker"),
    )

    async def take(request: Request, place: Trace) -> Response:
        order = {"id": random_hex(16), "item": int(request.json().get("item", 0))}
        draft = program.folder / "data" / f"draft-{order['id']}"
        draft.write_text(str(order["item"]))
        try:
            return await _placed(program, near, order | {"weight": float(request.json().get("weight", 1))}, place)
        finally:
            draft.unlink(missing_ok=True)

    program.routes["POST /orders"] = take


async def _placed(program: Program, near: _Neighbours, order: dict[str, object], place: Trace) -> Response:
    stock = await near.inventory.call("GET", f"/stock?item={order['item']}", place)
    if not stock.ok:
        return answer(502, error=f"inventory: {stock.status}")
    charge = {"order": order["id"], "amount": _ITEM_PRICE, "issued_at": program.clock.wall()}
    paid = await near.payments.call("POST", "/charge", place, **charge)
    if not paid.ok:
        program.log.write("WARNING", f"payment refused: {paid.json().get('error', paid.status)}")
        return answer(502, error=f"payments: {paid.status}")
    stored = await near.database.call("POST", "/rows", place, key=f"order:{order['id']}", value=order["item"])
    if not stored.ok:
        program.log.write("ERROR", f"order not stored: {stored.json().get('error', stored.status)}")
        return answer(502, error=f"database: {stored.status}")
    queued = await near.worker.call("POST", "/jobs", place, order=order["id"], weight=order["weight"])
    program.log.write("INFO", f"order {order['id']} placed")
    return answer(order=order["id"]) if queued.ok else answer(502, error=f"worker: {queued.status}")


if __name__ == "__main__":
    start(build)
