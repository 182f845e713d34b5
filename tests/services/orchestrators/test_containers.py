"""Docker containers, against an engine that checks every request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.model.errors import Conflict, Forbidden, InvalidInput, NotFound, Permanent, Temporary

ORDERS = {"container": "orders"}


@pytest.fixture
def containers(hands: Callable[..., Any], engine: Any) -> Any:
    engine.put("orders")
    return hands(docker={"containers": ["orders*"], "socket": engine.url})


def test_the_container_that_was_seen_is_acted_upon_by_its_id(containers: Any, engine: Any) -> None:
    """With the grace that it was given; a name can be another's a moment later."""
    identity = engine.containers["orders"]["Id"]
    done = containers.apply("container_restart", **ORDERS, grace_seconds=3)
    assert (done.state, done.changed) == ("running", True)
    (change,) = engine.changes
    assert (change.method, change.path, change.query) == ("POST", f"/containers/{identity}/restart", {"t": "3"})
    assert change.body is None


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("container_restart", "running"),
        ("container_start", "exited"),
        ("container_stop", "running"),
        ("container_kill", "running"),
    ],
)
def test_a_repeat_after_a_lost_answer_does_it_once(containers: Any, engine: Any, action: str, state: str) -> None:
    """The engine did it and the platform was killed before it heard so: the state tells."""
    engine.put("orders", state)
    prior = containers.inspect(action, **ORDERS)
    engine.lost.append((500, b"lost"))
    with pytest.raises(Temporary):
        containers.apply(action, prior, **ORDERS)
    containers.afresh().apply(action, prior, **ORDERS)
    assert len(engine.changes) == 1


def test_another_container_under_the_name_is_left_alone(containers: Any, engine: Any) -> None:
    """What was meant is gone: nothing to do, with both ids as evidence."""
    prior = containers.inspect("container_restart", **ORDERS)
    engine.put("orders")
    for action in ("container_restart", "container_stop", "container_kill"):
        with pytest.raises(NotFound, match="is another one by now"):
            containers.apply(action, prior, **ORDERS)
    del engine.containers["orders"]
    with pytest.raises(NotFound, match="No such container: orders"):
        containers.apply("container_restart", prior, **ORDERS)
    assert engine.changes == []


def test_what_stood_so_already_is_told_as_unchanged(containers: Any, engine: Any) -> None:
    """And its compensation does nothing."""
    prior = containers.inspect("container_start", **ORDERS)
    result = containers.apply("container_start", prior, **ORDERS)
    containers.undo("container_start", prior, result, **ORDERS)
    assert (result.changed, engine.changes) == (False, [])


def test_a_stop_and_a_kill_are_compensated_by_a_start(containers: Any, engine: Any) -> None:
    """Once: who runs again is not started."""
    for action in ("container_stop", "container_kill"):
        prior = containers.inspect(action, **ORDERS)
        result = containers.apply(action, prior, key=action, **ORDERS)
        assert not engine.containers["orders"]["State"]["Running"]
        containers.undo(action, prior, result, **ORDERS)
        assert engine.containers["orders"]["State"]["Running"]


@pytest.mark.parametrize(
    ("has", "wish", "set_to", "restored"),
    [
        ({}, {"cpus": 0.5}, {"CpuPeriod": 100000, "CpuQuota": 50000}, {"CpuQuota": -1}),
        ({"CpuPeriod": 100000, "CpuQuota": 150000}, {"cpus": 1}, {"CpuQuota": 100000}, {"CpuQuota": 150000}),
        ({"NanoCpus": 2 * 10**9}, {"cpus": 0.5}, {"NanoCpus": 5 * 10**8}, {"NanoCpus": 2 * 10**9}),
        (
            {"Memory": 2**27, "MemorySwap": 2**28},
            {"memory_bytes": 2**26},
            {"Memory": 2**26, "MemorySwap": 2**26 + 2**27},
            {"Memory": 2**27, "MemorySwap": 2**28},
        ),
        (
            {"Memory": 2**27, "MemorySwap": -1},
            {"memory_bytes": 2**29},
            {"Memory": 2**29, "MemorySwap": -1},
            {"Memory": 2**27, "MemorySwap": -1},
        ),
    ],
)
def test_a_limit_is_set_in_the_containers_own_terms_and_taken_back(
    containers: Any, engine: Any, has: dict[str, int], wish: dict[str, Any], set_to: Any, restored: Any
) -> None:
    """The engine takes zero for "as it is", and refuses two ways of limiting at once."""
    engine.put("orders", **has)
    limits = engine.containers["orders"]["HostConfig"]
    prior = containers.inspect("container_limit", **ORDERS, **wish)
    result = containers.apply("container_limit", prior, **ORDERS, **wish)
    assert set_to.items() <= limits.items()
    assert containers.afresh().apply("container_limit", prior, **ORDERS, **wish) == result
    assert len(engine.changes) == 1
    containers.undo("container_limit", prior, result, **ORDERS, **wish)
    assert restored.items() <= limits.items()


def test_a_limit_that_could_not_be_taken_off_again_is_not_set(containers: Any, engine: Any) -> None:
    """The engine has no word for "no limit on memory"."""
    with pytest.raises(Conflict, match="could not take one off again"):
        containers.preview("container_limit", **ORDERS, memory_bytes=2**26)
    with pytest.raises(InvalidInput, match="cpus or memory_bytes"):
        containers.apply("container_limit", **ORDERS)
    assert engine.changes == []


def test_a_preview_only_reads(containers: Any, engine: Any) -> None:
    """For every action, with the way back in words."""
    args: dict[str, dict[str, Any]] = {"container_limit": {"cpus": 0.5}}
    for name in ("container_restart", "container_start", "container_stop", "container_kill", "container_limit"):
        shown = containers.preview(name, **ORDERS, **args.get(name, {}))
        assert shown.summary
        assert shown.undo
    assert {one.method for one in engine.asked} == {"GET"}


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        ((500, b'{"message": "driver failed"}'), Temporary, "driver failed"),
        ((409, b'{"message": "removal in progress"}'), Conflict, "removal in progress"),
        ((200, b'{"Id": "ab'), Temporary, "does not parse"),
        ((403, b"plain words"), Permanent, "plain words"),
        ((302, b""), Permanent, "answered 302"),
        (None, Temporary, "did not answer"),
    ],
)
def test_slow_and_lying_engines_are_told_apart(
    hands: Callable[..., Any], engine: Any, told: Any, kind: type[Exception], words: str
) -> None:
    """What may pass, what changed, what a person has to look at; never an answer taken for another."""
    engine.put("orders")
    containers = hands(timeout_seconds=0.3, docker={"containers": ["*"], "socket": engine.url})
    engine.instead.append(told)
    with pytest.raises(kind, match=words):
        containers.inspect("container_restart", **ORDERS)


def test_an_engine_that_is_not_there_and_a_container_that_nobody_named(
    hands: Callable[..., Any], containers: Any, engine: Any, tmp_path: Path
) -> None:
    """The one may come back; the other is not even asked about."""
    gone = hands(docker={"containers": ["*"], "socket": str(tmp_path / "none.sock")})
    with pytest.raises(Temporary, match="did not answer"):
        gone.inspect("container_restart", **ORDERS)
    with pytest.raises(Forbidden):
        containers.inspect("container_restart", container="database")
    with pytest.raises(NotFound, match="no Docker engine is configured"):
        hands().inspect("container_restart", **ORDERS)
    assert engine.asked == []
