"""systemd units, over a bus that is written and read by another implementation of D-Bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from steersman.model.errors import Conflict, Forbidden, InvalidInput, NotFound, Permanent, Temporary

ORDERS = {"unit": "orders.service"}


@pytest.fixture
def units(hands: Callable[..., Any], bus: Any) -> Any:
    bus.put("orders.service")
    return hands(systemd={"units": ["orders*"], "bus": bus.address})


@pytest.mark.parametrize("hurried", [False, True])
def test_a_restart_waits_until_its_own_job_has_ended(units: Any, bus: Any, hurried: bool) -> None:
    """Also where the job ends before the answer that names it, and whatever other jobs do."""
    bus.hurried = hurried
    done = units.apply("unit_restart", **ORDERS)
    assert (done.state, done.changed) == ("active", True)
    assert bus.changes == [("RestartUnit", ("orders.service", "replace"))]


def test_a_job_that_fails_is_a_failed_action(units: Any, bus: Any) -> None:
    """With the result that systemd tells."""
    bus.results.append("timeout")
    with pytest.raises(Permanent, match=r"ended the RestartUnit of orders\.service with 'timeout'"):
        units.apply("unit_restart", **ORDERS)


@pytest.mark.parametrize("verb", ["restart", "start", "stop", "reload"])
def test_a_repeat_after_a_kill_does_it_once(units: Any, bus: Any, verb: str) -> None:
    """The invocation, or the state, is no longer the one that was seen before."""
    bus.put("orders.service", "inactive" if verb == "start" else "active")
    prior = units.inspect(f"unit_{verb}", **ORDERS)
    first = units.apply(f"unit_{verb}", prior, **ORDERS)
    again = units.afresh().apply(f"unit_{verb}", prior, **ORDERS)
    assert (len(bus.changes), again) == (1, first)


def test_the_preview_asks_and_does_nothing(units: Any, bus: Any) -> None:
    """It says how the unit stands."""
    assert "which is active" in units.preview("unit_stop", **ORDERS).summary
    assert bus.changes == []


def test_a_stop_is_compensated_by_a_start(units: Any, bus: Any) -> None:
    """And one that changed nothing by nothing."""
    prior = units.inspect("unit_stop", **ORDERS)
    result = units.apply("unit_stop", prior, **ORDERS)
    assert bus.units["orders.service"]["ActiveState"] == "inactive"
    units.undo("unit_stop", prior, result, **ORDERS)
    assert bus.units["orders.service"]["ActiveState"] == "active"


def test_a_signal_is_for_the_invocation_that_was_seen(units: Any, bus: Any) -> None:
    """A new one never did anything."""
    prior = units.inspect("unit_kill", **ORDERS)
    bus.put("orders.service")
    assert not units.apply("unit_kill", prior, **ORDERS).changed
    assert units.apply("unit_kill", key="k2", **ORDERS, signal="SIGKILL", whom="all").changed
    assert bus.changes == [("KillUnit", ("orders.service", "all", 9))]
    with pytest.raises(InvalidInput):
        units.apply("unit_kill", key="k3", **ORDERS, signal="SIGNOPE")


def test_a_unit_that_is_not_there_is_nothing_to_do(units: Any, bus: Any) -> None:
    """systemd loads any name and says that there is no such unit."""
    with pytest.raises(NotFound, match="knows no unit orders-gone"):
        units.inspect("unit_restart", unit="orders-gone.service")


def test_only_what_its_owner_named_is_touched(units: Any, bus: Any) -> None:
    """Nobody is asked about anything else."""
    for name in ("ssh.service", "xorders.service"):
        with pytest.raises(Forbidden):
            units.apply("unit_stop", {}, unit=name)
    assert bus.asked == []
    bus.put("orders.service", "inactive")
    with pytest.raises(Conflict, match="cannot be reloaded"):
        units.apply("unit_reload", **ORDERS)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("org.freedesktop.systemd1.NoSuchUnit", NotFound),
        ("org.freedesktop.DBus.Error.AccessDenied", Permanent),
        ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", Permanent),
        ("org.freedesktop.DBus.Error.NoReply", Temporary),
        ("org.freedesktop.DBus.Error.ServiceUnknown", Temporary),
        # What a real dbus-daemon says where systemd is installed and does not run.
        ("org.freedesktop.DBus.Error.Spawn.ChildExited", Temporary),
    ],
)
def test_errors_say_what_can_be_done_about_them(units: Any, bus: Any, error: str, kind: type[Exception]) -> None:
    """What may pass, what is gone, and what a person has to change."""
    bus.instead["RestartUnit"] = [error]
    with pytest.raises(kind, match="is refused"):
        units.apply("unit_restart", **ORDERS)


def test_a_bus_that_is_silent_or_not_there_is_temporary(hands: Callable[..., Any], bus: Any) -> None:
    """Within the time that was given."""
    bus.instead["LoadUnit"] = [None]
    slow = hands(timeout_seconds=0.2, systemd={"units": ["*"], "bus": bus.address})
    with pytest.raises(Temporary, match="did not answer within"):
        slow.inspect("unit_restart", **ORDERS)
    gone = hands(systemd={"units": ["*"], "bus": "unix:path=/no/such/bus"})
    with pytest.raises(Temporary, match="does not answer"):
        gone.inspect("unit_restart", **ORDERS)
    wrong = hands(systemd={"units": ["*"], "bus": "carrier pigeon"})
    with pytest.raises(Permanent, match="not the address of a bus"):
        wrong.inspect("unit_restart", **ORDERS)
