"""The telemetry service behind the real front, over fakes, asked without a socket; everything on one loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from steersman.contract.fakes import FakeClock, MemorySettings, MemorySupervisor, fake_ports
from steersman.contract.ports import Caller, Masking
from steersman.engine.personal.hiding import hiding
from steersman.model.ids import Tenant
from steersman.runtime.house import House
from steersman.runtime.http.assembly import Rules, assemble
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.logs import Logs
from steersman.runtime.masking import MaskSettings, PolicyMasking
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.runtime.tracing import Tracing
from steersman.services.telemetry.manifest import SERVICE
from steersman.services.telemetry.model import TelemetrySettings

ROOT = frozenset({"*"})
KEYS = {"root": Caller("root", permissions=ROOT), "other": Caller("other", Tenant("other"), ROOT)}


class Site:
    """One running service: `ask` makes a request with the key of a tenant."""

    def __init__(self, client: httpx2.AsyncClient, clock: FakeClock, store: TelemetryStore) -> None:
        self.client, self.clock, self.store = client, clock, store

    async def ask(self, method: str, url: str, key: str = "root", **request: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}"} | request.pop("headers", {})
        return await self.client.request(method, url, headers=headers, **request)

    async def get(self, url: str, key: str = "root", **parameters: Any) -> httpx2.Response:
        return await self.ask("GET", url, key, params=parameters)

    async def post(self, url: str, body: bytes, kind: str, key: str = "root", **headers: str) -> httpx2.Response:
        given = {"content-type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", url, key, content=body, headers=given)


Serving = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Serve the service in the test's folder for the length of a block."""

    @asynccontextmanager
    async def served(
        *, restored: bool = True, body_bytes: int = 64 << 20, mask_logs: bool = False, **store: Any
    ) -> AsyncIterator[Site]:
        clock, supervisor = FakeClock(), MemorySupervisor()
        masking = PolicyMasking.by(MaskSettings(), hiding)
        provided: dict[type, Any] = {Logs: Logs(clock), Tracing: Tracing(clock), Masking: masking}
        settings = MemorySettings(TelemetrySettings(store=store, mask_logs=mask_logs))
        ports = fake_ports(tmp_path, clock=clock, supervisor=supervisor, settings=settings, provided=provided)
        house = House([SERVICE], ports, provided)
        rules = Rules(keys=list(KEYS.items()), allowed_hosts=(), insecure=False)
        front = assemble(house, rules, Limits(body_bytes), Traffic(), provided[Tracing])
        async with house.running():
            if restored:
                await supervisor.run("telemetry.restore")
            async with httpx2.AsyncClient(
                transport=httpx2.ASGITransport(front), base_url="http://127.0.0.1:7600", timeout=60
            ) as client:
                yield Site(client, clock, provided[TelemetryStore])

    return served
