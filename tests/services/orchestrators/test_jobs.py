"""What the loop is told about what runs on the orchestrators, and what is proposed from that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.services.orchestrators.jobs import look_at_all, peers_of, watch
from steersman.services.orchestrators.model import OrchestratorSettings


def _look(one: Any) -> list[tuple[str, bool]]:
    one.heard.findings.clear()
    look_at_all(one.context, peers_of(one.context.state.looking.settings))
    return [(finding.key, finding.active) for finding in one.heard.findings]


@pytest.fixture
def everything(hands: Callable[..., Any], engine: Any, cluster: Any, bus: Any) -> Any:
    bus.put("orders.service")
    bus.put("ssh.service")
    engine.put("orders", service="orders")
    cluster.put("orders", "orders:1")
    return hands(
        systemd={"units": ["orders*"], "bus": bus.address},
        docker={"containers": ["orders*"], "socket": engine.url},
        kubernetes={"api_server": cluster.url, "namespace": "shop", "deployments": ["orders*"]},
    )


def test_what_is_well_is_declared_and_no_finding(everything: Any) -> None:
    """Under the names that its signals have; what its owner did not name is not told."""
    assert _look(everything) == []
    assert [one.ref for one in everything.heard.entities] == ["service:orders", "container:orders", "service:orders"]


def test_what_fails_is_found_until_it_is_well_or_gone(everything: Any, engine: Any, cluster: Any, bus: Any) -> None:
    """Each with what is wrong in words; nothing is changed by looking."""
    bus.units["orders.service"]["ActiveState"] = "failed"
    engine.containers["orders"]["State"]["Status"] = "exited"
    cluster.deployments["orders"]["status"] = {"availableReplicas": 1}
    kinds = ["unit:orders.service", "container:orders", "deployment:orders"]
    assert _look(everything) == [(f"orchestrators:{kind}", True) for kind in kinds]
    assert "Exited (137)" in everything.heard.findings[1].reason
    assert "1 of 2 replicas" in everything.heard.findings[2].reason
    bus.put("orders.service")
    del engine.containers["orders"]
    cluster.deployments["orders"]["status"] = {"availableReplicas": 2}
    assert _look(everything) == [(f"orchestrators:{kind}", False) for kind in kinds]
    assert (engine.changes, cluster.changes, bus.changes) == ([], [], [])


def test_a_silent_peer_is_a_finding_of_its_own_and_ends_nothing(everything: Any, engine: Any) -> None:
    """What it said last is not taken for what is, and nothing is proposed from it."""
    engine.containers["orders"]["State"]["Status"] = "exited"
    _look(everything)
    engine.instead.append((500, b""))
    assert _look(everything) == [("orchestrators:docker", True)]
    assert everything.context.state.looking.near("container", Entity(EntityKind.CONTAINER, "orders")) == []
    assert _look(everything) == [("orchestrators:docker", False), ("orchestrators:container:orders", True)]


def test_remedies_are_proposed_for_what_was_seen(everything: Any) -> None:
    """For the thing itself, and for the service that it runs; from the last look, without asking again."""
    _look(everything)

    def proposed(action: str, kind: EntityKind, name: str) -> list[Any]:
        found = everything.action(action).propose(everything.context, Entity(kind, name), CauseKind.HANG)
        return list(found)

    assert [one.unit for one in proposed("unit_restart", EntityKind.SERVICE, "orders")] == ["orders.service"]
    assert [one.container for one in proposed("container_restart", EntityKind.SERVICE, "orders")] == ["orders"]
    assert [one.replicas for one in proposed("deployment_scale", EntityKind.SERVICE, "orders")] == [3]
    assert [one.pod for one in proposed("pod_delete", EntityKind.POD, "orders-5d4f-x1")] == ["orders-5d4f-x1"]
    assert proposed("pod_delete", EntityKind.POD, "payments-5d4f-x1") == []
    assert proposed("unit_restart", EntityKind.SERVICE, "ssh") == []


def test_with_nothing_configured_the_job_ends(hands: Callable[..., Any]) -> None:
    """And there is nobody to connect to."""
    one = hands()
    assert peers_of(one.context.state.looking.settings) == []
    asyncio.run(asyncio.wait_for(watch(one.context), 10))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"systemd": {"units": []}}, "at least 1"),
        ({"docker": {"containers": ["*"], "socket": "docker.sock"}}, "absolute path"),
        ({"kubernetes": {"api_server": "https://a:b@h", "deployments": ["*"]}}, "without a path or a password"),
        ({"kubernetes": {"api_server": "https://h", "deployments": ["*"], "namespace": "a/b"}}, "pattern"),
        ({"nomad": {}}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any], reason: str) -> None:
    """Before anything starts."""
    with pytest.raises(ValidationError, match=reason):
        OrchestratorSettings.model_validate(wrong)
