"""The commands of telemetry: questions to a store on disk, measurements and proofs. It imports almost nothing."""

from __future__ import annotations

from steersman.contract.service import Command

_HERE = __name__


def _local(name: str, target: str, help: str) -> Command:
    return Command(name=name, help=help, target=f"{_HERE}.{target}", permission="local")


COMMANDS: tuple[Command, ...] = (
    _local("bench ingest", "bench.ingest:ingest", "Measure durable intake beside Prometheus and VictoriaMetrics."),
)
