"""Who calls whom, read off the spans of a time range: a span whose parent belongs to another service is a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from steersman.model.search import Everything, ServiceEdge, ServiceMap, ServiceNode
from steersman.runtime.telemetry.events.search import Question, Reader, Snapshot, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy import bool_, int64
    from numpy.typing import NDArray

#: OpenTelemetry's number for a span that failed.
_ERROR = 2
#: Spans of one map: the newest so many are looked at. A span takes about 300 bytes meanwhile.
MAX_SPANS = 1_000_000
_COLUMNS = ("trace_id", "span_id", "parent_id", "service", "status", "duration_ns")


def service_map(
    reader: Reader, snapshot: Snapshot, tenant: str, start_ns: int, end_ns: int, out_of_time: Callable[[], bool]
) -> ServiceMap:
    """Return services and calls among the spans that started in the range; a parent outside of it is not seen."""
    question = Question(
        tenant=tenant, query=Everything(), start_ns=start_ns, end_ns=end_ns, limit=MAX_SPANS, columns=_COLUMNS
    )
    table, complete = find(reader, snapshot, question, out_of_time)
    if table is None:
        return ServiceMap((), (), complete)
    nodes, edges = _map(table)
    return ServiceMap(nodes, edges, complete and table.num_rows < MAX_SPANS)


def _map(table: pa.Table) -> tuple[tuple[ServiceNode, ...], tuple[ServiceEdge, ...]]:
    services = table.column("service").combine_chunks().dictionary_encode()
    names = services.dictionary.to_pylist()
    service = services.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    failed = table.column("status").to_numpy() == _ERROR
    duration = table.column("duration_ns").to_numpy()
    nodes = [
        ServiceNode(names[number], len(of), int(failed[of].sum()), *_quantiles(duration[of]))
        for number, of in _grouped(service)
    ]
    parent = _parents(table)
    called = np.flatnonzero((parent >= 0) & (service[parent] != service))
    pairs = service[parent[called]] * len(names) + service[called]
    edges = []
    for number, members in _grouped(pairs):
        of = called[members]
        caller, callee = names[number // len(names)], names[number % len(names)]
        edges.append(ServiceEdge(caller, callee, len(of), int(failed[of].sum()), _quantiles(duration[of])[1]))
    return (
        tuple(sorted(nodes, key=lambda node: node.service)),
        tuple(sorted(edges, key=lambda edge: (edge.caller, edge.callee))),
    )


def _parents(table: pa.Table) -> NDArray[int64]:
    """Return the row of each span's parent, or -1."""
    import pyarrow.compute as pc

    own = pc.binary_join_element_wise(table.column("trace_id"), table.column("span_id"), "/").combine_chunks()
    of = pc.binary_join_element_wise(table.column("trace_id"), table.column("parent_id"), "/").combine_chunks()
    found: NDArray[int64] = pc.fill_null(pc.index_in(of, value_set=own), -1).to_numpy().astype(np.int64)
    has_parent: NDArray[bool_] = pc.not_equal(table.column("parent_id"), "").to_numpy()
    return np.where(has_parent, found, -1)


def _grouped(keys: NDArray[int64]) -> Iterator[tuple[int, NDArray[int64]]]:
    """Yield each distinct key with the rows that have it."""
    order = np.argsort(keys, kind="stable")
    values, firsts = np.unique(keys[order], return_index=True)
    yield from zip(values.tolist(), np.split(order, firsts[1:]) if len(order) else [], strict=True)


def _quantiles(durations: NDArray[int64]) -> tuple[int, int]:
    """Return p50 and p95 as durations that really occurred."""
    ordered = np.sort(durations)
    last = len(ordered) - 1
    return int(ordered[round(0.5 * last)]), int(ordered[round(0.95 * last)])
