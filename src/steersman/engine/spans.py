"""Spans as counters of work, time and failures per service and operation, and the calls that they prove.

What a span says goes into the same detection as every other series. A child may arrive before its parent, so both are
remembered for a minute, in a bounded memory. Old spans prove calls and count for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from steersman.model.entities import Entity, EntityKind
from steersman.model.labels import Labels
from steersman.model.telemetry import SpanColumns
from steersman.model.topology import Edge, EdgeKind

_SERVER, _CLIENT, _PRODUCER, _CONSUMER = 2, 3, 4, 5  # OpenTelemetry's span kinds
_FAILED = 2  # and its status
_OLD_NS, _REMEMBERED_MS = 180_000_000_000, 60_000
_MOST_SPANS, _MOST_OPERATIONS = 20_000, 500
_OTHER = "(other)"
#: Attributes that name the other end, the most precise first.
_PEERS = (
    "peer.service",
    "service.peer.name",
    "rpc.service",
    "messaging.destination.name",
    "server.address",
    "net.peer.name",
)
_DATABASES = ("db.namespace", "db.name", "db.system.name", "db.system")

_Counter = tuple[str, str, str, str]  # service, operation, peer, outcome
_Ends = tuple[str, str]


class SpanSense:
    """Counts spans and learns who calls whom."""

    def __init__(self) -> None:
        self._counts: dict[_Counter, list[float]] = {}
        self._operations: set[_Ends] = set()
        self._services: dict[str, tuple[str, int]] = {}  # span id -> service, when it came
        self._orphans: dict[str, tuple[str, str, int]] = {}  # span id -> parent id, service, when it came
        self._seen: dict[tuple[_Ends, _Ends], None] = {}

    def fold(self, spans: Sequence[SpanColumns], now_ms: int) -> list[tuple[Labels, float]]:
        """Take in spans; return the counters `observed_spans_total` and `observed_span_duration_seconds`."""
        rows = sorted(row for columns in spans for row in _rows(columns))
        for row in rows:
            self._services[row[4]] = (row[0], now_ms)
        for service, start_ns, duration_ns, parent, span, name, kind, status, attributes in rows:
            peer = _peer(attributes) if kind in {_CLIENT, _PRODUCER} else None
            self._link(service, parent, span, peer, now_ms)
            if start_ns + duration_ns >= now_ms * 1_000_000 - _OLD_NS:
                self._count(service, name, kind, parent, peer, status == _FAILED, duration_ns / 1e9)
        self._adopt(now_ms)
        return [
            made for counter, sums in self._counts.items() for made in _counters(counter, sums, self._both(counter))
        ]

    def _both(self, counter: _Counter) -> tuple[float, float]:
        good, bad = (self._counts[*counter[:3], outcome] for outcome in ("ok", "error"))
        return good[0] + bad[0], good[1] + bad[1]

    def _count(
        self,
        service: str,
        name: str,
        kind: int,
        parent: str,
        peer: _Ends | None,
        failed: bool,  # noqa: FBT001 -- what the span says of itself
        seconds: float,
    ) -> None:
        if peer is None and kind not in {_SERVER, _CONSUMER} and parent:
            return  # a step inside of a service; its time is part of the span around it
        operation = name if peer is None else ""
        if operation and (service, operation) not in self._operations:
            if len(self._operations) >= _MOST_OPERATIONS:
                operation = _OTHER
            self._operations.add((service, operation))
        for outcome in ("ok", "error"):
            self._counts.setdefault((service, operation, peer[1] if peer else "", outcome), [0.0, 0.0])
        sums = self._counts[service, operation, peer[1] if peer else "", "error" if failed else "ok"]
        sums[0] += 1.0
        sums[1] += seconds

    def _link(self, service: str, parent: str, span: str, peer: _Ends | None, now_ms: int) -> None:
        if peer is not None and peer[1] != service:
            self._seen[(EntityKind.SERVICE, service), peer] = None
        if not parent:
            return
        known = self._services.get(parent)
        if known is None:
            self._orphans[span] = (parent, service, now_ms)
        elif known[0] != service:
            self._seen[(EntityKind.SERVICE, known[0]), (EntityKind.SERVICE, service)] = None

    def _adopt(self, now_ms: int) -> None:
        """Find the parents that came later, and forget what is too old or too much."""
        for span, (parent, service, came_ms) in list(self._orphans.items()):
            known = self._services.get(parent)
            if known is not None and known[0] != service:
                self._seen[(EntityKind.SERVICE, known[0]), (EntityKind.SERVICE, service)] = None
            if known is not None or now_ms - came_ms > _REMEMBERED_MS or len(self._orphans) > _MOST_SPANS:
                del self._orphans[span]
        for span, (_, came_ms) in list(self._services.items()):
            if now_ms - came_ms <= _REMEMBERED_MS and len(self._services) <= _MOST_SPANS:
                break  # they stand in the order of their coming
            del self._services[span]

    def edges(self, now_ms: int) -> Iterator[Edge]:
        """Yield the calls that were seen since this was asked last."""
        seen, self._seen = self._seen, {}
        for source, target in seen:
            ends = (Entity(EntityKind(source[0]), source[1]), Entity(EntityKind(target[0]), target[1]))
            yield Edge(EdgeKind.CALLS, *ends, seen_ms=now_ms)

    def export(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "counts": [[*counter, *sums] for counter, sums in self._counts.items()],
            "services": [[span, *known] for span, known in self._services.items()],
            "orphans": [[span, *known] for span, known in self._orphans.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `export` returned."""
        self._counts = {(a, b, c, d): [count, seconds] for a, b, c, d, count, seconds in state["counts"]}
        self._operations = {(service, operation) for service, operation, _, _ in self._counts if operation}
        self._services = {span: (service, came) for span, service, came in state["services"]}
        self._orphans = {span: (parent, service, came) for span, parent, service, came in state["orphans"]}


def _rows(columns: SpanColumns) -> Iterator[tuple[str, int, int, str, str, str, int, int, str]]:
    return zip(
        columns.service,
        columns.start_ns,
        columns.duration_ns,
        columns.parent_id,
        columns.span_id,
        columns.name,
        columns.kind,
        columns.status,
        columns.attributes,
        strict=True,
    )


def _peer(attributes: str) -> _Ends | None:
    """Return kind and name of the other end of a call, when the span names it."""
    try:
        named = json.loads(attributes) if attributes else {}
    except ValueError:
        return None
    service = named.get("peer.service")
    if not service:
        database = next((str(named[name]) for name in _DATABASES if named.get(name)), "")
        if database:
            return EntityKind.DATABASE, database
        service = next((str(named[name]) for name in _PEERS if named.get(name)), "")
    name = str(service or "")
    is_address = not name or name == "localhost" or ":" in name or name.replace(".", "").isdigit()
    return None if is_address else (EntityKind.SERVICE, name)


def _labelled(name: str, counter: _Counter, outcome: str) -> Labels:
    service, operation, peer, _ = counter
    labels = {"__name__": name, "service": service, "operation": operation, "peer": peer, "outcome": outcome}
    return tuple(sorted((label, text) for label, text in labels.items() if text))


def _counters(counter: _Counter, sums: Sequence[float], both: Sequence[float]) -> Iterator[tuple[Labels, float]]:
    """Yield the counters of one outcome, and with the good one those of the time, which is that of both."""
    yield _labelled("observed_spans_total", counter, counter[3]), sums[0]
    if counter[3] == "ok":
        yield _labelled("observed_span_duration_seconds_count", counter, ""), both[0]
        yield _labelled("observed_span_duration_seconds_sum", counter, ""), both[1]
