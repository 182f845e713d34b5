"""The commands of telemetry: questions to a store on disk, measurements and proofs. It imports almost nothing."""

from __future__ import annotations

from steersman.contract.service import Command

_TARGETS = (
    ("check", "check:check", "Verify the store of a stopped platform: steersman check --store --data DIR."),
    ("query", "sql:query", "Ask the operations warehouse in SQL."),
    ("bench ingest", "bench.ingest:ingest", "Measure durable intake beside Prometheus and VictoriaMetrics."),
    ("bench query", "bench.query:query", "Measure range and instant queries beside Prometheus."),
    ("bench logs", "bench.logs:logs", "Measure intake of log lines and full-text search over millions of them."),
    ("bench memory", "bench.memory:memory", "Measure the memory of an active series, with a million of them."),
    ("bench idle", "bench.idle:idle", "Measure what the platform costs while nobody uses it."),
    ("bench disk", "bench.disk:disk", "Measure the bytes of a sample of recorded host metrics after compaction."),
    ("prove kill", "prove.kill:kill", "Kill the platform under load 200 times, and look for each record."),
    ("prove writes", "prove.writes:writes", "Lose the power at many moments, and look for what was acknowledged."),
    ("prove mutations", "prove.mutations:mutations", "Damage remote write bodies and compare with protobuf."),
)

COMMANDS: tuple[Command, ...] = tuple(
    Command(name=name, help=text, target=f"{__name__}.{target}", permission="local") for name, target, text in _TARGETS
)
