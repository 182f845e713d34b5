"""The way into the store for an owner who wants no personal data in it: logs are masked before anything is written.

What goes into the write-ahead log is what was masked, so the raw request is on no disk. It costs a second reading of
each request; without the setting nothing of this runs. Metrics and spans go in as they are.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from steersman.engine.decode.log_columns import pack
from steersman.model.telemetry import Decoded, LogColumns, WireFormat

if TYPE_CHECKING:
    from steersman.contract.ports import Masking
    from steersman.model.ids import Tenant
    from steersman.runtime.telemetry.request import WriteReport
    from steersman.runtime.telemetry.store import TelemetryStore

_LOGS = frozenset(
    {
        WireFormat.OTLP_LOGS_PROTO,
        WireFormat.OTLP_LOGS_JSON,
        WireFormat.LOKI_PROTO,
        WireFormat.LOKI_JSON,
        WireFormat.SYSLOG,
    }
)


async def write_masked(
    store: TelemetryStore, masking: Masking, kind: WireFormat, tenant: Tenant, body: bytes, received_ns: int
) -> WriteReport:
    """Do what `TelemetryStore.write` does, with the texts of logs masked by the policy of `intake`."""
    if kind not in _LOGS:
        return await store.write(kind, tenant, body, received_ns)
    decoded, masked = await asyncio.to_thread(_masked, store, masking, kind, body, received_ns)
    report = await store.write(WireFormat.LOG_COLUMNS, tenant, masked, received_ns)
    return replace(report, refused=(*decoded.refused, *report.refused))


def _masked(
    store: TelemetryStore, masking: Masking, kind: WireFormat, body: bytes, received_ns: int
) -> tuple[Decoded, bytes]:
    decoded = store.engine.decode(kind)(body, received_ns)
    logs = decoded.logs or LogColumns()
    # One set of attributes stands beside many lines.
    attributes = lru_cache(maxsize=None)(lambda text: _masked_json(masking, text))
    bodies = [masking.text("intake", text) for text in logs.body]
    return decoded, pack(replace(logs, body=bodies, attributes=[attributes(text) for text in logs.attributes]))


def _masked_json(masking: Masking, text: str) -> str:
    """Mask the values of a JSON object. Where the text as it stands shows nothing, there is nothing to unpack."""
    if "\\u" not in text and masking.text("intake", text) == text:
        return text
    value = masking.structure("intake", json.loads(text))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
