"""The telemetry service's examples for the conformance kit."""

from __future__ import annotations

from steersman.contract.ports import Context
from steersman.contract.testing import Cases, Harness

_YEAR_SECONDS = 31_536_000.0


def _samples_without_checkpoint(harness: Harness, context: Context) -> None:
    """Send a sample, and let the last checkpoint be a year ago."""
    point = {"timeUnixNano": str(context.ports.clock.wall_ns()), "asDouble": 1.0}
    metric = {"name": "example", "gauge": {"dataPoints": [point]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    answer = harness.call("POST", "/v1/metrics", frozenset({"telemetry.metrics.write"}), body)
    assert answer.status == 200, answer
    context.state.store.checkpoints.last -= _YEAR_SECONDS


CASES = Cases(breaks={"log_is_bounded": _samples_without_checkpoint})
