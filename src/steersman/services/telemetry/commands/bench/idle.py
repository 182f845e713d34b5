"""`steersman bench idle`: what the platform costs while nobody asks anything of it, and how soon it serves."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter
from typing import Annotated

import typer

from steersman.services.telemetry.commands.bench import report, usage
from steersman.services.telemetry.commands.bench.systems import STEERSMAN, System
from steersman.services.telemetry.commands.bench.waiting import pause

_HELP_RUNS = 5


def help_seconds() -> float:
    """The median time of `steersman --help`."""
    times = []
    for _ in range(_HELP_RUNS):
        begin = perf_counter()
        subprocess.run([sys.executable, "-m", "steersman.cli", "--help"], check=True, capture_output=True)
        times.append(perf_counter() - begin)
    return report.percentile(times, 0.5)


def idle(
    *,
    minutes: Annotated[float, typer.Option(help="How long to watch it.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Start the platform, leave it alone, and measure CPU and memory of the process tree."""
    with System(STEERSMAN) as system:
        started = system.cpu_seconds()
        begin = perf_counter()
        pause(minutes * 30)
        half, half_at = system.cpu_seconds(), perf_counter()
        pause(minutes * 30)
        end, end_at = system.cpu_seconds(), perf_counter()
        memory = usage.memory(system.pid)
        figures = {
            **report.circumstances([STEERSMAN]),
            "minutes": minutes,
            "start_seconds": system.start_seconds,
            "start_cpu_seconds": started,
            "cpu_percent": 100 * (end - started) / (end_at - begin),
            "cpu_percent_second_half": 100 * (end - half) / (end_at - half_at),
            "pss_bytes": memory.pss,
            "rss_bytes": memory.rss,
            "processes": len(usage.tree(system.pid)),
            "help_seconds": help_seconds(),
        }
    report.emit(figures, as_json=as_json)
