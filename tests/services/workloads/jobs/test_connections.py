"""Two services that talk to each other are two that need each other, whatever their owner declared."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from steersman.engine.loop import LoopState, step
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.incidents import Incident
from steersman.model.rounds import Round
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


FRONT, ORDERS = (Entity(EntityKind.SERVICE, name) for name in ("front", "orders"))
T0 = 1_767_225_600_000


def _finding(entity: Entity, aspect: Aspect, direction: Direction, **more: Any) -> Finding:
    values = {
        "key": entity.ref,
        "severity": "critical",
        "started_ms": T0,
        "seen_ms": T0,
        "reason": f"{aspect} {direction}",
    }
    return Finding(
        entity=entity, aspect=aspect, direction=direction, **{"source": FindingSource.DETECTOR, **values, **more}
    )


def _incidents(edges: Sequence[Edge]) -> list[Incident]:
    """Tell the loop that the caller answers with errors and that the called is gone; no span, nothing declared."""
    told = (
        _finding(FRONT, Aspect.ERRORS, Direction.HIGH),
        _finding(ORDERS, Aspect.AVAILABILITY, Direction.GONE, source=FindingSource.HEALTH, suggests=frozenset({CauseKind.CRASH})),
    )  # fmt: skip
    state = LoopState()
    for second in range(3):
        now, first = T0 + second * 1000, second == 0
        edges_now, found = (tuple(edges), told) if first else ((), ())
        known = Round(now_ms=now, seed=second, entities=(FRONT, ORDERS), edges=edges_now, findings=found)
        state, _ = step(state, known, ())
    return list(state.incidents.values())


def test_the_called_is_ranked_first_though_only_a_socket_tells_of_the_call(make_yard: Any, tmp_path: Any) -> None:
    """With the connection it is one incident with one cause, without it two that know nothing of each other."""
    port = str(tmp_path / "port")
    yard = make_yard(orders=_service(_SERVER, port), front=_service(_CALLER, port))
    yard.start("orders")
    yard.start("front")
    yard.fleet.look(1.0)
    (incident,) = _incidents(asyncio.run(_watched(yard)))
    assert incident.hypotheses[0].key == "crash@service:orders"
    assert set(incident.entities) == {"service:front", "service:orders"}
    assert len(_incidents(())) == 2
