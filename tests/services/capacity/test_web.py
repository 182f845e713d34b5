"""The addresses of capacity behind the real front, asked without a socket, over a store of a few series."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import numpy as np

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Caller, Observer
from steersman.model.ids import Tenant
from steersman.runtime.clock import SystemClock
from steersman.runtime.house import House
from steersman.runtime.http.assembly import Rules, assemble
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.supervisor import TaskSupervisor
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.runtime.tracing import Tracing
from steersman.services.capacity.manifest import SERVICE

NOW_MS = 1_767_225_600_000 + 28 * 86_400_000
ROOT = frozenset({"*"})
KEYS = [("root", Caller("root", permissions=ROOT)), ("other", Caller("other", Tenant("other"), ROOT))]


def served(folder: Path, metrics: Any, script: Callable[[Callable[..., Any]], Any]) -> None:
    """Run a script with `ask(method, path, key, body)` against the service alone."""

    async def story() -> None:
        clock, supervisor = FakeClock(NOW_MS * 1_000_000), TaskSupervisor(SystemClock(), random.random)
        provided: dict[type, Any] = {TelemetryStore: SimpleNamespace(queries=metrics, ready=True), Observer: Told()}
        ports = fake_ports(folder, clock=clock, supervisor=supervisor, provided=provided)
        house = House([SERVICE], ports, provided)
        front = assemble(house, Rules(keys=KEYS), Limits(1 << 20), Traffic(), Tracing(clock))
        async with house.running():
            transport = httpx2.ASGITransport(front)
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7600") as client:

                async def ask(method: str, path: str, key: str = "root", body: Any = None) -> httpx2.Response:
                    headers = {"authorization": f"Bearer {key}"}
                    return await client.request(method, f"/api/ops/{path}", headers=headers, json=body)

                await script(ask)
            await supervisor.stop()

    asyncio.run(story())


class Told:
    """An observer that must hear nothing."""

    def found(self, finding: Any) -> None:
        raise AssertionError(f"nothing is wrong, and yet: {finding}")


def test_a_look_shows_forecasts_with_points_and_answers_what_if(
    tmp_path: Path, metrics: Any, minutes: Callable[[int], np.ndarray]
) -> None:
    """Empty before it; afterwards the list, each forecast by its id, and the same disk under twice the traffic."""
    labels = {"instance": "web-1", "mountpoint": "/data"}
    metrics.add("node_filesystem_avail_bytes", minutes(3000), np.linspace(90, 52, 3000), **labels)
    metrics.add("node_filesystem_size_bytes", minutes(3000), np.full(3000, 100.0), **labels)

    async def script(ask: Callable[..., Any]) -> None:
        assert (await ask("GET", "forecasts")).json()["forecasts"] == []
        assert (await ask("POST", "capacity/refresh")).json()["resources"] == 1
        (resource,) = (await ask("GET", "capacity")).json()["resources"]
        (line,) = (await ask("GET", "forecasts")).json()["forecasts"]
        assert resource["forecast"] == line["id"]
        detail = (await ask("GET", f"forecasts/{line['id']}")).json()
        assert all(point["low"] <= point["value"] <= point["high"] for point in detail["points"])
        assert detail["points"][0]["time_ms"] > NOW_MS >= detail["past"][-1][0]
        (changed,) = (await ask("POST", "capacity/what-if", body={"traffic_factor": 2})).json()["resources"]
        assert changed["after"]["expected_ms"] < changed["before"]["expected_ms"] == resource["runs_out"]["expected_ms"]

    served(tmp_path, metrics, script)


def test_what_is_not_there_or_not_allowed_is_said(tmp_path: Path, metrics: Any) -> None:
    """Unknown ids and services, and numbers that make no sense."""

    async def script(ask: Callable[..., Any]) -> None:
        assert (await ask("GET", "forecasts/none")).status_code == 404
        assert (await ask("GET", "capacity/plan?service=none")).status_code == 404
        assert (await ask("POST", "capacity/what-if", body={"traffic_factor": 0})).status_code == 400
        assert (await ask("POST", "capacity/what-if", body={"nodes_lost": 1})).status_code == 409

    served(tmp_path, metrics, script)


def test_another_tenant_sees_nothing_of_it(tmp_path: Path, metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    metrics.add("queue_length", minutes(600), np.ones(600), service="worker")

    async def script(ask: Callable[..., Any]) -> None:
        await ask("POST", "capacity/refresh")
        assert len((await ask("GET", "forecasts")).json()["forecasts"]) == 1
        assert (await ask("GET", "forecasts", "other")).json()["forecasts"] == []

    served(tmp_path, metrics, script)
