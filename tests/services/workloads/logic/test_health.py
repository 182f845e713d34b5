"""How a replica is judged before, during and after its life."""

from __future__ import annotations

from dataclasses import replace

from steersman.services.workloads.logic.health import condition
from steersman.services.workloads.model.definition import ServiceDefinition
from steersman.services.workloads.model.replicas import Condition, Exit, Replica

SHOP = ServiceDefinition(command=("true",))
WAITING = Replica(service="shop", number=0)


def test_a_replica_that_waits_for_its_first_start_is_not_gone() -> None:
    """The platform has just begun and starts its services one after the other: nothing is wrong yet."""
    assert condition(WAITING, SHOP, 0) is Condition.STARTING


def test_a_replica_that_was_started_and_does_not_run_is_gone() -> None:
    """Also when its first start was cut off, or when nobody saw how it ended."""
    assert condition(replace(WAITING, starts=1), SHOP, 0) is Condition.GONE
    assert condition(replace(WAITING, last_exit=Exit(1, -9, "was killed")), SHOP, 0) is Condition.GONE
