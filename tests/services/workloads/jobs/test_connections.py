"""Two services that talk to each other are two that need each other, whatever their owner declared."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from steersman.model.topology import Edge, EdgeKind
from steersman.services.workloads.jobs.connections import watch_connections

_SERVER = """
import pathlib, socket, sys, threading
server = socket.create_server(("127.0.0.1", 0))
pathlib.Path(sys.argv[1]).write_text(str(server.getsockname()[1]))
print("ready", flush=True)
kept = server.accept()
while True: threading.Event().wait(0.05)
"""
_CALLER = """
import pathlib, socket, sys, threading
kept = socket.create_connection(("127.0.0.1", int(pathlib.Path(sys.argv[1]).read_text())))
print("ready", flush=True)
while True: threading.Event().wait(0.05)
"""


def _service(program: str, *arguments: str) -> dict[str, Any]:
    return {"command": [sys.executable, "-S", "-E", "-c", program, *arguments]}


class _Told:
    """Keeps the edges that it is told of, and wakes who waits for them."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self.told = asyncio.Event()

    def declare(self, _entities: Sequence[Any], edges: Sequence[Edge]) -> None:
        self.edges.extend(edges)
        self.told.set()


async def _watched(yard: Any) -> list[Edge]:
    observer: Any = _Told()
    watching = asyncio.create_task(watch_connections(yard.fleet.view, yard.clock, observer))
    await yard.clock.advance(5.0)
    await observer.told.wait()
    watching.cancel()
    return observer.edges


def test_a_connection_between_two_services_is_an_edge(make_yard: Any, tmp_path: Any) -> None:
    """The one that connects calls the one that listens, and nobody has to say so in the settings."""
    port = str(tmp_path / "port")
    yard = make_yard(orders=_service(_SERVER, port), front=_service(_CALLER, port))
    yard.start("orders")
    yard.start("front")
    yard.fleet.look(1.0)
    edges = asyncio.run(_watched(yard))
    found = {(edge.kind, edge.source.ref, edge.target.ref, edge.declared) for edge in edges}
    assert found == {(EdgeKind.CALLS, "service:front", "service:orders", False)}
