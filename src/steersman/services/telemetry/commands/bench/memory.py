"""`steersman bench memory`: what an active series costs, counted over the public intake with a million of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from steersman.model.errors import Permanent
from steersman.services.telemetry.commands.bench import report, usage
from steersman.services.telemetry.commands.bench.generator import Sent, Target, generator
from steersman.services.telemetry.commands.bench.ingest import come_to_rest, last_round_readable
from steersman.services.telemetry.commands.bench.systems import STEERSMAN, System
from steersman.services.telemetry.commands.bench.waiting import wait_until

_METRICS_A_HOST = 100


def memory(
    *,
    series: Annotated[int, typer.Option(help="Active series.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="Samples that each series gets.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send so many series and divide the growth of the process tree's PSS by their number."""
    fleet = report.fleet_until_now(hosts=series // _METRICS_A_HOST, metrics=_METRICS_A_HOST, rounds=rounds)
    with generator(fleet) as sender, System(STEERSMAN) as system:
        come_to_rest(system)
        before = usage.memory(system.pid)
        sent = Sent(**sender.ask(asdict(Target(system.port, token=STEERSMAN.token))))
        if sent.error or sent.acknowledged != fleet.samples:
            raise Permanent(f"not all samples were taken in: {sent.error}")
        wait_until(lambda: last_round_readable(system, fleet), 120, "the last round is readable")
        loaded = usage.memory(system.pid)
        rested = come_to_rest(system)
        after = usage.memory(system.pid)
        figures = {
            **report.circumstances([STEERSMAN]),
            "series": fleet.series,
            "rounds": rounds,
            "seconds": sent.seconds,
            "rested": rested,
            "pss_before_bytes": before.pss,
            "pss_loaded_bytes": loaded.pss,
            "pss_after_bytes": after.pss,
            "bytes_per_series": (max(loaded.pss, after.pss) - before.pss) / fleet.series,
            "bytes_per_series_at_rest": (after.pss - before.pss) / fleet.series,
        }
    report.emit(figures, as_json=as_json)
