"""Spans count work, time and failures, and prove who calls whom in whatever order they come."""

from __future__ import annotations

import json

from steersman.engine.detect.senses import Senses
from steersman.engine.spans import SpanSense
from steersman.model.findings import Aspect, FindingSource
from steersman.model.rounds import Round, Telemetry
from steersman.model.telemetry import SpanColumns

T0 = 1_800_000_000_000
SERVER, CLIENT = 2, 3
Row = tuple[
    str, str, str, str, int, int, float, dict[str, str]
]  # service, name, span, parent, kind, status, seconds, attributes


def spans(now_ms: int, *rows: Row) -> SpanColumns:
    columns = SpanColumns()
    for service, name, span, parent, kind, status, seconds, attributes in rows:
        columns.start_ns.append(now_ms * 1_000_000 - int(seconds * 1e9))
        columns.duration_ns.append(int(seconds * 1e9))
        columns.service.append(service)
        columns.name.append(name)
        columns.span_id.append(span)
        columns.parent_id.append(parent)
        columns.kind.append(kind)
        columns.status.append(status)
        columns.attributes.append(json.dumps(attributes))
    for name in ("trace_id", "status_message", "resource", "events", "links"):
        getattr(columns, name).extend([""] * len(rows))
    return columns


def calls(sense: SpanSense) -> set[tuple[str, str]]:
    return {(edge.source.ref, edge.target.ref) for edge in sense.edges(T0)}


def test_a_child_of_another_service_proves_a_call_in_any_order() -> None:
    parent: Row = ("front", "GET /", "1", "", SERVER, 0, 0.1, {})
    child: Row = ("orders", "POST /orders", "2", "1", SERVER, 0, 0.05, {})
    for rounds in ([(parent, child)], [(child, parent)], [(parent,), (child,)], [(child,), (parent,)]):
        sense = SpanSense()
        for rows in rounds:
            sense.fold([spans(T0, *rows)], T0)
        assert calls(sense) == {("service:front", "service:orders")}
        assert calls(sense) == set()


def test_a_client_span_names_the_other_end_and_an_address_is_no_name() -> None:
    sense = SpanSense()
    named = [
        {"peer.service": "payments"},
        {"server.address": "127.0.0.1"},
        {"server.address": "stock.shop"},
        {"db.name": "shop"},
    ]
    rows = [("orders", "call", str(at), "", CLIENT, 0, 0.01, attributes) for at, attributes in enumerate(named)]
    sense.fold([spans(T0, *rows)], T0)
    assert {target for _, target in calls(sense)} == {"service:payments", "service:stock.shop", "database:shop"}


def test_only_the_span_around_the_work_counts() -> None:
    sense = SpanSense()
    rows: list[Row] = [("a", "GET /", "1", "", SERVER, 2, 0.5, {}), ("a", "parse", "2", "1", 1, 0, 0.1, {})]
    made = {tuple(labels): value for labels, value in sense.fold([spans(T0, *rows)], T0)}
    counts = {(dict(labels)["__name__"], dict(labels).get("outcome")): value for labels, value in made.items()}
    assert counts[("observed_spans_total", "error")] == 1
    assert counts[("observed_spans_total", "ok")] == 0
    assert counts[("observed_span_duration_seconds_sum", None)] == 0.5


def test_spans_that_become_slow_and_fail_are_findings_about_the_operation() -> None:
    senses, found = Senses(), []
    for second in range(90):
        now, bad = T0 + second * 1000, second >= 70
        rows = [
            ("orders", "POST /orders", f"{second}-{at}", "", SERVER, 2 * bad, 0.4 if bad else 0.02, {})
            for at in range(10)
        ]
        rows += [("orders", "GET /health", f"{second}h{at}", "", SERVER, 0, 0.001, {}) for at in range(90)]
        found += senses.fold(Round(now_ms=now, seed=1, telemetry=Telemetry(spans=(spans(now, *rows),))))[0]
    told = {(one.aspect, one.source) for one in found if "[POST /orders]" in one.signal}
    assert told == {(Aspect.LATENCY, FindingSource.SPAN), (Aspect.ERRORS, FindingSource.SPAN)}
    assert not [one for one in found if "/health" in one.signal]


def test_memory_of_spans_is_bounded_and_survives_a_snapshot() -> None:
    sense = SpanSense()
    for at in range(30):
        rows = [("a", f"op{at}-{n}", f"{at}-{n}", "nobody", SERVER, 0, 0.01, {}) for n in range(1_000)]
        sense.fold([spans(T0 + at, *rows)], T0 + at)
    state = sense.export()
    assert len(state["services"]) <= 20_000
    assert len(state["orphans"]) <= 20_000
    assert len(state["counts"]) <= 2 * 502
    other = SpanSense()
    other.restore(json.loads(json.dumps(state)))
    assert other.export() == state
