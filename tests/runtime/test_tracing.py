"""Own spans: free while nobody listens, complete when someone does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock
from steersman.runtime.tracing import Tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Heard:
    """A sink that keeps the spans of each batch."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []

    def __call__(self, body: bytes) -> None:
        self.batches.append(json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"])

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [span for batch in self.batches for span in batch]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tracing(clock: FakeClock, heard: Heard) -> Tracing:
    tracing = Tracing(clock)
    tracing.listen(heard)
    return tracing


def test_a_span_has_its_times_attributes_and_parent(tracing: Tracing, clock: FakeClock, heard: Heard) -> None:
    start = clock.wall_ns()
    with tracing.span("GET /x", {"http.response.status_code": 200}):
        clock.tick(1.5)
        with tracing.span("read"):
            clock.tick(0.5)
    tracing.flush()
    inner, outer = heard.spans
    assert (outer["startTimeUnixNano"], outer["endTimeUnixNano"]) == (str(start), str(start + 2_000_000_000))
    assert outer["attributes"] == [{"key": "http.response.status_code", "value": {"intValue": "200"}}]
    assert (inner["traceId"], inner["parentSpanId"], outer["parentSpanId"]) == (outer["traceId"], outer["spanId"], "")


def test_a_caller_s_trace_is_continued(tracing: Tracing, heard: Heard) -> None:
    with tracing.span("GET /x", parent=PARENT):
        pass
    tracing.flush()
    (span,) = heard.spans
    assert (span["traceId"], span["parentSpanId"]) == tuple(PARENT.split("-")[1:3])


@pytest.mark.parametrize("parent", ["", "nonsense", "00-0-0-0", PARENT.upper().replace("-", "_"), "ff" + PARENT[2:]])
def test_a_header_that_is_not_a_trace_parent_starts_a_new_trace(tracing: Tracing, heard: Heard, parent: str) -> None:
    with tracing.span("GET /x", parent=parent):
        pass
    tracing.flush()
    assert heard.spans[0]["parentSpanId"] == ""


def test_an_exception_fails_the_span_and_goes_on(tracing: Tracing, heard: Heard) -> None:
    with pytest.raises(ZeroDivisionError), tracing.span("job"):
        raise ZeroDivisionError
    tracing.flush()
    assert heard.spans[0]["status"]["code"] == 2


def test_spans_are_handed_over_in_batches_and_none_twice(tracing: Tracing, heard: Heard) -> None:
    for _ in range(300):
        with tracing.span("job"):
            pass
    tracing.flush()
    tracing.flush()
    assert [len(batch) for batch in heard.batches] == [128, 128, 44]
    assert len({span["spanId"] for span in heard.spans}) == 300


def test_threads_lose_no_span(tracing: Tracing, heard: Heard) -> None:
    def work() -> None:
        for _ in range(200):
            with tracing.span("job"):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tracing.flush()
    assert len({span["spanId"] for span in heard.spans}) == 800


def test_after_listening_nothing_is_kept(tracing: Tracing, heard: Heard) -> None:
    tracing.listen(None)
    with tracing.span("job"):
        pass
    tracing.flush()
    assert heard.batches == []


def test_while_nobody_listens_the_library_is_not_even_imported() -> None:
    script = (
        "import sys\n"
        "from steersman.contract.fakes import FakeClock\n"
        "from steersman.runtime.tracing import Tracing\n"
        "tracing = Tracing(FakeClock())\n"
        "with tracing.span('x', parent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'): pass\n"
        "tracing.flush()\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_spans_become_a_valid_otlp_request() -> None:
    from google.protobuf.json_format import Parse
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    bodies: list[bytes] = []
    tracing = Tracing(FakeClock())
    tracing.listen(bodies.append)
    with tracing.span("job", {"ok": True}):
        pass
    tracing.flush()
    # The protobuf library reads bytes as base64, where OTLP/JSON has hex: only the shape is compared here.
    request = Parse(bodies[0], ExportTraceServiceRequest())
    (span,) = request.resource_spans[0].scope_spans[0].spans
    assert (span.name, span.kind, span.attributes[0].value.bool_value) == ("job", 1, True)
