"""A fleet of real processes in a folder of its own, on a clock that the test turns, ended with the test."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, SeededIds, fake_ports
from steersman.contract.ports import Caller, Context, Observer
from steersman.contract.service import Action
from steersman.model.changes import Change
from steersman.model.entities import Entity
from steersman.model.findings import Finding
from steersman.model.topology import Edge
from steersman.services.workloads.jobs.tail import LogCounts
from steersman.services.workloads.manifest import SERVICE, WorkloadsState
from steersman.services.workloads.model.settings import WorkloadsSettings
from steersman.services.workloads.store.fleet import Fleet

PATIENCE_SECONDS = 30.0
#: Says that it is there, then waits to be ended; what it hears it writes down.
WAITER = """
import signal, sys, threading
heard = lambda number, _: print("heard", signal.Signals(number).name, flush=True)
signal.signal(signal.SIGHUP, heard); signal.signal(signal.SIGUSR1, heard)
print("ready", flush=True)
while True: threading.Event().wait(0.05)
"""


@dataclass
class RecordingObserver:
    """Keeps what it was told."""

    findings: list[Finding] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)

    def changed(self, change: Change) -> None:
        self.changes.append(change)

    def declare(self, entities: Sequence[Entity], edges: Sequence[Edge] = ()) -> None:
        self.entities.extend(entities)
        self.edges.extend(edges)

    def incidents(self) -> Sequence[Any]:
        return ()


@dataclass
class Yard:
    """One fleet and everything around it. `again` is what a new process finds after this one was killed."""

    folder: Path
    services: Mapping[str, Any]
    clock: FakeClock = field(default_factory=FakeClock)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    made: list[Yard] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made.append(self)
        self.settings = WorkloadsSettings.model_validate(self.services)
        self.fleet = Fleet(self.settings.services, self.folder / "services", self.clock, SeededIds())

    @property
    def context(self) -> Context:
        ports = fake_ports(self.folder, clock=self.clock, provided={Observer: self.observer})
        state = WorkloadsState(self.fleet, self.fleet.view, LogCounts())
        return Context(Caller("ann", permissions=frozenset({"*"})), ports, state)

    def again(self) -> Yard:
        return Yard(self.folder, self.services, self.clock, self.observer, self.made)

    def start(self, service: str = "web", number: int = 0) -> int:
        """Start a replica and wait until it said that it is ready; return its pid."""
        before = self.log(service, number).count("ready")
        pid = self.fleet.start(service, number).identity.pid
        self.until(lambda: self.log(service, number).count("ready") > before)
        return pid

    def pid(self, service: str = "web", number: int = 0) -> int | None:
        identity = self.fleet.view.replica(service, number).identity
        return identity.pid if identity else None

    def log(self, service: str = "web", number: int = 0) -> str:
        path = self.fleet.view.log_of(service, number)
        return path.read_text() if path.exists() else ""

    def look_until(self, seen: Callable[[], bool]) -> None:
        """Look at the processes until something is seen; the kernel takes its time with an end."""
        self.until(lambda: self.fleet.look(1.0) is not None and seen())

    def until(self, seen: Callable[[], bool]) -> None:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not seen():
            assert time.monotonic() < ends, "it did not come about"
            threading.Event().wait(0.005)

    def act(self, name: str, key: str, args: Mapping[str, Any], prior: Mapping[str, Any] | None = None) -> Any:
        """Apply an action as the platform does it, with what was seen before."""
        action = action_of(name)
        wish = action.args(**args)
        seen = prior if prior is not None else (action.inspect(self.context, wish) if action.inspect else None)
        return action.apply(replace(self.context, prior=seen), key, wish)

    def undo(self, name: str, key: str, args: Mapping[str, Any], result: Any) -> None:
        action = action_of(name)
        reverse = action.undo or action.compensate
        assert reverse is not None
        reverse(self.context, key, action.args(**args), result)


def action_of(name: str) -> Action:
    return next(action for action in SERVICE.actions if action.name == name)


BURNER = "print('ready', flush=True)\nwhile True: pass"


def waiter(**more: Any) -> dict[str, Any]:
    return {"command": [sys.executable, "-S", "-E", "-c", WAITER], **more}


@pytest.fixture
def make_yard(tmp_path: Path) -> Iterator[Callable[..., Yard]]:
    """Make a fleet of these services; without any, one that waits and is called `web`."""
    made: list[Yard] = []

    def make(**services: Any) -> Yard:
        return Yard(tmp_path, services or {"web": waiter()}, made=made)

    yield make
    if made:
        made[0].again().fleet.stop_all()
    for yard in made:
        yard.fleet.stop_all()


@pytest.fixture
def idle() -> Callable[..., dict[str, Any]]:
    """Describe a service that waits and writes down the signals that it hears."""
    return waiter


@pytest.fixture
def burner() -> Callable[..., dict[str, Any]]:
    """Describe a service that takes a whole core."""
    return lambda **more: {"command": [sys.executable, "-S", "-E", "-c", BURNER], **more}
