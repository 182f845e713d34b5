"""Each fault shows to a client or on a page within seconds, says that it is there, and is gone when it is cleaned up."""

import json
from collections.abc import Callable

import pytest

from steersman.model.errors import InvalidInput
from steersman.services.operations.commands.drill.faults import EVENTS, FAULTS, Happening, begin
from steersman.services.operations.commands.drill.faults.reach import processes, state_of
from steersman.services.operations.commands.drill.mesh.load import demand_in

pytestmark = pytest.mark.slow


#: One of each way to reach into a mesh; the others take their time and run by hand.
_SAMPLE = {
    "crash_loop",
    "memory_leak",
    "disk_filling",
    "bad_deploy_errors",
    "expired_certificate",
    "network_loss",
    "good_config",
}


def _tiers(kinds) -> list:
    return [kind if kind in _SAMPLE else pytest.param(kind, marks=pytest.mark.full) for kind in sorted(kinds)]


def _fails(running) -> bool:
    return running.seconds[-1].failed > 0


def _slow(milliseconds: float) -> Callable[..., bool]:
    return lambda running: running.seconds[-1].p95_ms > milliseconds


def _shows(service: str, series: str, above: float) -> Callable[..., bool]:
    return lambda running: running.number(service, series) > above


#: What each fault strikes in this test, and how it shows.
_EFFECTS: dict[str, tuple[str, Callable[..., bool]]] = {
    "crash": ("orders", _fails),
    "crash_loop": ("inventory", _fails),
    "hang": ("inventory", _fails),
    "dead_loop": ("front", _fails),
    "memory_leak": ("inventory", _shows("inventory", "process_resident_memory_bytes", 80e6)),
    "cpu_hog": ("front", _slow(100)),
    "disk_filling": ("database", _fails),
    "descriptor_leak": ("orders", _shows("orders", "process_open_fds", 150)),
    "pool_exhaustion": ("inventory", _shows("inventory", 'pool_waiters{pool="database"}', 1)),
    "slow": ("payments", _slow(350)),
    "failing": ("payments", _fails),
    "bad_deploy_errors": ("orders", _fails),
    "bad_deploy_latency": ("inventory", _slow(300)),
    "bad_deploy_memory": ("front", _shows("front", "process_resident_memory_bytes", 80e6)),
    "bad_deploy_crash": ("payments", _fails),
    "bad_config_address": ("orders", _fails),
    "bad_config_timeout": ("front", _fails),
    "stuck_worker": ("worker", _shows("worker", "queue_oldest_age_seconds", 2)),
    "backlog": ("worker", _shows("worker", "queue_oldest_age_seconds", 1)),
    "cache_stampede": ("cache", _slow(200)),
    "lock_contention": ("database", _slow(400)),
    "log_flood": ("front", _shows("front", 'log_lines_total{level="debug"}', 3_000)),
    "expired_certificate": ("payments", _fails),
    "clock_jump": ("orders", _fails),
    "network_loss": ("payments", _fails),
    "noisy_neighbour": ("batch", lambda running: len(processes(running.mesh, "batch")) > 8),
}


def test_no_kind_is_left_out() -> None:
    assert set(_EFFECTS) == set(FAULTS)


@pytest.mark.parametrize("kind", _tiers(_EFFECTS))
def test_a_fault_shows_and_ends_with_its_clean_up(running, kind: str) -> None:
    target, shows = _EFFECTS[kind]
    running.until(running.content, "customers are content before")
    handle = begin(Happening(kind=kind, target=target), running.mesh)
    running.until(lambda: shows(running), f"{handle.describe()} shows")
    assert handle.still_there()
    handle.clean_up()
    # What a supervisor does: start what has ended, and start anew what does not answer or keeps what it took.
    if running.started[target].poll() is not None or kind in {"dead_loop", "pool_exhaustion", "descriptor_leak"}:
        running.restart(target)
    running.until(lambda: not handle.still_there() and running.content(), "customers are content again")


