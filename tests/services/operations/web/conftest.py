"""The web room of operations behind the real front, on a real control database, asked without a socket.

The loop is not there: a test records what it would have decided, and reads what handlers told it in its inbox.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from steersman.contract.fakes import FakeClock, SeededIds, fake_ports
from steersman.contract.ports import Caller, Ports
from steersman.contract.service import Job, Service
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.model.rounds import Command
from steersman.runtime.actions import Approvals
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.house import House
from steersman.runtime.http.assembly import Rules, assemble
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.supervisor import TaskSupervisor
from steersman.runtime.tracing import Tracing
from steersman.services.operations import web
from steersman.services.operations.jobs.alerts import AlertIntake
from steersman.services.operations.jobs.inbox import Inbox, Waiting
from steersman.services.operations.logic.bulletin import Bulletin
from steersman.services.operations.store.recording import Chronicle
from steersman.services.operations.store.tables import prepare
from steersman.services.operations.web.answers import Answers

ROOT = frozenset({"*"})
KEYS = {"root": Caller("root", permissions=ROOT), "other": Caller("other", Tenant("other"), ROOT)}


@dataclass
class Hands:
    """Remembers which answers it was given to plans."""

    said: list[tuple[str, ...]] = field(default_factory=list)

    def approve(self, plan: str, by: Caller) -> bool:
        self.said.append(("approve", plan, by.subject))
        return True

    def reject(self, plan: str, by: Caller, reason: str = "") -> None:
        self.said.append(("reject", plan, by.subject, reason))

    def undo(self, plan: str, reason: str) -> None:
        self.said.append(("undo", plan, reason))


@dataclass
class Site:
    """The running service: `get`, `post` and `put` ask it, `record` is what the loop does once a round."""

    client: httpx2.AsyncClient
    ports: Ports
    state: Any

    async def ask(self, method: str, url: str, key: str = "root", **request: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}"} | request.pop("headers", {})
        return await self.client.request(method, url, headers=headers, **request)

    async def get(self, url: str, key: str = "root", **parameters: Any) -> httpx2.Response:
        return await self.ask("GET", url, key, params=parameters)

    async def post(self, url: str, body: Any = None, **request: Any) -> httpx2.Response:
        return await self.ask("POST", url, json=body, **request)

    async def put(self, url: str, body: Any) -> httpx2.Response:
        return await self.ask("PUT", url, json=body)

    def record(self, *commands: Command, now_ms: int | None = None, **told: Any) -> None:
        chronicle = Chronicle(self.ports.journal, self.ports.ids)
        with self.ports.database.transaction() as transaction:
            now_ms = now_ms or self.ports.clock.wall_ns() // 1_000_000
            chronicle.record(transaction, DEFAULT_TENANT, commands, now_ms, **told)
        self.state.bulletin.recorded()

    def told(self) -> Waiting:
        waiting: Waiting = self.state.inbox.take()
        return waiting


def _service() -> Service:
    @asynccontextmanager
    async def lifespan(ports: Ports) -> AsyncIterator[Any]:
        prepare(ports.database)
        inbox, bulletin = Inbox(), Bulletin()
        yield SimpleNamespace(
            inbox=inbox,
            bulletin=bulletin,
            answers=Answers(bulletin),
            alerts=AlertIntake(ports.database, ports.clock, inbox),
            executor=Hands(),
        )

    return Service(
        name="operations",
        help="The web room alone.",
        prefixes=("/api/ops", "/api/v2", "/ops"),
        lifespan=lifespan,
        permissions=web.PERMISSIONS,
        routes=web.ROUTES,
        raw_routes=web.RAW_ROUTES,
        pages=web.PAGES,
        jobs=(Job(name="alerts", run=lambda ctx: ctx.state.alerts.run()),),
    )


@pytest.fixture
def serving(tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[Site]]:
    """Serve the room in the test's folder for the length of a block; a second block is a restart."""

    @asynccontextmanager
    async def served() -> AsyncIterator[Site]:
        database = SqlDatabase(open_engine(None, tmp_path))
        migrate(database, [HOUSE_LINEAGE])
        clock, supervisor = FakeClock(), TaskSupervisor(SystemClock(), random.random)
        provided: dict[type, Any] = {}
        ports = fake_ports(
            tmp_path,
            clock=clock,
            ids=SeededIds(random.getrandbits(32)),
            database=database,
            journal=SqlJournal(database),
            supervisor=supervisor,
            provided=provided,
        )
        service = _service()
        house = House([service], ports, provided)
        provided |= {House: house, Approvals: Approvals.open(ports, (), ())}
        front = assemble(house, Rules(keys=list(KEYS.items())), Limits(1 << 20), Traffic(), Tracing(clock))
        async with house.running():
            transport = httpx2.ASGITransport(front)
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7600", timeout=30) as client:
                yield Site(client, ports, house.context(service, KEYS["root"]).state)
            await supervisor.stop()
        database.close()

    return served
