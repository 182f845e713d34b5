"""The commands of telemetry: questions to a store on disk, measurements and proofs. It imports almost nothing."""

from __future__ import annotations

from steersman.contract.service import Command

_HERE = __name__


def _local(name: str, target: str, help: str) -> Command:
    return Command(name=name, help=help, target=f"{_HERE}.{target}", permission="local")


COMMANDS: tuple[Command, ...] = (
    _local("bench ingest", "bench.ingest:ingest", "Measure durable intake beside Prometheus and VictoriaMetrics."),
    _local(
        "bench query", "bench.query:query", "Measure an hour of 100 series and 10,000 last values beside Prometheus."
    ),
    _local("bench logs", "bench.logs:logs", "Measure intake of log lines and full-text search over millions of them."),
    _local("bench memory", "bench.memory:memory", "Measure the memory of an active series, with a million of them."),
    _local("bench idle", "bench.idle:idle", "Measure what the platform costs while nobody uses it."),
    _local(
        "prove writes", "prove.writes:writes", "Lose the power at many moments, and look for what was acknowledged."
    ),
    _local("prove mutations", "prove.mutations:mutations", "Damage remote write bodies and compare with protobuf."),
)
