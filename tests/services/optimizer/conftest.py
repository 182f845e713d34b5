"""A house with one service that has a knob and a guard, on a virtual clock and a real control database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Context, Observer, Ports
from steersman.contract.service import Knob, Measurement, Service, Signal, SignalKind
from steersman.runtime.actions import Actions
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.house import ITSELF, House
from steersman.runtime.knobs import Knobs
from steersman.services.optimizer.jobs.watch import experiment
from steersman.services.optimizer.model.settings import OptimizerSettings
from steersman.services.optimizer.store.board import OptimizerState, show
from steersman.services.optimizer.store.tables import prepare


@dataclass
class Watcher:
    """An observer with as many open incidents as a test says."""

    open: list[Any] = field(default_factory=list)

    def found(self, finding: Any) -> None: ...
    def changed(self, change: Any) -> None: ...
    def declare(self, entities: Any, edges: Any = ()) -> None: ...
    def incidents(self) -> list[Any]:
        return self.open

    def unrest(self) -> str:
        return f"the incident {self.open[0].id} is open: {self.open[0].title}" if self.open else ""


@dataclass
class Shop:
    """A service whose latency follows its knob as `latency(value, reading)` says; a file would be its memory."""

    value: float = 8.0
    latency: Callable[[float, int], float] = lambda value, reading: 0.1
    readings: int = 0

    def service(self) -> Service:
        return Service(
            name="shop",
            help="Sells.",
            permissions={"shop.knobs.write": "Turn."},
            signals=(Signal(name="shop_latency_seconds", kind=SignalKind.GAUGE, help="How slow."),),
            measure=self._measure,
            knobs=(
                Knob(
                    name="workers",
                    help="How many work.",
                    default=8,
                    low=1,
                    high=16,
                    step=4,
                    cooldown_seconds=5,
                    guard="shop_latency_seconds",
                    permission="shop.knobs.write",
                    read=lambda _ctx: self.value,
                    write=lambda _ctx, value: setattr(self, "value", value),
                ),
            ),
        )

    def _measure(self, _ctx: Context) -> list[Measurement]:
        self.readings += 1
        return [Measurement("shop_latency_seconds", self.latency(self.value, self.readings))]


@dataclass
class Bench:
    """The optimizer in the house."""

    ctx: Context
    clock: FakeClock
    shop: Shop
    watcher: Watcher

    async def lives(self, seconds: float) -> None:
        """Let the job that runs experiments live for so long, then kill it without a word: nothing after is done."""
        task = asyncio.get_running_loop().create_task(experiment(self.ctx))
        await self.advance(seconds, task)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def advance(self, seconds: float, task: asyncio.Task[None]) -> None:
        """Move time in small steps, each once the job sleeps again: what it does on threads takes no virtual time."""
        for _ in range(round(seconds * 2)):
            while not self.clock._sleepers and not task.done():  # noqa: ASYNC110 the virtual clock tells nobody
                await asyncio.sleep(0.0005)
            if task.done():
                task.result()
            await self.clock.advance(0.5)

    def reborn(self) -> Bench:
        """Return what the next life of the process has: the same database and nothing in memory."""
        return Bench(Context(ITSELF, self.ctx.ports, _state(self.ctx.ports)), self.clock, self.shop, self.watcher)


def _state(ports: Ports) -> OptimizerState:
    prepare(ports.database)
    return OptimizerState(OptimizerSettings(), show(ports))


@pytest.fixture
def bench(tmp_path: Path) -> Callable[[Shop], Any]:
    """Start a house around a shop for the length of a block."""

    @asynccontextmanager
    async def started(shop: Shop) -> AsyncIterator[Bench]:
        database = SqlDatabase(open_engine(None, tmp_path))
        migrate(database, [HOUSE_LINEAGE])
        clock, provided, watcher = FakeClock(), dict[type, Any](), Watcher()
        ports = fake_ports(tmp_path, clock=clock, database=database, journal=SqlJournal(database), provided=provided)
        house = House([shop.service()], ports, provided)
        provided |= {House: house, Knobs: Knobs(ports), Observer: watcher}
        async with house.running():
            yield Bench(Context(ITSELF, ports, _state(ports)), clock, shop, watcher)
        database.close()

    return started


@pytest.fixture
def incident() -> Any:
    return SimpleNamespace(id="i-1", title="orders answers slowly")


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def house_with(tmp_path: Path) -> Iterator[Callable[..., Context]]:
    """Return the context of a house that runs one service with its settings, and whatever else is provided."""
    database = SqlDatabase(open_engine(None, tmp_path))
    migrate(database, [HOUSE_LINEAGE])

    def built(service: Service, settings: Any, provided: dict[type, Any]) -> Context:
        ports = fake_ports(
            tmp_path, database=database, journal=SqlJournal(database), provided=provided, settings=settings
        )
        house = House([service], ports, provided)
        house._states[service.name] = None
        provided |= {House: house, Knobs: Knobs(ports), Actions: Actions(ports)}
        return Context(ITSELF, ports)

    yield built
    database.close()
