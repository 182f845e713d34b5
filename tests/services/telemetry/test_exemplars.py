"""Exemplars that came with remote write are kept and can be asked for by the series they belong to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cramjam
import pytest
from starlette.datastructures import QueryParams

from steersman.contract.ports import Caller
from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.engine.telemetry import TelemetryEngine
from steersman.model.errors import InvalidInput
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.model.telemetry import WireFormat
from steersman.runtime.clock import SystemClock
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.store import StoreOptions, TelemetryStore
from steersman.services.telemetry.web.prometheus import Question, exemplars

NOW_MS = 1_790_000_000_000


def _request() -> bytes:
    request = proto.WriteRequest()
    for number in range(3):
        series = request.timeseries.add()
        series.labels.add(name="__name__", value="http_request_seconds_bucket")
        series.labels.add(name="le", value=str(number))
        series.samples.add(value=number, timestamp=NOW_MS)
        exemplar = series.exemplars.add(value=0.25 * number, timestamp=NOW_MS - number)
        exemplar.labels.add(name="trace_id", value=f"trace-{number}")
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def _ask(folder: Path, query: str, *, tenant: Tenant = DEFAULT_TENANT) -> Any:
    async def run() -> Any:
        store = TelemetryStore(folder, LocalDisk(), TelemetryEngine(), SystemClock(), StoreOptions())
        await store.start()
        await store.restore()
        await store.write(WireFormat.REMOTE_WRITE_1, DEFAULT_TENANT, _request(), NOW_MS * 1_000_000)
        await store.stop()
        store = TelemetryStore(folder, LocalDisk(), TelemetryEngine(), SystemClock(), StoreOptions())
        await store.start()
        await store.restore()
        ctx: Any = SimpleNamespace(caller=Caller("test", tenant), state=SimpleNamespace(store=store))
        try:
            return json.loads(exemplars(Question(ctx, QueryParams({"query": query}), NOW_MS, {})))
        finally:
            await store.stop()

    return asyncio.run(run())


def test_exemplars_survive_a_restart_and_are_found_by_selector(tmp_path: Path) -> None:
    """A selector picks series, and each has its own exemplars with their labels, value and time."""
    found = _ask(tmp_path, 'http_request_seconds_bucket{le=~"1|2"}')
    assert [one["seriesLabels"]["le"] for one in sorted(found, key=lambda one: one["seriesLabels"]["le"])] == ["1", "2"]
    last = next(one for one in found if one["seriesLabels"]["le"] == "2")
    assert last["exemplars"] == [{"labels": {"trace_id": "trace-2"}, "value": "0.5", "timestamp": (NOW_MS - 2) / 1000}]


def test_another_tenant_sees_no_exemplars(tmp_path: Path) -> None:
    """Exemplars belong to the tenant that sent them."""
    assert _ask(tmp_path, "http_request_seconds_bucket", tenant=Tenant("other")) == []


def test_exemplars_need_a_selector(tmp_path: Path) -> None:
    """A query that is no selector is refused with its position."""
    with pytest.raises(InvalidInput, match="parse error"):
        _ask(tmp_path, "http_request_seconds_bucket{")
