"""Whoever previews holds nothing that can change anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from steersman.contract.fakes import fake_ports
from steersman.contract.looking import Refused, looking
from steersman.contract.ports import Caller, Context, Ports
from steersman.model.errors import NotFound


@dataclass
class Tank:
    """A state with a half that only looks."""

    litres: float = 3.0

    @property
    def looking(self) -> float:
        return self.litres


class Pump:
    """Provided by a service; it has no half that only looks."""


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return fake_ports(tmp_path, provided={Tank: Tank(), Pump: Pump()})


@pytest.fixture
def dry(ports: Ports) -> Context:
    return looking(Context(Caller("somebody"), ports, Tank()))


ATTEMPTS: dict[str, Callable[[Ports], object]] = {
    "open a transaction": lambda ports: ports.database.transaction(),
    "write to the journal": lambda ports: ports.journal.append(None, []),  # type: ignore[arg-type]
    "start the work x": lambda ports: ports.durable.start("x", "k", {}),
    "register the work x": lambda ports: ports.durable.register("x", lambda _key, _args: None),
    "start the task x": lambda ports: ports.supervisor.spawn("x", lambda: None),  # type: ignore[arg-type,return-value]
    "use Pump": lambda ports: ports.get(Pump),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_dry_run_is_refused_whatever_changes_something(dry: Context, attempt: str) -> None:
    """The message says what was tried."""
    with pytest.raises(Refused, match=attempt):
        ATTEMPTS[attempt](dry.ports)


def test_a_dry_run_may_look(dry: Context, ports: Ports) -> None:
    """At the database, the journal, the work, the clock and the halves that are offered."""
    with dry.ports.database.reading() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    assert dry.ports.journal.read() == []
    assert dry.ports.clock is ports.clock
    assert (dry.state, dry.ports.get(Tank), set(dry.ports.provided), len(dry.ports.provided)) == (3, 3, {Tank, Pump}, 2)  # type: ignore[comparison-overlap]
    for look in (dry.ports.durable.status, lambda key: dry.ports.durable.wait(key, 1.0)):
        with pytest.raises(NotFound):
            look("nothing")


def test_reading_is_no_way_around(dry: Context) -> None:
    """The database itself refuses."""
    with pytest.raises(OperationalError, match="readonly"), dry.ports.database.reading() as connection:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))


def test_a_state_without_a_half_is_given_as_it_is(ports: Ports) -> None:
    """The conformance kit then sees whether the preview changes it."""
    state: Any = object()
    assert looking(Context(Caller("somebody"), ports, state)).state is state