@pytest.mark.parametrize("kind", _tiers({*EVENTS} - {"daily_peak", "load_surge", "quiet_night"}))
def test_a_harmless_event_leaves_customers_content(running, kind: str) -> None:
    running.until(running.content, "customers are content before")
    target = next(name for name in ("orders", "batch", "cache", "payments") if name in EVENTS[kind].targets)
    handle = begin(Happening(kind=kind, target=target), running.mesh)
    seen = len(running.seconds)
    running.until(lambda: len(running.seconds) > seen + 2 and running.content(), "customers are content again")
    handle.clean_up()
    assert sum(one.failed for one in running.seconds[seen:]) <= 8


@pytest.mark.parametrize(("kind", "factor"), [("load_surge", 1.8), ("quiet_night", 0.2)])
def test_the_load_changes_and_comes_back(running, kind: str, factor: float) -> None:
    before = demand_in(running.mesh.folder)
    handle = begin(Happening(kind=kind, target="front"), running.mesh)
    assert demand_in(running.mesh.folder).rate == pytest.approx(before.rate * factor)
    handle.clean_up()
    assert demand_in(running.mesh.folder) == before


def test_a_peak_rises_and_can_be_ended_early(running) -> None:
    before = demand_in(running.mesh.folder)
    handle = begin(Happening(kind="daily_peak", target="front"), running.mesh)
    running.until(lambda: demand_in(running.mesh.folder).rate > before.rate, "the peak rises")
    handle.clean_up()
    assert demand_in(running.mesh.folder) == before


def test_a_planned_restart_is_a_new_program_in_the_same_process(running) -> None:
    (pid,) = processes(running.mesh, "inventory")
    started = running.number("inventory", "process_start_time_seconds")
    begin(Happening(kind="planned_restart", target="inventory"), running.mesh)
    running.until(
        lambda: running.well("inventory") and running.number("inventory", "process_start_time_seconds") > started,
        "it is back",
    )
    assert processes(running.mesh, "inventory") == [pid]


@pytest.mark.full
def test_a_leak_of_memory_is_bounded_and_answered_with_a_refusal(running) -> None:
    handle = begin(Happening(kind="memory_leak", target="front", level=200), running.mesh)
    running.until(lambda: "503" in running.seconds[-1].failures, "requests are refused")
    running.until(lambda: running.number("front", "process_resident_memory_bytes") > 400e6, "it has taken what it may")
    before = running.number("front", "process_resident_memory_bytes")
    running.until(lambda: _fails(running), "it stays")
    assert running.number("front", "process_resident_memory_bytes") < before + 60e6
    handle.clean_up()
    running.restart("front")
    running.until(running.content, "customers are content again")


@pytest.mark.full
def test_a_process_that_hears_no_term_signal_still_ends_by_kill(running) -> None:
    begin(Happening(kind="dead_loop", target="front"), running.mesh)
    running.until(lambda: not running.well("front"), "it answers no more")
    running.started["front"].terminate()
    assert state_of(running.started["front"].pid) in {"R", "S"}
    running.restart("front")
    running.until(running.content, "customers are content again")


def test_a_kind_strikes_only_what_it_can(running) -> None:
    with pytest.raises(InvalidInput, match="cannot strike orders, only cache"):
        begin(Happening(kind="cache_stampede", target="orders"), running.mesh)
    with pytest.raises(InvalidInput, match="no fault or event 'storm'"):
        begin(Happening(kind="storm", target="orders"), running.mesh)


def test_a_good_release_is_taken_over_without_a_new_process(running) -> None:
    (pid,) = processes(running.mesh, "orders")
    handle = begin(Happening(kind="good_deploy", target="orders"), running.mesh)
    link = running.mesh.folder / "orders" / "current"
    version = json.loads((link / "release.json").read_text())["version"]
    running.until(lambda: running.number("orders", f'build_info{{version="{version}"}}') == 1, "it is taken over")
    assert processes(running.mesh, "orders") == [pid]
    handle.clean_up()
