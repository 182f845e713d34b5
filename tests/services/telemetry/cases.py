"""The telemetry service's examples for the conformance kit."""

from __future__ import annotations

from steersman.contract.objects import Ask
from steersman.contract.ports import Context
from steersman.contract.testing import Cases, Harness, ObjectCase

_YEAR_SECONDS = 31_536_000.0


def _samples_without_checkpoint(harness: Harness, context: Context) -> None:
    """Send a sample, and let the last checkpoint be a year ago."""
    point = {"timeUnixNano": str(context.ports.clock.wall_ns()), "asDouble": 1.0}
    metric = {"name": "example", "gauge": {"dataPoints": [point]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    answer = harness.call("POST", "/v1/metrics", frozenset({"telemetry.metrics.write"}), body)
    assert answer.status == 200, answer
    context.state.store.checkpoints.last -= _YEAR_SECONDS


def _label(ask: Ask, context: Context) -> str:
    """Send a sample with a label of its own, whose value and whose metric are called the same."""
    made = "l" + context.ports.ids.new().replace("-", "")
    point = {
        "timeUnixNano": str(context.ports.clock.wall_ns()),
        "asDouble": 1.0,
        "attributes": [{"key": made, "value": {"stringValue": made}}],
    }
    metric = {"name": made, "description": made, "gauge": {"dataPoints": [point]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    assert ask("POST", "/v1/metrics", body).status == 200
    return made


def _trace(ask: Ask, context: Context) -> str:
    made, now = context.ports.ids.new().replace("-", ""), context.ports.clock.wall_ns()
    span = {
        "traceId": made,
        "spanId": made[-16:],
        "name": made,
        "startTimeUnixNano": str(now - 1000),
        "endTimeUnixNano": str(now),
    }
    assert ask("POST", "/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).status == 200
    return made


def _line(ask: Ask, context: Context) -> str:
    made, now = "w" + context.ports.ids.new().replace("-", ""), context.ports.clock.wall_ns()
    record = {"timeUnixNano": str(now), "body": {"stringValue": f"the word {made}"}}
    assert ask("POST", "/v1/logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).status == 200
    return made


CASES = Cases(
    breaks={"log_is_bounded": _samples_without_checkpoint},
    objects={
        "/api/v1/label/{name}": ObjectCase(
            make=_label,
            shown=("/api/v1/labels", "/api/v1/label/{}/values", "/api/v1/series?match[]={}", "/api/v1/metadata"),
            named=(
                ("GET", "/api/v1/query?query={}", None),
                ("GET", "/api/v1/query_range?query={}&start=1&end=2&step=1", None),
                ("GET", "/api/v1/series?match[]={}", None),
                ("GET", "/api/v1/query_exemplars?query={}", None),
                ("GET", "/api/v1/metadata?metric={}", None),
            ),
        ),
        "/api/traces/{id}": ObjectCase(
            make=_trace,
            shown=("/api/traces/{}", "/api/traces/search", "/api/traces/search?query={}"),
            named=(("GET", "/api/traces/search?query={}", None), ("GET", "/api/traces/map", None)),
        ),
        "line": ObjectCase(
            make=_line,
            shown=("/api/logs/search", "/api/logs/search?query={}"),
            named=(("GET", "/api/logs/search?query={}", None),),
        ),
    },
)
