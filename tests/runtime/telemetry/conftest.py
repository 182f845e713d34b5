"""A store whose lives begin, are killed and begin again in one folder, with bodies that a person can read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cramjam
import pytest

from steersman.contract.fakes import FakeClock
from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.engine.telemetry import TelemetryEngine
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp, decode_labels
from steersman.model.search import Everything
from steersman.model.telemetry import WireFormat
from steersman.runtime.telemetry import manifest, sealing
from steersman.runtime.telemetry.disk import Disk, LocalDisk
from steersman.runtime.telemetry.request import WriteReport
from steersman.runtime.telemetry.store import StoreOptions, TelemetryStore
from steersman.runtime.telemetry.upkeep import Upkeep

ALL = (-(2**62), 2**62)
Samples = dict[tuple[str, int], float]


class UpkeepInThisProcess(Upkeep):
    """Seals and merges metrics on a thread; a new interpreter for each would take most of a test's time."""

    async def _child(self, module: str, *arguments: str, sending: bytes = b"") -> bytes:
        job, name, *rest = arguments
        if module != "sealing":
            return await super()._child(module, *arguments, sending=sending)
        folder, disk = Path(name), self._store.disk
        if job == "seal":
            made = await asyncio.to_thread(sealing.seal, folder, disk, int(rest[0]), rest[1])
        else:
            known = {one.name: one for one in manifest.load(folder).metric_blocks}
            made = await asyncio.to_thread(sealing.merge, folder, disk, rest[0], [known[name] for name in rest[1:]])
        return json.dumps(asdict(made)).encode()


class Life:
    """One running store and short ways to fill and ask it."""

    def __init__(self, store: TelemetryStore, clock: FakeClock) -> None:
        self.store, self.clock = store, clock

    @property
    def now_ms(self) -> int:
        return self.clock.wall_ns() // 1_000_000

    async def write(self, kind: WireFormat, body: bytes, tenant: Tenant = DEFAULT_TENANT) -> WriteReport:
        return await self.store.write(kind, tenant, body, self.clock.wall_ns())

    async def samples(self, rows: Iterable[tuple[str, int, float]], tenant: Tenant = DEFAULT_TENANT) -> WriteReport:
        """Write (metric name, milliseconds before now, value) as remote write 1.0."""
        request = proto.WriteRequest(
            timeseries=[
                proto.TimeSeries(
                    labels=[proto.Label(name=METRIC_NAME, value=name)],
                    samples=[proto.Sample(timestamp=self.now_ms - before, value=value)],
                )
                for name, before, value in rows
            ]
        )
        body = bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
        return await self.write(WireFormat.REMOTE_WRITE_1, body, tenant)

    async def lines(self, *texts: str, tenant: Tenant = DEFAULT_TENANT) -> WriteReport:
        values = [[str(self.clock.wall_ns()), text] for text in texts]
        body = json.dumps({"streams": [{"stream": {"service": "web"}, "values": values}]}).encode()
        return await self.write(WireFormat.LOKI_JSON, body, tenant)

    async def spans(self, *names: str, tenant: Tenant = DEFAULT_TENANT) -> WriteReport:
        now = str(self.clock.wall_ns())
        spans = [
            {"traceId": "a" * 32, "spanId": f"{n:016x}", "name": name, "startTimeUnixNano": now, "endTimeUnixNano": now}
            for n, name in enumerate(names, 1)
        ]
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
        return await self.write(WireFormat.OTLP_TRACES_JSON, body, tenant)

    def found(self, tenant: Tenant = DEFAULT_TENANT) -> Samples:
        """All samples by metric name and absolute milliseconds."""
        chosen = self.store.queries.select(tenant, [Matcher(METRIC_NAME, MatchOp.REGEX, ".+")], *ALL)
        bounds = chosen.offsets.tolist()
        rows = list(zip(chosen.times.tolist(), chosen.values.tolist(), strict=True))
        names = [dict(decode_labels(key))[METRIC_NAME] for key in chosen.keys]
        return {
            (name, time): value
            for name, begin, end in zip(names, bounds, bounds[1:], strict=False)
            for time, value in rows[begin:end]
        }

    def found_lines(self, tenant: Tenant = DEFAULT_TENANT) -> list[str]:
        return sorted(row["body"] for row in self.store.logs.search(tenant, Everything(), *ALL, 100_000).rows)

    def found_spans(self, tenant: Tenant = DEFAULT_TENANT) -> list[str]:
        return sorted(row["name"] for row in self.store.spans.search(tenant, Everything(), *ALL, 100_000).rows)

    async def kill(self) -> None:
        """End without a checkpoint. What the log's thread holds was acknowledged to nobody yet."""
        if self.store.log is not None:
            await asyncio.to_thread(self.store.log.close)


Begin = Callable[..., AbstractAsyncContextManager[Life]]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Begin a life in the test's folder; it is killed at the end of its block unless it was stopped before."""
    clock = FakeClock()

    @asynccontextmanager
    async def life(
        disk: Disk | None = None, *, restore: bool = True, folder: Path = tmp_path / "store", **options: Any
    ) -> AsyncIterator[Life]:
        settings = StoreOptions(**{"segment_bytes": 4096, **options})
        store = TelemetryStore(folder, disk or LocalDisk(), TelemetryEngine(), clock, settings)
        store.upkeep = UpkeepInThisProcess(store)
        await store.start()
        life = Life(store, clock)
        try:
            if restore:
                await store.restore()
            yield life
        finally:
            await life.kill()

    return life
