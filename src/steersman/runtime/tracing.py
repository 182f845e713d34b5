"""Spans of the platform's own requests and jobs, through the OpenTelemetry SDK, handed to a sink in batches.

No exporter and no network. Until someone listens, a span costs one comparison and the SDK is not even imported.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from steersman.runtime.otlp import spans_request

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Tracer

    from steersman.contract.ports import Clock

#: Takes the body of an OTLP/JSON trace request; called from whichever thread ends a span or flushes.
SpanSink = Callable[[bytes], None]
Attributes = Mapping[str, str | int | float | bool]

_BATCH = 128


class Tracing:
    """The process's own spans. The current span is found through context variables, as OpenTelemetry does it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sink: SpanSink | None = None
        self._tracer: Tracer | None = None
        self._finished: list[ReadableSpan] = []
        self._lock = threading.Lock()

    def listen(self, sink: SpanSink | None) -> None:
        """Start handing finished spans to `sink`, or stop with None."""
        if sink is not None and self._tracer is None:
            self._tracer = _tracer(self._keep)
        self._sink = sink

    @contextmanager
    def span(self, name: str, attributes: Attributes | None = None, *, parent: str | None = None) -> Iterator[None]:
        """Measure the block. `parent` is a W3C `traceparent` header; without one the current span is the parent.

        An exception marks the span as failed and goes on.
        """
        if self._sink is None or self._tracer is None:
            yield
            return
        from opentelemetry import trace

        span = self._tracer.start_span(
            name, context=_remote(parent), attributes=dict(attributes or {}), start_time=self._clock.wall_ns()
        )
        try:
            with trace.use_span(span, end_on_exit=False):
                yield
        finally:
            span.end(end_time=self._clock.wall_ns())

    def flush(self) -> None:
        """Hand over what has finished since the last batch; the telemetry service calls it every second."""
        with self._lock:
            batch, self._finished = self._finished, []
        if batch and self._sink is not None:
            self._sink(spans_request(batch))

    def _keep(self, span: ReadableSpan) -> None:
        with self._lock:
            self._finished.append(span)
            full = len(self._finished) >= _BATCH
        if full:
            self.flush()


def _remote(parent: str | None) -> Context | None:
    if parent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def _tracer(keep: Callable[[ReadableSpan], None]) -> Tracer:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    class Collector(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            keep(span)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Collector())
    return provider.get_tracer("steersman")
