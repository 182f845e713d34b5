"""What the loop is told of a replica that does not answer."""

from __future__ import annotations

import pytest

from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect
from steersman.services.workloads.logic.reports import findings_of
from steersman.services.workloads.model.replicas import (
    REFUSED,
    TIMED_OUT,
    Answering,
    Condition,
    Identity,
    Replica,
    Usage,
)


@pytest.mark.parametrize(
    ("reason", "cores", "suggested"),
    [
        (TIMED_OUT, 0.0, {CauseKind.HANG}),
        (TIMED_OUT, 1.1, {CauseKind.CPU_SATURATION}),
        (REFUSED, 1.1, {CauseKind.HANG}),
        ("answered 500", 1.1, set()),
    ],
)
def test_who_computes_in_circles_is_told_apart_from_who_hangs(
    reason: str, cores: float, suggested: set[CauseKind]
) -> None:
    """Both let a health check time out; one of them takes a core meanwhile."""
    replica = Replica(
        service="web",
        number=0,
        identity=Identity(7, 1, "boot"),
        answering=Answering(failures=3, ever=True, reason=reason),
        usage=Usage(cores=cores),
    )
    found = findings_of(replica, Condition.UNHEALTHY, 1_000, cores=4)
    assert {cause for one in found for cause in one.suggests} == suggested
    busy = [one.reason for one in found if one.aspect is Aspect.CPU]
    assert busy == (["web/0 keeps 1 cores busy and answers no health check"] if len(found) > 1 else [])
