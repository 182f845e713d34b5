"""How alerts of real rule files are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from steersman.model.findings import Aspect
from steersman.model.ids import DEFAULT_TENANT
from steersman.services.operations.logic.alerts import Alert, differs, finding_of, fingerprint, merged


def an_alert(starts_ms: int = 0, ends_ms: int | None = None, **labels: str) -> Alert:
    return Alert(labels=labels, annotations={}, starts_ms=starts_ms, ends_ms=ends_ms, updated_ms=0)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        # From prometheus/common, model/signature_test.go.
        ({}, 14695981039346656037),
        ({"name": "garland, briggs", "fear": "love is not enough"}, 5799056148416392346),
    ],
)
def test_a_fingerprint_is_that_of_prometheus(labels: dict[str, str], expected: int) -> None:
    """Dashboards and amtool name alerts by it."""
    assert int(fingerprint(labels), 16) == expected


@pytest.mark.parametrize(
    ("labels", "entity", "aspect"),
    [
        ({"alertname": "HighErrorRate", "service": "orders", "job": "k8s"}, "service:orders", Aspect.ERRORS),
        ({"alertname": "InstanceDown", "job": "api", "instance": "a:80"}, "service:api", Aspect.AVAILABILITY),
        ({"alertname": "NodeFilesystemSpaceFillingUp", "job": "node", "instance": "db1:9100"},
         "host:db1:9100", Aspect.DISK),
        ({"alertname": "KubePodCrashLooping", "service_name": "web"}, "service:web", Aspect.RESTARTS),
        ({"alertname": "HostOutOfMemory", "instance": "m1"}, "host:m1", Aspect.MEMORY),
        ({"alertname": "Watchdog"}, "service:Watchdog", Aspect.OTHER),
        ({"alertname": "x", "service": "s", "aspect": "queue"}, "service:s", Aspect.QUEUE),
    ],
)  # fmt: skip
def test_labels_say_whom_an_alert_is_about_and_what(labels: dict[str, str], entity: str, aspect: Aspect) -> None:
    """Names of well-known rule collections are read as a person would."""
    found = finding_of(an_alert(**labels), DEFAULT_TENANT, 0)
    assert (found.entity.ref, found.aspect) == (entity, aspect)


def test_an_alert_grants_nothing() -> None:
    """Labels that would matter to the policy do not get into the entity."""
    found = finding_of(an_alert(alertname="x", service="s", self_healing="true"), DEFAULT_TENANT, 0)
    assert found.entity.labels == ()


@given(some.integers(0, 50), some.integers(0, 50))
def test_an_alert_that_goes_on_began_when_it_first_did(first: int, second: int) -> None:
    """Prometheus repeats the beginning, other senders say now each time."""
    assert merged(an_alert(first), an_alert(second), 100).starts_ms == min(first, second)


def test_an_alert_that_was_over_begins_anew() -> None:
    """Its next beginning is a new finding, which needs a decision."""
    known, new = an_alert(10, 20), an_alert(30)
    assert merged(known, new, 40).starts_ms == 30
    assert differs(known, new, 40)
