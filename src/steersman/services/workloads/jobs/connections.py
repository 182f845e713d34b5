"""Learns who calls whom from the connections that are open, so that nobody has to declare it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from steersman.contract.ports import Clock, Observer
from steersman.model.entities import Entity
from steersman.model.topology import Edge, EdgeKind
from steersman.services.workloads.logic.calls import calls, connections, local_connections, undisputed, unknown
from steersman.services.workloads.store.holders import Strangers, holders
from steersman.services.workloads.store.local_sockets import local_sockets
from steersman.services.workloads.store.sockets import sockets
from steersman.services.workloads.store.view import FleetView

#: Kept connections are caught sooner or later; what is opened and closed for each call is caught now and then.
_EVERY_SECONDS = 5.0
#: To find who else holds a socket, every process has to be looked at.
_SEARCH_SECONDS = 30.0
#: A look takes this share of its time at most: tables of many thousand connections are read more seldom.
_SHARE = 0.01


async def watch_connections(view: FleetView, clock: Clock, observer: Observer) -> None:
    """Look at the sockets of every replica, for ever."""
    looking, pause = Looking(view, clock), _EVERY_SECONDS
    while True:
        await clock.sleep(pause)
        began = clock.monotonic()
        pairs = await asyncio.to_thread(looking.pairs)
        pause = max(_EVERY_SECONDS, (clock.monotonic() - began) / _SHARE)
        now_ms = view.now_ms()
        observer.declare([], [Edge(EdgeKind.CALLS, caller, called, now_ms) for caller, called in pairs])


@dataclass(frozen=True, slots=True)
class Looking:
    """Looks at this machine's sockets, and remembers between two looks who the others are."""

    view: FleetView
    clock: Clock
    strangers: Strangers = field(default_factory=lambda: Strangers(_SEARCH_SECONDS))

    def pairs(self) -> Sequence[tuple[Entity, Entity]]:
        """Return who calls whom now. Blocks for some milliseconds."""
        pids: dict[str, list[int]] = {}
        for replica in self.view.everyone():
            pids.setdefault(replica.service, []).extend(pid for pid, _ in replica.usage.spent)
        ours = holders(pids)
        every = [pid for of_service in pids.values() for pid in of_service]
        seen = [*connections(sockets(every)), *local_connections(local_sockets())]
        others = self.strangers.named(unknown(seen, ours), self.clock.monotonic())
        declared = {name: definition.depends_on for name, definition in self.view.definitions.items()}
        return undisputed(calls(seen, ours, others), declared)
