"""What services declare becomes findings that begin, go on and end."""

from __future__ import annotations

from dataclasses import replace

from steersman.contract.ports import JournalEntry
from steersman.contract.service import Health, Invariant, Measurement, Service, Signal, SignalKind
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.services.operations.logic.declared import (
    Watched,
    outside_signals,
    settle,
    turned,
    unready,
    violated,
)

DEPTH = Signal(
    name="kettle_queue_length",
    kind=SignalKind.GAUGE,
    help="Cups that wait.",
    labels=("kettle",),
    entity=EntityKind.BUSINESS_OBJECT,
    identified_by="kettle",
    healthy=(0, 10),
    aspect=Aspect.QUEUE,
    suggests=frozenset({CauseKind.BACKLOG}),
)
KETTLES = Service(name="kettles", help="Boil.", signals=(DEPTH,))


def look(value: float) -> list:
    return list(outside_signals(KETTLES, [Measurement(DEPTH.name, value, ("red",))], 1000))


def test_a_signal_outside_its_range_names_its_entity_and_what_it_suggests() -> None:
    """The finding says what is healthy, and carries the author's suspicion."""
    (finding,) = look(11)
    assert finding.entity == Entity(EntityKind.BUSINESS_OBJECT, "red")
    assert (finding.aspect, finding.direction) == (Aspect.QUEUE, Direction.HIGH)
    assert finding.suggests == {CauseKind.BACKLOG}
    assert "healthy is 0 to 10" in finding.reason
    assert look(10) == []


def test_one_odd_reading_is_no_finding() -> None:
    """A signal is outside twice in a row before the loop hears of it; back inside ends it at once."""
    watched, told = settle(Watched(), look(11), 1000)
    assert told == ()
    watched, told = settle(watched, look(12), 2000)
    assert [(one.key, one.active) for one in told] == [("threshold:kettle_queue_length{kettle='red'}", True)]
    watched, told = settle(watched, look(12), 3000)
    assert [one.started_ms for one in told] == [1000]
    watched, told = settle(watched, look(3), 4000)
    assert [one.ended_ms for one in told] == [4000]
    assert settle(watched, look(3), 5000)[1] == ()


def test_a_check_that_cannot_serve_is_critical_at_once() -> None:
    """A health check needs no second look: the service itself says so."""
    _, (finding,) = settle(Watched(), unready([Health("store", False, "replaying")], 1000), 1000)
    assert finding.severity == "critical"
    assert "replaying" in finding.reason


def test_a_turned_knob_is_a_change_of_the_platform() -> None:
    """What was altered on purpose is evidence, with who did it; other entries tell of nothing."""
    entry = JournalEntry(Id("1"), 5_000_000, DEFAULT_TENANT, "ann", "knob.turned", "x.pool", {"from": 8, "to": 16.5})
    change = turned(entry)
    assert change is not None
    assert (change.time_ms, change.actor, change.details["to"]) == (5, "ann", "16.5")
    assert turned(replace(entry, type="action.applied")) is None


def test_a_broken_invariant_keeps_its_severity() -> None:
    """Who declared the invariant said how bad it is."""
    rule = Invariant(name="full", help="Water stands above the coil.", severity="info", check=lambda _context: None)
    assert violated(KETTLES, rule, "it is dry", 1).severity == "info"
