"""What is derived from a declaration: metrics, the OpenAPI document, actions and knobs over REST."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from typing import Any

import pytest

from steersman.contract.ports import Context
from steersman.contract.service import Buckets, Measurement, Service, Signal, SignalKind
from steersman.runtime.house import ITSELF

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def measure(_context: Context) -> Iterable[Measurement]:
    yield Measurement("meter_reads_total", 3, ('a "quoted" \\ name\n',))
    yield Measurement("meter_wait_seconds", Buckets(((0.1, 1), (float("inf"), 2)), 0.7))


METER = Service(
    name="meter",
    help="Signals of every kind.",
    measure=measure,
    signals=(
        Signal(name="meter_reads_total", kind=SignalKind.COUNTER, help="Reads.", labels=("by",)),
        Signal(name="meter_wait_seconds", kind=SignalKind.HISTOGRAM, help="Waits.", unit="seconds"),
        Signal(name="meter_level", kind=SignalKind.GAUGE, help="A level that nobody measured yet."),
    ),
)


def broken(_context: Context) -> Iterable[Measurement]:
    yield Measurement("broken_level", 1.0)
    raise ZeroDivisionError


BROKEN = Service(
    name="broken",
    help="Cannot measure.",
    measure=broken,
    signals=(Signal(name="broken_level", kind=SignalKind.GAUGE, help="Never there."),),
)


@pytest.fixture
def metered(make_site: Any) -> Any:
    return make_site([METER, BROKEN]).start()


@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_wrong_with_the_metrics(metered: Any) -> None:
    """The outside judge of names, types and help."""
    text = metered.get("/metrics").content
    judged = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, b"", b"")


def test_both_text_formats_are_spoken(metered: Any) -> None:
    """Prometheus asks for OpenMetrics, everything else for 0.0.4."""
    plain = metered.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (
        'meter_wait_seconds_bucket{le="+Inf"} 2.0\nmeter_wait_seconds_count 2.0\nmeter_wait_seconds_sum 0.7'
        in plain.text
    )
    openmetrics = metered.get("/metrics", headers={**plain.request.headers, "accept": OPENMETRICS})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "# UNIT meter_wait_seconds seconds\n" in openmetrics.text
    assert openmetrics.text.endswith("# EOF\n")


def test_a_service_that_cannot_measure_does_not_blind_the_others(metered: Any) -> None:
    """Its values are missing, its declaration is not, and the failure is counted."""
    text = metered.get("/metrics").text
    assert "meter_reads_total{" in text
    assert "# TYPE broken_level gauge\n# " in text
    assert 'steersman_measure_failures_total{service="broken"} 1.0' in text


@pytest.mark.requirement("ASVS-13.4.5")
def test_metrics_need_their_permission(site: Any) -> None:
    """A known caller without the grant is refused."""
    assert site.get("/metrics", headers={"authorization": "Bearer reader-token"}).status_code == 403
    assert site.get("/openapi.json", headers={"authorization": "Bearer reader-token"}).status_code == 403


def test_the_openapi_document_tells_what_the_framework_cannot_know(site: Any) -> None:
    """The key, the error bodies and the hot paths are in it; the framework's own errors are not."""
    described = site.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert described["security"] == [{"bearer": []}]
    assert set(described["paths"]["/hot"]) == {"get", "post"}
    assert described["paths"]["/hot/{name}/x"]["get"]["parameters"][0]["name"] == "name"
    whoami = described["paths"]["/api/example/whoami"]["get"]
    assert "422" not in whoami["responses"]
    assert "application/problem+json" in whoami["responses"]["400"]["content"]
    assert [parameter["name"] for parameter in whoami["parameters"]] == ["shout"]
    assert "ValidationError" not in json.dumps(described)


def test_health_comes_from_the_services(make_site: Any) -> None:
    """A check that is not ready makes the whole not ready, with its reason."""
    from steersman.contract.service import Health

    replaying = Service(name="log", help="", health=lambda _context: [Health("replay", ready=False, detail="40 %")])
    answer = make_site([replaying]).start().get("/readyz", headers={})
    assert answer.status_code == 503
    assert answer.json()["checks"] == [{"name": "replay", "ready": False, "detail": "40 %"}]


def test_a_context_is_the_services_own(site: Any) -> None:
    """A handler gets its caller, the ports and its own state."""
    service = site.house.find("example")
    assert site.house.context(service, ITSELF).caller is ITSELF
