"""Two services that talk to each other are two that need each other, whatever their owner declared."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from steersman.model.topology import EdgeKind
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


async def _watched(yard: Any) -> None:
    watching = asyncio.create_task(watch_connections(yard.fleet.view, yard.clock, yard.observer))
    await yard.clock.advance(5.0)
    while not yard.observer.edges and not watching.done():
        await asyncio.sleep(0.005)
    watching.cancel()


def test_a_connection_between_two_services_is_an_edge(make_yard: Any, tmp_path: Any) -> None:
    """The one that connects calls the one that listens, and nobody has to say so in the settings."""
    port = str(tmp_path / "port")
    yard = make_yard(orders=_service(_SERVER, port), front=_service(_CALLER, port))
    yard.start("orders")
    yard.start("front")
    yard.fleet.look(1.0)
    asyncio.run(_watched(yard))
    found = {(edge.kind, edge.source.ref, edge.target.ref, edge.declared) for edge in yard.observer.edges}
    assert found == {(EdgeKind.CALLS, "service:front", "service:orders", False)}
