"""Learns who calls whom from the connections that are open, so that nobody has to declare it."""

from __future__ import annotations

import asyncio

from steersman.contract.ports import Clock, Observer
from steersman.model.topology import Edge, EdgeKind
from steersman.services.workloads.logic.reports import service_entity
from steersman.services.workloads.store.sockets import calls, owners, sockets
from steersman.services.workloads.store.view import FleetView

#: Kept connections are caught sooner or later; what is opened and closed for each call is caught now and then.
_EVERY_SECONDS = 5.0


async def watch_connections(view: FleetView, clock: Clock, observer: Observer) -> None:
    """Look at the sockets of every replica, for ever."""
    while True:
        await clock.sleep(_EVERY_SECONDS)
        pairs = await asyncio.to_thread(_connected, view)
        now_ms = view.now_ms()
        observer.declare(
            [],
            [
                Edge(EdgeKind.CALLS, service_entity(caller), service_entity(called), now_ms)
                for caller, called in sorted(pairs)
            ],
        )


def _connected(view: FleetView) -> set[tuple[str, str]]:
    pids: dict[str, list[int]] = {}
    for replica in view.everyone():
        pids.setdefault(replica.service, []).extend(pid for pid, _ in replica.usage.spent)
    return calls(sockets(), owners(pids))
