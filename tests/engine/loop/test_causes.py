"""One scene per cause, as the senses and the services would tell it, and what it must not be taken for."""

from __future__ import annotations

from typing import Any

import pytest

from steersman.model.changes import ChangeKind
from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction, FindingSource
from steersman.model.rounds import AskRemedies, Decided, IncidentChanged

LOW, HIGH, GONE, STUCK, NEW = Direction.LOW, Direction.HIGH, Direction.GONE, Direction.STUCK, Direction.NEW
HEALTH = FindingSource.HEALTH


def see(*args: Any, **more: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, more


def slow(name: str, *peers: str) -> list[Any]:
    """What a slow dependency does to the one who calls it."""
    edges = [see(name, Aspect.LATENCY, peer=peer, second=1) for peer in peers]
    return [see(name, Aspect.LATENCY, second=1), *edges]


def failing(name: str, *peers: str) -> list[Any]:
    edges = [see(name, Aspect.ERRORS, peer=peer, second=1) for peer in peers]
    return [see(name, Aspect.ERRORS, severity="critical", second=1), *edges]


CAUSES: dict[str, tuple[str, list[Any], list[tuple[str, ChangeKind]]]] = {
    "a crash that its supervisor saw": (
        "crash@service:orders",
        [
            see("orders", Aspect.AVAILABILITY, GONE, severity="critical", source=HEALTH, suggests=[CauseKind.CRASH],
                reason="the process of orders/0 was killed by SIGKILL"),
            *failing("front", "orders"),
        ],
        [],
    ),
    "a crash that only its callers saw": (
        "crash@service:payments",
        [
            see("payments", Aspect.AVAILABILITY, LOW, severity="critical"),
            *failing("orders", "payments"),
            *failing("front", "orders"),
        ],
        [],
    ),
    "a loop of crashes": (
        "crash_loop@service:orders",
        [
            see("orders", Aspect.AVAILABILITY, GONE, severity="critical", source=HEALTH, suggests=[CauseKind.CRASH],
                reason="the process of orders/0 exited with code 1"),
            see("orders", Aspect.RESTARTS, severity="critical", source=HEALTH, suggests=[CauseKind.CRASH_LOOP],
                reason="orders/0 ended 3 times in 120 s"),
            *failing("front", "orders"),
        ],
        [],
    ),
    "a hang that its health check saw": (
        "hang@service:payments",
        [
            see("payments", Aspect.AVAILABILITY, LOW, severity="critical", source=HEALTH, suggests=[CauseKind.HANG],
                reason="payments/0 runs (process 71) but fails its health check: it timed out"),
            *slow("orders", "payments"),
        ],
        [],
    ),
    "a hang that only telemetry shows": (
        "hang@service:payments",
        [
            see("payments", Aspect.AVAILABILITY, LOW, severity="critical"),
            *slow("orders", "payments"),
            see("orders", Aspect.ERRORS, peer="payments", reason="calls to payments time out: 80 %"),
        ],
        [],
    ),
    "a worker that takes in jobs and finishes none": (
        "hang@service:worker",
        [see("worker", Aspect.PROGRESS, LOW), see("worker", Aspect.QUEUE, second=2), see("worker", Aspect.QUEUE)],
        [],
    ),
    "a worker that stands still on a machine with much to note": (
        "hang@service:worker",
        [
            see("worker", Aspect.PROGRESS, STUCK),
            see("worker", Aspect.QUEUE),
            see("worker", Aspect.RESTARTS, severity="info"),
            see("host:box", Aspect.MEMORY, severity="info"),
            see("host:box", Aspect.DISK, severity="info"),
            see("host:box", Aspect.NETWORK, LOW, severity="info"),
            see("host:box", Aspect.TRAFFIC, severity="info"),
        ],
        [],
    ),
    "a memory leak": ("memory_leak@service:inventory", [see("inventory", Aspect.MEMORY), *slow("front", "inventory")], []),
    "a processor without time left": (
        "cpu_saturation@service:inventory",
        [
            see("inventory", Aspect.CPU),
            see("host:box", Aspect.CPU, severity="info"),
            see("inventory", Aspect.LATENCY, second=1),
            *slow("orders", "inventory"),
            *slow("front", "inventory", "orders"),
        ],
        [],
    ),
    "a full disk": (
        "disk_full@service:database",
        [see("database", Aspect.DISK), see("database", Aspect.ERRORS), *failing("orders", "database")],
        [],
    ),
    "a leak of descriptors": (
        "descriptor_leak@service:payments",
        [see("payments", Aspect.DESCRIPTORS), see("payments", Aspect.ERRORS), *failing("orders", "payments")],
        [],
    ),
    "an exhausted pool": (
        "pool_exhaustion@service:inventory",
        [see("inventory", Aspect.POOL), see("inventory", Aspect.LATENCY), *slow("orders", "inventory")],
        [],
    ),
    "a pool that ran dry, and then its calls failed": (
        "pool_exhaustion@service:inventory",
        [
            see("inventory", Aspect.POOL),
            see("inventory", Aspect.LATENCY, peer="database", second=3),
            see("inventory", Aspect.ERRORS, peer="database", severity="critical", second=3),
            see("inventory", Aspect.ERRORS, severity="critical", second=3),
            see("front", Aspect.ERRORS, peer="inventory", severity="critical", second=2),
            see("front", Aspect.LATENCY, peer="inventory", second=2),
            see("front", Aspect.ERRORS, severity="critical", second=2),
        ],
        [],
    ),
    "a pool that ran dry at once, while others call the same database without trouble": (
        "pool_exhaustion@service:inventory",
        [
            see("inventory", Aspect.POOL),
            see("inventory", Aspect.LATENCY, peer="database"),
            see("inventory", Aspect.ERRORS, peer="database", severity="critical"),
            see("inventory", Aspect.ERRORS, severity="critical"),
            see("front", Aspect.ERRORS, peer="inventory", severity="critical", second=1),
            see("front", Aspect.ERRORS, severity="critical", second=1),
        ],
        [],
    ),
    "a pool that ran dry, so that others come to ask for nothing any more": (
        "pool_exhaustion@service:inventory",
        [
            see("inventory", Aspect.POOL),
            see("inventory", Aspect.LATENCY, peer="database", second=1),
            see("inventory", Aspect.ERRORS, peer="database", severity="critical", second=1),
            see("inventory", Aspect.ERRORS, severity="critical", second=1),
            see("orders", Aspect.ERRORS, peer="inventory", severity="critical", second=2),
            see("front", Aspect.ERRORS, peer="inventory", severity="critical", second=1),
            *(see("orders", Aspect.TRAFFIC, STUCK, peer=peer, severity="info", second=3)
              for peer in ("database", "payments", "worker")),
            see("worker", Aspect.TRAFFIC, STUCK, peer="database", severity="info", second=3),
            see("database", Aspect.TRAFFIC, STUCK, severity="info", second=3),
        ],
        [],
    ),
    "a pool that ran dry, while its calls are only somewhat slow": (
        "pool_exhaustion@service:inventory",
        [see("inventory", Aspect.POOL), see("inventory", Aspect.LATENCY, peer="database", severity="info", second=2)],
        [],
    ),
    "a pool that ran dry, so that nothing comes into the cache any more": (
        "pool_exhaustion@service:inventory",
        [
            see("inventory", Aspect.POOL),
            see("inventory", Aspect.LATENCY, peer="database"),
            see("inventory", Aspect.ERRORS, peer="database", severity="critical"),
            see("inventory", Aspect.ERRORS, severity="critical"),
            see("front", Aspect.ERRORS, peer="inventory", severity="critical", second=1),
            see("cache", Aspect.CACHE, LOW, second=3),
        ],
        [],
    ),
    "a cache that keeps nothing, which its reader's pool showed first": (
        "cache_stampede@service:cache",
        [
            see("inventory", Aspect.POOL),
            *slow("inventory", "database"),
            see("cache", Aspect.CACHE, LOW, second=2),
            see("database", Aspect.TRAFFIC, severity="info", second=1),
            *slow("front", "inventory"),
        ],
        [],
    ),
    "a database that answers slowly, and so the pools of its callers fill": (
        "slow_dependency@service:database",
        [
            *slow("inventory", "database"),
            see("inventory", Aspect.POOL, second=2),
            see("database", Aspect.LATENCY, second=1),
            *slow("front", "inventory"),
        ],
        [],
    ),
    "a processor that is kept so busy that no answer is heard in time": (
        "cpu_saturation@service:front",
        [
            see("front", Aspect.CPU, HIGH, second=2),
            *(see("front", Aspect.LATENCY, peer=peer, second=0) for peer in ("inventory", "orders")),
            see("front", Aspect.LATENCY, second=0),
        ],
        [],
    ),
    "a processor that is kept so busy that nobody answers": (
        "cpu_saturation@service:front",
        [
            see("front", Aspect.AVAILABILITY, LOW, severity="critical", source=HEALTH,
                reason="front/0 runs (process 7) but fails its health check: no answer in time"),
            see("front", Aspect.CPU, HIGH, severity="critical", source=HEALTH, suggests=[CauseKind.CPU_SATURATION],
                reason="front/0 keeps 1 cores busy and answers no health check"),
        ],
        [],
    ),
    "a pool that is exhausted because of locks": (
        "lock_contention@service:database",
        [
            see("inventory", Aspect.POOL),
            *slow("inventory", "database"),
            see("database", Aspect.LOCK, second=2),
            see("database", Aspect.LATENCY, second=2),
            *slow("orders", "inventory", "database"),
        ],
        [],
    ),
    "a slow dependency": (
        "slow_dependency@service:payments",
        [see("payments", Aspect.LATENCY), *slow("orders", "payments"), *slow("front", "orders")],
        [],
    ),
    "a slow dependency far below": (
        "slow_dependency@service:cache",
        [
            *slow("front", "orders", "inventory"),
            *slow("orders", "inventory"),
            *slow("inventory", "cache"),
            see("cache", Aspect.LATENCY, second=2),
        ],
        [],
    ),
    "a slow dependency outside": (
        "slow_dependency@service:bank",
        [*slow("payments", "bank"), *slow("orders", "payments")],
        [],
    ),
    "a failing dependency": (
        "failing_dependency@service:payments",
        [see("payments", Aspect.ERRORS), *failing("orders", "payments"), *failing("front", "orders")],
        [],
    ),
    "a failing dependency outside": (
        "failing_dependency@service:bank",
        [*failing("payments", "bank"), *failing("orders", "payments")],
        [],
    ),
    "a deploy with errors": (
        "bad_deploy@service:orders",
        [see("orders", Aspect.ERRORS), *failing("front", "orders")],
        [("orders", ChangeKind.DEPLOY)],
    ),
    "a deploy that is slow": (
        "bad_deploy@service:payments",
        [see("payments", Aspect.LATENCY), *slow("orders", "payments"), *slow("front", "orders")],
        [("payments", ChangeKind.DEPLOY)],
    ),
    "a deploy that leaks": (
        "bad_deploy@service:orders",
        [see("orders", Aspect.MEMORY)],
        [("orders", ChangeKind.DEPLOY)],
    ),
    "a deploy that does not start": (
        "bad_deploy@service:payments",
        [
            see("payments", Aspect.AVAILABILITY, GONE, severity="critical", source=HEALTH, suggests=[CauseKind.CRASH],
                reason="the process of payments/0 exited with code 3"),
            *failing("orders", "payments"),
        ],
        [("payments", ChangeKind.DEPLOY)],
    ),
    "a deploy that nobody reported": (
        "bad_deploy@service:orders",
        [
            see("orders", Aspect.CONFIGURATION, NEW, severity="info", reason="build_info is new: version v2"),
            see("orders", Aspect.ERRORS, second=1),
            *failing("front", "orders"),
        ],
        [],
    ),
    "a setting with the wrong address": (
        "bad_config@service:orders",
        [see("orders", Aspect.ERRORS), *failing("orders", "payments"), *failing("front", "orders")],
        [("orders", ChangeKind.CONFIG)],
    ),
    "a setting with a hasty time limit": (
        "bad_config@service:inventory",
        [*failing("inventory", "database", "cache"), *failing("orders", "inventory"), *failing("front", "inventory")],
        [("inventory", ChangeKind.CONFIG)],
    ),
    "a backlog": ("backlog@service:worker", [see("worker", Aspect.QUEUE), see("worker", Aspect.PROGRESS)], []),
    "a stampede on the database": (
        "cache_stampede@service:cache",
        [
            see("cache", Aspect.CACHE, LOW),
            see("database", Aspect.TRAFFIC, severity="info"),
            *slow("inventory", "database"),
            *slow("orders", "inventory"),
        ],
        [],
    ),
    "locks": (
        "lock_contention@service:database",
        [see("database", Aspect.LOCK), see("database", Aspect.LATENCY), *slow("orders", "database")],
        [],
    ),
    "a flood of log lines": ("log_flood@service:payments", [see("payments", Aspect.LOG_VOLUME)], []),
    "a certificate that ran out": (
        "expired_certificate@service:payments",
        [see("payments", Aspect.CERTIFICATE, LOW, severity="critical"), *failing("orders", "payments")],
        [],
    ),
    "a clock that jumped": ("clock_jump@service:orders", [see("orders", Aspect.CLOCK, severity="critical")], []),
    "a wire that is cut": (
        "network_loss@service:payments",
        [
            see("payments", Aspect.TRAFFIC, LOW, severity="info"),
            *failing("orders", "payments"),
            *failing("front", "orders"),
        ],
        [],
    ),
    "a noisy neighbour": (
        "noisy_neighbour@service:batch",
        [
            see("batch", Aspect.CPU),
            see("host:box", Aspect.CPU, severity="info"),
            *slow("front", "orders"),
            *slow("orders", "inventory", "payments"),
            see("inventory", Aspect.LATENCY, second=2),
        ],
        [],
    ),
    "a noisy neighbour that starves one of the others": (
        "noisy_neighbour@service:batch",
        [
            see("batch", Aspect.CPU, severity="info", source=HEALTH),
            see("payments", Aspect.LATENCY, second=1),
            see("orders", Aspect.LATENCY, peer="payments"),
            see("orders", Aspect.ERRORS, peer="payments", severity="critical"),
            see("orders", Aspect.ERRORS, severity="critical"),
            see("front", Aspect.ERRORS, peer="orders", severity="critical"),
            see("front", Aspect.LATENCY, peer="orders", severity="critical"),
        ],
        [],
    ),
    "a noisy neighbour next to whom nobody answers in time": (
        "noisy_neighbour@service:batch",
        [
            see("batch", Aspect.CPU, severity="info", source=HEALTH),
            see("payments", Aspect.AVAILABILITY, LOW, severity="critical", source=HEALTH, suggests=[CauseKind.HANG],
                reason="payments/0 runs (process 7) but fails its health check: no answer in time"),
            see("orders", Aspect.ERRORS, peer="payments", severity="critical"),
            see("orders", Aspect.ERRORS, severity="critical"),
        ],
        [],
    ),
    "a noisy neighbour that nobody knows": (
        "noisy_neighbour@host:box",
        [
            see("host:box", Aspect.CPU),
            *slow("front", "orders"),
            *slow("orders", "inventory", "payments"),
            see("inventory", Aspect.LATENCY, second=2),
        ],
        [],
    ),
    "a surge of traffic": (
        "traffic_surge@service:front",
        [
            see("front", Aspect.TRAFFIC),
            see("orders", Aspect.TRAFFIC, second=1),
            see("front", Aspect.CPU, severity="info", second=2),
        ],
        [],
    ),
    "telemetry that stopped": ("source_missing@service:batch", [see("batch", Aspect.SOURCE, GONE)], []),
    "an attack": (
        "attack@service:front",
        [see("front", Aspect.ACCESS, source=FindingSource.THREAT, reason="81 times failed password for root")],
        [],
    ),
    "damaged data": (
        "data_corruption@service:database",
        [see("database", Aspect.INTEGRITY, NEW, source=FindingSource.INVARIANT, reason="checksum of page 3 differs")],
        [],
    ),
    "ever new series": (
        "cardinality@platform:steersman",
        [see("platform:steersman", Aspect.OTHER, reason="active series grew to 90,000", suggests=[CauseKind.CARDINALITY])],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_is_ranked_first(name: str, playbook: Any, seen: Any, changed: Any) -> None:
    """What is behind a scene is believed more than everything else together."""
    expected, scene, changes = CAUSES[name]
    book = playbook()
    book.play(changes=tuple(changed(*change) for change in changes))
    findings = sorted((seen(*args, **more) for args, more in scene), key=lambda one: one.started_ms)
    for second in range(4):
        book.play(*(one for one in findings if (one.started_ms - findings[0].started_ms) // 1000 == second))
    ranking = [(one.key, one.score) for one in book.incident().hypotheses]
    assert ranking[0][0] == expected, ranking
    assert ranking[0][1] > 0.5, ranking


def test_every_cause_has_a_scene() -> None:
    """The closed set of causes is covered."""
    covered = {expected.partition("@")[0] for expected, _, _ in CAUSES.values()}
    assert covered == {cause.value for cause in CauseKind}


@pytest.mark.parametrize("name", CAUSES)
def test_evidence_can_be_checked(name: str, playbook: Any, seen: Any, changed: Any) -> None:
    """What speaks for the likeliest cause names a finding or a change, or says a fact in words."""
    _, scene, changes = CAUSES[name]
    book = playbook()
    reported = tuple(changed(*change) for change in changes)
    book.run(2, *(seen(*args, **more) for args, more in scene), changes=reported)
    known = {*book.state.findings, *(change.id for change in reported), ""}
    incidents = {one.incident.id: one.incident for one in book.all(IncidentChanged)}
    evidence = [item for one in incidents.values() if one.hypotheses for item in one.hypotheses[0].evidence]
    assert any(item.weight > 0 for item in evidence)
    assert {item.reference for item in evidence} <= known
    assert all(item.text for item in evidence)


CONTROLS: dict[str, tuple[list[Any], list[tuple[str, ChangeKind]]]] = {
    "more customers": (
        [
            see("front", Aspect.TRAFFIC, severity="info"),
            see("orders", Aspect.TRAFFIC, severity="info"),
            see("orders", Aspect.CPU, severity="info"),
            see("host:box", Aspect.CPU, severity="info"),
        ],
        [],
    ),
    "more customers, and slower answers": (
        [
            see("front", Aspect.TRAFFIC),
            see("orders", Aspect.TRAFFIC),
            see("payments", Aspect.TRAFFIC),
            see("orders", Aspect.CPU),
            *slow("front", "orders"),
        ],
        [],
    ),
    "a quiet night": ([see("front", Aspect.TRAFFIC, LOW), see("orders", Aspect.TRAFFIC, LOW)], []),
    "a slow drift": ([see("orders", Aspect.MEMORY, severity="info")], []),
    "a deploy that is fine": (
        [
            see("orders", Aspect.CONFIGURATION, NEW, severity="info", reason="build_info is new: version v2"),
            see("orders", Aspect.RESTARTS, severity="info"),
        ],
        [("orders", ChangeKind.DEPLOY)],
    ),
    "more customers, and a queue": (
        [
            see("front", Aspect.TRAFFIC, severity="info"),
            see("orders", Aspect.TRAFFIC, severity="info"),
            see("worker", Aspect.TRAFFIC, severity="info"),
            see("worker", Aspect.QUEUE),
            see("host:box", Aspect.CPU, severity="info"),
        ],
        [],
    ),
    "a quiet night for the worker": (
        [see("front", Aspect.TRAFFIC, LOW, severity="info"), see("worker", Aspect.PROGRESS, LOW)],
        [],
    ),
    "a victim alone": ([see("front", Aspect.LATENCY), see("front", Aspect.ERRORS)], []),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_what_is_no_fault_is_left_alone(name: str, playbook: Any, seen: Any, changed: Any, remedy: Any) -> None:
    """Nothing is decided, however much help is offered."""
    scene, changes = CONTROLS[name]
    book = playbook(helps=lambda cause: [remedy(cause, gain=1.0)])
    reported = tuple(changed(*change) for change in changes)
    book.run(60, *(seen(*args, **more) for args, more in scene), changes=reported)
    assert book.all(Decided) == [], [one.hypotheses[:3] for one in book.all(AskRemedies)]


def test_a_planned_restart_is_over_before_anything_is_done(playbook: Any, seen: Any, remedy: Any) -> None:
    """One missed scrape, and telemetry that is back within three seconds, is nobody's crash."""
    book = playbook(helps=lambda cause: [remedy(cause, gain=1.0)])
    down = seen("orders", Aspect.AVAILABILITY, LOW, severity="critical")
    book.play(down, seen("orders", Aspect.RESTARTS, severity="info"))
    book.run(2)
    book.run(30, *book.ended(down))
    assert book.all(Decided) == []


def test_a_cache_that_fills_by_itself_is_left_alone(playbook: Any, seen: Any, remedy: Any) -> None:
    """An empty cache is no stampede until it stays empty."""
    book = playbook(helps=lambda cause: [remedy(cause, gain=1.0)])
    flushed = seen("cache", Aspect.CACHE, LOW)
    book.run(8, flushed)
    book.run(20, *book.ended(flushed))
    assert book.all(Decided) == []


PAIRS: dict[str, tuple[list[Any], list[tuple[str, ChangeKind]], set[str]]] = {
    "a deploy above and a full disk below": (
        [see("orders", Aspect.ERRORS), *failing("front", "orders"), see("database", Aspect.DISK, second=2)],
        [("orders", ChangeKind.DEPLOY)],
        {"bad_deploy@service:orders", "disk_full@service:database"},
    ),
    "a full disk below and then a deploy above": (
        [see("database", Aspect.DISK), see("orders", Aspect.ERRORS, second=1), *failing("front", "orders")],
        [("orders", ChangeKind.DEPLOY)],
        {"bad_deploy@service:orders", "disk_full@service:database"},
    ),
    "a crash and a failing dependency": (
        [
            see("cache", Aspect.AVAILABILITY, GONE, severity="critical", source=HEALTH, suggests=[CauseKind.CRASH]),
            see("inventory", Aspect.ERRORS, peer="cache"),
            see("payments", Aspect.ERRORS, second=2),
            *failing("orders", "payments"),
            *failing("front", "orders"),
        ],
        [],
        {"crash@service:cache", "failing_dependency@service:payments"},
    ),
    "a leak above and a stuck worker below": (
        [see("front", Aspect.MEMORY), see("worker", Aspect.QUEUE, second=1), see("worker", Aspect.PROGRESS, LOW)],
        [],
        {"memory_leak@service:front", "hang@service:worker"},
    ),
    "a stuck worker below and then a leak above": (
        [see("worker", Aspect.PROGRESS, LOW), see("worker", Aspect.QUEUE), see("front", Aspect.MEMORY, second=2)],
        [],
        {"memory_leak@service:front", "hang@service:worker"},
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_two_faults_at_once_are_two_incidents(name: str, playbook: Any, seen: Any, changed: Any) -> None:
    """Each has its own cause ranked first."""
    scene, changes, expected = PAIRS[name]
    book = playbook()
    book.play(changes=tuple(changed(*change) for change in changes))
    findings = sorted((seen(*args, **more) for args, more in scene), key=lambda one: one.started_ms)
    for second in range(4):
        book.play(*(one for one in findings if (one.started_ms - findings[0].started_ms) // 1000 == second))
    assert {one.hypotheses[0].key for one in book.state.incidents.values()} == expected


def test_what_starves_for_work_is_part_of_what_stopped_it(playbook: Any, seen: Any, remedy: Any) -> None:
    """A worker that finishes nothing, because those who bring it work are down, does not hang."""
    book = playbook(helps=lambda cause: [remedy(cause)])
    down = seen("orders", Aspect.AVAILABILITY, LOW, severity="critical", reason="orders answers nothing")
    starved = seen("worker", Aspect.PROGRESS, STUCK, second=3)
    book.run(3, down)
    book.run(30, starved)
    assert book.top == "crash@service:orders"
    assert {one.plan.remedy.target.id for one in book.all(Decided)} == {"orders"}


def test_a_roll_back_is_not_blamed_for_what_it_follows(playbook: Any, seen: Any, changed: Any, remedy: Any) -> None:
    """What the loop changed itself is no suspect, neither as a change nor as a new version in telemetry."""
    book = playbook(helps=lambda cause: [remedy(cause, within_seconds=5)], effect=lambda _decided: "verifying")
    book.play(changes=(changed("orders", ChangeKind.DEPLOY),))
    errors = seen("orders", Aspect.ERRORS, severity="critical")
    book.run(9, errors)
    assert book.all(Decided)[0].plan.cause == "bad_deploy@service:orders"
    back = seen("orders", Aspect.CONFIGURATION, NEW, severity="info", second=8, reason="build_info is v1, was v2")
    book.run(6, back, *book.ended(errors), changes=(changed("orders", ChangeKind.DEPLOY, second=8.0),))
    book.run(30, seen("orders", Aspect.LATENCY, second=16))
    blamed = [item for one in book.incident().hypotheses[:1] for item in one.evidence if "v1" in item.text]
    assert blamed == []
